// The life of a model key: created, listed, read, renamed, deleted, and refused where Atlas refuses.

import { describe, expect, test } from 'vitest';
import { call, create, FIRST_PROJECT, KEYS, sandboxFor, type Fields } from './client.ts';

const SCOPE = { cloud: 'ANY', geography: 'ANY' };

describe('create', () => {
  test('answers 201 with the documented fields, and the secret in their midst', async () => {
    const sandbox = await sandboxFor();
    const reply = await create(sandbox, { name: 'Production key', ...SCOPE });
    expect(reply.status).toBe(201);
    expect(reply.headers.get('content-type')).toBe('application/vnd.atlas.2025-03-12+json;charset=utf-8');
    expect(Object.keys(reply.json).sort()).toEqual(
      ['apiKeyId', 'cloud', 'createdAt', 'createdBy', 'endpoint', 'geography', 'groupId', 'lastUsedAt'].concat([
        'maskedSecret',
        'name',
        'secret',
        'status',
      ]),
    );
    const { secret } = reply.json;
    expect(secret).toMatch(/^al-sandbox-[A-Za-z0-9_-]{43}$/);
    expect(reply.json).toMatchObject({
      name: 'Production key',
      groupId: FIRST_PROJECT,
      cloud: 'ANY',
      geography: 'ANY',
      endpoint: new URL(sandbox.baseUrl).host,
      status: 'ACTIVE',
      createdBy: 'Simulated User',
      lastUsedAt: null,
      maskedSecret: `al-****${String(secret).slice(-4)}`,
    });
    expect(reply.json.createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/);
    expect(sandbox.keys()).toMatchObject([reply.json]);
  });

  test('gives ids of 24 characters that no hexadecimal pattern matches, all different', async () => {
    const sandbox = await sandboxFor();
    const ids = Array.from({ length: 500 }, (_, n) => sandbox.addKey(FIRST_PROJECT, { name: `k${n}` }).apiKeyId);
    expect(ids.filter((id) => !/^[a-z0-9]{24}$/.test(id) || /^[a-f0-9]{24}$/.test(id))).toEqual([]);
    expect(new Set(ids).size).toBe(500);
  });

  test.each(['eu', 'us'])('gives a key of geography %s the endpoint that the sandbox serves', async (geography) => {
    const sandbox = await sandboxFor();
    const reply = await create(sandbox, { name: 'n', cloud: 'aws', geography });
    expect(reply.json).toMatchObject({ geography, endpoint: new URL(sandbox.baseUrl).host, cloud: 'AWS' });
  });

  test.each<[string, unknown, string, string]>([
    ['no name', SCOPE, 'MISSING_ATTRIBUTE', 'name'],
    ['no cloud', { name: 'n', geography: 'ANY' }, 'MISSING_ATTRIBUTE', 'cloud'],
    ['no geography', { name: 'n', cloud: 'ANY' }, 'MISSING_ATTRIBUTE', 'geography'],
    ['an empty name', { name: '', ...SCOPE }, 'INVALID_ATTRIBUTE', 'name'],
    ['a name of 251', { name: 'x'.repeat(251), ...SCOPE }, 'INVALID_ATTRIBUTE', 'name'],
    ['a number as name', { name: 7, ...SCOPE }, 'INVALID_ATTRIBUTE', 'name'],
    ['an unknown cloud', { name: 'n', cloud: 'IBM', geography: 'ANY' }, 'INVALID_ENUM_VALUE', 'cloud'],
    ['an unknown geography', { name: 'n', cloud: 'ANY', geography: 'mars' }, 'INVALID_ENUM_VALUE', 'geography'],
    ['a geography in capitals', { name: 'n', cloud: 'ANY', geography: 'EU' }, 'INVALID_ENUM_VALUE', 'geography'],
    ['a foreign attribute', { name: 'n', ...SCOPE, secret: 's' }, 'INVALID_ATTRIBUTE', 'secret'],
  ])('refuses %s', async (_what, body, errorCode, field) => {
    const sandbox = await sandboxFor();
    const reply = await create(sandbox, body);
    expect(reply.status).toBe(400);
    expect(reply.headers.get('content-type')).toBe('application/json');
    expect(reply.json).toMatchObject({ error: 400, reason: 'Bad Request', errorCode, parameters: [field] });
    expect(reply.json.badRequestDetail).toMatchObject({ fields: [{ field }] });
    expect(sandbox.keys()).toEqual([]);
  });

  test('accepts a name of 250 code points, and lists every problem of a body at once', async () => {
    const sandbox = await sandboxFor();
    expect((await create(sandbox, { name: 'x'.repeat(250), ...SCOPE })).status).toBe(201);
    expect((await create(sandbox, { name: '\u{1f511}'.repeat(250), ...SCOPE })).status).toBe(201);
    expect((await create(sandbox, { name: '\u{1f511}'.repeat(251), ...SCOPE })).status).toBe(400);
    const reply = await create(sandbox, {});
    expect(reply.json.badRequestDetail).toMatchObject({
      fields: [{ field: 'name' }, { field: 'cloud' }, { field: 'geography' }],
    });
  });

  test.each(['{"name":', '[]', '"text"', 'null', ''])('refuses the body %j', async (body) => {
    const reply = await create(await sandboxFor(), body);
    expect(reply).toMatchObject({ status: 400, json: { errorCode: 'VALIDATION_ERROR' } });
  });
});

describe('the preview', () => {
  const preview = 'application/vnd.atlas.preview+json';

  test('takes only a name and shows no scope', async () => {
    const sandbox = await sandboxFor({ versions: ['preview'] });
    const reply = await call(sandbox, 'POST', KEYS, { accept: preview, contentType: preview, body: { name: 'n' } });
    expect(reply.status).toBe(201);
    expect(reply.headers.get('content-type')).toBe(`${preview};charset=utf-8`);
    expect(Object.keys(reply.json).sort()).toEqual([
      'apiKeyId',
      'createdAt',
      'createdBy',
      'groupId',
      'lastUsedAt',
      'maskedSecret',
      'name',
      'secret',
      'status',
    ]);
    const list = await call(sandbox, 'GET', KEYS, { accept: preview });
    expect(list.rows).toHaveLength(1);
    expect(list.rows[0]).not.toHaveProperty('endpoint');
  });

  test.each(['cloud', 'geography'])('refuses %s', async (field) => {
    const sandbox = await sandboxFor({ versions: ['preview'] });
    const body = { name: 'n', [field]: 'ANY' };
    const reply = await call(sandbox, 'POST', KEYS, { accept: preview, contentType: preview, body });
    expect(reply).toMatchObject({ status: 400, json: { errorCode: 'INVALID_ATTRIBUTE', parameters: [field] } });
    expect(sandbox.keys()).toEqual([]);
  });
});

describe('afterwards', () => {
  test('the secret is in no reply but that of the create call', async () => {
    const sandbox = await sandboxFor();
    const { json } = await create(sandbox);
    const id = String(json.apiKeyId);
    const replies = [
      await call(sandbox, 'GET', KEYS),
      await call(sandbox, 'GET', `${KEYS}/${id}`),
      await call(sandbox, 'GET', `/orgs/${sandbox.orgId}/aiModelApiKeys`),
      await call(sandbox, 'GET', `/orgs/${sandbox.orgId}/aiModelApiKeys/${id}`),
      await call(sandbox, 'PATCH', `${KEYS}/${id}`, { body: { name: 'renamed' } }),
      await call(sandbox, 'DELETE', `${KEYS}/${id}`),
    ];
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 204]);
    const rest = Object.fromEntries(Object.entries(json).filter(([name]) => name !== 'secret'));
    expect(replies.slice(0, 4).map(({ json: body, rows }) => rows[0] ?? body)).toEqual([rest, rest, rest, rest]);
    expect(replies.map(({ text }) => text).join()).not.toMatch(/al-sandbox|"secret"/);
  });

  test('a key can be renamed, and nothing else of it can be changed', async () => {
    const sandbox = await sandboxFor();
    const { apiKeyId } = sandbox.addKey(FIRST_PROJECT, { name: 'old' });
    const path = `${KEYS}/${apiKeyId}`;
    expect((await call(sandbox, 'PATCH', path, { body: { name: 'new' } })).json).toMatchObject({ name: 'new' });
    const refused = await call(sandbox, 'PATCH', path, { body: { name: 'newer', geography: 'eu' } });
    expect(refused).toMatchObject({ status: 400, json: { errorCode: 'INVALID_ATTRIBUTE' } });
    const nothing = await call(sandbox, 'PATCH', path, { body: {} });
    expect(nothing).toMatchObject({ status: 400, json: { errorCode: 'MISSING_ATTRIBUTE' } });
    expect(sandbox.keys()[0]).toMatchObject({ name: 'new', geography: 'ANY' });
  });

  test('a deleted key is gone: 204 without a body, then 404', async () => {
    const sandbox = await sandboxFor();
    const { apiKeyId } = sandbox.addKey(FIRST_PROJECT, { name: 'n' });
    const first = await call(sandbox, 'DELETE', `${KEYS}/${apiKeyId}`);
    expect(first).toMatchObject({ status: 204, text: '' });
    const second = await call(sandbox, 'DELETE', `${KEYS}/${apiKeyId}`);
    expect(second).toMatchObject({ status: 404, json: { errorCode: 'RESOURCE_NOT_FOUND', parameters: [apiKeyId] } });
    expect(sandbox.keys()).toEqual([]);
  });

  test('use shows in lastUsedAt', async () => {
    const sandbox = await sandboxFor();
    const { apiKeyId } = sandbox.addKey(FIRST_PROJECT, { name: 'n', createdBy: 'John Doe' });
    sandbox.markUsed(apiKeyId, new Date('2026-01-15T16:47:49.855Z'));
    const { json } = await call(sandbox, 'GET', `${KEYS}/${apiKeyId}`);
    expect(json).toMatchObject({ lastUsedAt: '2026-01-15T16:47:49.855000+00:00', createdBy: 'John Doe' });
  });

  test('somebody else can delete a key', async () => {
    const sandbox = await sandboxFor();
    sandbox.removeKey(sandbox.addKey(FIRST_PROJECT, { name: 'n' }).apiKeyId);
    expect((await call(sandbox, 'GET', KEYS)).rows).toEqual([]);
  });

  test('a key of another project is not found, by no method', async () => {
    const sandbox = await sandboxFor();
    const { apiKeyId } = sandbox.addKey(sandbox.projects[1]?.id ?? '', { name: 'n' });
    for (const [method, body] of [['GET'], ['DELETE'], ['PATCH', { name: 'x' }]] as const) {
      const reply = await call(sandbox, method, `${KEYS}/${apiKeyId}`, { body });
      expect(reply).toMatchObject({ status: 404, json: { errorCode: 'RESOURCE_NOT_FOUND' } });
    }
    expect(sandbox.keys()).toHaveLength(1);
    expect((await call(sandbox, 'GET', `/orgs/${sandbox.orgId}/aiModelApiKeys/${apiKeyId}`)).status).toBe(200);
  });

  test('a key of another organization is not in the list of this one', async () => {
    const sandbox = await sandboxFor();
    const foreign = sandbox.addProject({ foreign: true });
    const { apiKeyId } = sandbox.addKey(foreign.id, { name: 'theirs' });
    sandbox.addKey(FIRST_PROJECT, { name: 'ours' });
    const list = await call(sandbox, 'GET', `/orgs/${sandbox.orgId}/aiModelApiKeys`);
    expect(list.rows.map(({ name }) => name)).toEqual(['ours']);
    expect((await call(sandbox, 'GET', `/orgs/${sandbox.orgId}/aiModelApiKeys/${apiKeyId}`)).status).toBe(404);
  });
});

describe('what Atlas does not promise', () => {
  const names = (rows: readonly Fields[]) => rows.map(({ name }) => name);

  test('by default two keys may have one name', async () => {
    const sandbox = await sandboxFor();
    expect([(await create(sandbox)).status, (await create(sandbox)).status]).toEqual([201, 201]);
  });

  test('uniqueNames: a name is refused in its project, on creation and on renaming, and nowhere else', async () => {
    const sandbox = await sandboxFor({ uniqueNames: 'always' });
    await create(sandbox, { name: 'taken', ...SCOPE });
    expect(await create(sandbox, { name: 'taken', ...SCOPE })).toMatchObject({ status: 409 });
    const { apiKeyId } = sandbox.addKey(FIRST_PROJECT, { name: 'other' });
    const rename = (name: string) => call(sandbox, 'PATCH', `${KEYS}/${apiKeyId}`, { body: { name } });
    expect([(await rename('taken')).status, (await rename('other')).status]).toEqual([409, 200]);
    const elsewhere = `/groups/${sandbox.projects[1]?.id ?? ''}/aiModelApiKeys`;
    expect((await call(sandbox, 'POST', elsewhere, { body: { name: 'taken', ...SCOPE } })).status).toBe(201);
    expect(names(sandbox.keys().map((key) => ({ ...key })))).toEqual(['taken', 'other', 'taken']);
  });
});
