// Keys that are told by their exact name: the name finds the id, and from then on only the id says which key it is.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deleteKey } from '../../src/keys/delete.ts';
import { findKey } from '../../src/keys/find-key.ts';
import { renameKey } from '../../src/keys/rename.ts';
import { rotateKey } from '../../src/keys/rotate.ts';
import { containing } from '../matching.ts';
import { GROUP, quiet, benchFor, told, type Bench } from './bench.ts';

async function benchWithKeys(...names: string[]) {
  const bench = await benchFor({ timeoutMs: 500 });
  return { bench, ids: names.map((name) => bench.sandbox.addKey(GROUP, { name }).apiKeyId) };
}

const changes = ({ sandbox }: Bench) =>
  sandbox.requests.map(({ operation }) => operation).filter((operation) => !/^(?:list|get)_|^token$/.test(operation));

/** Each use case that takes a name in place of an id, and would change or find a key. */
const uses = {
  find: (bench: Bench, name: string) => findKey(bench.context(), { groupId: GROUP, name }, quiet()),
  delete: (bench: Bench, name: string) =>
    deleteKey(bench.context(), { groupId: GROUP, confirmName: name, dryRun: false }, quiet()),
  rotate: (bench: Bench, name: string) =>
    rotateKey(bench.context(), { groupId: GROUP, confirmName: name, keepOld: false, dryRun: false }, quiet()),
  rename: (bench: Bench, name: string) =>
    renameKey(bench.context(), { groupId: GROUP, currentName: name, name: 'new' }, quiet()),
};

describe.each(Object.entries(uses))('%s by name', (kind, use) => {
  test('works where one key has exactly that name', async () => {
    const { bench, ids } = await benchWithKeys('app', 'app 2');
    const [apiKeyId] = ids;
    const done = await use(bench, 'app');
    const key = kind === 'rotate' ? { oldKey: { apiKeyId } } : { key: { apiKeyId } };
    expect(done).toMatchObject({ ok: true, value: kind === 'find' ? { apiKeyId } : key });
    expect(bench.sandbox.keys(GROUP).some(({ name }) => name === 'app 2')).toBe(true);
  });

  test('of two keys changes none, and names their ids and masks', async () => {
    const { bench, ids } = await benchWithKeys('app', 'app');
    const masks = bench.sandbox.keys(GROUP).map(({ secret }) => secret.slice(-4));
    const done = told<unknown>(await use(bench, 'app'));
    expect(done).toMatchObject({ failure: { code: 'INVALID_INPUT' } });
    for (const text of [...ids, ...masks]) expect(JSON.stringify(done)).toContain(text);
    expect(changes(bench)).toEqual([]);
  });

  test('of a key whose id the list lacks changes none', async () => {
    const { bench } = await benchWithKeys('app');
    bench.sandbox.inject({ operation: 'list_keys', when: 'after', kind: 'omit', fields: ['apiKeyId'] });
    expect(told<unknown>(await use(bench, 'app'))).toMatchObject({
      failure: { code: 'INVALID_INPUT', message: containing('no id') },
    });
    expect(changes(bench)).toEqual([]);
  });

  test.each(['App', 'ap', 'app ', ''])('%j is the name of no key, and the nearest are told', async (name) => {
    const { bench, ids } = await benchWithKeys('app');
    expect(told<unknown>(await use(bench, name))).toMatchObject({
      failure: { code: 'ATLAS_NOT_FOUND', hint: containing(`"app" (${ids[0] ?? ''})`) },
    });
    expect(changes(bench)).toEqual([]);
  });

  test('an id in its place is refused, and told where it belongs', async () => {
    const { bench, ids } = await benchWithKeys('app');
    expect(told<unknown>(await use(bench, ids[0] ?? ''))).toMatchObject({
      failure: { code: 'ATLAS_NOT_FOUND', hint: containing('as apiKeyId') },
    });
  });

  test('of a key that is renamed after the list was read changes none', async () => {
    const { bench, ids } = await benchWithKeys('app');
    bench.sandbox.gate = ({ operation, when }) => {
      if (operation === 'list_keys' && when === 'after') bench.sandbox.renameKey(ids[0] ?? '', 'theirs');
      return Promise.resolve('go');
    };
    const done = await use(bench, 'app');
    expect(told<unknown>(done)).toMatchObject({ failure: { code: 'NAME_MISMATCH', apiKeyId: ids[0] } });
    expect(changes(bench)).toEqual([]);
    expect(bench.sandbox.keys(GROUP).map(({ name }) => name)).toEqual(['theirs']);
  });

  test('of a key that a list still shows under it changes none', async () => {
    const { bench, ids } = await benchWithKeys('app');
    bench.sandbox.renameKey(ids[0] ?? '', 'theirs');
    bench.sandbox.setListLag(9);
    expect(told<unknown>(await use(bench, 'app'))).toMatchObject({
      failure: { code: 'NAME_MISMATCH', apiKeyId: ids[0] },
    });
    expect(changes(bench)).toEqual([]);
  });

  test('of a project that is not allowed sends nothing', async () => {
    const { bench } = await benchWithKeys('app');
    const context = { ...bench.context(), allowedProjects: ['f'.repeat(24)] };
    const done = await use({ ...bench, context: () => context }, 'app');
    expect(told<unknown>(done)).toMatchObject({ failure: { code: 'PROJECT_NOT_ALLOWED' } });
    expect(bench.sandbox.requests).toEqual([]);
  });
});

test('whoever takes the name while a person consents is not deleted', async () => {
  const { bench, ids } = await benchWithKeys('app');
  const [apiKeyId = ''] = ids;
  const ask = () => {
    bench.sandbox.renameKey(apiKeyId, 'renamed');
    bench.sandbox.addKey(GROUP, { name: 'app' });
    return Promise.resolve({ answer: 'given' as const, value: 'app' });
  };
  const request = { groupId: GROUP, confirmName: 'app', dryRun: false };
  const done = told(await deleteKey(bench.context(), request, { ...quiet(), ask }));
  expect(done).toMatchObject({ failure: { code: 'NAME_MISMATCH', apiKeyId } });
  expect(bench.sandbox.keys(GROUP)).toHaveLength(2);
});

test.each([
  { apiKeyId: 'a', currentName: 'b' },
  { apiKeyId: undefined, currentName: undefined },
])('a rename takes one of id and name: %j', async (which) => {
  const { bench } = await benchWithKeys('b');
  const done = told(await renameKey(bench.context(), { groupId: GROUP, ...which, name: 'new' }, quiet()));
  expect(done).toMatchObject({ failure: { code: 'INVALID_INPUT', message: containing('currentName') } });
  expect(bench.sandbox.requests).toEqual([]);
});

test('whatever the name, a key is found only by exactly it', async () => {
  const { bench } = await benchWithKeys('app', 'App', 'a p p', 'app');
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string(), fc.constantFrom('app', 'App', 'a p p')), async (name) => {
      const found = await findKey(bench.context(), { groupId: GROUP, name }, quiet());
      expect(found.ok).toBe(['App', 'a p p'].includes(name));
    }),
    { numRuns: 60 },
  );
});
