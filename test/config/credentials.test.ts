import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/config/config-error.ts';
import { readCredentials as findCredentials, type OperatorAtlas } from '../../src/config/credentials.ts';
import { type Environment } from '../../src/config/environment.ts';
import { redact } from '../../src/secret/redaction.ts';

const TOKEN = { MONGODB_ATLAS_ACCESS_TOKEN: 'token-value' };
const ACCOUNT = { MONGODB_ATLAS_CLIENT_ID: 'mdb_sa_id_1', MONGODB_ATLAS_CLIENT_SECRET: 'mdb_sa_sk_1' };
const PLAIN_SECRET = { MDB_MCP_API_CLIENT_SECRET: 'mdb_sa_sk_2' };
const API_KEY = { MONGODB_ATLAS_PUBLIC_API_KEY: 'abcdefgh', MONGODB_ATLAS_PRIVATE_API_KEY: '11111111-2222' };

const readCredentials = (environment: Environment) => findCredentials(environment, { timeoutMs: 1000 }).credentials;

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

describe('a secret may be in a file, or printed by a program', () => {
  test('of which only the place is told, and nothing is opened', () => {
    expect(readCredentials({ MONGODB_ATLAS_ACCESS_TOKEN_FILE: '/nowhere/at/all' })).toEqual({
      kind: 'token',
      setting: 'MONGODB_ATLAS_ACCESS_TOKEN_FILE',
      token: { setting: 'MONGODB_ATLAS_ACCESS_TOKEN_FILE', file: '/nowhere/at/all' },
    });
  });

  test.each([
    ['pass show atlas/sa', ['pass', 'show', 'atlas/sa']],
    ['  /usr/bin/pass \t show  atlas ', ['/usr/bin/pass', 'show', 'atlas']],
    ['["op","read","op://Private/atlas $x | \\"y\\""]', ['op', 'read', 'op://Private/atlas $x | "y"']],
  ])('a program is words or a JSON array: %s', (written, argv) => {
    const credentials = readCredentials({ MONGODB_ATLAS_ACCESS_TOKEN_COMMAND: written });
    expect(credentials).toMatchObject({ kind: 'token', token: { argv, timeoutMs: 1000 } });
  });

  test.each([
    ...['"', "'", '\\', '$', '`', '|', ';', '&', '<', '>', '*'].map((character) => `pass show canary${character}x`),
    ...['[]', '["canary"', '[1]', '{"canary":1}x', '[""]', '["canary\\n"]', './canary show', '["bin/canary"]'],
  ])('%s is refused, and not repeated', (written) => {
    const read = () => readCredentials({ MONGODB_ATLAS_CLIENT_SECRET_COMMAND: written });
    expect(read).toThrow(/^MONGODB_ATLAS_CLIENT_SECRET_COMMAND: (?!.*canary)/);
  });

  test('it gets the environment of the server, but nothing by which this server is admitted', () => {
    const credentials = readCredentials({
      MONGODB_ATLAS_CLIENT_ID: 'mdb_sa_id_1',
      MDB_MCP_API_CLIENT_SECRET_COMMAND: 'vault read x',
      mongodb_atlas_lower: 'canary',
      MDB_MCP_CONNECTION_STRING: 'canary',
      VAULT_TOKEN: 'of-the-program',
      UNSET: undefined,
    });
    if (credentials.kind !== 'service-account') throw new Error(credentials.kind);
    expect(credentials.clientSecret).toMatchObject({ environment: { VAULT_TOKEN: 'of-the-program' } });
  });

  test.each([
    ['', '_FILE'],
    ['', '_COMMAND'],
    ['_FILE', '_COMMAND'],
  ])('two ways at once (%j and %s) are refused, and both are named', (one, other) => {
    for (const [name, alias] of [
      ['MONGODB_ATLAS_CLIENT_SECRET', 'MDB_MCP_API_CLIENT_SECRET'],
      ['MONGODB_ATLAS_ACCESS_TOKEN', 'MONGODB_ATLAS_ACCESS_TOKEN'],
      ['MONGODB_ATLAS_PRIVATE_KEY', 'MONGODB_ATLAS_PRIVATE_API_KEY'],
    ]) {
      expect(() => readCredentials({ [`${name}${one}`]: '/a', [`${alias}${other}`]: '/b' })).toThrow(
        new ConfigError(`${alias}${other}`, `is set beside ${name}${one}; set one of them`),
      );
    }
  });
});

describe('a placeholder that was not replaced', () => {
  const FORMS = [
    ['${ATLAS_SECRET}', /\$\{NAME\}/],
    ['${input:secret}', /\$\{NAME\}/],
    ['$ATLAS_SECRET', /\$NAME/],
    ['$(pass show atlas)', /\$\(…\)/],
    ['%ATLAS_SECRET%', /%NAME%/],
    ['<your-client-secret>', /<…>/],
    ['op://Private/atlas/secret', /op:\/\//],
    ['"mdb_sa_sk_canary-in-quotes"', /quotation marks/],
    ["'mdb_sa_sk_canary-in-quotes'", /quotation marks/],
  ] as const;

  test.each(FORMS)('%s is told by the name of the setting, not by its value', (value, words) => {
    const credentials = readCredentials({
      MONGODB_ATLAS_CLIENT_ID: 'mdb_sa_id_1',
      MONGODB_ATLAS_CLIENT_SECRET: value,
    });
    if (credentials.kind !== 'missing' || !credentials.unfilled) throw new Error(credentials.kind);
    expect(credentials.unfilled.setting).toBe('MONGODB_ATLAS_CLIENT_SECRET');
    expect(credentials.unfilled.words).toMatch(words);
    expect(credentials.unfilled.words).not.toContain(value);
  });

  test.each(FORMS)('%s is passed over beside a complete set', (value) => {
    const others = {
      MONGODB_ATLAS_ACCESS_TOKEN: value,
      MONGODB_ATLAS_CLIENT_SECRET_FILE: value,
      MONGODB_ATLAS_CLIENT_ID: value,
    };
    expect(readCredentials({ ...others, ...API_KEY }).kind).toBe('api-key');
    expect(readCredentials({ ...ACCOUNT, MONGODB_ATLAS_ACCESS_TOKEN: value }).kind).toBe('service-account');
    expect(readCredentials({ MONGODB_ATLAS_CLIENT_ID: value, MDB_MCP_API_CLIENT_ID: 'x', ...PLAIN_SECRET }).kind).toBe(
      'service-account',
    );
  });

  test('a secret in quotation marks is one all the same: it is taken out of texts', () => {
    readCredentials({ MONGODB_ATLAS_ACCESS_TOKEN: '"canary-of-a-quoted-token-1"' });
    expect(redact('canary-of-a-quoted-token-1')).toBe('[redacted]');
  });

  test('a value that only looks like it is taken', () => {
    for (const value of ['a$b', 'x${y}', '50%', 'a<b>', 'mdb_sa_sk_$x%y%'])
      expect(readCredentials({ MONGODB_ATLAS_ACCESS_TOKEN: value.replace(/[{}]/g, '') }).kind).toBe('token');
  });
});

describe('beside the environment', () => {
  const readWith = (environment: Environment, others: Partial<OperatorAtlas>) =>
    findCredentials(environment, { timeoutMs: 1000, ...others });
  const file = { where: 'FILE: atlas.', clientId: 'mdb_sa_id_f', clientSecretFile: '/f' };
  const atlasCli = { profile: 'default', program: 'atlas' };

  test('the file has a service account, which the environment may complete or replace', () => {
    const found = readWith({}, { file });
    expect(found.variables).toEqual(['FILE: atlas.clientId', 'FILE: atlas.clientSecretFile']);
    expect(found.credentials).toMatchObject({ clientId: 'mdb_sa_id_f', clientSecret: { file: '/f' } });
    expect(readWith({ MONGODB_ATLAS_CLIENT_ID: 'mdb_sa_id_1' }, { file }).credentials).toMatchObject({
      clientId: 'mdb_sa_id_1',
      clientSecret: { file: '/f' },
    });
    expect(readWith(API_KEY, { file }).credentials.kind).toBe('api-key');
  });

  test('a program of the file is words or an array, and not set beside a file', () => {
    const command = (clientSecretCommand: string | string[], clientSecretFile?: string) =>
      readWith({}, { file: { ...file, clientSecretFile, clientSecretCommand } }).credentials;
    expect(command('pass show x')).toMatchObject({ clientSecret: { argv: ['pass', 'show', 'x'] } });
    expect(command(['pass', 'a b'])).toMatchObject({ clientSecret: { argv: ['pass', 'a b'] } });
    expect(() => command('pass show x', '/f')).toThrow(
      'FILE: atlas.clientSecretCommand: is set beside FILE: atlas.clientSecretFile; set one of them',
    );
  });

  test('a profile of the Atlas CLI comes last, and is not given what the environment has of the Atlas CLI', () => {
    const environment = { MCLI_PRIVATE_API_KEY: 'canary', MONGODB_ATLAS_PROFILE: 'other', HOME: '/home/x' };
    expect(readWith(environment, { atlasCli })).toEqual({
      credentials: {
        kind: 'atlas-cli',
        ...atlasCli,
        environment: { HOME: '/home/x', DO_NOT_TRACK: '1' },
        timeoutMs: 1000,
        namesBaseUrl: true,
      },
      variables: ['ATLAS_MODEL_KEYS_ATLAS_CLI_PROFILE'],
    });
    expect(readWith({ MONGODB_ATLAS_PROFILE: 'default' }, {}).credentials.kind).toBe('missing');
    expect(readWith(API_KEY, { atlasCli }).credentials.kind).toBe('api-key');
    expect(readWith({}, { atlasCli, file }).credentials.kind).toBe('service-account');
  });
});

describe('a character that JSON gives a meaning is refused, since redaction could not tell it from structure', () => {
  const ACCEPTED = "!#$%&'()*+-./09:;<=>?@AZ[]^_`az|~";

  test.each(['"', '\\', ',', '{', '}'])('%s', (character) => {
    for (const name of ['MONGODB_ATLAS_ACCESS_TOKEN', 'MONGODB_ATLAS_CLIENT_SECRET', 'MONGODB_ATLAS_PRIVATE_API_KEY']) {
      expect(() => readCredentials({ [name]: `canary${character}canary` })).toThrow(
        new ConfigError(
          name,
          'holds a quotation mark, backslash, comma or brace, which no secret of Atlas does; give only the secret',
        ),
      );
    }
  });

  test('and no other that is visible', () => {
    expect(readCredentials({ MONGODB_ATLAS_ACCESS_TOKEN: ACCEPTED }).kind).toBe('token');
  });
});
