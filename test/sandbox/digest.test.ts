// HTTP digest: what is accepted, what is challenged, and when a nonce is stale.

import { describe, expect, test } from 'vitest';
import type { Simulator } from '../atlas-simulator/simulator.ts';
import { call, digestHeader, KEYS, nonceIn, sandboxFor, type Received } from './client.ts';

const URI = `/api/atlas/v2${KEYS}`;

async function nonceOf(sandbox: Simulator): Promise<string> {
  return nonceIn(await call(sandbox, 'GET', KEYS, { authorization: null }));
}

function send(sandbox: Simulator, parts: Readonly<Record<string, string>>, path = KEYS): Promise<Received> {
  return call(sandbox, 'GET', path, { authorization: digestHeader(sandbox, { uri: URI, ...parts }) });
}

function isStale(reply: Received): boolean {
  return (reply.headers.get('www-authenticate') ?? '').includes('stale=true');
}

test('no credentials: 401 with a challenge as Atlas words it', async () => {
  const sandbox = await sandboxFor();
  const reply = await call(sandbox, 'GET', KEYS, { authorization: null });
  expect(reply.status).toBe(401);
  expect(reply.json).toMatchObject({ error: 401, reason: 'Unauthorized' });
  expect(reply.headers.get('www-authenticate')).toMatch(
    /^Digest realm="MMS Public API", domain="", nonce="[^"]{20,}", algorithm=MD5, qop="auth", stale=false$/,
  );
});

test('a right answer is accepted, and the same nonce again with a higher count', async () => {
  const sandbox = await sandboxFor();
  const nonce = await nonceOf(sandbox);
  expect((await send(sandbox, { nonce })).status).toBe(200);
  expect((await send(sandbox, { nonce, nc: '00000002' })).status).toBe(200);
  expect((await send(sandbox, { nonce, nc: '0000000A' })).status).toBe(200);
});

test('the uri must be the request target, its query included', async () => {
  const sandbox = await sandboxFor();
  const nonce = await nonceOf(sandbox);
  const path = `${KEYS}?itemsPerPage=1`;
  expect((await send(sandbox, { nonce }, path)).status).toBe(401);
  expect((await send(sandbox, { nonce, uri: `${URI}?itemsPerPage=1` }, path)).status).toBe(200);
});

describe('is refused, with a challenge that is not stale', () => {
  test.each<[string, Readonly<Record<string, string>>]>([
    ['a wrong private key', { password: 'wrong' }],
    ['a wrong public key', { username: 'nobodyxx' }],
    ['another realm', { realm: 'elsewhere' }],
    ['another qop', { qop: 'auth-int' }],
    ['a response for another method', { method: 'DELETE' }],
    ['a response for another path', { uri: '/api/atlas/v2/groups' }],
    ['a uri that is not the one of the response', { 'shown uri': '/api/atlas/v2/groups' }],
    ['a public key that is not the one of the response', { 'shown username': 'nobodyxx' }],
    ['a realm that is not the one of the response', { 'shown realm': 'elsewhere' }],
    ['a count that is not a number', { nc: 'zzzzzzzz' }],
    ['no cnonce', { cnonce: '' }],
  ])('%s', async (_what, parts) => {
    const sandbox = await sandboxFor();
    const reply = await send(sandbox, { nonce: await nonceOf(sandbox), ...parts });
    expect(reply.status).toBe(401);
    expect(nonceIn(reply)).not.toBe('');
    expect(isStale(reply)).toBe(false);
  });

  test('wrong keys with an unknown nonce', async () => {
    const sandbox = await sandboxFor();
    const reply = await send(sandbox, { nonce: 'never-given', password: 'wrong' });
    expect([reply.status, isStale(reply)]).toEqual([401, false]);
  });

  test('a Basic header where digest is asked for', async () => {
    const sandbox = await sandboxFor();
    const { publicKey, privateKey } = sandbox.credentials;
    const authorization = `Basic ${btoa(`${publicKey}:${privateKey}`)}`;
    const reply = await call(sandbox, 'GET', KEYS, { authorization });
    expect([reply.status, isStale(reply)]).toEqual([401, false]);
  });
});

describe('is stale', () => {
  test('a nonce that was never given', async () => {
    const sandbox = await sandboxFor();
    const reply = await send(sandbox, { nonce: 'never-given' });
    expect([reply.status, isStale(reply)]).toEqual([401, true]);
    expect((await send(sandbox, { nonce: nonceIn(reply) })).status).toBe(200);
  });

  test('a replay: the same count, or a lower one', async () => {
    const sandbox = await sandboxFor();
    const nonce = await nonceOf(sandbox);
    await send(sandbox, { nonce, nc: '00000005' });
    for (const nc of ['00000005', '00000004']) {
      const reply = await send(sandbox, { nonce, nc });
      expect([reply.status, isStale(reply)]).toEqual([401, true]);
    }
    expect((await send(sandbox, { nonce, nc: '00000006' })).status).toBe(200);
  });

  test('a nonce that is used up', async () => {
    const sandbox = await sandboxFor({ nonceUses: 2 });
    const nonce = await nonceOf(sandbox);
    expect((await send(sandbox, { nonce, nc: '00000001' })).status).toBe(200);
    expect((await send(sandbox, { nonce, nc: '00000002' })).status).toBe(200);
    const reply = await send(sandbox, { nonce, nc: '00000003' });
    expect([reply.status, isStale(reply)]).toEqual([401, true]);
    expect(sandbox.requests.filter(({ carriedOut }) => carriedOut)).toHaveLength(2);
  });
});

test('a key made by digest names the public key as its maker', async () => {
  const sandbox = await sandboxFor();
  const nonce = await nonceOf(sandbox);
  const authorization = digestHeader(sandbox, { nonce, uri: URI, method: 'POST' });
  const body = { name: 'n', cloud: 'ANY', geography: 'ANY' };
  const { json } = await call(sandbox, 'POST', KEYS, { authorization, body });
  expect(json).toMatchObject({ createdBy: sandbox.credentials.publicKey });
});
