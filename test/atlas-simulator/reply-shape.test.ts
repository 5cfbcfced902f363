// Replies that have other members than the published ones.

import { describe, expect, test } from 'vitest';
import type { Simulator, SimulatorOptions } from './simulator.ts';
import { call, create, FIRST_PROJECT, KEYS, sandboxFor, type Fields } from '../sandbox/client.ts';

const LIMITS = `/groups/${FIRST_PROJECT}/aiModelApiRateLimits`;
const LIMIT = `/groups/${FIRST_PROJECT}/aiModelApiClouds/ANY/geographies/ANY/modelGroupNames/rerank/rateLimits`;

/** What a client gets for a list, a create, a read, a limit and a refusal: objects and rows. */
async function everything(sandbox: Simulator): Promise<readonly Fields[]> {
  const seeded = sandbox.addKey(FIRST_PROJECT, { name: 'seeded' });
  const replies = [
    await call(sandbox, 'GET', KEYS),
    await call(sandbox, 'GET', '/groups'),
    await create(sandbox),
    await call(sandbox, 'GET', `${KEYS}/${seeded.apiKeyId}`),
    await call(sandbox, 'GET', LIMITS),
    await call(sandbox, 'GET', LIMIT),
  ];
  expect(replies.map(({ status }) => status)).toEqual([200, 200, 201, 200, 200, 200]);
  return replies.flatMap(({ json, rows }) => [json, ...rows]);
}

test('omit: no reply has the member, in a row, an object or the page', async () => {
  const fields = ['lastUsedAt', 'secret', 'apiKeyId', 'id', 'modelGroupName', 'totalCount'];
  const found = await everything(await sandboxFor({ omit: fields }));
  expect(found.flatMap((row) => Object.keys(row)).filter((name) => fields.includes(name))).toEqual([]);
  const names = ['Production', 'Staging', 'Development', 'seeded', 'n', 'seeded'];
  expect(
    found
      .map(({ name }) => name)
      .filter(Boolean)
      .sort(),
  ).toEqual(names.sort());
});

test('omit: a refusal lacks it too', async () => {
  const reply = await call(await sandboxFor({ omit: ['errorCode', 'detail'] }), 'GET', `${KEYS}/none`);
  expect([reply.status, Object.keys(reply.json).sort()]).toEqual([404, ['error', 'parameters', 'reason']]);
});

test('add: every reply and every row has the member, besides its own', async () => {
  const found = await everything(await sandboxFor({ add: { name: 'of nobody', tags: [{ key: 'a' }] } }));
  for (const row of found) expect(row).toMatchObject({ tags: [{ key: 'a' }] });
  expect(found.map(({ name }) => name)).toEqual(expect.arrayContaining(['seeded', 'Production', 'n', 'of nobody']));
});

test('lowerCaseWords: cloud and geography, of keys and limits, in what is read and what is made', async () => {
  const sandbox = await sandboxFor({ lowerCaseWords: true });
  const scoped = (await everything(sandbox)).filter((row) => 'cloud' in row);
  expect(scoped.length).toBeGreaterThan(8);
  for (const row of scoped) expect(row).toMatchObject({ cloud: 'any', geography: 'any' });
  const made = await create(sandbox, { name: 'n', cloud: 'any', geography: 'any' });
  expect(made.json).toMatchObject({ cloud: 'any', geography: 'any' });
  expect(sandbox.keys().at(-1)).toMatchObject({ cloud: 'ANY', geography: 'ANY' });
});

describe('a page', () => {
  const scene = async (options: SimulatorOptions) => {
    const sandbox = await sandboxFor(options);
    for (const name of ['a', 'b', 'c', 'd', 'e']) sandbox.addKey(FIRST_PROJECT, { name });
    return sandbox;
  };

  test('links: false, on full pages too', async () => {
    const { json } = await call(await scene({ links: false }), 'GET', `${KEYS}?itemsPerPage=2`);
    expect(Object.keys(json)).toEqual(['results', 'totalCount']);
  });

  test('totalCount: absent, or wrong', async () => {
    const silent = await scene({ totalCount: () => undefined });
    expect((await call(silent, 'GET', KEYS)).json).not.toHaveProperty('totalCount');
    const wrong = await scene({ totalCount: (rows) => rows - 2 });
    expect((await call(wrong, 'GET', KEYS)).json.totalCount).toBe(3);
    expect((await call(wrong, 'GET', '/groups?includeCount=false')).json).not.toHaveProperty('totalCount');
  });
});
