// The contract of sinks against a Vault or OpenBao that is really there: VAULT_ADDR says where it is, with whatever else its command
// line takes (VAULT_TOKEN, VAULT_NAMESPACE, VAULT_CACERT). Many a shell has these, so nothing is touched unless
// ATLAS_MODEL_KEYS_TEST_VAULT_MOUNT names an engine of version 2 that tests may write to. All that is written is removed again.

import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { openSecret } from '../../../src/secret/secret.ts';
import { caOf, createClient, isSuccess, objectAt, textAt } from '../../../src/sinks/stores/store-client.ts';
import { namespaceOf, vaultToken } from '../../../src/sinks/stores/vault-login.ts';
import type { VaultSpec } from '../../../src/config/store-spec.ts';
import { describeContract, type Store } from '../contract.ts';
import { sinkOf } from './store-kinds.ts';

const MOUNT = 'ATLAS_MODEL_KEYS_TEST_VAULT_MOUNT';
const { VAULT_ADDR: address = '', [MOUNT]: mount = '' } = process.env;
const environment = Object.fromEntries(Object.entries(process.env).map(([name, value = '']) => [name, value]));

if (address === '' || mount === '') {
  describe('a live Vault', () => {
    test.skip(`(VAULT_ADDR and ${MOUNT} are not both set)`, () => undefined);
  });
} else describeContract({ name: 'a live Vault', verification: 'read-back', isRetracting: true, open });

async function open(): Promise<Store> {
  const path = `atlas-model-keys-test/${randomUUID()}`;
  const spec: VaultSpec = { type: 'vault', mount, path, field: 'KEY', timeoutMs: 10_000 };
  const tls = await caOf(environment.VAULT_CACERT, 'VAULT_CACERT');
  const client = createClient({
    store: 'Vault',
    address,
    timeoutMs: 10_000,
    tls: tls.ok ? tls.value : undefined,
    environment,
  });
  const token = client.ok ? await vaultToken(client.value, spec, environment).get() : client;
  if (!client.ok || !token.ok) return expect.fail('VAULT_ADDR or its token cannot be used.');
  const ask = async (method: 'GET' | 'POST' | 'DELETE', kind: 'data' | 'metadata', body?: object) => {
    const headers = { ...namespaceOf(spec, environment), 'x-vault-token': openSecret(token.value) };
    const at = `/v1/${mount}/${kind}/${path}`;
    const answer = await client.value.send({ method, path: at, headers, ...(body && { body: JSON.stringify(body) }) });
    return isSuccess(answer) ? objectAt(answer.body, 'data', 'data') : undefined;
  };
  return {
    sink: sinkOf(`vault:${mount}/${path}#KEY`, { ...spec }, environment),
    reference: { groupId: '0123456789abcdef01234567' },
    held: async () => textAt(await ask('GET', 'data'), 'KEY'),
    put: async (value) => {
      await ask('POST', 'data', { data: { KEY: value } });
    },
    close: async () => {
      await ask('DELETE', 'metadata');
    },
  };
}
