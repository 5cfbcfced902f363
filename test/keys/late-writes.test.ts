// A store that carries out a write after nobody waits for it any more: no key is lost by it, and what it may hold is told.

import { expect, onTestFinished, test } from 'vitest';
import type { VaultSpec } from '../../src/config/store-spec.ts';
import { openSinks } from '../../src/sinks/kinds.ts';
import { containing } from '../matching.ts';
import { vaultStandIn } from '../sinks/stores/vault-stand-in.ts';
import { GROUP, benchFor, reconciled } from './bench.ts';

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
  const environment = { VAULT_ADDR: vault.address, VAULT_TOKEN: TOKEN };
  const context = { ...bench.context(), sinks: openSinks(new Map([['store', spec]]), environment) };
  return {
    vault,
    context,
    keys: () => bench.sandbox.keys(GROUP),
    create: () => bench.create('app', { sink: 'store' }, context),
    rotate: () => bench.rotate('app', { sink: 'store' }, context),
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
