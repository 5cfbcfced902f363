// How often each call is sent: reads and deletes again after a passing failure, a create never, and everything once
// more after a definite 401. Counted for every fault that there is.

import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Atlas } from '../../../src/atlas/atlas.ts';
import type { Credentials } from '../../../src/config/credentials.ts';
import { FAULT_KINDS, type Fault, type FaultKind } from '../../atlas-simulator/faults.ts';
import type { Simulator } from '../../atlas-simulator/simulator.ts';
import {
  connect,
  connectByToken,
  failureOf,
  log,
  NEW_KEY,
  PROJECT,
  sandboxFor,
  serviceAccountOf,
  tokenOf,
  valueOf,
} from '../connection.ts';
import { FAULTS, timeoutFor } from '../fault-samples.ts';

const CALLS = {
  list_keys: (atlas: Atlas) => atlas.listKeys(PROJECT),
  create_key: (atlas: Atlas) => atlas.createKey(NEW_KEY),
  delete_key: (atlas: Atlas, apiKeyId: string) => atlas.deleteKey(PROJECT, apiKeyId),
};

type Operation = keyof typeof CALLS;

/** How many requests arrive for one call where every request for it meets this fault, and what the call comes to. */
async function behaviour(operation: Operation, when: Fault['when'], kind: FaultKind['kind']): Promise<string> {
  const sandbox = await sandboxFor();
  const { apiKeyId } = sandbox.addKey(PROJECT, { name: 'Key' });
  sandbox.inject({ operation, when, times: 99, ...FAULTS[kind] });
  const result = await CALLS[operation](connectByToken(sandbox, { timeoutMs: timeoutFor(kind) }), apiKeyId);
  expect(sandbox.requests.every((request) => request.operation === operation)).toBe(true);
  return `${sandbox.requests.length} ${result.ok ? 'ok' : result.failure.code}`;
}

/** By kind of fault: what comes of it before the request is carried out, and after. */
async function behaviours(operation: Operation): Promise<Record<string, readonly [string, string]>> {
  const found = FAULT_KINDS.map(async (kind) => {
    const both = await Promise.all([behaviour(operation, 'before', kind), behaviour(operation, 'after', kind)]);
    return [kind, both] as const;
  });
  return Object.fromEntries(await Promise.all(found));
}

/** The same whether the fault comes before or after the request is carried out. */
function twice(kinds: Record<string, string>): Record<string, readonly [string, string]> {
  return Object.fromEntries(Object.entries(kinds).map(([kind, expected]) => [kind, [expected, expected]]));
}

describe('when every request fails', () => {
  test('a read is sent three times at most', async () => {
    expect(await behaviours('list_keys')).toEqual(
      twice({
        status: '3 ATLAS_UNAVAILABLE',
        reset: '3 ATLAS_UNAVAILABLE',
        stall: '3 ATLAS_UNAVAILABLE',
        delay: '3 ATLAS_UNAVAILABLE',
        late: '3 ATLAS_UNAVAILABLE',
        truncate: '3 ATLAS_UNAVAILABLE',
        flood: '1 ATLAS_PROTOCOL',
        garbage: '1 ATLAS_PROTOCOL',
        content_type: '1 ok',
        omit: '1 ok',
        replace: '1 ok',
        echo: '1 ATLAS_PROTOCOL',
        redirect: '1 ATLAS_PROTOCOL',
      }),
    );
  });

  test('a create is sent once, whatever happens', async () => {
    expect(await behaviours('create_key')).toEqual(
      twice({
        status: '1 ATLAS_UNAVAILABLE',
        reset: '1 ATLAS_UNAVAILABLE',
        stall: '1 ATLAS_UNAVAILABLE',
        delay: '1 ATLAS_UNAVAILABLE',
        late: '1 ATLAS_UNAVAILABLE',
        // A key was made, whatever its reply lacks.
        truncate: '1 ok',
        flood: '1 ok',
        garbage: '1 ok',
        content_type: '1 ok',
        omit: '1 ok',
        replace: '1 ok',
        echo: '1 ATLAS_PROTOCOL',
        redirect: '1 ATLAS_PROTOCOL',
      }),
    );
  });

  test('a delete is sent three times at most, and taken for done only when it was', async () => {
    const found = await behaviours('delete_key');
    expect(found).toEqual({
      ...Object.fromEntries(
        ['status', 'reset', 'stall', 'delay', 'late', 'truncate'].map((kind) => [
          kind,
          // The second is told that the key is not there: whether it is gone a read must say.
          ['3 ATLAS_UNAVAILABLE', '2 ATLAS_NOT_FOUND'],
        ]),
      ),
      // A 204 that is only relabelled has nothing to spoil.
      ...twice({ content_type: '1 ok', omit: '1 ok', replace: '1 ok' }),
      ...twice({
        flood: '1 ATLAS_PROTOCOL',
        garbage: '1 ATLAS_PROTOCOL',
        echo: '1 ATLAS_PROTOCOL',
        redirect: '1 ATLAS_PROTOCOL',
      }),
    });
  });
});

describe('a passing failure', () => {
  test.each(['list_keys', 'delete_key'] as const)('of %s is not noticed', async (operation) => {
    const sandbox = await sandboxFor();
    const { apiKeyId } = sandbox.addKey(PROJECT, { name: 'Key' });
    sandbox.inject({ operation, when: 'before', times: 2, kind: 'status', status: 500 });
    expect((await CALLS[operation](connectByToken(sandbox), apiKeyId)).ok).toBe(true);
    expect(log(sandbox)).toEqual([
      `${operation} 500`,
      `${operation} 500`,
      `${operation} ${operation === 'list_keys' ? 200 : 204}`,
    ]);
  });

  test.each([400, 402, 403, 404, 409, 422])('is not what a %i is: no call is sent again', async (status) => {
    const sandbox = await sandboxFor();
    sandbox.inject({
      operation: 'any',
      when: 'before',
      times: 99,
      kind: 'status',
      status,
      headers: { 'retry-after': '0' },
    });
    const atlas = connectByToken(sandbox);
    for (const call of Object.values(CALLS)) failureOf(await call(atlas, 'a86r5kwrfsk5r5ku5tgvhmpj'));
    expect(log(sandbox)).toEqual([`list_keys ${status}`, `create_key ${status}`, `delete_key ${status}`]);
  });
});

describe('a rate limit', () => {
  const LIMITED = { when: 'before', kind: 'status', status: 429, errorCode: 'RATE_LIMITED' } as const;
  const after = (seconds: string) => ({ ...LIMITED, headers: { 'retry-after': seconds } });
  const times = (status: number, count: number, operation: Operation) =>
    Array.from({ length: count }, () => `${operation} ${status}`);

  test.each([
    ['list_keys', 'an absent Retry-After', LIMITED, 200],
    ['list_keys', 'Retry-After: 0', after('0'), 200],
    ['list_keys', 'Retry-After: 1', after('1'), 200],
    ['delete_key', 'Retry-After: 0', after('0'), 204],
  ] as const)('of %s with %s passes unnoticed', async (operation, _header, fault, status) => {
    const sandbox = await sandboxFor();
    const { apiKeyId } = sandbox.addKey(PROJECT, { name: 'Key' });
    sandbox.inject({ operation, ...fault });
    expect((await CALLS[operation](connectByToken(sandbox), apiKeyId)).ok).toBe(true);
    expect(log(sandbox)).toEqual([`${operation} 429`, `${operation} ${status}`]);
  });

  test.each([
    ['list_keys', after('0'), 3],
    ['delete_key', after('0'), 3],
    ['list_keys', after('21'), 1],
    ['delete_key', after('21'), 1],
    ['create_key', after('0'), 1],
    ['create_key', LIMITED, 1],
  ] as const)('of %s that stays is a failure in the end (%o: %i requests)', async (operation, fault, count) => {
    const sandbox = await sandboxFor();
    const { apiKeyId } = sandbox.addKey(PROJECT, { name: 'Key' });
    sandbox.inject({ operation, times: 99, ...fault });
    const failure = failureOf(await CALLS[operation](connectByToken(sandbox), apiKeyId));
    expect(failure).toMatchObject({ code: 'ATLAS_RATE_LIMITED', maybeCarriedOut: false });
    expect(log(sandbox)).toEqual(times(429, count, operation));
  });

  test('too many live tokens are not waited for', async () => {
    const sandbox = await sandboxFor();
    const body = JSON.stringify({ error: 'access_denied' });
    sandbox.inject({ operation: 'token', when: 'before', times: 9, kind: 'status', status: 403, body });
    expect(failureOf(await connect(sandbox, serviceAccountOf(sandbox)).listKeys(PROJECT)).code).toBe(
      'ATLAS_RATE_LIMITED',
    );
    expect(log(sandbox)).toEqual(['token 403']);
  });

  test('is not waited for by a caller who leaves', async () => {
    const sandbox = await sandboxFor();
    const controller = new AbortController();
    sandbox.inject({ operation: 'list_keys', times: 99, ...after('5') });
    const listing = connectByToken(sandbox).listKeys(PROJECT, controller.signal);
    setTimeout(() => {
      controller.abort();
    }, 200);
    const first = await Promise.race([listing, delay(3_000, 'still waiting', { ref: false })]);
    expect(first).toMatchObject({ ok: false, failure: { code: 'ATLAS_RATE_LIMITED' } });
    expect(log(sandbox)).toEqual(['list_keys 429']);
  });
});

describe('where the token has ended', () => {
  async function afterTheEnd(operation: Operation) {
    const sandbox = await sandboxFor();
    const atlas = connect(sandbox, serviceAccountOf(sandbox));
    valueOf(await atlas.listKeys(PROJECT));
    const { apiKeyId } = sandbox.addKey(PROJECT, { name: 'Key' });
    sandbox.expireTokens();
    sandbox.clearRequests();
    const result = await CALLS[operation](atlas, apiKeyId);
    return { sandbox, atlas, result, sent: sandbox.requests.map((request) => request.operation) };
  }

  test.each(['list_keys', 'delete_key'] as const)('%s is sent once more, with a new one', async (operation) => {
    const { result, sent } = await afterTheEnd(operation);
    expect(result.ok).toBe(true);
    expect(sent).toEqual([operation, 'token', operation]);
  });

  test('a create is not: it is not known who refused it. The next one has a new token', async () => {
    const { sandbox, atlas, result, sent } = await afterTheEnd('create_key');
    expect(failureOf(result)).toMatchObject({ code: 'ATLAS_UNAUTHENTICATED', maybeCarriedOut: true });
    expect(sent).toEqual(['create_key']);
    valueOf(await atlas.createKey(NEW_KEY));
    expect(log(sandbox)).toEqual(['create_key 401', 'token 200', 'create_key 201']);
  });
});

describe('a cancelled list', () => {
  async function cancelled(
    when: (sandbox: Simulator, cancel: () => void) => void,
    credentials = (sandbox: Simulator): Credentials => tokenOf(sandbox.credentials.accessToken),
  ) {
    const sandbox = await sandboxFor();
    const controller = new AbortController();
    when(sandbox, () => {
      controller.abort();
    });
    const failure = failureOf(await connect(sandbox, credentials(sandbox)).listKeys(PROJECT, controller.signal));
    return { failure, requests: sandbox.requests.length };
  }

  test('beforehand sends nothing', async () => {
    const { failure, requests } = await cancelled((_sandbox, cancel) => {
      cancel();
    });
    expect(failure).toMatchObject({ code: 'CANCELLED', maybeCarriedOut: false });
    expect(requests).toBe(0);
  });

  test('while it waits is not sent again', async () => {
    const { failure, requests } = await cancelled((sandbox, cancel) => {
      sandbox.inject({ operation: 'list_keys', when: 'before', times: 9, kind: 'stall' });
      setTimeout(cancel, 200);
    });
    expect(failure.code).toBe('CANCELLED');
    expect(requests).toBe(1);
  });

  test('between two tries asks for no token again either', async () => {
    const { failure, requests } = await cancelled((sandbox, cancel) => {
      sandbox.inject({ operation: 'token', when: 'before', times: 9, kind: 'status', status: 503 });
      const timer = setInterval(() => {
        if (sandbox.requests.length === 0) return;
        clearInterval(timer);
        // After the reply, and before the next try.
        setTimeout(cancel, 100);
      }, 5);
    }, serviceAccountOf);
    expect(failure.code).toBe('ATLAS_UNAVAILABLE');
    expect(requests).toBe(1);
  });
});
