// One key, read and renamed: its own reply or a failure, never another's.

import { describe, expect, test } from 'vitest';
import { getKeyCall, isNamed, renameKeyCall, saysNoSuchKey } from '../../../src/atlas/api/keys.ts';
import {
  apiKeyOf,
  connect,
  connectByToken,
  failureOf,
  log,
  originOf,
  PROJECT,
  replyWith,
  sandboxFor,
  TOKEN,
  valueOf,
} from '../connection.ts';

const ID = 'a86r5kwrfsk5r5ku5tgvhmpj';
const OTHER_PROJECT = 'f'.repeat(24);
const LIKE_A_SECRET = 'al-0123456789abcdefghijABCDEFGHIJ';

describe('a key is read', () => {
  test('in its project and in its organization, with its project', async () => {
    const sandbox = await sandboxFor();
    const { apiKeyId, maskedSecret, createdAt } = sandbox.addKey(PROJECT, { name: 'Key', geography: 'eu' });
    sandbox.addKey(PROJECT, { name: 'Another' });
    const atlas = connect(sandbox, apiKeyOf(sandbox));
    for (const scope of [{ groupId: PROJECT }, { orgId: sandbox.orgId }]) {
      const key = valueOf(await atlas.getKey(scope, apiKeyId));
      expect(key).toEqual({
        apiKeyId,
        name: 'Key',
        groupId: PROJECT,
        maskedSecret,
        createdAt,
        createdBy: 'Simulated User',
        status: 'ACTIVE',
        lastUsedAt: null,
        cloud: 'ANY',
        geography: 'eu',
        endpoint: new URL(sandbox.baseUrl).host,
      });
      expect(isNamed(key, 'Key')).toBe(true);
    }
    expect(log(sandbox)).toEqual(['get_key 401', 'get_key 200', 'get_org_key 200']);
  });

  test('an unknown one is ATLAS_NOT_FOUND in both, and so is one of another project', async () => {
    const sandbox = await sandboxFor();
    const [, other] = sandbox.projects;
    const { apiKeyId } = sandbox.addKey(other?.id ?? '', { name: 'Key' });
    const atlas = connectByToken(sandbox);
    for (const result of [
      await atlas.getKey({ groupId: PROJECT }, ID),
      await atlas.getKey({ orgId: sandbox.orgId }, ID),
      await atlas.getKey({ groupId: PROJECT }, apiKeyId),
    ]) {
      const failure = failureOf(result);
      expect(failure).toMatchObject({ code: 'ATLAS_NOT_FOUND', atlas: { errorCode: 'RESOURCE_NOT_FOUND' } });
      expect(saysNoSuchKey(failure)).toBe(true);
    }
  });

  test("a proxy's 404 and an unknown project do not say that it is gone", async () => {
    const { url } = await originOf(404, '<h1>Not Found</h1>');
    expect(saysNoSuchKey(failureOf(await connect(url, TOKEN).getKey({ groupId: PROJECT }, ID)))).toBe(false);
    const atlas = connectByToken(await sandboxFor());
    expect(saysNoSuchKey(failureOf(await atlas.getKey({ groupId: OTHER_PROJECT }, ID)))).toBe(false);
    expect(saysNoSuchKey(failureOf(await atlas.getKey({ orgId: OTHER_PROJECT }, ID)))).toBe(false);
  });

  test.each([
    [{ groupId: PROJECT }, 'Project Read Only'],
    [{ orgId: PROJECT }, 'Organization Read Only'],
  ])('the missing role is named: %j', async (scope, role) => {
    const { url } = await originOf(403, { error: 403, errorCode: 'USER_UNAUTHORIZED' });
    const failure = failureOf(await connect(url, TOKEN).getKey(scope, ID));
    expect(failure.code).toBe('ATLAS_FORBIDDEN');
    expect(failure.hint).toContain(role);
  });

  test('a caller who left has nothing sent', async () => {
    const sandbox = await sandboxFor();
    const { apiKeyId } = sandbox.addKey(PROJECT, { name: 'Key' });
    const read = await connectByToken(sandbox).getKey({ groupId: PROJECT }, apiKeyId, AbortSignal.abort());
    expect(failureOf(read).code).toBe('CANCELLED');
    expect(sandbox.requests).toEqual([]);
  });
});

describe('a key is renamed', () => {
  test('once, by its name only', async () => {
    const sandbox = await sandboxFor();
    const { apiKeyId } = sandbox.addKey(PROJECT, { name: 'Old name' });
    const key = valueOf(await connectByToken(sandbox).renameKey(PROJECT, apiKeyId, 'New name'));
    expect(key).toMatchObject({ apiKeyId, name: 'New name', groupId: PROJECT });
    expect(sandbox.keys(PROJECT).map(({ name }) => name)).toEqual(['New name']);
    expect(sandbox.requests).toMatchObject([
      {
        method: 'PATCH',
        path: `/api/atlas/v2/groups/${PROJECT}/aiModelApiKeys/${apiKeyId}`,
        body: { name: 'New name' },
      },
    ]);
  });

  test('in the preview too', async () => {
    const sandbox = await sandboxFor({ versions: ['preview'] });
    const { apiKeyId } = sandbox.addKey(PROJECT, { name: 'Old name' });
    expect(valueOf(await connectByToken(sandbox).renameKey(PROJECT, apiKeyId, 'New name')).name).toBe('New name');
    expect(log(sandbox)).toEqual(['update_key 406', 'update_key 200']);
  });

  test('where Atlas refuses the name, nothing was changed', async () => {
    const sandbox = await sandboxFor({ uniqueNames: 'always' });
    const { apiKeyId } = sandbox.addKey(PROJECT, { name: 'Old name' });
    sandbox.addKey(PROJECT, { name: 'Taken' });
    const failure = failureOf(await connectByToken(sandbox).renameKey(PROJECT, apiKeyId, 'Taken'));
    expect(failure).toMatchObject({ code: 'ATLAS_REJECTED', maybeCarriedOut: false });
    expect(sandbox.keys(PROJECT).map(({ name }) => name)).toEqual(['Old name', 'Taken']);
  });

  test.each([{ apiKeyId: 'another' }, { apiKeyId: undefined }, { groupId: OTHER_PROJECT }])(
    'a reply that says %j leaves it unknown',
    async (odd) => {
      const { url, arrivals } = await originOf(200, { apiKeyId: ID, name: 'New name', groupId: PROJECT, ...odd });
      expect(failureOf(await connect(url, TOKEN).renameKey(PROJECT, ID, 'New name'))).toMatchObject({
        code: 'ATLAS_PROTOCOL',
        maybeCarriedOut: true,
      });
      expect(arrivals).toHaveLength(1);
    },
  );

  test('a reply without a name, or in another spelling of it, is about it: its id says so', () => {
    for (const name of [undefined, 'Schlu\u0308ssel', 'Schlussel', ''])
      expect(renameKeyCall(PROJECT, ID, 'Schlüssel').read(replyWith({ apiKeyId: ID, name })).ok).toBe(true);
  });
});

describe('a reply to a read', () => {
  const read = (body: unknown) => getKeyCall({ groupId: PROJECT }, ID).read(replyWith(body));

  test.each([
    { apiKeyId: 'another' },
    { apiKeyId: `${ID}\u200b` },
    { apiKeyId: ID, groupId: OTHER_PROJECT },
    { apiKeyId: ID, groupId: '' },
    { results: [{ apiKeyId: ID }] },
    { name: 'Key' },
    {},
    [],
    'null',
    '',
    '{',
    '<html></html>',
  ])('%j is not such a key', (body) => {
    expect(failureOf(read(body)).code).toBe('ATLAS_PROTOCOL');
  });

  test.each([{ apiKeyId: ID, groupId: 7 }, { apiKeyId: ID }])('%j is', (body) => {
    expect(valueOf(read(body))).toEqual({ apiKeyId: ID, name: '', lastUsedAt: null });
  });

  test('of a body that broke off is a failure', () => {
    const broken = { status: 200, body: undefined, warnings: [] };
    expect(failureOf(getKeyCall({ groupId: PROJECT }, ID).read(broken)).code).toBe('ATLAS_PROTOCOL');
  });

  test('is cleaned, and has no secret', () => {
    const key = valueOf(
      read({
        apiKeyId: ID,
        name: `a\u202e\u{e0041}\n${LIKE_A_SECRET}`,
        secret: LIKE_A_SECRET,
        createdBy: 'x'.repeat(1_000_000),
      }),
    );
    expect(key.name).toBe('a [redacted]');
    expect(key.createdBy).toHaveLength(100);
    expect(JSON.stringify(key)).not.toContain('0123456789');
  });

  test('of 1 MB is too large', async () => {
    const { url } = await originOf(200, { apiKeyId: ID, name: 'x'.repeat(1_000_000) });
    expect(failureOf(await connect(url, TOKEN).getKey({ groupId: PROJECT }, ID)).code).toBe('ATLAS_PROTOCOL');
  });
});
