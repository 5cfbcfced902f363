// The seams at which the build cuts the server in two, as plugins of esbuild.

import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The files whose state or classes there may be once alone: the program gets them from the part that starts. */
const SHARED = ['src/secret/redaction.ts', 'src/secret/secret.ts', 'src/config/config-error.ts'];

/** Fails where a shared file got into the program as well: a secret that one part knows would be nothing to the other. */
export function requireShared({ inputs }) {
  const twice = SHARED.filter((file) => file in inputs);
  if (twice.length > 0) throw new Error(`these are in both parts: ${twice.join(', ')}`);
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

/**
 * The starting part reads the program from the comment at the end of its own file, where V8 passes over it: as code, or
 * as a string, it would cost a third of the whole start. The comment is marked with its hash, so that a file which was
 * exchanged under a running server is noticed.
 */
export function carried(text) {
  const hash = createHash('sha256').update(text).digest('hex');
  // It is read as Latin-1, which is quick and right for ASCII alone.
  if (!/^[\t\n -~]*$/.test(text)) throw new Error('the program holds a character that is not ASCII');
  if (text.includes(ESCAPED_END))
    throw new Error(`the program holds ${ESCAPED_END}, which stands for the end of a comment`);
  return { footer: `/* src/program.ts ${hash}\n${text.replaceAll('*/', ESCAPED_END)}*/`, plugin: carryingPlugin(hash) };
}

const ESCAPED_END = '*%/';

/** `import('./program.ts')` compiles what stands behind the mark. */
function carryingPlugin(hash) {
  const imports = SHARED.map((file, index) => `import * as shared${index} from './${file}';`);
  const shared = SHARED.map((file, index) => `${JSON.stringify(file)}: shared${index}`);
  const contents = `${imports.join('\n')}
    import { readFileSync } from 'node:fs';
    const { createRequire } = process.getBuiltinModule('node:module');
    const { compileFunction } = process.getBuiltinModule('node:vm');
    const file = readFileSync(new URL(import.meta.url), 'latin1');
    // Put together here, so that it stands nowhere but where the comment begins.
    const mark = ['/* src/program.ts', '${hash}\\n'].join(' ');
    const begin = file.indexOf(mark);
    const end = file.lastIndexOf('*/');
    if (begin === -1 || end < begin) throw new shared2.ConfigError('this file', 'was exchanged while the server ran; restart it');
    const text = file.slice(begin + mark.length, end).replaceAll(${JSON.stringify(ESCAPED_END)}, '*/');
    const program = compileFunction(text, ['module', 'exports', 'require', 'shared'], {
      filename: 'atlas-model-keys-mcp/program.js',
    });
    const compiled = { exports: {} };
    program(compiled, compiled.exports, createRequire(import.meta.url), { ${shared.join(', ')} });
    export const { serve, doctor } = compiled.exports;`;
  return {
    name: 'carried program',
    setup(building) {
      building.onResolve({ filter: /\/program\.ts$/ }, ({ path }) => ({ path, namespace: 'carried' }));
      building.onLoad({ filter: /.*/, namespace: 'carried' }, () => ({ contents, resolveDir: root }));
    },
  };
}

/** Runs the file that matches while it builds, and puts the value of that export in its place. */
export function evaluated(filter, name, run) {
  return {
    name: 'evaluated',
    setup(building) {
      building.onLoad({ filter }, async ({ path }) => {
        const { [name]: value } = await run(path);
        return { contents: `export const ${name} = ${JSON.stringify(value)};` };
      });
    },
  };
}

/** Puts these texts in the place of the modules that match. */
export function exchanged(texts) {
  return {
    name: 'exchanged',
    setup(building) {
      for (const [pattern, contents] of Object.entries(texts)) {
        const namespace = `exchanged ${pattern}`;
        building.onResolve({ filter: new RegExp(pattern) }, ({ path }) => ({ path, namespace }));
        building.onLoad({ filter: /.*/, namespace }, () => ({ contents, resolveDir: root }));
      }
    },
  };
}
