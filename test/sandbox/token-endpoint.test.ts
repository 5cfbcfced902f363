// Tokens: how a service account gets one, how it ends, and what is refused in which shape.

import { describe, expect, test } from 'vitest';
import { TEXT, askToken, basic, call, create, KEYS, sandboxFor } from './client.ts';

test('a token for the id and the secret, which the API then takes', async () => {
  const sandbox = await sandboxFor();
  const reply = await askToken(sandbox);
  expect(reply.status).toBe(200);
  expect(reply.json).toEqual({ access_token: TEXT, expires_in: 3600, token_type: 'Bearer' });
  const authorization = `Bearer ${String(reply.json.access_token)}`;
  const made = await call(sandbox, 'POST', KEYS, {
    authorization,
    body: { name: 'n', cloud: 'ANY', geography: 'ANY' },
  });
  expect(made.json).toMatchObject({ createdBy: 'Simulated Service Account' });
});

test('the forms of the credentials, and that no two sandboxes share them', async () => {
  const [one, other] = [await sandboxFor(), await sandboxFor()];
  expect(one.credentials.clientId).toMatch(/^mdb_sa_id_[a-f0-9]{24}$/);
  expect(one.credentials.clientSecret).toMatch(/^mdb_sa_sk_[A-Za-z0-9_-]{40}$/);
  expect(one.credentials.publicKey).toMatch(/^[a-z]{8}$/);
  expect(new Set([one, other].flatMap(({ credentials }) => Object.values<string>({ ...credentials }))).size).toBe(10);
  expect((await call(one, 'GET', KEYS, { authorization: `Bearer ${other.credentials.accessToken}` })).status).toBe(401);
});

describe('is refused as invalid_client, in the shape of OAuth', () => {
  test.each<[string, (id: string, secret: string) => string]>([
    ['an id that was percent-encoded, as RFC 6749 has it', (id, secret) => basic(id.replaceAll('_', '%5F'), secret)],
    ['a secret that was percent-encoded', (id, secret) => basic(id, secret.replaceAll('_', '%5F'))],
    ['a wrong secret', (id) => basic(id, 'mdb_sa_sk_wrong')],
    ['an unknown id', (_id, secret) => basic('mdb_sa_id_unknown', secret)],
    ['a header that is not Basic', (id, secret) => basic(id, secret).replace('Basic', 'Bearer')],
    ['no header', () => ''],
  ])('%s', async (_what, authorization) => {
    const sandbox = await sandboxFor();
    const { clientId, clientSecret } = sandbox.credentials;
    const reply = await askToken(sandbox, { authorization: authorization(clientId, clientSecret) });
    expect(reply.status).toBe(401);
    expect(reply.json).toEqual({ error: 'invalid_client', error_description: TEXT });
  });

  test('the old secret after a new one was made', async () => {
    const sandbox = await sandboxFor();
    const { clientId, clientSecret } = sandbox.credentials;
    const renewed = sandbox.renewSecret();
    expect(sandbox.credentials.clientSecret).toBe(renewed);
    expect((await askToken(sandbox, { authorization: basic(clientId, clientSecret) })).status).toBe(401);
    expect((await askToken(sandbox, { authorization: basic(clientId, renewed) })).status).toBe(200);
  });
});

test.each([
  ['another grant', { body: 'grant_type=password' }, 'unsupported_grant_type'],
  ['no grant', { body: '' }, 'unsupported_grant_type'],
  ['a JSON body', { body: '{"grant_type":"client_credentials"}', contentType: 'application/json' }, 'invalid_request'],
])('refuses %s', async (_what, request, error) => {
  const reply = await askToken(await sandboxFor(), request);
  expect(reply).toMatchObject({ status: 400, json: { error } });
});

test('at 100 live tokens the next is refused until one ends', async () => {
  const sandbox = await sandboxFor();
  const replies = await Promise.all(Array.from({ length: 100 }, () => askToken(sandbox)));
  expect(replies.filter(({ status }) => status !== 200)).toEqual([]);
  expect(await askToken(sandbox)).toMatchObject({ status: 403, json: { error: 'access_denied' } });
  const token = String(replies[0]?.json.access_token);
  const body = new URLSearchParams({ token, token_type_hint: 'access_token' }).toString();
  expect((await askToken(sandbox, { path: '/api/oauth/revoke', body })).status).toBe(200);
  expect((await askToken(sandbox)).status).toBe(200);
});

describe('revoke', () => {
  const path = '/api/oauth/revoke';

  test('ends the token, and says the same for one that is unknown', async () => {
    const sandbox = await sandboxFor();
    const token = String((await askToken(sandbox)).json.access_token);
    const body = `token=${token}&token_type_hint=access_token`;
    expect(await askToken(sandbox, { path, body })).toMatchObject({ status: 200, text: '' });
    expect((await call(sandbox, 'GET', KEYS, { authorization: `Bearer ${token}` })).status).toBe(401);
    expect((await askToken(sandbox, { path, body })).status).toBe(200);
  });

  test('needs the credentials, a token, and a hint that it knows', async () => {
    const sandbox = await sandboxFor();
    const token = String((await askToken(sandbox)).json.access_token);
    const stranger = basic(sandbox.credentials.clientId, 'wrong');
    expect((await askToken(sandbox, { path, body: `token=${token}`, authorization: stranger })).status).toBe(401);
    expect((await askToken(sandbox, { path, body: 'token_type_hint=access_token' })).status).toBe(400);
    const hint = `token=${token}&token_type_hint=refresh_token`;
    expect(await askToken(sandbox, { path, body: hint })).toMatchObject({ json: { error: 'unsupported_token_type' } });
    expect((await call(sandbox, 'GET', KEYS, { authorization: `Bearer ${token}` })).status).toBe(200);
  });
});

describe('a bearer that is not valid: 401 and not one byte more', () => {
  test('unknown', async () => {
    const reply = await call(await sandboxFor(), 'GET', KEYS, { authorization: 'Bearer nonsense' });
    expect(reply).toMatchObject({ status: 401, text: '' });
    expect(reply.headers.get('content-length')).toBe('0');
    expect(reply.headers.get('www-authenticate')).toBeNull();
  });

  test('past its lifetime', async () => {
    const sandbox = await sandboxFor({ tokenLifetimeSeconds: 0 });
    const { json } = await askToken(sandbox);
    expect(json.expires_in).toBe(0);
    const authorization = `Bearer ${String(json.access_token)}`;
    expect(await call(sandbox, 'GET', KEYS, { authorization })).toMatchObject({ status: 401, text: '' });
  });

  test('expired by a test control, the access token too; a new one can be had', async () => {
    const sandbox = await sandboxFor();
    const old = String((await askToken(sandbox)).json.access_token);
    expect((await create(sandbox)).status).toBe(201);
    sandbox.expireTokens();
    expect(await create(sandbox)).toMatchObject({ status: 401, text: '' });
    expect((await call(sandbox, 'GET', KEYS, { authorization: `Bearer ${old}` })).status).toBe(401);
    const fresh = String((await askToken(sandbox)).json.access_token);
    expect((await call(sandbox, 'GET', KEYS, { authorization: `Bearer ${fresh}` })).status).toBe(200);
    expect(sandbox.keys()).toHaveLength(1);
  });
});
