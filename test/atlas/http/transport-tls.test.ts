// TLS and proxies: what is trusted, what goes through a proxy and what does not. Real servers, real certificates, and
// a process of its own for each exchange.

import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildPart } from '../../../build.js';
import { Secret } from '../../../src/secret/secret.ts';
import { closedPort, originOf, transportTo } from '../connection.ts';
import {
  certificateFolder,
  hasOpenssl,
  NAME,
  proxyFor,
  tlsListening,
  tlsServerFor,
  type Tunnelling,
} from './tls-servers.ts';

const THROUGH = { outcome: 'reply', status: 200, body: 'through' };

describe.skipIf(!hasOpenssl && !process.env.CI)('with certificates by openssl', () => {
  const folder = certificateFolder();
  const program = join(folder, 'tls-exchange.cjs');

  beforeAll(async () => {
    writeFileSync(program, await buildPart(join(import.meta.dirname, 'tls-exchange.ts')));
  });

  async function exchanges(baseUrl: string, environment: Record<string, string>, times = 1): Promise<unknown[]> {
    const { stdout } = await promisify(execFile)(process.execPath, [program, baseUrl, String(times)], {
      env: environment,
    });
    const results: unknown = JSON.parse(stdout);
    return Array.isArray(results) ? results.map((result: unknown) => result) : [];
  }

  const trusting = { NODE_EXTRA_CA_CERTS: join(folder, 'cert.pem') };

  test('a trusted certificate is accepted', async () => {
    const { port, requests } = await tlsServerFor(folder);
    expect(await exchanges(`https://127.0.0.1:${port}`, trusting)).toMatchObject([THROUGH]);
    expect(requests).toMatchObject([{ target: '/p?q', headers: { authorization: 'Bearer canary' } }]);
  });

  test('an untrusted one is not, and nothing is sent', async () => {
    const { port, requests } = await tlsServerFor(folder);
    expect(await exchanges(`https://127.0.0.1:${port}`, {})).toEqual([{ outcome: 'not_sent', reason: 'tls' }]);
    expect(requests).toEqual([]);
  });

  test('nor one for another name', async () => {
    const { port, requests } = await tlsServerFor(folder);
    expect(await exchanges(`https://localhost:${port}`, trusting)).toEqual([{ outcome: 'not_sent', reason: 'tls' }]);
    expect(requests).toEqual([]);
  });

  test('nor plain http on a port for https', async () => {
    const { url, arrivals } = await originOf(200, 'plain');
    expect(await exchanges(`https://127.0.0.1:${url.port}`, trusting)).toEqual([
      { outcome: 'not_sent', reason: 'tls' },
    ]);
    expect(arrivals).toEqual([]);
  });

  test.each([true, false])(
    'a server that ends each connection after the handshake meets one a request (proxy: %s)',
    async (proxied) => {
      let handshakes = 0;
      const port = await tlsListening(
        folder,
        () => undefined,
        (socket) => {
          handshakes += 1;
          socket.destroy();
        },
      );
      const proxy = await proxyFor(port);
      const environment = { ...trusting, ...(proxied && { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` }) };
      const results = await exchanges(`https://127.0.0.1:${port}`, environment, 2);
      expect(results.map((result) => JSON.stringify(result)).join()).toMatch(
        /^(?:{"outcome":"(?:lost|not_sent)","reason":"\w+"},?){2}$/,
      );
      expect(handshakes).toBe(2);
    },
  );

  describe('through a proxy', () => {
    test('goes https, in a tunnel that is used again, with the login from the URL for the proxy only', async () => {
      const { port, requests } = await tlsServerFor(folder);
      const proxy = await proxyFor(port);
      const environment = { ...trusting, HTTPS_PROXY: `http://us%40er:p%3Ass%20w@127.0.0.1:${proxy.port}` };
      expect(await exchanges(`https://${NAME}`, environment, 2)).toMatchObject([THROUGH, THROUGH]);
      const login = `Basic ${Buffer.from('us@er:p:ss w').toString('base64')}`;
      expect(proxy.tunnels).toMatchObject([{ target: `${NAME}:443`, headers: { 'proxy-authorization': login } }]);
      expect(proxy.tunnels[0]?.headers).not.toHaveProperty('authorization');
      expect(proxy.requests).toEqual([]);
      expect(requests.map(({ target }) => target)).toEqual(['/p?q', '/p?q']);
      expect(JSON.stringify(requests)).not.toContain('proxy-authorization');
    });

    test('without a login none is sent', async () => {
      const { port } = await tlsServerFor(folder);
      const proxy = await proxyFor(port);
      const environment = { ...trusting, HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` };
      expect(await exchanges(`https://${NAME}:8443`, environment)).toMatchObject([THROUGH]);
      expect(proxy.tunnels.map(({ target }) => target)).toEqual([`${NAME}:8443`]);
      expect(proxy.tunnels[0]?.headers).not.toHaveProperty('proxy-authorization');
    });

    test.each([
      ['an untrusted certificate', `https://${NAME}`, {}],
      ['a certificate for another name', 'https://other.test', trusting],
    ])('%s is refused too', async (_what, baseUrl, trust) => {
      const { port, requests } = await tlsServerFor(folder);
      const proxy = await proxyFor(port);
      const environment = { ...trust, HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` };
      expect(await exchanges(baseUrl, environment)).toEqual([{ outcome: 'not_sent', reason: 'tls' }]);
      expect([proxy.tunnels.length, requests.length]).toEqual([1, 0]);
    });

    test('that speaks TLS itself goes TLS in TLS, and each end has its own name', async () => {
      const { port, requests } = await tlsServerFor(folder);
      const proxy = await proxyFor(port, 'open', folder);
      const environment = { ...trusting, HTTPS_PROXY: `https://user:password@127.0.0.1:${proxy.port}` };
      expect(await exchanges(`https://${NAME}`, environment, 2)).toMatchObject([THROUGH, THROUGH]);
      expect([proxy.tunnels.length, requests.length]).toEqual([1, 2]);
    });

    test.each<[Tunnelling, string]>([
      ['close', 'proxy_closed'],
      ['close when open', 'proxy_closed'],
      ['stall', 'timeout'],
    ])('one connection is made where it does this: %s', async (tunnelling, reason) => {
      const { port, requests } = await tlsServerFor(folder);
      const proxy = await proxyFor(port, tunnelling);
      const environment = { ...trusting, HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`, TIMEOUT_MS: '1500' };
      expect(await exchanges(`https://${NAME}`, environment)).toEqual([{ outcome: 'not_sent', reason }]);
      expect([proxy.connections(), proxy.tunnels.length, requests.length]).toEqual([1, 1, 0]);
    });

    test.each(['http', 'https'])('nothing goes where nobody listens (%s)', async (scheme) => {
      const { port } = await closedPort();
      const environment = { ...trusting, HTTPS_PROXY: `${scheme}://127.0.0.1:${port}` };
      expect(await exchanges(`https://${NAME}`, environment)).toEqual([
        { outcome: 'not_sent', reason: 'proxy_unreachable' },
      ]);
    });

    test('that itself has a certificate for another name, nothing goes at all', async () => {
      const { port, requests } = await tlsServerFor(folder);
      const environment = { ...trusting, HTTPS_PROXY: `https://user:password@localhost:${port}` };
      expect(await exchanges(`https://${NAME}`, environment)).toEqual([{ outcome: 'not_sent', reason: 'proxy_tls' }]);
      expect(requests).toEqual([]);
    });

    test.each([407, 403, 502])(
      'the proxy refuses with %i: not sent, and its login is not in the result',
      async (status) => {
        const { port, requests } = await tlsServerFor(folder);
        const proxy = await proxyFor(port, status);
        const environment = { ...trusting, HTTPS_PROXY: `http://user:secret-of-the-proxy@127.0.0.1:${proxy.port}` };
        expect(await exchanges(`https://${NAME}`, environment)).toEqual([
          { outcome: 'not_sent', reason: 'proxy_refused', proxyStatus: status },
        ]);
        expect([proxy.tunnels.length, requests.length]).toEqual([1, 0]);
      },
    );

    test.each(['127.0.0.1', '*', 'example.com, 127.0.0.1'])('not where NO_PROXY is %j', async (noProxy) => {
      const { port } = await tlsServerFor(folder);
      const proxy = await proxyFor(port);
      const environment = { ...trusting, HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`, NO_PROXY: noProxy };
      expect(await exchanges(`https://127.0.0.1:${port}`, environment)).toMatchObject([THROUGH]);
      expect([proxy.tunnels, proxy.requests]).toEqual([[], []]);
    });

    test('but where NO_PROXY names another host', async () => {
      const { port } = await tlsServerFor(folder);
      const proxy = await proxyFor(port);
      const environment = { ...trusting, HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`, NO_PROXY: 'example.com' };
      expect(await exchanges(`https://127.0.0.1:${port}`, environment)).toMatchObject([THROUGH]);
      expect(proxy.tunnels.map(({ target }) => target)).toEqual([`127.0.0.1:${port}`]);
    });
  });
});

test('plain http, which is loopback, never goes through a proxy', async () => {
  const { url, arrivals } = await originOf(200, 'direct');
  const proxy = await proxyFor(url.port);
  const login = { user: 'user', password: new Secret('password-of-the-proxy') };
  const transport = transportTo(url, { proxy: { url: `http://127.0.0.1:${proxy.port}`, login, noProxy: '' } });
  expect(await transport.send({ method: 'GET', path: '/', headers: {} })).toMatchObject({
    status: 200,
    body: 'direct',
  });
  expect(arrivals).toHaveLength(1);
  expect([proxy.tunnels, proxy.requests]).toEqual([[], []]);
});
