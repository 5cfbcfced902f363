// Credentials that change while the server runs: a file that was rotated, a token that Atlas ended.

import { execFileSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { atlasWith, secretFile } from '../configured.ts';
import { connect, failureOf, log, NEW_KEY, PROJECT, sandboxFor, serviceAccountOf, valueOf } from '../connection.ts';

describe('a file that holds a secret is read again', () => {
  test('when the token endpoint refuses the client secret, and the call succeeds', async () => {
    const sandbox = await sandboxFor({ tokenLifetimeSeconds: 1 });
    const { clientId, clientSecret } = sandbox.credentials;
    const file = secretFile('mdb_sa_sk_before-it-was-rotated');
    const atlas = await atlasWith(sandbox, {
      MONGODB_ATLAS_CLIENT_ID: clientId,
      MONGODB_ATLAS_CLIENT_SECRET_FILE: file,
    });
    expect(failureOf(await atlas.listKeys(PROJECT)).code).toBe('ATLAS_UNAUTHENTICATED');
    expect(log(sandbox)).toEqual(['token 401']);
    writeFileSync(file, `${clientSecret}\n`);
    valueOf(await atlas.listKeys(PROJECT));
    expect(log(sandbox)).toEqual(['token 401', 'token 401', 'token 200', 'list_keys 200']);
  });

  test('when Atlas refuses the access token', async () => {
    const sandbox = await sandboxFor();
    const file = secretFile('token-that-has-ended');
    const atlas = await atlasWith(sandbox, { MONGODB_ATLAS_ACCESS_TOKEN_FILE: file });
    expect(failureOf(await atlas.listKeys(PROJECT)).code).toBe('ATLAS_UNAUTHENTICATED');
    writeFileSync(file, sandbox.credentials.accessToken);
    const lists = await Promise.all(Array.from({ length: 10 }, () => atlas.listKeys(PROJECT)));
    expect(lists.map(valueOf)).toHaveLength(10);
  });

  test('when Atlas refuses the digest of the private key', async () => {
    const sandbox = await sandboxFor();
    const { publicKey, privateKey } = sandbox.credentials;
    const file = secretFile('11111111-0000-0000-0000-000000000000');
    const atlas = await atlasWith(sandbox, {
      MONGODB_ATLAS_PUBLIC_API_KEY: publicKey,
      MONGODB_ATLAS_PRIVATE_API_KEY_FILE: file,
    });
    expect(failureOf(await atlas.listKeys(PROJECT)).code).toBe('ATLAS_UNAUTHENTICATED');
    writeFileSync(file, privateKey);
    valueOf(await atlas.listKeys(PROJECT));
  });

  test('but never for the POST of a create, which is not sent a second time', async () => {
    const sandbox = await sandboxFor();
    const file = secretFile(sandbox.credentials.accessToken);
    const atlas = await atlasWith(sandbox, { MONGODB_ATLAS_ACCESS_TOKEN_FILE: file });
    valueOf(await atlas.listKeys(PROJECT));
    sandbox.inject({ operation: 'create_key', when: 'before', kind: 'status', status: 401, body: '' });
    writeFileSync(file, 'another-token-than-before');
    expect(failureOf(await atlas.createKey(NEW_KEY)).code).toBe('ATLAS_UNAUTHENTICATED');
    expect(log(sandbox)).toEqual(['list_keys 200', 'create_key 401']);
  });

  test('only once a refusal: the same secret again is not sent again', async () => {
    const sandbox = await sandboxFor();
    const atlas = await atlasWith(sandbox, { MONGODB_ATLAS_ACCESS_TOKEN_FILE: secretFile('token-that-has-ended') });
    expect(failureOf(await atlas.listKeys(PROJECT)).code).toBe('ATLAS_UNAUTHENTICATED');
    expect(log(sandbox)).toEqual(['list_keys 401']);
  });
});

test('the last newline of a file is not a part of the secret, and a symbolic link is followed, as Kubernetes mounts them', async () => {
  const sandbox = await sandboxFor();
  const file = secretFile(`${sandbox.credentials.accessToken}\n`);
  symlinkSync('secret', `${file}-link`);
  const atlas = await atlasWith(sandbox, { MONGODB_ATLAS_ACCESS_TOKEN_FILE: `${file}-link` });
  valueOf(await atlas.listKeys(PROJECT));
});

test('a FIFO, and a file that is too large, are refused without waiting', async () => {
  const sandbox = await sandboxFor();
  const fifo = `${secretFile('')}-fifo`;
  execFileSync('mkfifo', [fifo]);
  for (const path of [fifo, secretFile('x'.repeat(70_000))]) {
    const atlas = await atlasWith(sandbox, { MONGODB_ATLAS_ACCESS_TOKEN_FILE: path });
    expect(failureOf(await atlas.listKeys(PROJECT)).message).toMatch(/is not a regular file/);
  }
});

describe('a file that cannot be read is told at the first call, not at the start', () => {
  const utf16 = (text: string) => Buffer.from(text, 'utf16le');
  test.each<[string, string | Buffer, RegExp]>([
    ['missing', '/nowhere/at/all', /cannot be read/],
    ['a directory', '/', /regular file/],
    ['empty', '', /is empty/],
    ['of two lines', 'canary-one\ncanary-two', /line break/],
    ['in UTF-16, as ">" of PowerShell 5 writes it', utf16('\uFEFFcanary\r\n'), /is in UTF-16.*save it as UTF-8/],
    ['in UTF-16 without a mark', utf16('canary'), /is in UTF-16/],
    ['in UTF-16, the big end first', utf16('\uFEFFcanary\r\n').swap16(), /is in UTF-16/],
  ])('%s', async (_what, content, words) => {
    const sandbox = await sandboxFor();
    const path = typeof content === 'string' && content.startsWith('/') ? content : secretFile(content);
    const atlas = await atlasWith(sandbox, { MONGODB_ATLAS_ACCESS_TOKEN_FILE: path });
    const failure = failureOf(await atlas.listKeys(PROJECT));
    expect(failure).toMatchObject({ code: 'CREDENTIALS_MISSING', maybeCarriedOut: false });
    expect(failure.message).toMatch(/MONGODB_ATLAS_ACCESS_TOKEN_FILE/);
    expect(failure.message).toMatch(words);
    expect(JSON.stringify(failure)).not.toContain('canary');
    expect(sandbox.requests).toEqual([]);
  });
});

describe('a 401 of which the code is not about a role', () => {
  const body = JSON.stringify({ error: 401, errorCode: 'TOKEN_HAS_ENDED', detail: 'Ended.' });
  const fault = { operation: 'list_keys', when: 'before', kind: 'status', status: 401, body } as const;

  test('renews the token of a service account, and the call is sent again', async () => {
    const sandbox = await sandboxFor();
    sandbox.inject(fault);
    valueOf(await connect(sandbox, serviceAccountOf(sandbox)).listKeys(PROJECT));
    expect(log(sandbox)).toEqual(['token 200', 'list_keys 401', 'token 200', 'list_keys 200']);
  });

  test('is said where it stays', async () => {
    const sandbox = await sandboxFor();
    sandbox.inject({ ...fault, times: 9 });
    const failure = failureOf(await connect(sandbox, serviceAccountOf(sandbox)).listKeys(PROJECT));
    expect(failure).toMatchObject({ code: 'ATLAS_UNAUTHENTICATED', atlas: { errorCode: 'TOKEN_HAS_ENDED' } });
    expect(log(sandbox)).toEqual(['token 200', 'list_keys 401', 'token 200', 'list_keys 401']);
  });

  test('is not sent again for a create, whose next call has a new token', async () => {
    const sandbox = await sandboxFor();
    const atlas = connect(sandbox, serviceAccountOf(sandbox));
    sandbox.inject({ ...fault, operation: 'create_key' });
    expect(failureOf(await atlas.createKey(NEW_KEY)).maybeCarriedOut).toBe(false);
    valueOf(await atlas.createKey(NEW_KEY));
    expect(log(sandbox)).toEqual(['token 200', 'create_key 401', 'token 200', 'create_key 201']);
    expect(sandbox.keys(PROJECT)).toHaveLength(1);
  });

  test.each(['USER_UNAUTHORIZED', 'NOT_IN_GROUP', 'USER_CANNOT_ACCESS_GROUP', 'USER_CANNOT_ACCESS_ORG'])(
    'the code %s is: nothing is renewed',
    async (errorCode) => {
      const sandbox = await sandboxFor();
      sandbox.inject({ ...fault, body: JSON.stringify({ error: 401, errorCode }) });
      const failure = failureOf(await connect(sandbox, serviceAccountOf(sandbox)).listKeys(PROJECT));
      expect(failure.code).toBe('ATLAS_FORBIDDEN');
      expect(log(sandbox)).toEqual(['token 200', 'list_keys 401']);
    },
  );
});

describe('at the end', () => {
  test('the tokens that were fetched with a client secret are revoked', async () => {
    const sandbox = await sandboxFor();
    const atlas = connect(sandbox, serviceAccountOf(sandbox));
    valueOf(await atlas.listKeys(PROJECT));
    const [, { headers } = {}] = sandbox.requests;
    await atlas.close();
    expect(log(sandbox)).toEqual(['token 200', 'list_keys 200', 'revoke 200']);
    const answer = await fetch(`${sandbox.baseUrl}/api/atlas/v2/groups`, {
      headers: { authorization: String(headers?.authorization), accept: 'application/vnd.atlas.2025-03-12+json' },
    });
    expect(answer.status).toBe(401);
  });

  test('a token that was handed over is not revoked, and nothing is sent where none was fetched', async () => {
    const sandbox = await sandboxFor();
    const atlas = await atlasWith(sandbox, { MONGODB_ATLAS_ACCESS_TOKEN: sandbox.credentials.accessToken });
    valueOf(await atlas.listKeys(PROJECT));
    await atlas.close();
    await connect(sandbox, serviceAccountOf(sandbox)).close();
    expect(log(sandbox)).toEqual(['list_keys 200']);
  });

  test('an Atlas that does not answer is not waited for', async () => {
    const sandbox = await sandboxFor();
    const atlas = connect(sandbox, serviceAccountOf(sandbox));
    valueOf(await atlas.listKeys(PROJECT));
    sandbox.inject({ operation: 'revoke', when: 'before', kind: 'stall' });
    await atlas.close();
    expect(log(sandbox)).toEqual(['token 200', 'list_keys 200', 'revoke none']);
  });
});
