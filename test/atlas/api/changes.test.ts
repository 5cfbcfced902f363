// Calls that change something besides creates: each is sent once, and a failure says truly whether it may have been
// carried out.

import { describe, expect, test } from 'vitest';
import type { Atlas } from '../../../src/atlas/atlas.ts';
import { FAULT_KINDS } from '../../atlas-simulator/faults.ts';
import type { Simulator } from '../../atlas-simulator/simulator.ts';
import {
  connect,
  connectByToken,
  failureOf,
  log,
  PROJECT,
  sandboxFor,
  serviceAccountOf,
  valueOf,
} from '../connection.ts';
import { FAULTS, timeoutFor } from '../fault-samples.ts';

const PLACE = { groupId: PROJECT, cloud: 'ANY', geography: 'ANY', modelGroupName: 'rerank' };

const CHANGES = {
  update_key: (atlas: Atlas, apiKeyId: string) => atlas.renameKey(PROJECT, apiKeyId, 'New name'),
  update_rate_limit: (atlas: Atlas) =>
    atlas.updateRateLimit(PLACE, { requestsPerMinuteLimit: 10, tokensPerMinuteLimit: 10 }),
  reset_rate_limit: (atlas: Atlas) => atlas.resetRateLimits(PLACE),
  reset_rate_limits: (atlas: Atlas) => atlas.resetRateLimits({ groupId: PROJECT }),
} as const;

type Change = keyof typeof CHANGES;

const changes = Object.keys(CHANGES).filter((name): name is Change => name in CHANGES);

async function scene(prepare?: (sandbox: Simulator) => void) {
  const sandbox = await sandboxFor();
  const { apiKeyId } = sandbox.addKey(PROJECT, { name: 'Key' });
  prepare?.(sandbox);
  return { sandbox, apiKeyId };
}

describe.each(changes)('%s', (change) => {
  test.each(FAULT_KINDS.flatMap((kind) => [[kind, 'before'] as const, [kind, 'after'] as const]))(
    'that meets %s %s is sent once, and what may have happened is said',
    async (kind, when) => {
      const { sandbox, apiKeyId } = await scene();
      sandbox.inject({ operation: change, when, times: 99, ...FAULTS[kind] });
      const result = await CHANGES[change](connectByToken(sandbox, { timeoutMs: timeoutFor(kind) }), apiKeyId);
      expect(sandbox.requests.map(({ operation }) => operation)).toEqual([change]);
      if (!result.ok) expect(result.failure.maybeCarriedOut).toBe(true);
      const harmless = kind === 'content_type' || kind === 'replace' || (change !== 'update_key' && kind === 'omit');
      expect(result.ok).toBe(harmless);
    },
  );

  test.each([400, 401, 402, 403, 404, 406, 409, 410, 422, 429])(
    'refused with %i was not carried out',
    async (status) => {
      const { sandbox, apiKeyId } = await scene();
      const refused = { kind: 'status', status, errorCode: 'SOME_CODE', headers: { 'retry-after': '0' } } as const;
      sandbox.inject({ operation: change, when: 'before', times: 99, ...refused });
      // Not `auto`, which would try another version after a 406.
      const atlas = connectByToken(sandbox, { apiVersion: '2025-03-12' });
      expect(failureOf(await CHANGES[change](atlas, apiKeyId)).maybeCarriedOut).toBe(false);
      expect(log(sandbox)).toEqual([`${change} ${status}`]);
    },
  );

  test('without the role for it is refused with the role that is missing', async () => {
    const sandbox = await sandboxFor({ role: 'read_only' });
    const { apiKeyId } = sandbox.addKey(PROJECT, { name: 'Key' });
    const failure = failureOf(await CHANGES[change](connectByToken(sandbox), apiKeyId));
    expect(failure).toMatchObject({ code: 'ATLAS_FORBIDDEN', maybeCarriedOut: false });
    expect(failure.hint).toContain('Project Model Owner');
  });

  const isPost = change.startsWith('reset');

  test.skipIf(isPost)('where the token has ended is sent once more, and carried out once', async () => {
    const { sandbox, apiKeyId } = await scene();
    const atlas = connect(sandbox, serviceAccountOf(sandbox));
    valueOf(await atlas.listKeys(PROJECT));
    sandbox.expireTokens();
    sandbox.clearRequests();
    expect((await CHANGES[change](atlas, apiKeyId)).ok).toBe(true);
    expect(sandbox.requests.map(({ operation }) => operation)).toEqual([change, 'token', change]);
    expect(sandbox.requests.map(({ carriedOut }) => carriedOut)).toEqual([false, true, true]);
  });

  test.each([401, 406, 410, 429])(
    "answered with a %i that is not Atlas's is sent once, and may have been carried out",
    async (status) => {
      const { sandbox, apiKeyId } = await scene();
      const page = { kind: 'status', status, body: '<h1>No</h1>', headers: { 'retry-after': '0' } } as const;
      sandbox.inject({ operation: change, when: 'after', times: 99, ...page });
      expect(failureOf(await CHANGES[change](connectByToken(sandbox), apiKeyId)).maybeCarriedOut).toBe(true);
      expect(log(sandbox)).toEqual([`${change} ${status}`]);
    },
  );
});
