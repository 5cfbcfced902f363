// Where Atlas is, and the default ids: from the environment by this server's names and by its neighbours', else from the file.

import { describe, expect, test } from 'vitest';
import type { Environment } from '../../src/config/environment.ts';
import { configurationFile, load, refusalOf } from './fixture.ts';

const CLI = { MONGODB_ATLAS_CLIENT_ID: 'mdb_sa_id_1', MONGODB_ATLAS_CLIENT_SECRET: 'mdb_sa_sk_1' };
const API_KEY = { MONGODB_ATLAS_PUBLIC_KEY: 'abcdefgh', MONGODB_ATLAS_PRIVATE_KEY: '11111111-2222' };
const MCP = { MDB_MCP_API_CLIENT_ID: 'mdb_sa_id_1', MDB_MCP_API_CLIENT_SECRET_FILE: '/f' };
const PROJECT = '69681d39c9e8cfd375386316';

const originFor = async (environment: Environment) => (await load([], environment)).atlas?.baseUrl.origin;
const fileWith = (atlas: object) => ({ ATLAS_MODEL_KEYS_CONFIG: configurationFile({ atlas }) });

describe('the address of a neighbour', () => {
  test.each<[string, Environment, string]>([
    ['none', CLI, 'https://cloud.mongodb.com'],
    ['of the Atlas CLI', { ...CLI, MONGODB_ATLAS_OPS_MANAGER_URL: 'https://a.example/' }, 'https://a.example'],
    ['of it, by an API key', { ...API_KEY, MONGODB_ATLAS_OPS_MANAGER_URL: 'https://a.example/' }, 'https://a.example'],
    ['its service', { ...CLI, MONGODB_ATLAS_SERVICE: 'cloudgov' }, 'https://cloud.mongodbgov.com'],
    ['its usual service', { ...CLI, MONGODB_ATLAS_SERVICE: 'cloud' }, 'https://cloud.mongodb.com'],
    [
      'its address before its service',
      { ...CLI, MONGODB_ATLAS_SERVICE: 'cloudgov', MONGODB_ATLAS_OPS_MANAGER_URL: 'https://a.example' },
      'https://a.example',
    ],
    ['of the MCP server', { ...MCP, MDB_MCP_API_BASE_URL: 'https://b.example/' }, 'https://b.example'],
    [
      'before it this server’s own',
      { ...MCP, MDB_MCP_API_BASE_URL: 'https://b.example/', MONGODB_ATLAS_BASE_URL: 'https://c.example' },
      'https://c.example',
    ],
    ['of the other neighbour', { ...CLI, MDB_MCP_API_BASE_URL: 'nonsense' }, 'https://cloud.mongodb.com'],
    ['of the other, the other way', { ...MCP, MONGODB_ATLAS_SERVICE: 'nonsense' }, 'https://cloud.mongodb.com'],
  ])('%s', async (_what, environment, origin) => {
    expect(await originFor(environment)).toBe(origin);
  });

  test.each<[string, Environment]>([
    ['MONGODB_ATLAS_OPS_MANAGER_URL', { ...CLI, MONGODB_ATLAS_OPS_MANAGER_URL: 'http://canary.example' }],
    ['MDB_MCP_API_BASE_URL', { ...MCP, MDB_MCP_API_BASE_URL: 'https://canary@x.example' }],
    ['MONGODB_ATLAS_SERVICE', { ...CLI, MONGODB_ATLAS_SERVICE: 'canary' }],
    ['MONGODB_ATLAS_SERVICE', { ...CLI, MONGODB_ATLAS_SERVICE: 'constructor' }],
  ])('%s obeys the same rules', async (setting, environment) => {
    expect(await refusalOf([], environment)).toMatch(new RegExp(`^${setting}: (?!.*canary)`));
  });
});

describe('the section of the file', () => {
  const section = {
    clientId: 'mdb_sa_id_f',
    clientSecretFile: '/f',
    baseUrl: 'https://f.example',
    projectId: PROJECT,
    orgId: 'f'.repeat(24),
  };

  test('says what the environment does not', async () => {
    expect(await load([], fileWith(section))).toMatchObject({
      atlas: {
        baseUrl: new URL('https://f.example'),
        credentials: { kind: 'service-account', clientId: 'mdb_sa_id_f', clientSecret: { file: '/f' } },
      },
      projectId: PROJECT,
      orgId: 'f'.repeat(24),
    });
  });

  test('and is weaker', async () => {
    const environment = {
      ...fileWith(section),
      ...CLI,
      MONGODB_ATLAS_BASE_URL: 'https://e.example',
      MONGODB_ATLAS_PROJECT_ID: 'e'.repeat(24),
    };
    expect(await load([], environment)).toMatchObject({
      atlas: { baseUrl: new URL('https://e.example'), credentials: { clientId: 'mdb_sa_id_1' } },
      projectId: 'e'.repeat(24),
      orgId: 'f'.repeat(24),
    });
  });

  test('is not read for the sandbox', async () => {
    expect(await load(['--sandbox'], fileWith(section))).not.toHaveProperty('atlas');
  });

  test.each<[object, RegExp]>([
    [{ clientSecret: 'canary' }, /atlas\.clientSecret: must not stand in this file; use clientSecretFile/],
    [{ accessToken: 'canary' }, /atlas\.accessToken: is not known here/],
    [{ clientSecretCommand: 'pass show "canary"' }, /atlas\.clientSecretCommand: holds a character that only a shell/],
    [{ clientSecretFile: '/f', clientSecretCommand: 'x' }, /clientSecretCommand: is set beside .*clientSecretFile/],
    [{ baseUrl: 'http://canary.example' }, /atlas\.baseUrl: plain http is allowed only for loopback/],
    [{ projectId: 'canary' }, /atlas\.projectId: must be 24 lower-case/],
    [{ orgId: '<canary>' }, /atlas\.orgId: holds a placeholder/],
    [{ clientId: 'can:ary', clientSecretFile: '/f' }, /atlas\.clientId: holds a space, a colon/],
  ])('%j is refused, by its key', async (atlas, words) => {
    const refusal = await refusalOf([], fileWith(atlas));
    expect(refusal).toMatch(words);
    expect(refusal).not.toContain('canary');
  });
});

test.each(['${PROJECT}', '$PROJECT', '%PROJECT%', '<your-project-id>', `"${PROJECT}"`])(
  'an id that nobody filled in is told as such: %s',
  async (value) => {
    for (const name of ['MONGODB_ATLAS_PROJECT_ID', 'MONGODB_ATLAS_ORG_ID']) {
      const refusal = await refusalOf([], { [name]: value });
      expect(refusal).toMatch(new RegExp(`^${name}: (?:holds a placeholder|stands in quotation marks)`));
      expect(refusal).not.toContain(value);
    }
  },
);
