// Who may go where: unknown and foreign projects and organizations, a missing role, paths that do not exist.

import { expect, test } from 'vitest';
import { call, create, FIRST_PROJECT, KEYS, sandboxFor } from './client.ts';

const NOWHERE = '0123456789abcdef01234567';

test.each([
  [`/groups/${NOWHERE}/aiModelApiKeys`, 'GROUP_NOT_FOUND'],
  ['/groups/not-an-id/aiModelApiKeys', 'GROUP_NOT_FOUND'],
  [`/groups/${NOWHERE}/aiModelApiRateLimits`, 'GROUP_NOT_FOUND'],
  [`/orgs/${NOWHERE}/aiModelApiKeys`, 'ORG_NOT_FOUND'],
  [`/orgs/${NOWHERE}/groups`, 'ORG_NOT_FOUND'],
  [`/orgs/${NOWHERE}/aiModelApiRateLimits`, 'ORG_NOT_FOUND'],
  [`${KEYS}/a86r5kwrfsk5r5ku5tgvhmpj`, 'RESOURCE_NOT_FOUND'],
  [`/groups/${FIRST_PROJECT}/nothing`, 'RESOURCE_NOT_FOUND'],
  [`/groups/${NOWHERE}`, 'GROUP_NOT_FOUND'],
  ['/groups/byName/Nowhere', 'GROUP_NOT_FOUND'],
  [`/orgs/${NOWHERE}`, 'ORG_NOT_FOUND'],
  ['/', 'RESOURCE_NOT_FOUND'],
  [`${KEYS}/`, 'RESOURCE_NOT_FOUND'],
  [`/groups/${FIRST_PROJECT}/%2e%2e%2f/aiModelApiKeys`, 'RESOURCE_NOT_FOUND'],
])('GET %s is %s', async (path, errorCode) => {
  const reply = await call(await sandboxFor(), 'GET', path);
  expect(reply).toMatchObject({ status: 404, json: { error: 404, errorCode, reason: 'Not Found' } });
});

test('a path that exists refuses a method that does not', async () => {
  const sandbox = await sandboxFor();
  expect((await call(sandbox, 'PUT', KEYS, { body: {} })).status).toBe(405);
  expect((await call(sandbox, 'POST', `/orgs/${sandbox.orgId}/aiModelApiKeys`, { body: {} })).status).toBe(405);
});

test('a project and an organization of somebody else are refused with 401, writes too', async () => {
  const sandbox = await sandboxFor();
  const foreign = sandbox.addProject({ foreign: true, name: 'Theirs' });
  const path = `/groups/${foreign.id}/aiModelApiKeys`;
  const body = { name: 'n', cloud: 'ANY', geography: 'ANY' };
  for (const reply of [await call(sandbox, 'GET', path), await call(sandbox, 'POST', path, { body })]) {
    expect(reply).toMatchObject({ status: 401, json: { errorCode: 'USER_CANNOT_ACCESS_GROUP' } });
  }
  expect(sandbox.keys()).toEqual([]);
  expect(sandbox.projects.map(({ name }) => name)).not.toContain('Theirs');
  for (const list of ['/groups', `/orgs/${sandbox.orgId}/groups`]) {
    expect((await call(sandbox, 'GET', list)).rows.map(({ name }) => name)).not.toContain('Theirs');
  }
});

test('role read_only: reads go, every write is USER_UNAUTHORIZED', async () => {
  const sandbox = await sandboxFor({ role: 'read_only' });
  const { apiKeyId } = sandbox.addKey(FIRST_PROJECT, { name: 'n' });
  const limit = `/groups/${FIRST_PROJECT}/aiModelApiClouds/ANY/geographies/ANY/modelGroupNames/rerank/rateLimits`;
  const writes = [
    await create(sandbox),
    await call(sandbox, 'PATCH', `${KEYS}/${apiKeyId}`, { body: { name: 'x' } }),
    await call(sandbox, 'DELETE', `${KEYS}/${apiKeyId}`),
    await call(sandbox, 'PATCH', limit, { body: { requestsPerMinuteLimit: 1, tokensPerMinuteLimit: 1 } }),
    await call(sandbox, 'POST', `${limit}:reset`),
    await call(sandbox, 'POST', `/groups/${FIRST_PROJECT}/aiModelApiRateLimits:reset`),
  ];
  for (const reply of writes) expect(reply).toMatchObject({ status: 401, json: { errorCode: 'USER_UNAUTHORIZED' } });
  const reads = [await call(sandbox, 'GET', KEYS), await call(sandbox, 'GET', limit)];
  expect(reads.map(({ status }) => status)).toEqual([200, 200]);
  expect(sandbox.keys()).toMatchObject([{ apiKeyId, name: 'n' }]);
});

test('without credentials a wrong path is not told from a right one', async () => {
  const sandbox = await sandboxFor();
  for (const path of [KEYS, '/nothing', `/groups/${NOWHERE}/aiModelApiKeys`]) {
    expect((await call(sandbox, 'GET', path, { authorization: null })).status).toBe(401);
  }
});
