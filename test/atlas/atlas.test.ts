// Atlas as the use cases see it: when a key counts as deleted, what is said without credentials, and when it is opened.

import { describe, expect, test } from 'vitest';
import type { Atlas } from '../../src/atlas/atlas.ts';
import { deferredAtlas } from '../../src/atlas/deferred.ts';
import type { Result } from '../../src/failure.ts';
import {
  closedPort,
  connect,
  connectByToken,
  failureOf,
  log,
  NEW_KEY,
  originOf,
  PROJECT,
  rowAt,
  sandboxFor,
  TOKEN,
  valueOf,
} from './connection.ts';

const ID = 'a86r5kwrfsk5r5ku5tgvhmpj';

describe('a key counts as deleted', () => {
  test('when Atlas deletes it; that it is not there a read must say', async () => {
    const sandbox = await sandboxFor();
    const { apiKeyId } = sandbox.addKey(PROJECT, { name: 'Key' });
    const atlas = connectByToken(sandbox);
    expect(await atlas.deleteKey(PROJECT, apiKeyId)).toEqual({ ok: true, value: undefined });
    expect(failureOf(await atlas.deleteKey(PROJECT, apiKeyId))).toMatchObject({ code: 'ATLAS_NOT_FOUND' });
    expect(log(sandbox)).toEqual(['delete_key 204', 'delete_key 404']);
    expect(sandbox.keys(PROJECT)).toEqual([]);
  });

  test.each([
    ['a 404 that is not from Atlas', 404, '<h1>Not Found</h1>', 'ATLAS_PROTOCOL'],
    ['an empty 404', 404, '', 'ATLAS_PROTOCOL'],
    ['an unknown project', 404, { error: 404, errorCode: 'GROUP_NOT_FOUND' }, 'ATLAS_NOT_FOUND'],
    ['another error code', 404, { error: 404, errorCode: 'NO_SUCH_PAGE' }, 'ATLAS_NOT_FOUND'],
    ["OAuth's error field", 404, { error: 'not_found' }, 'ATLAS_PROTOCOL'],
    ["the right word in OAuth's error field", 404, { error: 'RESOURCE_NOT_FOUND' }, 'ATLAS_PROTOCOL'],
    ['what cleaning would make the right word', 404, { errorCode: 'RESOURCE_\u200bNOT_FOUND' }, 'ATLAS_PROTOCOL'],
    ['the right word in a list', 404, { errorCode: ['RESOURCE_NOT_FOUND'] }, 'ATLAS_PROTOCOL'],
    ['the right word with another status', 400, { errorCode: 'RESOURCE_NOT_FOUND' }, 'ATLAS_REJECTED'],
    ['a page of a proxy', 200, '<h1>Please sign in</h1>', 'ATLAS_PROTOCOL'],
    ['an empty 200', 200, '', 'ATLAS_PROTOCOL'],
    ['a 202', 202, '', 'ATLAS_PROTOCOL'],
  ])('but not for %s: it would be an orphan that nobody is told of', async (_what, status, body, code) => {
    const { url } = await originOf(status, body);
    expect(failureOf(await connect(url, TOKEN).deleteKey(PROJECT, ID)).code).toBe(code);
  });
});

const PLACE = { groupId: PROJECT, cloud: 'ANY', geography: 'ANY', modelGroupName: 'rerank' };
const LIMITS = { requestsPerMinuteLimit: 10, tokensPerMinuteLimit: 1_000 };

/** Every call of the API, and the request that it makes; the use of a key needs no credentials. */
const CALLS: Record<
  Exclude<keyof Atlas, 'close' | 'useKey' | 'endpointBase'>,
  readonly [string, (atlas: Atlas) => Promise<Result<unknown>>]
> = {
  listKeys: ['list_keys', (atlas) => atlas.listKeys(PROJECT)],
  readKeys: ['list_keys', (atlas) => atlas.readKeys({ groupId: PROJECT }, rowAt(500))],
  getKey: ['get_key', (atlas) => atlas.getKey({ groupId: PROJECT }, ID)],
  createKey: ['create_key', (atlas) => atlas.createKey(NEW_KEY)],
  renameKey: ['update_key', (atlas) => atlas.renameKey(PROJECT, ID, 'New name')],
  deleteKey: ['delete_key', (atlas) => atlas.deleteKey(PROJECT, ID)],
  listProjects: ['list_projects', (atlas) => atlas.listProjects(undefined)],
  readProjects: ['list_org_projects', (atlas) => atlas.readProjects('f'.repeat(24), rowAt(500))],
  listRateLimits: ['list_rate_limits', (atlas) => atlas.listRateLimits({ groupId: PROJECT })],
  updateRateLimit: ['update_rate_limit', (atlas) => atlas.updateRateLimit(PLACE, LIMITS)],
  resetRateLimits: ['reset_rate_limits', (atlas) => atlas.resetRateLimits({ groupId: PROJECT })],
  describeCredential: ['credential', (atlas) => atlas.describeCredential()],
};

describe('without credentials', () => {
  const settings = { apiVersion: 'auto', timeoutMs: 1000 } as const;

  test.each([
    [{ kind: 'missing' } as const, ['MONGODB_ATLAS_CLIENT_ID', 'MONGODB_ATLAS_CLIENT_SECRET', 'Project Model Owner']],
    [
      { kind: 'missing', wanted: 'MONGODB_ATLAS_PRIVATE_API_KEY' } as const,
      ['MONGODB_ATLAS_PRIVATE_API_KEY', 'other half'],
    ],
  ])('every call says what to set, and sends nothing: %j', async (credentials, words) => {
    const { url, arrivals } = await originOf(200, {});
    const atlas = connect(url, credentials, settings);
    for (const [, call] of Object.values(CALLS)) {
      const failure = failureOf(await call(atlas));
      expect(failure).toMatchObject({ code: 'CREDENTIALS_MISSING', retryable: false, maybeCarriedOut: false });
      for (const word of words) expect(failure.hint).toContain(word);
    }
    expect(arrivals).toEqual([]);
  });
});

describe('when Atlas cannot be reached', () => {
  test('the failure says that nothing was created, and which settings to look at', async () => {
    const failure = failureOf(await connect(await closedPort(), TOKEN).createKey(NEW_KEY));
    expect(failure).toMatchObject({ code: 'ATLAS_UNAVAILABLE', retryable: true, maybeCarriedOut: false });
    expect(failure.hint).toMatch(/MONGODB_ATLAS_BASE_URL.*HTTPS_PROXY/);
    expect(failure).not.toHaveProperty('atlas');
  });

  test.each([
    ['stall', /ATLAS_MODEL_KEYS_TIMEOUT_MS/],
    ['reset', /network/],
  ] as const)('or that something may have been (%s)', async (kind, hint) => {
    const sandbox = await sandboxFor();
    sandbox.inject({ operation: 'create_key', when: 'after', kind });
    const failure = failureOf(await connectByToken(sandbox, { timeoutMs: 500 }).createKey(NEW_KEY));
    expect(failure).toMatchObject({ code: 'ATLAS_UNAVAILABLE', retryable: true, maybeCarriedOut: true });
    expect(failure.hint).toMatch(hint);
    expect(sandbox.keys(PROJECT)).toHaveLength(1);
  });
});

describe('deferred', () => {
  test('it is opened at the first call, once, and closed', async () => {
    const sandbox = await sandboxFor();
    const { apiKeyId } = sandbox.addKey(PROJECT, { name: 'Key' });
    let opened = 0;
    const atlas = deferredAtlas(() => {
      opened += 1;
      return Promise.resolve(connectByToken(sandbox));
    });
    expect(opened).toBe(0);
    const [keys] = await Promise.all([atlas.listKeys(PROJECT), atlas.listKeys(PROJECT)]);
    expect(valueOf(keys).map((key) => key.apiKeyId)).toEqual([apiKeyId]);
    valueOf(await atlas.createKey(NEW_KEY));
    valueOf(await atlas.deleteKey(PROJECT, apiKeyId));
    expect(opened).toBe(1);
    await atlas.close();
    expect(failureOf(await atlas.createKey(NEW_KEY))).toMatchObject({ maybeCarriedOut: false });
  });

  test.each(Object.entries(CALLS))('%s goes through as it is', async (_name, [operation, call]) => {
    const sandbox = await sandboxFor();
    const direct = await call(connectByToken(sandbox));
    const [sent] = sandbox.requests;
    expect(sent?.operation).toBe(operation);
    sandbox.clearRequests();
    const through = await call(deferredAtlas(() => Promise.resolve(connectByToken(sandbox))));
    expect(through.ok).toBe(direct.ok);
    const { method, path, body } = sent ?? {};
    expect(sandbox.requests).toMatchObject([{ operation, method, path, body }]);
  });

  test('it is not opened just to be closed', async () => {
    const atlas = deferredAtlas(() => Promise.reject(new Error('opened')));
    await expect(atlas.close()).resolves.toBeUndefined();
  });

  test('a signal goes through', async () => {
    const sandbox = await sandboxFor();
    const atlas = deferredAtlas(() => Promise.resolve(connectByToken(sandbox)));
    expect(failureOf(await atlas.listKeys(PROJECT, AbortSignal.abort())).code).toBe('CANCELLED');
    expect(sandbox.requests).toEqual([]);
  });
});
