// Rate limits: read, changed and reset, each reply about the limit that was asked for.

import { describe, expect, test } from 'vitest';
import { pageCall, START } from '../../../src/atlas/api/pages.ts';
import { rateLimitList, resetRateLimitsCall, updateRateLimitCall } from '../../../src/atlas/api/limits.ts';
import {
  connect,
  connectByToken,
  failureOf,
  log,
  originOf,
  PROJECT,
  replyWith,
  sandboxFor,
  TOKEN,
  valueOf,
} from '../connection.ts';

const PLACE = { groupId: PROJECT, cloud: 'ANY', geography: 'ANY', modelGroupName: 'rerank' };
const LIMITS = { requestsPerMinuteLimit: 10, tokensPerMinuteLimit: 1_000 };
const RERANK = {
  modelGroupName: 'rerank',
  modelNames: ['rerank-2.5', 'rerank-2.5-lite'],
  requestsPerMinuteLimit: 2_000,
  tokensPerMinuteLimit: 4_000_000,
  cloud: 'ANY',
  geography: 'ANY',
  endpoint: 'ai.mongodb.com',
};
const PATH = `/api/atlas/v2/groups/${PROJECT}`;
const ONE = `${PATH}/aiModelApiClouds/ANY/geographies/ANY/modelGroupNames/rerank/rateLimits`;

/** How a list shows this row. */
function shown(row: Record<string, unknown>) {
  const list = pageCall(rateLimitList({ groupId: PROJECT }), START).read(replyWith({ results: [row] }));
  return valueOf(list).rows[0];
}

describe('of the sandbox', () => {
  test('are listed for a project and an organization', async () => {
    const sandbox = await sandboxFor();
    const atlas = connectByToken(sandbox);
    const limits = valueOf(await atlas.listRateLimits({ groupId: PROJECT }));
    expect(limits.map(({ modelGroupName }) => modelGroupName)).toContain('embed_large');
    expect(limits).toContainEqual(RERANK);
    expect(valueOf(await atlas.listRateLimits({ orgId: sandbox.orgId }))).toEqual(limits);
    expect(log(sandbox)).toEqual(['list_rate_limits 200', 'list_org_rate_limits 200']);
  });

  test('one is changed, with both numbers and nothing else', async () => {
    const sandbox = await sandboxFor();
    const atlas = connectByToken(sandbox);
    expect(valueOf(await atlas.updateRateLimit(PLACE, { ...LIMITS, ...{ other: 1 } }))).toEqual({
      ...RERANK,
      ...LIMITS,
    });
    expect(sandbox.requests).toMatchObject([{ method: 'PATCH', path: ONE, body: LIMITS }]);
    expect(sandbox.requests[0]?.body).toEqual(LIMITS);
    expect(valueOf(await atlas.listRateLimits({ groupId: PROJECT }))).toContainEqual({ ...RERANK, ...LIMITS });
  });

  test("more than the organization's is refused, and the field is named", async () => {
    const atlas = connectByToken(await sandboxFor());
    const failure = failureOf(await atlas.updateRateLimit(PLACE, { ...LIMITS, requestsPerMinuteLimit: 2_001 }));
    expect(failure).toMatchObject({ code: 'ATLAS_REJECTED', maybeCarriedOut: false });
    expect(failure.hint).toContain('requestsPerMinuteLimit');
  });

  test('one is reset, or all', async () => {
    const sandbox = await sandboxFor();
    const atlas = connectByToken(sandbox);
    const other = { ...PLACE, modelGroupName: 'embed_small' };
    const before = valueOf(await atlas.listRateLimits({ groupId: PROJECT }));
    for (const place of [PLACE, other]) valueOf(await atlas.updateRateLimit(place, LIMITS));
    sandbox.clearRequests();
    expect(valueOf(await atlas.resetRateLimits(PLACE))).toEqual([RERANK]);
    const changed = valueOf(await atlas.listRateLimits({ groupId: PROJECT }));
    expect(changed.filter((limit) => !before.some((each) => JSON.stringify(each) === JSON.stringify(limit)))).toEqual([
      expect.objectContaining({ modelGroupName: 'embed_small', ...LIMITS }),
    ]);
    expect(valueOf(await atlas.resetRateLimits({ groupId: PROJECT }))).toEqual(before);
    expect(sandbox.requests.map(({ method, path, body }) => [method, path.split('?')[0], body])).toEqual([
      ['POST', `${ONE}:reset`, undefined],
      ['GET', `${PATH}/aiModelApiRateLimits`, undefined],
      ['POST', `${PATH}/aiModelApiRateLimits:reset`, undefined],
    ]);
  });

  test('an unknown group is not found', async () => {
    const place = { ...PLACE, modelGroupName: 'nothing' };
    const atlas = connectByToken(await sandboxFor());
    expect(failureOf(await atlas.updateRateLimit(place, LIMITS)).code).toBe('ATLAS_NOT_FOUND');
    expect(failureOf(await atlas.resetRateLimits(place)).code).toBe('ATLAS_NOT_FOUND');
  });
});

describe('in the preview', () => {
  test.each(['preview', 'auto'] as const)(
    'there is no call for one limit: it is refused, and nothing is changed (%s)',
    async (apiVersion) => {
      const sandbox = await sandboxFor({ versions: ['preview'] });
      const atlas = connectByToken(sandbox, { apiVersion });
      const calls = [() => atlas.updateRateLimit(PLACE, LIMITS), () => atlas.resetRateLimits(PLACE)];
      for (const call of calls) {
        const failure = failureOf(await call());
        expect(failure).toMatchObject({ code: 'INVALID_INPUT', maybeCarriedOut: false });
        expect(failure.hint).toContain('ATLAS_MODEL_KEYS_API_VERSION');
      }
      expect(log(sandbox)).toEqual(apiVersion === 'auto' ? ['update_rate_limit 406', 'reset_rate_limit 406'] : []);
    },
  );

  test('all are listed and reset, without cloud, geography and endpoint', async () => {
    const atlas = connectByToken(await sandboxFor({ versions: ['preview'] }), { apiVersion: 'preview' });
    const { modelGroupName, modelNames, requestsPerMinuteLimit, tokensPerMinuteLimit } = RERANK;
    const row = { modelGroupName, modelNames, requestsPerMinuteLimit, tokensPerMinuteLimit };
    expect(valueOf(await atlas.listRateLimits({ groupId: PROJECT }))).toContainEqual(row);
    expect(valueOf(await atlas.resetRateLimits({ groupId: PROJECT }))).toContainEqual(row);
  });
});

describe('a row', () => {
  test.each<[unknown, number | undefined]>([
    [1, 1],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    ...[0, -1, 1.5, 2 ** 53, '10', null, [10], {}, true, undefined].map((odd): [unknown, undefined] => [
      odd,
      undefined,
    ]),
  ])('has the number %j as %s', (given, expected) => {
    for (const name of ['requestsPerMinuteLimit', 'tokensPerMinuteLimit'] as const) {
      const limit = shown({ modelGroupName: 'g', [name]: given });
      expect(limit).toEqual({
        modelGroupName: 'g',
        modelNames: [],
        ...(expected !== undefined && { [name]: expected }),
      });
    }
  });

  test('has names of models as they are, cleaned', () => {
    const secret = 'al-0123456789abcdefghijABCDEFGHIJ';
    const modelNames = ['voyage-3.5-lite', 7, null, [], '', 'a b', 'a\u200bb\u202ec', secret, 'org/m:1'];
    expect(shown({ modelGroupName: 'g', modelNames })?.modelNames).toEqual([
      'voyage-3.5-lite',
      'a b',
      'abc',
      '[redacted]',
      'org/m:1',
    ]);
    expect(shown({ modelGroupName: 'g', modelNames: 'voyage' })?.modelNames).toEqual([]);
    expect(shown({ modelGroupName: 'g', modelNames: Array(10_000).fill('m') })?.modelNames).toHaveLength(100);
  });

  test('has its place as it is, its host only where it looks so, and no other fields', () => {
    const odd = { cloud: 'A B', geography: 'eu.west', endpoint: 'https://evil.example/', secret: 'x' };
    expect(shown({ modelGroupName: 'g', ...odd })).toEqual({
      modelGroupName: 'g',
      modelNames: [],
      cloud: 'A B',
      geography: 'eu.west',
    });
  });

  test.each<[unknown, string | undefined]>([
    ...[undefined, null, 7, '', '\u200b', ['a']].map((none): [unknown, undefined] => [none, undefined]),
    ...['.', '.a', 'a b', 'a/b', 'ü'].map((name): [unknown, string] => [name, name]),
    ['a\u200b', 'a'],
    ['a\n', 'a '],
  ])('of the group %j is shown as of %j', (modelGroupName, expected) => {
    expect(shown({ modelGroupName })?.modelGroupName).toBe(expected);
  });

  test('of 1 MB is cut', () => {
    const long = 'x'.repeat(1_000_000);
    const cut = `${'x'.repeat(99)}…`;
    const limit = shown({ modelGroupName: long, modelNames: [long], cloud: long, endpoint: `${long}.com` });
    expect(limit).toEqual({ modelGroupName: cut, modelNames: [cut], cloud: cut });
  });
});

describe('a reply to a change', () => {
  test.each([
    { modelGroupName: 'embed_large' },
    { modelGroupName: 'rerank', cloud: 'AWS' },
    { modelGroupName: 'rerank', geography: 'eu' },
    {},
    { results: [RERANK] },
    [],
    'null',
    '',
    '{',
  ])('%j is not about it: nobody knows what was changed', (body) => {
    for (const call of [updateRateLimitCall(PLACE, LIMITS), resetRateLimitsCall(PLACE)])
      expect(failureOf(call.read(replyWith(body)))).toMatchObject({ code: 'ATLAS_PROTOCOL', maybeCarriedOut: true });
  });

  test('may leave out all but the group', () => {
    const expected = { modelGroupName: 'rerank', modelNames: [] };
    expect(valueOf(updateRateLimitCall(PLACE, LIMITS).read(replyWith({ modelGroupName: 'rerank' })))).toEqual(expected);
    expect(valueOf(resetRateLimitsCall(PLACE).read(replyWith({ modelGroupName: 'rerank' }))).rows).toEqual([expected]);
  });

  test('may have its words in another case', () => {
    const spelled = { ...RERANK, modelGroupName: 'Rerank', cloud: 'any', geography: 'Any' };
    expect(valueOf(updateRateLimitCall(PLACE, LIMITS).read(replyWith(spelled)))).toEqual(spelled);
  });

  test('of all limits is a page', () => {
    const { read } = resetRateLimitsCall({ groupId: PROJECT });
    expect(valueOf(read(replyWith({ results: [RERANK] }))).rows).toEqual([RERANK]);
    expect(valueOf(read(replyWith({ results: [{}, null] }))).rows).toEqual([{ modelNames: [] }, { modelNames: [] }]);
    for (const body of ['', RERANK, { results: {} }])
      expect(failureOf(read(replyWith(body)))).toMatchObject({
        code: 'ATLAS_PROTOCOL',
        maybeCarriedOut: true,
      });
  });
});

test('each part of a place stays within its segment of the path', async () => {
  const { url, arrivals } = await originOf(200, {});
  const place = { groupId: PROJECT, cloud: 'a/b', geography: '?x', modelGroupName: 'g:reset#' };
  failureOf(await connect(url, TOKEN).updateRateLimit(place, LIMITS));
  expect(arrivals[0]?.path).toBe(
    `${PATH}/aiModelApiClouds/a%2Fb/geographies/%3Fx/modelGroupNames/g%3Areset%23/rateLimits`,
  );
});
