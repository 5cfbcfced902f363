// The service account's token: fetched once, renewed ahead of time, fetched again after a definite refusal of it.

import { getEventListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Credentials } from '../../../src/config/credentials.ts';
import { FAULT_KINDS, type FaultKind } from '../../atlas-simulator/faults.ts';
import type { Simulator } from '../../atlas-simulator/simulator.ts';
import { redact } from '../../../src/secret/redaction.ts';
import { Secret } from '../../../src/secret/secret.ts';
import {
  connect,
  failureOf,
  log,
  NEW_KEY,
  originFor,
  PROJECT,
  sandboxFor,
  serviceAccountOf,
  valueOf,
  type Settings,
} from '../connection.ts';
import { FAULTS } from '../fault-samples.ts';

const connectAs = (sandbox: Simulator, settings?: Settings) => connect(sandbox, serviceAccountOf(sandbox), settings);
const ACCOUNT: Credentials = {
  kind: 'service-account',
  clientId: 'mdb_sa_id_test',
  clientSecret: new Secret('mdb_sa_sk_of-the-test'),
};
const count = (sandbox: Simulator, entry: string) => log(sandbox).filter((each) => each === entry).length;

/** An Atlas without keys, with tokens of one's own. */
function tokenOrigin(token: (count: number) => object) {
  let fetched = 0;
  return originFor((response, { path }) => {
    if (path.startsWith('/api/oauth')) fetched += 1;
    response.end(JSON.stringify(path.startsWith('/api/oauth') ? token(fetched) : { results: [] }));
  });
}

describe('a token', () => {
  test('is fetched once for twenty callers at once, and kept', async () => {
    const sandbox = await sandboxFor();
    const atlas = connectAs(sandbox);
    const lists = await Promise.all(Array.from({ length: 20 }, () => atlas.listKeys(PROJECT)));
    expect(lists.map(valueOf)).toHaveLength(20);
    valueOf(await atlas.listKeys(PROJECT));
    expect([count(sandbox, 'token 200'), count(sandbox, 'list_keys 200'), sandbox.requests.length]).toEqual([
      1, 21, 22,
    ]);
  });

  test('is asked for with id and secret as they are, not percent-encoded', async () => {
    const sandbox = await sandboxFor();
    valueOf(await connectAs(sandbox).listKeys(PROJECT));
    const { clientId, clientSecret } = sandbox.credentials;
    expect(clientId).toContain('_');
    const [request] = sandbox.requests;
    expect(request).toMatchObject({ method: 'POST', path: '/api/oauth/token', body: 'grant_type=client_credentials' });
    expect(request?.headers.authorization).toBe(
      `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`,
    );
  });

  test.each([
    [3_600, 3_530, 3_550],
    [120, 50, 70],
    [80, 30, 50],
    [60, 25, 35],
    [5, 25, 35],
    [0.001, 25, 35],
    [0, 25, 35],
    [-1, 25, 35],
    ['soon', 25, 35],
    [null, 25, 35],
    [undefined, 25, 35],
  ])('that lives %s s is kept for %i s and renewed by %i s', async (lifetime, kept, renewed) => {
    const { url, arrivals } = await tokenOrigin((count) => ({ access_token: `token-${count}`, expires_in: lifetime }));
    const atlas = connect(url, ACCOUNT);
    const begin = Date.now();
    onTestFinished(() => {
      vi.useRealTimers();
    });
    for (const seconds of [0, kept, renewed]) {
      vi.setSystemTime(begin + seconds * 1000);
      valueOf(await atlas.listKeys(PROJECT));
    }
    expect(
      arrivals.filter(({ path }) => path.startsWith('/api/atlas')).map((each) => each.headers.authorization),
    ).toEqual(['Bearer token-1', 'Bearer token-1', 'Bearer token-2']);
  });

  test('is taken out of texts until it has expired, and again where it comes a second time', async () => {
    const { url } = await tokenOrigin((count) => ({ access_token: `token-of-the-test-${count % 2}`, expires_in: 100 }));
    const atlas = connect(url, ACCOUNT);
    const begin = Date.now();
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const shown: string[] = [];
    for (const seconds of [0, 90, 180, 270]) {
      vi.setSystemTime(begin + seconds * 1000);
      valueOf(await atlas.listKeys(PROJECT));
      shown.push(redact('token-of-the-test-1 token-of-the-test-0'));
    }
    expect(shown).toEqual([
      '[redacted] token-of-the-test-0',
      // Renewed ahead of time: the older one still lives.
      '[redacted] [redacted]',
      '[redacted] [redacted]',
      '[redacted] [redacted]',
    ]);
    vi.setSystemTime(begin + 10_000 * 1000);
    valueOf(await atlas.listKeys(PROJECT));
    expect(redact('token-of-the-test-1 token-of-the-test-0')).toBe('[redacted] token-of-the-test-0');
  });

  test.each([undefined, 0, -1, 'soon', null])('is used where its lifetime is %j', async (expires) => {
    const sandbox = await sandboxFor();
    sandbox.inject({ operation: 'token', when: 'after', kind: 'replace', fields: { expires_in: expires } });
    const atlas = connectAs(sandbox);
    valueOf(await atlas.listKeys(PROJECT));
    valueOf(await atlas.listKeys(PROJECT));
    expect(log(sandbox)).toEqual(['token 200', 'list_keys 200', 'list_keys 200']);
  });
});

describe('a refused token', () => {
  test('is fetched again, once, and the call succeeds', async () => {
    const sandbox = await sandboxFor();
    const atlas = connectAs(sandbox);
    valueOf(await atlas.listKeys(PROJECT));
    sandbox.expireTokens();
    sandbox.clearRequests();
    valueOf(await atlas.listKeys(PROJECT));
    expect(log(sandbox)).toEqual(['list_keys 401', 'token 200', 'list_keys 200']);
  });

  test('is fetched again once for twenty callers at once', async () => {
    const sandbox = await sandboxFor();
    const atlas = connectAs(sandbox);
    valueOf(await atlas.listKeys(PROJECT));
    sandbox.expireTokens();
    sandbox.clearRequests();
    (await Promise.all(Array.from({ length: 20 }, () => atlas.listKeys(PROJECT)))).map(valueOf);
    expect([count(sandbox, 'token 200'), count(sandbox, 'list_keys 401'), count(sandbox, 'list_keys 200')]).toEqual([
      1, 20, 20,
    ]);
  });

  test('that is refused again when new is not fetched for ever', async () => {
    const sandbox = await sandboxFor();
    sandbox.inject({ operation: 'any', when: 'before', skip: 1, kind: 'status', status: 401, body: '' });
    sandbox.inject({ operation: 'list_keys', when: 'before', times: 9, kind: 'status', status: 401, body: '' });
    const failure = failureOf(await connectAs(sandbox).listKeys(PROJECT));
    expect(failure.code).toBe('ATLAS_UNAUTHENTICATED');
    expect(log(sandbox)).toEqual(['token 200', 'list_keys 401', 'token 200', 'list_keys 401']);
  });

  test('is not the reason where Atlas names a role', async () => {
    const sandbox = await sandboxFor({ role: 'read_only' });
    const failure = failureOf(await connectAs(sandbox).createKey(NEW_KEY));
    expect(failure).toMatchObject({
      code: 'ATLAS_FORBIDDEN',
      maybeCarriedOut: false,
      atlas: { errorCode: 'USER_UNAUTHORIZED' },
    });
    expect(log(sandbox)).toEqual(['token 200', 'create_key 401']);
  });
});

describe('the token endpoint', () => {
  test('refuses a wrong secret: which variable to correct', async () => {
    const sandbox = await sandboxFor();
    const { clientId } = sandbox.credentials;
    const atlas = connect(sandbox, {
      kind: 'service-account',
      clientId,
      clientSecret: new Secret('mdb_sa_sk_wrong-secret-canary'),
    });
    const failure = failureOf(await atlas.createKey(NEW_KEY));
    expect(failure).toMatchObject({ code: 'ATLAS_UNAUTHENTICATED', retryable: false, maybeCarriedOut: false });
    expect(failure.hint).toContain('MONGODB_ATLAS_CLIENT_SECRET');
    expect(JSON.stringify(failure)).not.toContain('canary');
    expect(log(sandbox)).toEqual(['token 401']);
  });

  test('limits the rate: how long to wait; and the next call tries again', async () => {
    const sandbox = await sandboxFor();
    sandbox.inject({
      operation: 'token',
      when: 'before',
      kind: 'status',
      status: 429,
      errorCode: 'RATE_LIMITED',
      headers: { 'retry-after': '7' },
    });
    const atlas = connectAs(sandbox);
    const failure = failureOf(await atlas.createKey(NEW_KEY));
    expect(failure).toMatchObject({
      code: 'ATLAS_RATE_LIMITED',
      retryable: true,
      retryAfterSeconds: 7,
      maybeCarriedOut: false,
    });
    expect(log(sandbox)).toEqual(['token 429']);
    valueOf(await atlas.createKey(NEW_KEY));
  });

  test('has given out a hundred tokens', async () => {
    const sandbox = await sandboxFor();
    const body = JSON.stringify({
      error: 'access_denied',
      error_description: 'The service account has 100 live tokens.',
    });
    sandbox.inject({
      operation: 'token',
      when: 'before',
      kind: 'status',
      status: 403,
      body,
      contentType: 'application/json',
    });
    const failure = failureOf(await connectAs(sandbox).createKey(NEW_KEY));
    expect(failure).toMatchObject({
      code: 'ATLAS_RATE_LIMITED',
      retryable: true,
      maybeCarriedOut: false,
      atlas: { errorCode: 'access_denied' },
    });
    expect(failure.message).toContain('100');
  });

  test('refuses the secret with 400, as OAuth allows', async () => {
    const sandbox = await sandboxFor();
    const body = JSON.stringify({ error: 'invalid_client' });
    sandbox.inject({ operation: 'token', when: 'before', kind: 'status', status: 400, body });
    const failure = failureOf(await connectAs(sandbox).createKey(NEW_KEY));
    expect(failure).toMatchObject({ code: 'ATLAS_UNAUTHENTICATED', retryable: false, maybeCarriedOut: false });
    expect(failure.hint).toContain('MONGODB_ATLAS_CLIENT_SECRET');
  });

  test.each([
    undefined,
    null,
    17,
    '',
    '=',
    'two words',
    'a\r\nx: y',
    'é',
    'a"b',
    'a,b',
    'a\\b',
    '{"a":1}',
    'a=b',
    'x'.repeat(4097),
  ])('gives no usable token (%#)', async (token) => {
    const sandbox = await sandboxFor();
    sandbox.inject({ operation: 'token', when: 'after', kind: 'replace', fields: { access_token: token } });
    const failure = failureOf(await connectAs(sandbox).createKey(NEW_KEY));
    expect(failure).toMatchObject({ code: 'ATLAS_PROTOCOL', maybeCarriedOut: false });
    expect(log(sandbox)).toEqual(['token 200']);
  });

  test.each(['truncate', 'reset'] as const)(
    'breaks off (%s): worth another try, and no matter of settings',
    async (kind) => {
      const sandbox = await sandboxFor();
      sandbox.inject({ operation: 'token', when: 'after', kind });
      const atlas = connectAs(sandbox);
      expect(failureOf(await atlas.createKey(NEW_KEY))).toMatchObject({
        code: 'ATLAS_UNAVAILABLE',
        retryable: true,
        maybeCarriedOut: false,
      });
      valueOf(await atlas.createKey(NEW_KEY));
    },
  );

  test('is not there: this does not say that the key that was to be deleted is gone', async () => {
    const sandbox = await sandboxFor();
    sandbox.inject({
      operation: 'token',
      when: 'before',
      kind: 'status',
      status: 404,
      errorCode: 'RESOURCE_NOT_FOUND',
    });
    const failure = failureOf(await connectAs(sandbox).deleteKey(PROJECT, 'a86r5kwrfsk5r5ku5tgvhmpj'));
    expect(failure).toMatchObject({ code: 'ATLAS_PROTOCOL', maybeCarriedOut: false });
    expect(failure.hint).toContain('MONGODB_ATLAS_BASE_URL');
  });

  test('hangs: a caller who leaves does not wait, and the fetch goes on for the other', async () => {
    let release = () => undefined as unknown;
    const { url, arrivals } = await originFor((response, { path }) => {
      if (path.startsWith('/api/oauth')) release = () => response.end('{"access_token":"token-of-the-test"}');
      else response.writeHead(201).end('{"apiKeyId":"id","secret":"al-0123456789abcdefghijABCD"}');
    });
    const atlas = connect(url, ACCOUNT);
    const [leaver, stayer] = [new AbortController(), new AbortController()];
    const leaving = atlas.createKey(NEW_KEY, leaver.signal);
    const staying = atlas.createKey(NEW_KEY, stayer.signal);
    while (arrivals.length === 0) await delay(5);
    leaver.abort();
    expect(failureOf(await leaving)).toMatchObject({ code: 'CANCELLED', maybeCarriedOut: false });
    release();
    valueOf(await staying);
    expect(arrivals.map(({ path }) => path)).toEqual([
      '/api/oauth/token',
      `/api/atlas/v2/groups/${PROJECT}/aiModelApiKeys`,
    ]);
    expect(getEventListeners(stayer.signal, 'abort')).toEqual([]);
  });

  test('answers when nobody waits any more: the token is kept for the next call', async () => {
    const sandbox = await sandboxFor();
    sandbox.inject({ operation: 'token', when: 'before', kind: 'delay', ms: 300 });
    const atlas = connectAs(sandbox);
    const signal = AbortSignal.timeout(100);
    expect(failureOf(await atlas.listKeys(PROJECT, signal)).code).toBe('CANCELLED');
    await delay(600);
    valueOf(await atlas.listKeys(PROJECT));
    expect(log(sandbox)).toEqual(['token 200', 'list_keys 200']);
  });

  test('is not asked by a caller who has left already', async () => {
    const sandbox = await sandboxFor();
    expect(failureOf(await connectAs(sandbox).createKey(NEW_KEY, AbortSignal.abort()))).toMatchObject({
      code: 'CANCELLED',
      maybeCarriedOut: false,
    });
    expect(sandbox.requests).toEqual([]);
  });

  const faults = {
    ...FAULTS,
    flood: { kind: 'flood', bytes: 20_000_000 },
    omit: { kind: 'omit', fields: ['access_token'] },
    replace: { kind: 'replace', fields: { access_token: {} } },
  } as const satisfies Record<FaultKind['kind'], FaultKind>;
  const harmless = new Set<string>(['content_type']);

  describe.each(['before', 'after'] as const)('fails %s it has acted', (when) => {
    test.each(FAULT_KINDS.filter((kind) => !harmless.has(kind)))(
      '%s: nothing else is sent, nothing can have been created',
      async (kind) => {
        const sandbox = await sandboxFor();
        sandbox.inject({ operation: 'token', when, times: 9, ...faults[kind] });
        const failure = failureOf(await connectAs(sandbox, { timeoutMs: 400 }).createKey(NEW_KEY));
        expect(failure.maybeCarriedOut).toBe(false);
        expect(sandbox.requests.map(({ operation }) => operation)).toEqual(['token']);
      },
    );

    test('another content type: is read all the same', async () => {
      const sandbox = await sandboxFor();
      sandbox.inject({ operation: 'token', when, ...faults.content_type });
      // Before: the token that was rehearsed does not live, so another one is fetched.
      expect(valueOf(await connectAs(sandbox).listKeys(PROJECT))).toEqual([]);
    });
  });
});
