import { execFileSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/config/config-error.ts';
import { readCredentials as findCredentials } from '../../src/config/credentials.ts';
import { type Environment } from '../../src/config/environment.ts';
import { bearerAuthorization } from '../../src/secret/authorization.ts';
import { temporaryFolder } from './fixture.ts';

const TOKEN = { MONGODB_ATLAS_ACCESS_TOKEN: 'token-value' };
const ACCOUNT = { MONGODB_ATLAS_CLIENT_ID: 'mdb_sa_id_1', MONGODB_ATLAS_CLIENT_SECRET: 'mdb_sa_sk_1' };
const API_KEY = { MONGODB_ATLAS_PUBLIC_API_KEY: 'abcdefgh', MONGODB_ATLAS_PRIVATE_API_KEY: '11111111-2222' };

const readCredentials = (environment: Environment) => findCredentials(environment).credentials;

describe('the first complete set wins', () => {
  test('token, then service account, then API key', () => {
    expect(readCredentials({ ...TOKEN, ...ACCOUNT, ...API_KEY }).kind).toBe('token');
    expect(readCredentials({ ...ACCOUNT, ...API_KEY }).kind).toBe('service-account');
    expect(readCredentials(API_KEY).kind).toBe('api-key');
  });
  test('a half set is passed over', () => {
    expect(readCredentials({ MONGODB_ATLAS_CLIENT_ID: 'mdb_sa_id_1', ...API_KEY }).kind).toBe('api-key');
  });
  test('aliases', () => {
    expect(
      readCredentials({ MDB_MCP_API_CLIENT_ID: 'mdb_sa_id_2', MDB_MCP_API_CLIENT_SECRET: 'mdb_sa_sk_2' }),
    ).toMatchObject({ kind: 'service-account', clientId: 'mdb_sa_id_2' });
    expect(
      readCredentials({ MONGODB_ATLAS_PUBLIC_KEY: 'ijklmnop', MONGODB_ATLAS_PRIVATE_KEY: '33333333' }),
    ).toMatchObject({ kind: 'api-key', publicKey: 'ijklmnop' });
  });
});

describe('an incomplete set says what is missing', () => {
  test.each([
    [{ MONGODB_ATLAS_CLIENT_ID: 'mdb_sa_id_1' }, 'MONGODB_ATLAS_CLIENT_SECRET'],
    [{ MONGODB_ATLAS_CLIENT_SECRET: 'mdb_sa_sk_1' }, 'MONGODB_ATLAS_CLIENT_ID'],
    [{ MONGODB_ATLAS_PUBLIC_API_KEY: 'abcdefgh' }, 'MONGODB_ATLAS_PRIVATE_API_KEY'],
    [{ MONGODB_ATLAS_PRIVATE_API_KEY: '11111111' }, 'MONGODB_ATLAS_PUBLIC_API_KEY'],
  ])('%j wants %s', (environment, wanted) => {
    expect(readCredentials(environment)).toEqual({ kind: 'missing', wanted });
  });
  test('nothing at all wants nothing in particular', () => {
    expect(readCredentials({ MONGODB_ATLAS_CLIENT_ID: '${user_config.client_id}' })).toEqual({ kind: 'missing' });
  });
});

describe('a secret may be in a file', () => {
  test('its last newline is no part of it, and a symbolic link is followed, as Kubernetes mounts secrets', () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'data'), 'token-from-a-file\n');
    symlinkSync('data', join(folder, 'token'));
    const credentials = readCredentials({ MONGODB_ATLAS_ACCESS_TOKEN_FILE: join(folder, 'token') });
    if (credentials.kind !== 'token') throw new Error(credentials.kind);
    expect(bearerAuthorization(credentials.token)).toBe('Bearer token-from-a-file');
  });
  test('of an alias too', () => {
    const file = join(temporaryFolder(), 'secret');
    writeFileSync(file, 'mdb_sa_sk_3');
    expect(readCredentials({ MDB_MCP_API_CLIENT_ID: 'mdb_sa_id_3', MDB_MCP_API_CLIENT_SECRET_FILE: file }).kind).toBe(
      'service-account',
    );
  });
  test.each<[string, (folder: string) => string]>([
    ['missing', (folder) => join(folder, 'missing')],
    ['a directory', (folder) => folder],
    ['empty', (folder) => written(folder, '\n')],
    ['too large', (folder) => written(folder, 'x'.repeat(70_000))],
    ['a FIFO', (folder) => fifo(folder)],
    ['of several lines', (folder) => written(folder, 'a\nb')],
  ])('%s is refused, by the name of the variable', (_what, make) => {
    const path = make(temporaryFolder());
    expect(() => readCredentials({ MONGODB_ATLAS_ACCESS_TOKEN_FILE: path })).toThrow(
      /^MONGODB_ATLAS_ACCESS_TOKEN_FILE: /,
    );
  });
  test('both forms at once are refused', () => {
    expect(() => readCredentials({ ...TOKEN, MONGODB_ATLAS_ACCESS_TOKEN_FILE: '/x' })).toThrow(ConfigError);
  });
});

describe('a character that JSON gives a meaning is refused, since redaction could not tell it from structure', () => {
  const ACCEPTED = "!#$%&'()*+-./09:;<=>?@AZ[]^_`az|~";

  test.each(['"', '\\', ',', '{', '}'])('%s', (character) => {
    for (const name of ['MONGODB_ATLAS_ACCESS_TOKEN', 'MONGODB_ATLAS_CLIENT_SECRET', 'MONGODB_ATLAS_PRIVATE_API_KEY']) {
      expect(() => readCredentials({ [name]: `canary${character}canary` })).toThrow(
        new ConfigError(
          name,
          'holds a quotation mark, backslash, comma or brace, which no secret of Atlas does; give the secret alone',
        ),
      );
    }
    const file = written(temporaryFolder(), `canary${character}canary`);
    expect(() => readCredentials({ MONGODB_ATLAS_ACCESS_TOKEN_FILE: file })).toThrow(
      /^MONGODB_ATLAS_ACCESS_TOKEN_FILE: (?!.*canary)/,
    );
  });

  test('and no other that is visible', () => {
    expect(readCredentials({ MONGODB_ATLAS_ACCESS_TOKEN: ACCEPTED }).kind).toBe('token');
  });
});

function written(folder: string, content: string): string {
  const path = join(folder, 'file');
  writeFileSync(path, content);
  return path;
}

function fifo(folder: string): string {
  const path = join(folder, 'fifo');
  execFileSync('mkfifo', [path]);
  return path;
}
