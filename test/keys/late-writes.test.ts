// What a store does otherwise than it said, or at another place: a write is carried out after nobody waits for it any more, or is
// refused and carried out; a sink leads to another store than before. No key and nobody's value is lost by it, and what the store may
// hold is told.

import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { VaultSpec } from '../../src/config/store-spec.ts';
import { rotateKey } from '../../src/keys/rotate.ts';
import { openSinks } from '../../src/sinks/kinds.ts';
import { holdsSecretOf } from '../../src/keys/sink-choice.ts';
import { fingerprintOf } from '../../src/secret/opened-secret.ts';
import { Secret } from '../../src/secret/secret.ts';
import { containing, matching } from '../matching.ts';
import { vaultStandIn } from '../sinks/stores/vault-stand-in.ts';
import { GROUP, benchFor, quiet, reconciled } from './bench.ts';

const TOKEN = 'canary-token-of-a-store-0123456789';

async function late() {
  const bench = await benchFor();
  const vault = await vaultStandIn(TOKEN);
  onTestFinished(() => vault.close());
  let carryOut: () => void = () => undefined;
  vault.later = () =>
    new Promise((resolve) => {
      carryOut = resolve;
    });
  const spec: VaultSpec = { type: 'vault', mount: 'secret', path: 'app', field: 'KEY', timeoutMs: 400 };
  const sinksAt = (address: string) =>
    openSinks(new Map([['store', spec]]), { VAULT_ADDR: address, VAULT_TOKEN: TOKEN });
  const context = { ...bench.context(), sinks: sinksAt(vault.address) };
  return {
    vault,
    context,
    sandbox: bench.sandbox,
    keys: () => bench.sandbox.keys(GROUP),
    create: () => bench.create('app', { sink: 'store' }, context),
    sinksAt,
    rotate: (sinks = context.sinks) => bench.rotate('app', { sink: 'store' }, { ...context, sinks }),
    reconcile: () => reconciled(context, true),
    beSlow: (isSlow: boolean) => {
      vault.fault = ({ path, method }) => (isSlow && path.includes('/data/') && method !== 'GET' ? 'slow' : undefined);
    },
    carryOut: () => {
      carryOut();
    },
    holds: (secret?: string) => expect.poll(() => vault.current('app')?.KEY).toBe(secret),
  };
}

test('a create is rolled back, and says that the store may hold the secret of the deleted key', async () => {
  const { beSlow, carryOut, create, keys, vault } = await late();
  beSlow(true);
  expect(await create()).toMatchObject({
    failure: {
      code: 'SINK_WRITE_FAILED',
      keyState: 'rolled_back',
      hint: containing('may still hold the secret of that key'),
    },
  });
  expect(keys()).toEqual([]);
  carryOut();
  await expect.poll(() => vault.current('app')).toMatchObject({ KEY: containing('al-') });
});

test('a rotation leaves both keys alive, and reconcile sees which one the store holds', async () => {
  const { beSlow, carryOut, create, rotate, keys, holds, reconcile } = await late();
  await create();
  const [old] = keys();
  await holds(old?.secret);
  beSlow(true);
  expect(await rotate()).toMatchObject({ failure: { code: 'SINK_WRITE_FAILED', keyState: 'unknown' } });
  expect(keys()).toHaveLength(2);
  const made = keys().find(({ apiKeyId }) => apiKeyId !== old?.apiKeyId);
  carryOut();
  await holds(made?.secret);
  beSlow(false);
  expect(await reconcile()).toMatchObject([{ finding: 'delivered' }]);
  expect(keys().map(({ secret }) => secret)).toContain(made?.secret);
});

test.each([500, 503, 520])('a status %i of a write that is carried out afterwards is no proof', async (status) => {
  const { create, rotate, keys, vault, reconcile } = await late();
  await create();
  const [old] = keys();
  vault.fault = ({ path, method }) => {
    if (!path.includes('/data/') || method === 'GET') return undefined;
    return { status, body: { errors: ['context deadline exceeded'] } };
  };
  expect(await rotate()).toMatchObject({ failure: { code: 'SINK_WRITE_FAILED', keyState: 'unknown' } });
  const made = keys().find(({ apiKeyId }) => apiKeyId !== old?.apiKeyId);
  vault.fault = () => undefined;
  vault.put('app', { KEY: made?.secret });
  expect(await reconcile()).toMatchObject([{ finding: 'delivered' }]);
  expect(keys().map(({ secret }) => secret)).toEqual(expect.arrayContaining([old?.secret, made?.secret]));
});

describe('a sink that leads elsewhere than when the secret was sent', () => {
  test('by another address: the key of a create or a rotation stays, and a person is told', async () => {
    for (const isRotation of [false, true]) {
      const { create, rotate, keys, vault, context, sinksAt } = await late();
      if (isRotation) await create();
      vault.fault = ({ path, method }) => (path.includes('/data/') && method !== 'GET' ? 'reset after' : undefined);
      vault.afterwards = ({ path, method }) => {
        if (!path.includes('/data/') || method === 'GET') return;
        vault.fault = ({ path }) => (path.includes('/data/') ? { status: 503, body: {} } : undefined);
      };
      expect(await (isRotation ? rotate() : create())).toMatchObject({ failure: { keyState: 'unknown' } });
      const before = keys();
      const other = await vaultStandIn(TOKEN);
      onTestFinished(() => other.close());
      for (const apply of [false, true])
        expect(await reconciled({ ...context, sinks: sinksAt(other.address) }, apply)).toMatchObject([
          { finding: 'unknown', advice: containing('leads elsewhere') },
        ]);
      expect(keys()).toEqual(before);
    }
  });

  test('by another path of a file', async () => {
    const bench = await benchFor();
    const at = (name: string) =>
      openSinks(new Map([['file', { type: 'file', path: join(bench.folder, name, '{entry}') }]]), {});
    await bench.create('app', { sink: 'file', entry: 'app' }, { ...bench.context(), sinks: at('one') });
    const [made] = bench.sandbox.keys(GROUP);
    const [intent] = await bench.intents();
    if (!made || !intent) return expect.fail('no key');
    const fingerprint = fingerprintOf(new Secret(made.secret));
    const killed = { ...intent, state: { step: 'created', apiKeyId: made.apiKeyId, fingerprint } } as const;
    expect(await holdsSecretOf(at('one'), killed)).toBe('yes');
    expect(await holdsSecretOf(at('two'), killed)).toBe('unknown');
    expect(await holdsSecretOf(at('two'), { ...killed, place: undefined })).toBe('no');
  });
});

test('why a write was in doubt is said, beside what was seen of it', async () => {
  const { create, vault } = await late();
  vault.fault = ({ path, method }) =>
    path.includes('/data/') && method !== 'GET' ? { status: 502, body: {} } : undefined;
  expect(await create()).toMatchObject({
    failure: { message: matching(/status 502.*holds nothing/), hint: containing('may still hold the secret') },
  });
});

test('a write that is carried out once its key could not be deleted is taken back with the key', async () => {
  const { beSlow, carryOut, create, keys, vault, reconcile, sandbox } = await late();
  beSlow(true);
  const denied = { kind: 'status', status: 403, errorCode: 'USER_UNAUTHORIZED' } as const;
  sandbox.inject({ operation: 'delete_key', when: 'before', times: 9, ...denied });
  expect(await create()).toMatchObject({ failure: { keyState: 'orphaned' } });
  carryOut();
  await expect.poll(() => vault.current('app')).toMatchObject({ KEY: containing('al-') });
  beSlow(false);
  sandbox.clearFaults();
  expect(await reconcile()).toMatchObject([{ finding: 'deleted' }]);
  expect(keys()).toEqual([]);
  expect(vault.current('app')).toBeUndefined();
});

describe('where the store shows no value', () => {
  const WRITES = ['create', 'update', 'patch', 'read metadata'];
  const OTHERS = { KEY: 'the only copy of somebody else' };

  test('a rotation leaves what another store has at the same path, in the same version', async () => {
    const { create, rotate, vault, sinksAt } = await late();
    vault.tokens.set(TOKEN, WRITES);
    expect(await create()).toMatchObject({ delivery: { verification: 'metadata' } });
    const other = await vaultStandIn(TOKEN, WRITES);
    onTestFinished(() => other.close());
    other.put('app', OTHERS);
    expect(await rotate(sinksAt(other.address))).toMatchObject({ failure: { code: 'SINK_ENTRY_EXISTS' } });
    expect(other.current('app')).toEqual(OTHERS);
  });

  test('a rotation leaves a version that only a look has named since', async () => {
    const { context, create, rotate, keys, vault, reconcile } = await late();
    await create();
    const [old] = keys();
    vault.fault = ({ path, method }) =>
      path.includes('/data/') && method !== 'GET' ? { status: 500, body: { errors: ['canceled'] } } : undefined;
    expect(await rotate()).toMatchObject({ failure: { keyState: 'unknown' } });
    const made = keys().find(({ apiKeyId }) => apiKeyId !== old?.apiKeyId) ?? expect.fail('no new key');
    vault.fault = () => undefined;
    vault.put('app', { KEY: made.secret });
    expect(await reconcile()).toMatchObject([{ finding: 'delivered' }]);
    vault.put('app', OTHERS);
    vault.tokens.set(TOKEN, WRITES);
    const { apiKeyId, name } = keys().find((key) => key.apiKeyId === made.apiKeyId) ?? expect.fail('it is gone');
    const request = { groupId: GROUP, apiKeyId, confirmName: name, sink: 'store', keepOld: false, dryRun: false };
    expect(await rotateKey(context, request, quiet())).toMatchObject({ failure: { code: 'SINK_ENTRY_EXISTS' } });
    expect(vault.current('app')).toEqual(OTHERS);
  });

  test('a rotation leaves a version that is not the one that was read back once', async () => {
    const { create, rotate, vault } = await late();
    vault.fault = ({ path, method }) => (path.includes('/data/') && method !== 'GET' ? 'reset after' : undefined);
    expect(await create()).toMatchObject({ delivery: { verification: 'read-back' } });
    vault.fault = () => undefined;
    vault.put('app', OTHERS);
    vault.tokens.set(TOKEN, WRITES);
    expect(await rotate()).toMatchObject({ failure: { code: 'SINK_ENTRY_EXISTS' } });
    expect(vault.current('app')).toEqual(OTHERS);
  });
});
