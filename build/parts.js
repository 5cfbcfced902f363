// The seams at which the build cuts the server in two, as plugins of esbuild.

import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The files whose state or classes there may be once alone: the program gets them from the part that starts. */
const SHARED = ['src/secret/redaction.ts', 'src/secret/secret.ts', 'src/config/config-error.ts'];

/** The files that each part may have for itself: they keep nothing, and have no class. */
const COPIED = [
  'src/config/base-url.ts',
  'src/config/schema-issue.ts',
  'src/config/secret-text.ts',
  'src/mcp/front-desk.ts',
  'src/mcp/identity.ts',
  'src/prompts/prompt-offer.ts',
  'src/sandbox/first-project.ts',
  'src/text/error-class.ts',
  'src/text/json.ts',
  'src/text/nearest.ts',
  'src/tools/offer.ts',
];

/** Fails where any other file got into both parts: a secret that one of them knows would be nothing to the other. */
export function requireApart(program, main) {
  const own = Object.keys(program.inputs).filter((file) => file.startsWith('src/'));
  const twice = own.filter((file) => file in main.inputs && !COPIED.includes(file));
  if (twice.length > 0) throw new Error(`these are in both parts, and not in the list COPIED: ${twice.join(', ')}`);
}

/** In the program: an import of a shared file takes what the starting part has of it. */
export const fromMain = {
  name: 'from main',
  setup(building) {
    building.onResolve({ filter: /^\..*\.ts$/ }, ({ path, resolveDir }) => {
      const file = resolve(resolveDir, path).slice(root.length);
      return SHARED.includes(file) ? { path: file, namespace: 'shared' } : undefined;
    });
    building.onLoad({ filter: /.*/, namespace: 'shared' }, ({ path }) => ({
      contents: `module.exports = shared[${JSON.stringify(path)}];`,
    }));
  },
};

const ESCAPED_END = '*%/';

/**
 * The starting part reads the program from the comment at the end of its own file, where V8 passes over it: as code, or
 * as a string, it would cost a third of the whole start. The comment is marked with its hash, so that a file which was
 * exchanged under a running server is noticed.
 */
export function carried(text) {
  // It is read as Latin-1, which is quick and right for ASCII alone.
  if (!/^[\t\n -~]*$/.test(text)) throw new Error('the program holds a character that is not ASCII');
  if (text.includes(ESCAPED_END))
    throw new Error(`the program holds ${ESCAPED_END}, which stands for the end of a comment`);
  const hash = createHash('sha256').update(text).digest('hex');
  const comment = {
    name: 'comment',
    setup({ initialOptions }) {
      initialOptions.footer = { js: `/* src/program.ts ${hash}\n${text.replaceAll('*/', ESCAPED_END)}*/` };
      initialOptions.define = { PROGRAM_HASH: JSON.stringify(hash), ESCAPED_END: JSON.stringify(ESCAPED_END) };
    },
  };
  const shared = SHARED.map((file) => `export * as ${JSON.stringify(file)} from './${file}';`).join('\n');
  return [
    comment,
    replaced(/\/program\.ts$/, () => `export * from './build/carried-program.js';`),
    replaced(/^shared$/, () => shared),
  ];
}

/** Runs the file that matches while it builds, and puts the value of that export in its place. */
export function evaluated(filter, name, run) {
  return replaced(filter, async (file) => `export const ${name} = ${JSON.stringify((await run(file))[name])};`);
}

/** Puts these texts in the place of the modules that match. A part of the program need not import each of them. */
export function exchanged(texts, { inPart = false } = {}) {
  return Object.entries(texts).map(([pattern, text]) => replaced(new RegExp(pattern), () => text, inPart));
}

/** Puts a text in the place of what is imported so. Where nothing is any more, the build fails instead of leaving it out. */
function replaced(filter, textFor, mayBeAbsent = false) {
  const namespace = `replaced ${filter}`;
  return {
    name: namespace,
    setup(building) {
      let isMet = mayBeAbsent;
      building.onResolve({ filter }, ({ path, resolveDir }) => {
        isMet = true;
        return { path, namespace, pluginData: resolve(resolveDir, path) };
      });
      building.onLoad({ filter: /.*/, namespace }, async ({ pluginData: file }) => ({
        contents: await textFor(file),
        resolveDir: root,
      }));
      building.onEnd(() => ({ errors: isMet ? [] : [{ text: `nothing that is imported matches ${filter}` }] }));
    },
  };
}
