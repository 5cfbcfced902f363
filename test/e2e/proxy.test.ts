// The file that ships behind a real proxy: a host starts it with HTTPS_PROXY, and Atlas is a TLS server whose name only the
// proxy knows and whose certificate only NODE_EXTRA_CA_CERTS makes good.

import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { sandboxFor } from '../atlas-simulator/sandbox-for.ts';
import {
  certificateFolder,
  hasOpenssl,
  NAME,
  proxyFor,
  tlsGatewayFor,
  type Proxy,
  type Tunnelling,
} from '../atlas/http/tls-servers.ts';
import { leaksIn } from '../canary.ts';
import { credentialsFor, startHost, temporaryHome } from './host.ts';
import { errorOf, structuredOf } from './result.ts';
import { CREATE, GROUP } from './scene.ts';

const LIST = 'list_ai_model_api_keys';
const PASSWORD = 'password-of-the-proxy-0123456789';
const LOGIN = `agent:${PASSWORD}@`;

describe.skipIf(!hasOpenssl && !process.env.CI)('with certificates by openssl', () => {
  const folder = certificateFolder();

  async function behindProxy(tunnelling: Tunnelling = 'open', env: Readonly<Record<string, string>> = {}) {
    const sandbox = await sandboxFor();
    const proxy = await proxyFor(await tlsGatewayFor(folder, sandbox.baseUrl), tunnelling);
    const host = await startHost({
      home: temporaryHome(),
      env: {
        ...credentialsFor(sandbox),
        MONGODB_ATLAS_BASE_URL: `https://${NAME}`,
        NODE_EXTRA_CA_CERTS: join(folder, 'cert.pem'),
        HTTPS_PROXY: `http://${LOGIN}127.0.0.1:${proxy.port}`,
        ...env,
      },
    });
    onTestFinished(() => {
      const { stdout, stderr } = host.output();
      expect(leaksIn(stdout + stderr, [PASSWORD])).toEqual([]);
    });
    return { sandbox, proxy, host };
  }

  test('a key is created, in one tunnel, with the login for the proxy only', async () => {
    const { sandbox, proxy, host } = await behindProxy();
    const created = structuredOf(await host.call(CREATE, { groupId: GROUP, name: 'through' }));
    expect(created).toMatchObject({ outcome: 'delivered' });
    expect(sandbox.keys(GROUP)).toHaveLength(1);
    expect(proxy.tunnels.map(({ target }) => target)).toEqual([`${NAME}:443`]);
    expect(proxy.requests).toEqual([]);
    expect(sandbox.requests.filter(({ headers }) => 'proxy-authorization' in headers)).toEqual([]);
  });

  test('calls side by side each have their reply', async () => {
    const { sandbox, host } = await behindProxy();
    const calls = Array.from({ length: 8 }, () => host.call(LIST, { groupId: GROUP }));
    expect((await Promise.all(calls)).filter(({ isError }) => isError)).toEqual([]);
    expect(sandbox.requests.filter(({ operation }) => operation === 'list_keys')).toHaveLength(8);
  });

  test('what NO_PROXY names does not use it', async () => {
    const { proxy, host } = await behindProxy('open', { NO_PROXY: `.example.com, ${NAME}` });
    const { message, hint } = errorOf(await host.call(LIST, { groupId: GROUP }));
    // The name is unknown to any resolver.
    expect(message).toContain('could not be resolved');
    expect(hint).toContain('HTTPS_PROXY');
    expect(proxy.connections()).toBe(0);
  });

  describe('a proxy that does not open the tunnel', () => {
    const failed = async (tunnelling: Tunnelling) => {
      const { sandbox, proxy, host } = await behindProxy(tunnelling);
      const results = [
        await host.call(LIST, { groupId: GROUP }),
        await host.call(CREATE, { groupId: GROUP, name: 'never' }),
      ];
      expect(sandbox.requests).toEqual([]);
      return { errors: results.map(errorOf), attempts: attemptsAt(proxy) };
    };

    test.each<[Tunnelling, string, number]>([
      [407, 'wants a user name and a password', 1],
      [403, 'does not allow', 1],
      [503, 'status 503', 3],
    ])('but says %s: it is named, with the variables to look at', async (status, words, tries) => {
      const { errors, attempts } = await failed(status);
      for (const error of errors) {
        expect(error.code).toBe('ATLAS_UNAVAILABLE');
        expect(error.keyState).toMatch(/^not_/);
        expect(error.message).toMatch(/^The proxy /);
        expect(error.message).toContain(words);
        expect(error.hint).toMatch(/HTTPS_PROXY.*NO_PROXY/);
      }
      expect(attempts).toBe(2 * tries);
    });

    test.each<Tunnelling>(['close', 'close when open'])(
      'but does this: %s. A few connections are made',
      async (tunnelling) => {
        const { errors, attempts } = await failed(tunnelling);
        for (const error of errors) {
          expect(error.code).toBe('ATLAS_UNAVAILABLE');
          expect(error.keyState).toMatch(/^not_/);
          expect(error.hint).toContain('HTTPS_PROXY');
        }
        expect(attempts).toBe(6);
      },
    );
  });
});

function attemptsAt(proxy: Proxy): number {
  expect(proxy.connections()).toBe(proxy.tunnels.length);
  return proxy.tunnels.length;
}
