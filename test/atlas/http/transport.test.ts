// The transport: what became of a request, and the limits of an exchange. Redirects and TLS have files of their own.

import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import type { Atlas } from '../../../src/atlas/atlas.ts';
import { LARGEST_PAGE_REPLY } from '../../../src/atlas/api/pages.ts';
import type { HttpRequest } from '../../../src/http/transport.ts';
import {
  closedPort,
  connect,
  connectByToken,
  log,
  NEW_KEY,
  originFor,
  originOf,
  PROJECT,
  sandboxFor,
  tcpFor,
  TOKEN,
  transportTo,
  valueOf,
  wholeOf,
} from '../connection.ts';

const GET: HttpRequest = { method: 'GET', path: '/', headers: { authorization: 'Bearer canary-of-the-header' } };
const POST: HttpRequest = { ...GET, method: 'POST', body: '{"name":"n"}' };
const METHODS = [GET, POST, { ...POST, method: 'PATCH' }, { ...GET, method: 'DELETE' }] as const;

describe('a reply', () => {
  test('comes with its status, headers by lower-case name and body; of a repeated header the first', async () => {
    const { url, arrivals } = await originOf(418, 'söme', { 'Retry-After': ['1', '2'], 'X-Other': 'other' });
    const reply = await transportTo(url).send(POST);
    expect(reply).toMatchObject({
      outcome: 'reply',
      status: 418,
      body: 'söme',
      headers: { 'retry-after': '1', 'x-other': 'other' },
    });
    expect(arrivals).toMatchObject([
      { method: 'POST', path: '/', body: POST.body, headers: { authorization: GET.headers.authorization } },
    ]);
  });

  test('keeps every challenge, whether in one header or in several', async () => {
    const { url } = await originOf(401, '', { 'www-authenticate': ['Basic realm="a"', 'Digest realm="b"'] });
    expect(await transportTo(url).send(GET)).toMatchObject({
      headers: { 'www-authenticate': 'Basic realm="a", Digest realm="b"' },
    });
  });

  test('is not an interim one', async () => {
    const { url } = await tcpFor((socket) =>
      socket.write('HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'),
    );
    expect(await transportTo(url).send(GET)).toMatchObject({ outcome: 'reply', status: 200, body: 'ok' });
    const early = await tcpFor((socket) => socket.write('HTTP/1.1 103 Early Hints\r\n\r\n', () => socket.destroy()));
    expect(await transportTo(early.url).send(GET)).toEqual({ outcome: 'lost', reason: 'connection' });
  });

  test.each([
    ['a length', 'Content-Length: 100\r\n\r\n{"apiKeyId"'],
    ['chunks', 'Transfer-Encoding: chunked\r\n\r\nb\r\n{"apiKeyId"\r\n'],
  ])('that breaks off has a status and no body (%s)', async (_form, rest) => {
    const { url } = await tcpFor((socket) => socket.write(`HTTP/1.1 201 Created\r\n${rest}`, () => socket.destroy()));
    const reply = await transportTo(url).send(POST);
    expect(reply).toMatchObject({ outcome: 'reply', status: 201, body: undefined, cut: 'connection' });
  });
});

/** Each compares the whole value, so that no message or cause of the HTTP library comes along. */
describe('without a reply', () => {
  test('a closed port: not sent', async () => {
    expect(await transportTo(await closedPort()).send(POST)).toEqual({ outcome: 'not_sent', reason: 'refused' });
  });

  test('a name that does not resolve: not sent', async () => {
    const transport = transportTo(new URL('http://atlas.invalid'), { timeoutMs: 25_000 });
    expect(await transport.send(POST)).toEqual({ outcome: 'not_sent', reason: 'unresolved' });
  });

  test('a header that no library sends: not sent, and not quoted', async () => {
    const { url, arrivals } = await originOf(200, '');
    const bad = { ...GET, headers: { authorization: 'Bearer canary\r\nx: y' } };
    expect(await transportTo(url).send(bad)).toEqual({ outcome: 'not_sent', reason: 'connection' });
    expect(arrivals).toEqual([]);
  });

  test.each(METHODS)('a reset before the answer: lost, and $method is written once', async (request) => {
    const { url, received } = await tcpFor((socket) => socket.resetAndDestroy());
    expect(await transportTo(url).send(request)).toEqual({ outcome: 'lost', reason: 'connection' });
    expect(received()).toBe(1);
  });

  test.each(METHODS)(
    'an end without an answer, on a connection that was good before: lost, and $method is written once',
    async (request) => {
      const { url, received } = await tcpFor((socket, count) =>
        count === 1 ? socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok') : socket.end(),
      );
      const transport = transportTo(url);
      expect(await transport.send(GET)).toMatchObject({ status: 200 });
      expect(await transport.send(request)).toEqual({ outcome: 'lost', reason: 'connection' });
      expect(received()).toBe(2);
    },
  );

  test.each([
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['a head without end', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}`],
    ['an upgrade', 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n'],
  ])('%s: lost', async (_what, bytes) => {
    const { url, received } = await tcpFor((socket) => socket.write(bytes));
    expect(await transportTo(url).send(POST)).toEqual({ outcome: 'lost', reason: 'connection' });
    expect(received()).toBe(1);
  });

  test('a closed transport: not sent; one that is closed meanwhile: lost', async () => {
    let arrived = () => undefined as unknown;
    const waiting = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const { url } = await originFor(() => arrived());
    const transport = transportTo(url);
    const pending = transport.send(POST);
    await waiting;
    await transport.close();
    expect(await pending).toEqual({ outcome: 'lost', reason: 'connection' });
    expect(await transport.send(POST)).toEqual({ outcome: 'not_sent', reason: 'connection' });
  });
});

describe('the time limit', () => {
  test('ends a wait for an answer: lost', async () => {
    const { url, arrivals } = await originFor(() => undefined);
    expect(await transportTo(url, { timeoutMs: 200 }).send(POST)).toEqual({ outcome: 'lost', reason: 'timeout' });
    expect(arrivals).toHaveLength(1);
  });

  test('ends a body that never ends, however lively it is', async () => {
    const { url } = await originFor((response) => {
      const timer = setInterval(() => response.write('x'), 10);
      response.on('close', () => {
        clearInterval(timer);
      });
    });
    const reply = await transportTo(url, { timeoutMs: 300 }).send(GET);
    expect(reply).toMatchObject({ outcome: 'reply', status: 200, body: undefined, cut: 'timeout' });
  });

  test('ends a TLS handshake that never ends: not sent', async () => {
    const { url } = await tcpFor(() => undefined);
    const transport = transportTo(new URL(`https://127.0.0.1:${url.port}`), { timeoutMs: 200 });
    expect(await transport.send(POST)).toEqual({ outcome: 'not_sent', reason: 'timeout' });
  });
});

describe('a signal', () => {
  test('that was given before: not sent', async () => {
    const { url, arrivals } = await originOf(200, '');
    expect(await transportTo(url).send(GET, AbortSignal.abort())).toEqual({ outcome: 'not_sent', reason: 'cancelled' });
    expect(arrivals).toEqual([]);
  });

  test('before the connection is there: not sent, then neither', async () => {
    const { url, arrivals } = await originOf(200, '');
    const cancel = new AbortController();
    const transport = transportTo(url);
    const sending = transport.send(GET, cancel.signal);
    cancel.abort();
    expect(await sending).toEqual({ outcome: 'not_sent', reason: 'cancelled' });
    await transport.send({ ...GET, path: '/later' });
    expect(arrivals.map(({ path }) => path)).toEqual(['/later']);
  });

  test('while waiting: lost', async () => {
    const cancel = new AbortController();
    const { url } = await originFor(() => {
      cancel.abort();
    });
    expect(await transportTo(url).send(GET, cancel.signal)).toEqual({ outcome: 'lost', reason: 'cancelled' });
  });

  test('is not listened to after the reply', async () => {
    const { url } = await originOf(200, '');
    const { signal } = new AbortController();
    await transportTo(url).send(GET, signal);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

describe('the cap on the size of a reply', () => {
  test.each([
    ['by default', {}, 256 * 1024],
    ['of a page', { largestReply: LARGEST_PAGE_REPLY }, 8 * 1024 * 1024],
    ['of the request', { largestReply: 10 }, 10],
  ])('%s lets the largest reply through and nothing more', async (_which, limit, size) => {
    const { url } = await originFor((response, { path }) => response.end('x'.repeat(size + Number(path.slice(1)))));
    const transport = transportTo(url);
    const largest = await transport.send({ ...GET, ...limit, path: '/0' });
    expect(largest.outcome === 'reply' && largest.body?.length).toBe(size);
    const larger = await transport.send({ ...GET, ...limit, path: '/1' });
    expect(larger).toMatchObject({ outcome: 'reply', status: 200, body: undefined });
    expect(larger).not.toHaveProperty('cut');
  });

  test.each([
    ['a list', 200, (atlas: Atlas) => atlas.listKeys(PROJECT), 'ok'],
    ['a read', 200, (atlas: Atlas) => atlas.getKey({ groupId: PROJECT }, 'id'), 'ATLAS_PROTOCOL'],
  ] as const)('is high only for %s', async (_call, status, call, expected) => {
    const padding = 'x'.repeat(2 * 256 * 1024);
    const { url } = await originOf(status, {
      apiKeyId: 'id',
      secret: 'al-0123456789abcdefghijABCD',
      results: [],
      padding,
    });
    const result = await call(connect(url, TOKEN));
    expect(result.ok ? 'ok' : result.failure.code).toBe(expected);
  });

  test('ends a reply that never ends: what is sent, and so what is kept, stays near the cap', async () => {
    let sent = 0;
    const chunk = Buffer.alloc(65_536, 'x');
    const { url } = await originFor((response) => {
      const more = () => {
        while (!response.destroyed && response.write(chunk)) sent += chunk.length;
        sent += chunk.length;
      };
      response.on('drain', more);
      more();
    });
    const reply = await transportTo(url).send({ ...GET, largestReply: LARGEST_PAGE_REPLY });
    expect(reply).toMatchObject({ outcome: 'reply', status: 200, body: undefined });
    expect(sent).toBeGreaterThan(LARGEST_PAGE_REPLY);
    expect(sent).toBeLessThan(4 * LARGEST_PAGE_REPLY);
  });

  test('holds for a flood of half a gigabyte from Atlas, and memory does not grow with it', async () => {
    const sandbox = await sandboxFor();
    sandbox.inject({ operation: 'list_keys', when: 'before', kind: 'flood', bytes: 512 * 1024 * 1024 });
    const before = process.memoryUsage.rss();
    const result = await connectByToken(sandbox).listKeys(PROJECT);
    expect(result).toMatchObject({ ok: false, failure: { code: 'ATLAS_PROTOCOL' } });
    expect(process.memoryUsage.rss() - before).toBeLessThan(200 * 1024 * 1024);
  });
});

test('several calls share one connection', async () => {
  const sandbox = await sandboxFor();
  const atlas = connectByToken(sandbox);
  const { key } = wholeOf(await atlas.createKey(NEW_KEY));
  valueOf(await atlas.listKeys(PROJECT));
  valueOf(await atlas.deleteKey(PROJECT, key.apiKeyId));
  expect(log(sandbox)).toEqual(['create_key 201', 'list_keys 200', 'delete_key 204']);
  expect(sandbox.requests.map(({ connection }) => connection)).toEqual([1, 1, 1]);
});
