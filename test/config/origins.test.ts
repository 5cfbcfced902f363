// Where each value came from, as the doctor tells it.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { parseCommandLine } from '../../src/config/command-line.ts';
import { loadConfig } from '../../src/config/config.ts';
import { settingNames } from '../../src/config/settings.ts';
import { configurationFile, load, temporaryFolder } from './fixture.ts';

function originsOf({ origins }: Awaited<ReturnType<typeof load>>) {
  return Object.fromEntries([...origins].filter(([, origin]) => origin !== 'default'));
}

test('the source that counts is the one that is told', async () => {
  const path = configurationFile({ sinks: { a: 'file:/srv/{entry}' }, readOnly: true, logLevel: 'info' });
  const variables = { ATLAS_MODEL_KEYS_CONFIG: path, ATLAS_MODEL_KEYS_READ_ONLY: '0', ATLAS_MODEL_KEYS_LOG_LEVEL: '' };
  expect(originsOf(await load(['--log-level', 'error'], variables))).toEqual({
    sinks: `file ${path}`,
    readOnly: 'variable ATLAS_MODEL_KEYS_READ_ONLY',
    logLevel: 'flag --log-level',
  });
});

test('every setting has an origin', async () => {
  const { origins } = await load();
  expect([...origins.keys()]).toEqual(settingNames);
  expect(new Set(origins.values())).toEqual(new Set(['default']));
});

test('what the sandbox does not take has no origin', async () => {
  const path = configurationFile({ sinks: { a: 'file:/srv/{entry}' }, stateDir: '/srv', readOnly: true });
  expect(originsOf(await load(['--sandbox'], { ATLAS_MODEL_KEYS_CONFIG: path }))).toEqual({ readOnly: `file ${path}` });
  expect(
    originsOf(await load(['--sandbox', '--sink', 'b=file:/tmp/{entry}'], { ATLAS_MODEL_KEYS_CONFIG: path })),
  ).toEqual({
    sinks: 'flag --sink',
    readOnly: `file ${path}`,
  });
});

test('the configuration file that was read, or that would be', async () => {
  const path = configurationFile({});
  expect((await load(['--config', path])).configurationFile).toEqual({ path, exists: true });
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  vi.stubEnv('XDG_CONFIG_HOME', temporaryFolder());
  const { configurationFile: none } = await loadConfig(parseCommandLine(['--sandbox']), {});
  expect(none.exists).toBe(false);
  expect(none.path).toMatch(/atlas-model-keys.config\.json$/);
});

test('the variables of the credentials, in the names under which they were found', async () => {
  const secretFile = join(temporaryFolder(), 'secret');
  writeFileSync(secretFile, 'mdb_sa_sk_canary\n');
  const environment = { MDB_MCP_API_CLIENT_ID: 'mdb_sa_id_1', MONGODB_ATLAS_CLIENT_SECRET_FILE: secretFile };
  expect((await load([], environment)).credentialVariables).toEqual([
    'MDB_MCP_API_CLIENT_ID',
    'MONGODB_ATLAS_CLIENT_SECRET_FILE',
  ]);
  expect((await load([], { ...environment, MONGODB_ATLAS_ACCESS_TOKEN: 'token-canary' })).credentialVariables).toEqual([
    'MONGODB_ATLAS_ACCESS_TOKEN',
  ]);
  expect((await load([], { MONGODB_ATLAS_CLIENT_ID: 'mdb_sa_id_1' })).credentialVariables).toEqual([]);
  expect((await load(['--sandbox'], environment)).credentialVariables).toEqual([]);
});
