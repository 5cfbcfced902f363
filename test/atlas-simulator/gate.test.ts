// A test that stops requests: one of them, or all, in the order that it decides.

import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { FaultKind } from './faults.ts';
import type { Step } from './gate.ts';
import { askToken, call, create, FIRST_PROJECT, KEYS, sandboxFor } from '../sandbox/client.ts';
import { hold } from './hold.ts';

const SCOPE = { cloud: 'ANY', geography: 'ANY' };

describe('one request', () => {
  test('stops before it is carried out, and goes on when told', async () => {
    const sandbox = await sandboxFor();
    const held = hold(sandbox, 'create_key');
    const sent = create(sandbox, { name: 'held', ...SCOPE });
    expect(await held.arrived).toMatchObject({
      operation: 'create_key',
      when: 'before',
      groupId: FIRST_PROJECT,
      name: 'held',
      request: { status: 'none', carriedOut: false },
    });
    expect((await call(sandbox, 'GET', KEYS)).rows).toEqual([]);
    held.go();
    expect((await sent).status).toBe(201);
  });

  test('stops before it is answered, and what it did is seen meanwhile', async () => {
    const sandbox = await sandboxFor();
    const held = hold(sandbox, 'create_key', 'after');
    const sent = create(sandbox);
    expect(await held.arrived).toMatchObject({ when: 'after', status: 201, request: { carriedOut: true } });
    expect((await call(sandbox, 'GET', KEYS)).rows).toHaveLength(1);
    held.go();
    expect((await sent).json).toMatchObject({ name: 'n', secret: sandbox.keys()[0]?.secret });
  });

  test.each(['before', 'after'] as const)('loses its reply %s the act', async (when) => {
    const sandbox = await sandboxFor();
    const held = hold(sandbox, 'create_key', when);
    const sent = create(sandbox);
    await held.arrived;
    held.drop();
    await expect(sent).rejects.toThrow();
    expect(sandbox.keys()).toHaveLength(when === 'after' ? 1 : 0);
    expect(sandbox.requests).toMatchObject([{ status: 'reset', carriedOut: when === 'after' }]);
  });

  test('stops with its refusal in hand too, and its answer may be any fault', async () => {
    const sandbox = await sandboxFor();
    const held = hold(sandbox, 'get_key', 'after');
    const sent = call(sandbox, 'GET', `${KEYS}/none`);
    expect(await held.arrived).toMatchObject({ apiKeyId: 'none', status: 404, request: { carriedOut: false } });
    held.answer({ kind: 'status', status: 502, body: 'proxy' });
    expect(await sent).toMatchObject({ status: 502, text: 'proxy' });
  });

  test('is carried out although its sender has left', async () => {
    const sandbox = await sandboxFor();
    const held = hold(sandbox, 'delete_key');
    const { apiKeyId } = sandbox.addKey(FIRST_PROJECT, { name: 'n' });
    const leave = new AbortController();
    const headers = {
      authorization: `Bearer ${sandbox.credentials.accessToken}`,
      accept: 'application/vnd.atlas.2025-03-12+json',
    };
    const url = `${sandbox.baseUrl}/api/atlas/v2${KEYS}/${apiKeyId}`;
    const sent = fetch(url, { method: 'DELETE', headers, signal: leave.signal });
    expect((await held.arrived).apiKeyId).toBe(apiKeyId);
    leave.abort();
    await expect(sent).rejects.toThrow();
    expect(sandbox.keys()).toHaveLength(1);
    held.go();
    await vi.waitFor(() => {
      expect(sandbox.keys()).toEqual([]);
    });
  });

  test('that is never released ends with the sandbox', async () => {
    const sandbox = await sandboxFor();
    const held = hold(sandbox, 'any');
    const sent = create(sandbox);
    await held.arrived;
    await sandbox.close();
    await expect(sent).rejects.toThrow();
  });
});

describe('beside the faults', () => {
  test('what is let go meets the faults that were injected; what is answered leaves them', async () => {
    const sandbox = await sandboxFor();
    sandbox.inject({ operation: 'list_keys', when: 'before', kind: 'status', status: 500 });
    const answers: ('go' | FaultKind)[] = [{ kind: 'status', status: 503 }];
    sandbox.gate = ({ when }) => Promise.resolve(when === 'before' ? (answers.shift() ?? 'go') : 'go');
    const seen = [];
    for (let n = 0; n < 3; n += 1) seen.push((await call(sandbox, 'GET', KEYS)).status);
    expect(seen).toEqual([503, 500, 200]);
  });

  test('without credentials no request is held; the token endpoint can be held', async () => {
    const sandbox = await sandboxFor();
    const seen: string[] = [];
    sandbox.gate = ({ operation, when }) => {
      seen.push(`${operation} ${when}`);
      return Promise.resolve('go');
    };
    await call(sandbox, 'GET', KEYS, { authorization: null });
    await askToken(sandbox);
    expect(seen).toEqual(['token before', 'token after']);
    sandbox.gate = undefined;
    await askToken(sandbox);
    expect(seen).toHaveLength(2);
  });
});

test('a scheduler decides the order of all that is carried out and answered', async () => {
  const property = fc.asyncProperty(
    fc.scheduler(),
    fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 2, maxLength: 4 }),
    async (scheduler, names) => {
      const sandbox = await sandboxFor();
      const carriedOut: string[] = [];
      let arrived = 0;
      sandbox.gate = async ({ when, name = '' }: Step) => {
        if (when === 'after') carriedOut.push(name);
        arrived += 1;
        await scheduler.schedule(Promise.resolve(), `${when} ${name}`);
        return 'go';
      };
      const sent = Promise.all(names.map((name) => create(sandbox, { name, ...SCOPE })));
      await vi.waitFor(() => {
        expect(arrived).toBe(names.length);
      });
      expect(sandbox.keys()).toEqual([]);
      await scheduler.waitFor(sent);
      expect(sandbox.keys().map(({ name }) => name)).toEqual(carriedOut);
      await sandbox.close();
    },
  );
  await fc.assert(property, { numRuns: 15 });
});
