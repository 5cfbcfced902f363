// How a name is kept, whether it may be there twice, and who changes it.

import { describe, expect, test } from 'vitest';
import type { SimulatorOptions } from '../atlas-simulator/simulator.ts';
import { call, create, FIRST_PROJECT, KEYS, sandboxFor } from './client.ts';

const SCOPE = { cloud: 'ANY', geography: 'ANY' };

async function scene(options: SimulatorOptions) {
  const sandbox = await sandboxFor(options);
  const { apiKeyId } = sandbox.addKey(FIRST_PROJECT, { name: 'own' });
  sandbox.addKey(FIRST_PROJECT, { name: 'taken' });
  return {
    sandbox,
    make: async (name: string) => (await create(sandbox, { name, ...SCOPE })).status,
    rename: (name: string) => call(sandbox, 'PATCH', `${KEYS}/${apiKeyId}`, { body: { name } }),
  };
}

describe('a name that the project has', () => {
  test.each([
    ['never', 201, 200],
    ['at_rename', 201, 409],
    ['always', 409, 409],
  ] as const)('uniqueNames %s: a create answers %i, a rename %i', async (uniqueNames, made, renamed) => {
    const { make, rename } = await scene({ uniqueNames });
    expect([await make('taken'), (await rename('taken')).status]).toEqual([made, renamed]);
    expect([await make('Taken'), await make('taken '), (await rename('own')).status]).toEqual([201, 201, 200]);
  });

  test('is told by what Atlas keeps', async () => {
    const { make, rename } = await scene({ uniqueNames: 'always', spelling: 'collapsed' });
    expect([await make(' taken\t'), (await rename('taken ')).status]).toEqual([409, 409]);
  });
});

describe('spelling', () => {
  const SENT = ' Schlu\u0308ssel \u00a0 zwei\t';

  test.each([
    ['exact', SENT],
    ['NFC', SENT.normalize('NFC')],
    ['collapsed', 'Schlu\u0308ssel zwei'],
  ] as const)('%s: every reply has the name as it is kept', async (spelling, kept) => {
    const { sandbox, rename } = await scene({ spelling });
    expect((await create(sandbox, { name: SENT, ...SCOPE })).json.name).toBe(kept);
    expect((await rename(SENT)).json.name).toBe(kept);
    expect((await call(sandbox, 'GET', KEYS)).rows.map(({ name }) => name)).toEqual([kept, 'taken', kept]);
  });

  test('collapsed: nothing is left of a name of spaces, which is refused', async () => {
    const { make } = await scene({ spelling: 'collapsed' });
    expect(await make('  ')).toBe(400);
  });
});

test('a person renames a key, even to a name that is taken', async () => {
  const { sandbox } = await scene({ uniqueNames: 'always', spelling: 'collapsed' });
  sandbox.renameKey(sandbox.keys()[0]?.apiKeyId ?? '', 'taken ');
  expect((await call(sandbox, 'GET', KEYS)).rows.map(({ name }) => name)).toEqual(['taken', 'taken']);
  expect(() => {
    sandbox.renameKey('nothing', 'n');
  }).toThrow('no key');
});

describe('the reply to a create', () => {
  test.each(['apiKeyId', 'name', 'secret'])('may lack %s, and the key is there', async (field) => {
    const sandbox = await sandboxFor();
    sandbox.inject({ operation: 'create_key', when: 'after', kind: 'omit', fields: [field] });
    const reply = await create(sandbox);
    const left = ['apiKeyId', 'name', 'secret'].filter((name) => name !== field);
    expect(Object.keys(reply.json)).toEqual(expect.arrayContaining(left));
    expect([reply.status, field in reply.json, sandbox.keys().length]).toEqual([201, false, 1]);
  });

  test("may lack all of them, or have another key's id", async () => {
    const sandbox = await sandboxFor();
    const { apiKeyId } = sandbox.addKey(FIRST_PROJECT, { name: 'other' });
    sandbox.inject({ operation: 'create_key', when: 'after', kind: 'replace', fields: { apiKeyId } });
    expect(await create(sandbox)).toMatchObject({ status: 201, json: { apiKeyId, name: 'n' } });
    const fields = ['apiKeyId', 'name', 'secret'];
    sandbox.inject({ operation: 'create_key', when: 'after', kind: 'omit', fields });
    expect(Object.keys((await create(sandbox)).json).filter((name) => fields.includes(name))).toEqual([]);
    expect(sandbox.keys()).toHaveLength(3);
  });
});
