// The record of requests: what is in it, in which order, over which connection.

import { Agent, request } from 'node:http';
import { expect, test } from 'vitest';
import { bearer, call, create, FIRST_PROJECT, KEYS, sandboxFor, askToken } from '../sandbox/client.ts';

/** One request by node:http, with these headers and no others. */
function get(url: string, agent: Agent, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, headers }, (reply) => {
      reply.resume().on('end', () => {
        resolve(reply.statusCode ?? 0);
      });
    });
    sent.on('error', reject).end();
  });
}

test('every request is there, in order, with what was sent and what was answered', async () => {
  const sandbox = await sandboxFor();
  await askToken(sandbox);
  const body = { name: 'n', cloud: 'ANY', geography: 'ANY' };
  await create(sandbox, body);
  await create(sandbox, '{"name":');
  await call(sandbox, 'GET', `${KEYS}?itemsPerPage=5`);
  await call(sandbox, 'DELETE', `${KEYS}/nothing`);
  await call(sandbox, 'GET', '/elsewhere', { authorization: null });
  const path = `/api/atlas/v2${KEYS}`;
  const token = { operation: 'token', method: 'POST', path: '/api/oauth/token', body: 'grant_type=client_credentials' };
  expect(sandbox.requests).toMatchObject([
    { ...token, status: 200, carriedOut: true },
    { operation: 'create_key', method: 'POST', path, body, status: 201, carriedOut: true },
    { operation: 'create_key', method: 'POST', path, body: '{"name":', status: 400, carriedOut: false },
    { operation: 'list_keys', method: 'GET', path: `${path}?itemsPerPage=5`, status: 200, carriedOut: true },
    { operation: 'delete_key', method: 'DELETE', path: `${path}/nothing`, status: 404, carriedOut: false },
    { operation: 'unknown', method: 'GET', path: '/api/atlas/v2/elsewhere', status: 401, carriedOut: false },
  ]);
  expect(sandbox.requests[1]?.headers).toMatchObject({ authorization: bearer(sandbox) });
  expect(sandbox.requests[3]?.body).toBeUndefined();
});

test('clearing starts a new list and does not change one that was taken before', async () => {
  const sandbox = await sandboxFor();
  await create(sandbox);
  const taken = sandbox.requests;
  sandbox.clearRequests();
  expect([taken.length, sandbox.requests.length]).toEqual([1, 0]);
  await create(sandbox);
  expect([taken.length, sandbox.requests.length]).toEqual([1, 1]);
});

test('requests over one connection share its number', async () => {
  const sandbox = await sandboxFor();
  const headers = { authorization: bearer(sandbox), accept: 'application/vnd.atlas.2025-03-12+json' };
  const url = `${sandbox.baseUrl}/api/atlas/v2/groups/${FIRST_PROJECT}/aiModelApiKeys`;
  const kept = new Agent({ keepAlive: true, maxSockets: 1 });
  const single = new Agent({ keepAlive: false });
  for (const agent of [kept, kept, single, single]) expect(await get(url, agent, headers)).toBe(200);
  kept.destroy();
  expect(sandbox.requests.map(({ connection }) => connection)).toEqual([1, 1, 2, 3]);
});

test('a request without any Accept header is refused', async () => {
  const sandbox = await sandboxFor();
  const agent = new Agent();
  const url = `${sandbox.baseUrl}/api/atlas/v2${KEYS}`;
  expect(await get(url, agent, { authorization: bearer(sandbox) })).toBe(406);
  expect(sandbox.requests[0]?.headers).not.toHaveProperty('accept');
});
