// Replies that have other members than the published ones.

import { expect, test } from 'vitest';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { call, create, FIRST_PROJECT, KEYS, sandboxFor, type Fields } from './client.ts';

const LIMITS = `/groups/${FIRST_PROJECT}/aiModelApiRateLimits`;
const LIMIT = `/groups/${FIRST_PROJECT}/aiModelApiClouds/ANY/geographies/ANY/modelGroupNames/rerank/rateLimits`;

/** What a client gets for a list, a create, a read, a limit and a refusal: objects and rows. */
async function everything(sandbox: Sandbox): Promise<readonly Fields[]> {
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
  expect(made.json).toMatchObject({ cloud: 'any', geography: 'any', endpoint: 'ai.mongodb.com' });
  expect(sandbox.keys().at(-1)).toMatchObject({ cloud: 'ANY', geography: 'ANY' });
});
