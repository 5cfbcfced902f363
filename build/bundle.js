// Packs the desktop bundle of what `npm run build` made in dist/, and writes a server.json with the hash of it:
// `node build/bundle.js [FOLDER]`. Whoever builds the sources gets the same bytes, so the hash can be checked. It is not signed: the
// signature of mcpb 2.1 leaves a zip that Claude Desktop refuses (mcpb#278).

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { zipSync } from 'fflate';
import { run } from '../build.js';
import { BUNDLE_FILE, bundleManifest, serverJson } from './published.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const folder = resolve(process.argv[2] ?? dist);
/** What is packed, for those who want to look at it, or to try it with `mcpb validate`. */
const unpacked = join(folder, 'bundle');

const json = (value) => `${JSON.stringify(value, null, 2)}\n`;
const inDist = (name) => readFileSync(join(dist, name));

const packageJson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const { settings } = await run('src/config/settings.ts');
const { toolDefinitions } = await run('src/tools/tool-definitions.ts');
const manifest = bundleManifest({ packageJson, settings, toolDefinitions });
const program = readdirSync(dist).find((name) => /^program-.*\.cjs$/.test(name));

const files = {
  'manifest.json': new TextEncoder().encode(json(manifest)),
  'icon.png': readFileSync(join(root, 'plugins/atlas-model-keys/assets/icon.png')),
  LICENSE: readFileSync(join(root, 'LICENSE')),
  'THIRD-PARTY-NOTICES.txt': inDist('THIRD-PARTY-NOTICES.txt'),
  // Without a package.json beside it, only this ending says what it is.
  [manifest.server.entry_point]: inDist(`${packageJson.name}.js`),
  [`server/${program}`]: inDist(program),
};

rmSync(unpacked, { recursive: true, force: true });
for (const [name, content] of Object.entries(files)) {
  mkdirSync(dirname(join(unpacked, name)), { recursive: true });
  writeFileSync(join(unpacked, name), content);
}

// The first moment that a zip can say, in the time of wherever this runs; a mode of Unix, whatever packs it.
const attributes = { level: 9, mtime: new Date(1980, 0, 1), os: 3, attrs: 0o644 << 16 };
const zip = zipSync(Object.fromEntries(Object.entries(files).map(([name, content]) => [name, [content, attributes]])));
writeFileSync(join(folder, BUNDLE_FILE), zip);
writeFileSync(
  join(folder, 'server.json'),
  json(serverJson({ packageJson, settings }, createHash('sha256').update(zip).digest('hex'))),
);
process.stdout.write(`${join(folder, BUNDLE_FILE)}: ${zip.length} bytes\n`);
