// Collects the licence notices of the npm packages that are in a bundle, from esbuild's account of what it put there. It does
// not judge a licence, and of code that a package copied from elsewhere without a licence file it knows what is listed here.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The innermost package of a file, and the file in it. Before its path the namespace of a plugin may stand. */
const PACKAGE = /^(?:[\w-]{2,}:)?((?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+)\/(.+)$/;
const LEGAL_FILE = /^(?:licen[cs]es?|copying|notices?)\b(?!.*\.(?:[cm]?[jt]sx?|json|map)$)/i;
/** Of code that came without its licence, that text by package and folder. Node.js, which has llhttp too, gives it so. */
const KEPT = { 'undici/lib/llhttp': 'notices/llhttp.txt' };

/**
 * The notices of every package of which a byte is in an output, sorted by name and version. `metafiles` is one metafile or
 * several, with paths relative to the current folder. Throws if a package names no licence.
 */
export function notices(metafiles) {
  const inputs = [metafiles].flat().flatMap(({ outputs }) => Object.values(outputs).map((output) => output.inputs));
  const packages = new Map();
  for (const [input, { bytesInOutput }] of inputs.flatMap(Object.entries)) {
    const [, root, file] = PACKAGE.exec(input) ?? [];
    if (bytesInOutput === 0 || root === undefined) continue;
    if (!packages.has(root)) packages.set(root, new Set());
    // A package may hold a folder of somebody else's code, with a licence file of its own.
    const folders = file.split('/').slice(0, -1);
    for (let depth = 0; depth <= folders.length; depth++) packages.get(root).add(folders.slice(0, depth).join('/'));
  }
  const texts = new Set([...packages].map(([root, folders]) => noticeOf(root, [...folders].sort())));
  const head = 'This program contains code of the packages below, each under the licence that is given with it.\n';
  return [head, ...[...texts].sort()].join(`\n${'='.repeat(80)}\n\n`);
}

function noticeOf(root, folders) {
  const { name, version, license, author } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  if (typeof license !== 'string' || ['', 'UNLICENSED'].includes(license.trim())) {
    throw new Error(`${name} ${version} is in the bundle, but its package.json names no licence (${root}).`);
  }
  const by = typeof author === 'string' ? author : [author?.name, author?.email].filter(Boolean).join(', ');
  const files = folders.flatMap((folder) => legalFilesIn(root, folder));
  const copied = folders.filter((folder) => `${name}/${folder}` in KEPT);
  return [
    `${name} ${version}\nLicence: ${license}\n${by && `Author: ${by}\n`}`,
    ...files.map((file) => `--- ${file}\n\n${textOf(join(root, file))}\n`),
    ...copied.map((folder) => `--- ${folder}\n\n${textOf(new URL(KEPT[`${name}/${folder}`], import.meta.url))}\n`),
  ].join('\n');
}

function legalFilesIn(root, folder) {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isFile() && LEGAL_FILE.test(entry.name))
    .map((entry) => (folder ? `${folder}/${entry.name}` : entry.name))
    .sort();
}

function textOf(path) {
  return readFileSync(path, 'utf8')
    .replace(/^\uFEFF/, '')
    .replaceAll('\r\n', '\n')
    .trimEnd();
}
