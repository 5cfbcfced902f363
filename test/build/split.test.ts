// The seams of the build: what is put in the place of a module, and that nothing is left out in silence.

import { runInNewContext } from 'node:vm';
import { build, type Metafile, type Plugin } from 'esbuild';
import { expect, test } from 'vitest';
import {
  builtinsWhenRead,
  evaluated,
  exchanged,
  loading,
  programFile,
  requireApart,
  usedSchemas,
} from '../../build/split.js';

async function bundled(contents: string, plugins: Plugin[]): Promise<string> {
  const stdin = { contents, resolveDir: import.meta.dirname };
  const { outputFiles } = await build({ stdin, plugins, bundle: true, write: false, logLevel: 'silent' });
  return outputFiles.map(({ text }) => text).join('');
}

const inputs = (...files: string[]): Pick<Metafile, 'inputs'> => ({
  inputs: Object.fromEntries(files.map((file) => [file, { bytes: 1, imports: [] }])),
});

test('a text stands in the place of the module that matches', async () => {
  const cuts = exchanged({ '^large$': `export default 'small';`, '/other\\.js$': `export default 'nothing';` });
  const text = await bundled(`import a from 'large'; import b from './other.js'; console.log(a, b);`, cuts);
  expect(text).toContain('small');
  expect(text).toContain('nothing');
});

test('a value stands in the place of the file that matches', async () => {
  const seen: string[] = [];
  const run = (file: string) => {
    seen.push(file);
    return Promise.resolve({ list: [1, 2] });
  };
  const text = await bundled(`import { list } from './list.ts'; console.log(list);`, [
    evaluated(/\/list\.ts$/, 'list', run),
  ]);
  expect(text).toContain('JSON.parse("[1,2]")');
  expect(seen).toEqual([`${import.meta.dirname}/list.ts`]);
});

test.each<[string, Plugin[]]>([
  ['^large$', exchanged({ '^large$': '' })],
  ['list\\.ts$', [evaluated(/list\.ts$/, 'list', () => Promise.resolve({}))]],
  ['program\\.ts$', loading('program.cjs')],
])('a pattern that nothing matches ends the build, by name: %s', async (pattern, plugins) => {
  await expect(bundled(`import 'small';`, [...plugins, ...exchanged({ '^small$': '' })])).rejects.toThrow(pattern);
});

test('the name of the program file says what is in it', () => {
  expect(programFile('a')).toMatch(/^program-[0-9a-f]{16}\.cjs$/);
  expect(programFile('a')).not.toBe(programFile('b'));
});

test('a file of this server that is in both parts ends the build, by name, unless it is listed', () => {
  const listed = ['src/text/text.ts', 'node_modules/zod/index.js'];
  const main = inputs('src/main.ts', 'src/secret/secret.ts', ...listed);
  expect(() => {
    requireApart(inputs('src/program.ts', ...listed), main);
  }).not.toThrow();
  expect(() => {
    requireApart(inputs('src/program.ts', 'src/secret/secret.ts', ...listed), main);
  }).toThrow(/: src\/secret\/secret\.ts$/);
});

test('a module of Node that takes long to load is loaded when a member of it is read', async () => {
  const text = await bundled(`import { spawn } from 'node:child_process'; globalThis.later = () => spawn;`, [
    builtinsWhenRead,
  ]);
  const loaded: string[] = [];
  const process = { getBuiltinModule: (name: string) => (loaded.push(name), { spawn: 'spawn' }) };
  const world: { process: object; later?: () => unknown } = { process };
  runInNewContext(text, world);
  expect(loaded).toEqual([]);
  expect(world.later?.()).toBe('spawn');
  expect(loaded).toEqual(['node:child_process']);
});

test('of the schemas of the SDK only those that are used are in the bundle', async () => {
  const using = `import { PingRequestSchema } from '@modelcontextprotocol/sdk/types.js'; console.log(PingRequestSchema);`;
  const [used, all] = [await bundled(using, [usedSchemas]), await bundled(using, [])];
  for (const text of [used, all]) expect(text).toContain('"ping"');
  expect(all).toContain('"sampling/createMessage"');
  expect(used).not.toContain('"sampling/createMessage"');
});
