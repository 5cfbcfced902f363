// Rate limits: what a project has, may set, and gets back.

import { describe, expect, test } from 'vitest';
import type { Simulator } from '../atlas-simulator/simulator.ts';
import { NUMBER, TEXT, call, FIRST_PROJECT, sandboxFor, type Fields, type Received } from './client.ts';

const ALL = `/groups/${FIRST_PROJECT}/aiModelApiRateLimits`;
const scoped = (group: string, cloud = 'ANY', geography = 'ANY') =>
  `/groups/${FIRST_PROJECT}/aiModelApiClouds/${cloud}/geographies/${geography}/modelGroupNames/${group}/rateLimits`;

function set(sandbox: Simulator, body: unknown, group = 'embed_large'): Promise<Received> {
  return call(sandbox, 'PATCH', scoped(group), { body });
}

test('a row for each group of models, with the limits of the organization by default', async () => {
  const sandbox = await sandboxFor();
  const ours = await call(sandbox, 'GET', ALL);
  expect(ours.rows.map(({ modelGroupName }) => modelGroupName)).toEqual(
    expect.arrayContaining(['embed_large', 'embed_small', 'rerank']),
  );
  const modelNames: unknown = expect.arrayContaining([TEXT]);
  for (const row of ours.rows) {
    expect(row).toEqual({
      modelGroupName: TEXT,
      modelNames,
      requestsPerMinuteLimit: NUMBER,
      tokensPerMinuteLimit: NUMBER,
      cloud: 'ANY',
      geography: 'ANY',
      endpoint: 'ai.mongodb.com',
    });
  }
  expect((await call(sandbox, 'GET', `/orgs/${sandbox.orgId}/aiModelApiRateLimits`)).rows).toEqual(ours.rows);
  expect(ours.json.totalCount).toBe(ours.rows.length);
});

test('a change shows in the row and the list of this project only; a reset takes it back', async () => {
  const sandbox = await sandboxFor();
  const before = (await call(sandbox, 'GET', ALL)).rows;
  const limits = { requestsPerMinuteLimit: 100, tokensPerMinuteLimit: 10_000 };
  expect(await set(sandbox, limits)).toMatchObject({ status: 200, json: { modelGroupName: 'embed_large', ...limits } });
  expect((await call(sandbox, 'GET', scoped('embed_large'))).json).toMatchObject(limits);
  const find = (rows: readonly Fields[]) => rows.find(({ modelGroupName }) => modelGroupName === 'embed_large');
  expect(find((await call(sandbox, 'GET', ALL)).rows)).toMatchObject(limits);
  const elsewhere = `/groups/${sandbox.projects[1]?.id ?? ''}/aiModelApiRateLimits`;
  expect((await call(sandbox, 'GET', elsewhere)).rows).toEqual(before);
  const reset = await call(sandbox, 'POST', `${scoped('embed_large')}:reset`);
  expect(reset).toMatchObject({ status: 200, json: find(before) ?? {} });
  expect((await call(sandbox, 'GET', ALL)).rows).toEqual(before);
});

test('resetting all of a project does not change other projects', async () => {
  const sandbox = await sandboxFor();
  const before = (await call(sandbox, 'GET', ALL)).rows;
  const limits = { requestsPerMinuteLimit: 1, tokensPerMinuteLimit: 1 };
  const elsewhere = scoped('rerank').replace(FIRST_PROJECT, sandbox.projects[1]?.id ?? '');
  for (const group of ['embed_large', 'rerank']) expect((await set(sandbox, limits, group)).status).toBe(200);
  await call(sandbox, 'PATCH', elsewhere, { body: limits });
  expect((await call(sandbox, 'POST', `${ALL}:reset`)).rows).toEqual(before);
  expect((await call(sandbox, 'GET', ALL)).rows).toEqual(before);
  expect((await call(sandbox, 'GET', elsewhere)).json).toMatchObject(limits);
});

describe('is refused', () => {
  test.each<[string, unknown, string]>([
    ['only one number', { requestsPerMinuteLimit: 1 }, 'BAD_REQUEST'],
    ['only the other', { tokensPerMinuteLimit: 1 }, 'BAD_REQUEST'],
    ['zero', { requestsPerMinuteLimit: 0, tokensPerMinuteLimit: 1 }, 'BAD_REQUEST'],
    ['a fraction', { requestsPerMinuteLimit: 1.5, tokensPerMinuteLimit: 1 }, 'BAD_REQUEST'],
    ['a numeral as text', { requestsPerMinuteLimit: '1', tokensPerMinuteLimit: 1 }, 'BAD_REQUEST'],
    ['another attribute', { requestsPerMinuteLimit: 1, tokensPerMinuteLimit: 1, cloud: 'ANY' }, 'INVALID_ATTRIBUTE'],
  ])('%s', async (_what, body, errorCode) => {
    const sandbox = await sandboxFor();
    const before = await call(sandbox, 'GET', ALL);
    expect(await set(sandbox, body)).toMatchObject({ status: 400, json: { errorCode } });
    expect((await call(sandbox, 'GET', ALL)).rows).toEqual(before.rows);
  });

  test('one more than the organization has, while exactly as much is taken', async () => {
    const sandbox = await sandboxFor();
    const { json } = await call(sandbox, 'GET', scoped('rerank'));
    const requestsPerMinuteLimit = Number(json.requestsPerMinuteLimit);
    const tokensPerMinuteLimit = Number(json.tokensPerMinuteLimit);
    expect((await set(sandbox, { requestsPerMinuteLimit, tokensPerMinuteLimit }, 'rerank')).status).toBe(200);
    const more = [
      { requestsPerMinuteLimit: requestsPerMinuteLimit + 1, tokensPerMinuteLimit },
      { requestsPerMinuteLimit, tokensPerMinuteLimit: tokensPerMinuteLimit + 1 },
    ];
    for (const body of more) expect((await set(sandbox, body, 'rerank')).status).toBe(400);
  });

  test.each([scoped('nothing'), scoped('rerank', 'AWS'), scoped('rerank', 'ANY', 'eu')])('%s', async (path) => {
    const sandbox = await sandboxFor();
    expect(await call(sandbox, 'GET', path)).toMatchObject({ status: 404, json: { errorCode: 'RESOURCE_NOT_FOUND' } });
    expect((await call(sandbox, 'POST', `${path}:reset`)).status).toBe(404);
  });
});

describe('several rows of one group', () => {
  const scene = async () => {
    const sandbox = await sandboxFor();
    sandbox.addRateLimit({ modelGroupName: 'rerank', geography: 'eu', requestsPerMinuteLimit: 50, modelNames: ['r'] });
    sandbox.addRateLimit({ modelGroupName: 'rerank', cloud: 'AWS', geography: 'eu.west' });
    return sandbox;
  };
  const scopes = (rows: readonly Fields[]) =>
    rows.flatMap(({ modelGroupName, cloud, geography, endpoint }) =>
      modelGroupName === 'rerank' ? [[cloud, geography, endpoint]] : [],
    );
  const all = [
    ['ANY', 'ANY', 'ai.mongodb.com'],
    ['ANY', 'eu', 'eu.ai.mongodb.com'],
    ['AWS', 'eu.west', 'eu.west.ai.mongodb.com'],
  ];

  test('are in the lists of project and organization, told apart by their scope', async () => {
    const sandbox = await scene();
    for (const path of [ALL, `/orgs/${sandbox.orgId}/aiModelApiRateLimits`]) {
      expect(scopes((await call(sandbox, 'GET', path)).rows)).toEqual(all);
    }
  });

  test('are read, changed and reset one by one', async () => {
    const sandbox = await scene();
    const body = { requestsPerMinuteLimit: 40, tokensPerMinuteLimit: 40 };
    const path = scoped('rerank', 'ANY', 'eu');
    expect(await call(sandbox, 'PATCH', path, { body })).toMatchObject({
      status: 200,
      json: { geography: 'eu', ...body },
    });
    const requests = async () =>
      (await call(sandbox, 'GET', ALL)).rows.flatMap(({ modelGroupName, requestsPerMinuteLimit }) =>
        modelGroupName === 'rerank' ? [requestsPerMinuteLimit] : [],
      );
    expect(await requests()).toEqual([2000, 40, 2000]);
    expect((await call(sandbox, 'GET', path)).json).toMatchObject({ modelNames: ['r'], ...body });
    const more = { ...body, requestsPerMinuteLimit: 51 };
    expect((await call(sandbox, 'PATCH', path, { body: more })).json.errorCode).toBe('BAD_REQUEST');
    expect((await call(sandbox, 'POST', `${path}:reset`)).json).toMatchObject({ requestsPerMinuteLimit: 50 });
    expect(await requests()).toEqual([2000, 50, 2000]);
    expect((await call(sandbox, 'PATCH', scoped('rerank', 'GCP', 'eu'), { body })).status).toBe(404);
  });

  test('are named by words in any case', async () => {
    const sandbox = await scene();
    expect((await call(sandbox, 'GET', scoped('rerank', 'any', 'EU'))).json).toMatchObject({ geography: 'eu' });
  });
});

test('the organization has single limits too, which no project changes', async () => {
  const sandbox = await sandboxFor();
  const path = scoped('rerank').replace(`/groups/${FIRST_PROJECT}`, `/orgs/${sandbox.orgId}`);
  const before = await call(sandbox, 'GET', path);
  expect(before).toMatchObject({ status: 200, json: { modelGroupName: 'rerank' } });
  await set(sandbox, { requestsPerMinuteLimit: 1, tokensPerMinuteLimit: 1 }, 'rerank');
  expect((await call(sandbox, 'GET', path)).json).toEqual(before.json);
  expect((await call(sandbox, 'PATCH', path, { body: {} })).status).toBe(405);
});

describe('the preview', () => {
  const media = 'application/vnd.atlas.preview+json';
  const preview = { accept: media, contentType: media };
  const body = { requestsPerMinuteLimit: 7, tokensPerMinuteLimit: 7 };

  test('shows no scope, no row that only a scope tells apart, and has no path with one', async () => {
    const sandbox = await sandboxFor({ versions: ['preview'] });
    sandbox.addRateLimit({ modelGroupName: 'rerank', geography: 'eu' });
    const list = await call(sandbox, 'GET', ALL, preview);
    expect(list.rows.filter(({ modelGroupName }) => modelGroupName === 'rerank')).toHaveLength(1);
    expect(list.rows[0]).not.toHaveProperty('cloud');
    expect((await call(sandbox, 'GET', scoped('rerank'), preview)).status).toBe(406);
  });

  test('changes and resets one limit by the name of its group', async () => {
    const sandbox = await sandboxFor({ versions: ['preview'] });
    const before = (await call(sandbox, 'GET', ALL, preview)).rows;
    const path = `${ALL}/rerank`;
    const changed = await call(sandbox, 'PATCH', path, { ...preview, body });
    expect(changed).toMatchObject({ status: 200, json: { modelGroupName: 'rerank', ...body } });
    expect((await call(sandbox, 'GET', ALL, preview)).rows).toContainEqual(changed.json);
    const reset = await call(sandbox, 'POST', `${path}:reset`, preview);
    expect(before).toContainEqual(reset.json);
    expect((await call(sandbox, 'GET', ALL, preview)).rows).toEqual(before);
    expect((await call(sandbox, 'PATCH', `${ALL}/none`, { ...preview, body })).status).toBe(404);
  });

  test('has that path for itself', async () => {
    expect((await call(await sandboxFor(), 'PATCH', `${ALL}/rerank`, { body })).status).toBe(406);
  });
});

test('a colon may be percent-encoded, as anything in a path may', async () => {
  const sandbox = await sandboxFor();
  await set(sandbox, { requestsPerMinuteLimit: 1, tokensPerMinuteLimit: 1 });
  expect((await call(sandbox, 'POST', ALL.concat('%3Areset'))).status).toBe(200);
});
