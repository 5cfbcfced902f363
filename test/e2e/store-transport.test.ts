// The file that ships and a store behind a proxy: a Vault over TLS whose name only the proxy knows, and whose certificate only the
// setting of that store makes good. No redirect is followed, no plain http leaves the machine, no credential comes out.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { certificateFolder, hasOpenssl, NAME, proxyFor, tlsGatewayFor } from '../atlas/http/tls-servers.ts';
import { leaksIn } from '../canary.ts';
import { containing } from '../matching.ts';
import { ROLE, vaultStandIn } from '../sinks/stores/vault-stand-in.ts';
import { atlasAndHome, startHost } from './host.ts';
import { errorOf, structuredOf } from './result.ts';
import { CREATE, GROUP } from './scene.ts';

const TOKEN = 'canary-token-of-a-store-0123456789';
const PASSWORD = 'password-of-the-proxy-0123456789';

describe.skipIf(!hasOpenssl && !process.env.CI)('with certificates by openssl', () => {
  const folder = certificateFolder();

  async function behindProxy(env: Readonly<Record<string, string>> = {}, more: object = {}) {
    const { sandbox, home, env: credentials } = await atlasAndHome();
    const vault = await vaultStandIn(TOKEN);
    onTestFinished(() => vault.close());
    const proxy = await proxyFor(await tlsGatewayFor(folder, vault.address));
    writeFileSync(join(home, 'token'), `${TOKEN}\n`, { mode: 0o600 });
    const store = { type: 'vault', mount: 'secret', path: 'apps/{entry}', field: 'KEY', ...more };
    const host = await startHost({
      home,
      env: {
        ...credentials,
        ATLAS_MODEL_KEYS_SINKS: JSON.stringify({ store }),
        VAULT_ADDR: `https://${NAME}`,
        VAULT_TOKEN_FILE: join(home, 'token'),
        VAULT_CACERT: join(folder, 'cert.pem'),
        HTTPS_PROXY: `http://agent:${PASSWORD}@127.0.0.1:${proxy.port}`,
        ...env,
      },
    });
    onTestFinished(() => {
      const { stdout, stderr } = host.output();
      const secrets = [TOKEN, PASSWORD, ROLE.secret, ...sandbox.keys(GROUP).map(({ secret }) => secret)];
      expect(leaksIn(stdout + stderr, secrets)).toEqual([]);
    });
    const refusal = async () => {
      const error = errorOf(await host.call(CREATE, { groupId: GROUP, name: 'never' }));
      expect(sandbox.keys(GROUP)).toEqual([]);
      return error;
    };
    return { sandbox, vault, proxy, host, refusal };
  }

  test.each<[string, Record<string, string>, object]>([
    ['by VAULT_CACERT', {}, {}],
    ['by the setting of the sink', { VAULT_CACERT: '/nowhere' }, { caFile: join(folder, 'cert.pem') }],
    ['with AppRole', { VAULT_TOKEN_FILE: '', VAULT_ROLE_ID: ROLE.id, VAULT_SECRET_ID: ROLE.secret }, {}],
  ])('a key is delivered through the proxy, with the certificates of that store: %s', async (_how, env, more) => {
    const { vault, proxy, host } = await behindProxy(env, more);
    const created = structuredOf(await host.call(CREATE, { groupId: GROUP, name: 'through' }));
    expect(created).toMatchObject({ outcome: 'delivered', delivery: { verification: 'read-back' } });
    expect(vault.current('apps/through')).toMatchObject({ KEY: containing('al-') });
    expect(new Set(proxy.tunnels.map(({ target }) => target))).toEqual(new Set([`${NAME}:443`]));
    expect(vault.calls.filter(({ headers }) => 'proxy-authorization' in headers)).toEqual([]);
  });

  test('what NO_PROXY names does not use it', async () => {
    const { proxy, refusal } = await behindProxy({ NO_PROXY: NAME });
    expect(await refusal()).toMatchObject({ code: 'SINK_NOT_READY', message: containing('could not be resolved') });
    expect(proxy.connections()).toBe(0);
  });

  test('without its certificates nothing is sent to it', async () => {
    const { vault, refusal } = await behindProxy({ VAULT_CACERT: '' });
    expect(await refusal()).toMatchObject({
      code: 'SINK_NOT_READY',
      message: containing('no certificate that is trusted'),
    });
    expect(vault.calls).toEqual([]);
  });

  test('a redirect is not followed, wherever it points', async () => {
    const { vault, proxy, refusal } = await behindProxy();
    const location = `https://elsewhere.test/v1/secret/data/apps/never`;
    vault.fault = ({ path }) => (path.includes('/data/') ? { status: 307, headers: { location } } : undefined);
    expect(await refusal()).toMatchObject({ code: 'SINK_NOT_READY', message: containing('no redirect is followed') });
    expect(new Set(proxy.tunnels.map(({ target }) => target))).toEqual(new Set([`${NAME}:443`]));
  });

  test('plain http is for loopback only', async () => {
    const { proxy, refusal } = await behindProxy({ VAULT_ADDR: `http://${NAME}` });
    expect(await refusal()).toMatchObject({ code: 'SINK_NOT_READY', hint: containing('http on loopback') });
    expect(proxy.connections()).toBe(0);
  });

  test('a store that does not answer is given up, and no key is made', async () => {
    const { vault, refusal } = await behindProxy({}, { timeoutMs: 500 });
    vault.fault = () => 'slow';
    expect(await refusal()).toMatchObject({ code: 'SINK_NOT_READY', message: containing('did not answer in time') });
  });
});
