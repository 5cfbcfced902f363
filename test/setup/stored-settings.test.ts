// What changes between the plan that a person saw and the writing of it.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseCommandLine } from '../../src/config/command-line.ts';
import { loadConfig } from '../../src/config/config.ts';
import { planStoring, store } from '../../src/setup/stored-settings.ts';
import { temporaryHome } from '../e2e/host.ts';

const SECRET = 'mdb_sa_sk_of_a_test_that_is_long_enough';
const NEW_SECRET = 'mdb_sa_sk_of_a_test_that_took_its_place';

async function plan(
  secret = SECRET,
  record: Parameters<typeof planStoring>[3] = { hosts: {} },
  home = temporaryHome(),
) {
  const path = join(home, 'settings', 'config.json');
  const environment = { HOME: home, MONGODB_ATLAS_CLIENT_ID: 'mdb_sa_id_1', MONGODB_ATLAS_CLIENT_SECRET: secret };
  const config = await loadConfig(parseCommandLine(['setup', '--config', path]), environment);
  const planned = await planStoring(config, {}, path, record);
  if (!planned.ok) throw new Error(planned.failure.message);
  return { home, path, secretPath: join(home, 'settings', 'client-secret'), planned: planned.value, record };
}

test('a configuration that somebody else writes meanwhile stays, and the secret is taken out again', async () => {
  const { path, secretPath, planned, record } = await plan();
  mkdirSync(join(path, '..'), { mode: 0o700 });
  writeFileSync(path, '{}', { mode: 0o600 });
  expect(await store(planned, record)).toMatchObject({ ok: false });
  expect([readFileSync(path, 'utf8'), existsSync(secretPath)]).toEqual(['{}', false]);
});

test('so does a secret, and then no configuration is written', async () => {
  const { path, secretPath, planned, record } = await plan();
  mkdirSync(join(path, '..'), { mode: 0o700 });
  writeFileSync(secretPath, 'of something else', { mode: 0o600 });
  expect(await store(planned, record)).toMatchObject({ ok: false });
  expect([existsSync(path), readFileSync(secretPath, 'utf8')]).toEqual([false, 'of something else']);
});

test('where a new secret cannot be named in the configuration, the old one comes back', async () => {
  const first = await plan();
  const stored = await store(first.planned, first.record);
  if (!stored.ok) throw new Error(stored.failure.message);
  // As a person does who changes the file while setup asks.
  const { planned, path, secretPath } = await plan(NEW_SECRET, stored.value, first.home);
  expect(planned.secret?.path).toBe(secretPath);
  const changing = { ...planned, content: '{ "readOnly": true }' };
  writeFileSync(path, '{ "readOnly": false }');
  expect(await store(changing, stored.value)).toMatchObject({ ok: false });
  expect([readFileSync(path, 'utf8'), readFileSync(secretPath, 'utf8')]).toEqual(['{ "readOnly": false }', SECRET]);
});
