// Credentials that are fetched when they are needed, in the server that ships: nothing is opened or run before the first
// call, nothing of them comes out, and what was begun at Atlas is ended.

import { chmodSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { thisMachine } from '../../src/files/machine.ts';
import type { Simulator } from '../atlas-simulator/simulator.ts';
import { leaksIn } from '../canary.ts';
import { namesOf, readReport, runDoctor } from '../doctor/examination.ts';
import { atlasAndHome, fileIn, filesBelow, startHost, startServer } from './host.ts';

const GROUP = '69681d39c9e8cfd375386316';
const NEW_KEY = { groupId: GROUP, name: 'a key' };

let sandbox: Simulator;
let home: string;

beforeEach(async () => {
  ({ sandbox, home } = await atlasAndHome());
});

/** A program that leaves a file `ran` and then does this; `$F` is its folder. */
function program(name: string, body: string): string {
  const path = join(home, name);
  writeFileSync(path, `#!/bin/sh\nF='${home}'\necho $$ > "$F/ran"\n${body}\n`);
  chmodSync(path, 0o700);
  return path;
}

const byCommand = (command: string) => ({
  MONGODB_ATLAS_BASE_URL: sandbox.baseUrl,
  MONGODB_ATLAS_CLIENT_ID: sandbox.credentials.clientId,
  MONGODB_ATLAS_CLIENT_SECRET_COMMAND: command,
});

test('a start, --help and --version open no file of a secret and run no program', async () => {
  const env = {
    ...byCommand(program('printer', '')),
    MONGODB_ATLAS_PUBLIC_KEY: 'abcdefgh',
    ATLAS_MODEL_KEYS_ATLAS_CLI_PROFILE: 'work',
  };
  const host = await startHost({ home, env });
  host.endInput();
  expect((await host.ended).code).toBe(0);
  const other = await startHost({ home, env: { MONGODB_ATLAS_ACCESS_TOKEN_FILE: join(home, 'not-there-yet') } });
  other.endInput();
  expect((await other.ended).code).toBe(0);
  for (const flag of ['--help', '--version'])
    expect((await startServer({ home, args: [flag], env }).ended).code).toBe(0);
  expect([...filesBelow(home).keys()]).toEqual([join(home, 'printer')]);
});

test('a program gives the client secret: a key is delivered, and no part of the secret comes out', async () => {
  const { clientSecret } = sandbox.credentials;
  const hidden = fileIn(home, 'hidden', clientSecret);
  const host = await startHost({ home, env: byCommand(program('printer', `cat '${hidden}'; cat '${hidden}' >&2`)) });
  expect((await host.call('create_ai_model_api_key', NEW_KEY)).structuredContent).toMatchObject({
    outcome: 'delivered',
  });
  host.endInput();
  expect((await host.ended).code).toBe(0);
  const written = [...filesBelow(home)].filter(([path]) => path !== hidden).map(([, content]) => content);
  const { stdout, stderr } = host.output();
  expect(leaksIn([stdout, stderr, ...written].join('\n'), [clientSecret])).toEqual([]);
});

test('the token of a service account is revoked when the host goes', async () => {
  const host = await startHost({
    home,
    env: byCommand(program('printer', `echo ${sandbox.credentials.clientSecret}`)),
  });
  await host.call('list_ai_model_api_keys', { groupId: GROUP });
  host.endInput();
  expect((await host.ended).code).toBe(0);
  expect(sandbox.requests.map(({ operation }) => operation)).toEqual(['token', 'list_keys', 'revoke']);
});

test('an Atlas that is gone delays the end by about a second at most', async () => {
  const host = await startHost({
    home,
    env: byCommand(program('printer', `echo ${sandbox.credentials.clientSecret}`)),
  });
  await host.call('list_ai_model_api_keys', { groupId: GROUP });
  sandbox.inject({ operation: 'revoke', when: 'before', kind: 'stall' });
  host.endInput();
  expect((await host.ended).code).toBe(0);
});

test('a value that the host did not fill in does not stop the start, and is named at the first call', async () => {
  const host = await startHost({
    home,
    env: { MONGODB_ATLAS_CLIENT_ID: 'mdb_sa_id_1', MONGODB_ATLAS_CLIENT_SECRET: '${input:canary-secret}' },
  });
  const { structuredContent } = await host.call('list_projects');
  expect(structuredContent).toMatchObject({
    outcome: 'failed',
    error: { code: 'CREDENTIALS_MISSING', message: expect.stringMatching(/^MONGODB_ATLAS_CLIENT_SECRET /) as unknown },
  });
  expect(host.output().stdout + host.output().stderr).not.toContain('canary');
});

describe('the doctor', () => {
  const examine = async (env: Record<string, string>) => readReport(await runDoctor(home, ['--json'], env));

  test('runs the program, and tells what is wrong with it', async () => {
    const good = program('printer', `echo ${sandbox.credentials.clientSecret}`);
    expect((await examine(byCommand(good))).failed).toEqual([]);
    const { checks, failed } = await examine(byCommand(program('broken', 'echo canary; exit 7')));
    expect(failed).toEqual(['secret']);
    expect(checks.find(({ check }) => check === 'secret')?.finding).toBe(
      'The program of MONGODB_ATLAS_CLIENT_SECRET_COMMAND ended with exit code 7.',
    );
    expect(JSON.stringify(checks)).not.toContain('canary');
  });

  test('tells of a file with a secret that others can read, which is used all the same', async () => {
    const file = fileIn(home, 'secret', sandbox.credentials.accessToken);
    const env = { MONGODB_ATLAS_BASE_URL: sandbox.baseUrl, MONGODB_ATLAS_ACCESS_TOKEN_FILE: file };
    expect((await examine(env)).warnings).not.toContain('secret file');
    // A group that holds only this user is not "others", as for the files of sinks.
    chmodSync(file, 0o640);
    const isPrivate = thisMachine().isPrivateGroup(statSync(file).gid);
    expect((await examine(env)).warnings.includes('secret file')).toBe(!isPrivate);
    chmodSync(file, 0o644);
    const { checks, failed } = await examine(env);
    expect([failed, namesOf(checks, 'warning')]).toEqual([[], ['secret file', 'roles', 'access list']]);
  });

  test('names a placeholder that was not replaced', async () => {
    const { checks, failed } = await examine({
      MONGODB_ATLAS_CLIENT_ID: '<your-client-id>',
      MONGODB_ATLAS_CLIENT_SECRET: 'mdb_sa_sk_1',
    });
    expect(failed).toEqual(['credential']);
    expect(checks.find(({ check }) => check === 'credential')?.finding).toMatch(
      /^MONGODB_ATLAS_CLIENT_ID holds a placeholder/,
    );
  });

  test('asks the Atlas CLI for the token of a profile', async () => {
    const profile = JSON.stringify({ auth_type: 'user_account', ops_manager_url: sandbox.baseUrl });
    const cli = program(
      'atlas',
      `case "$1" in
        --version) echo 'atlascli version: 1.58.1';;
        config) echo '${profile}';;
        auth) echo ${sandbox.credentials.accessToken};;
      esac`,
    );
    const env = { ATLAS_MODEL_KEYS_ATLAS_CLI_PROFILE: 'work', ATLAS_MODEL_KEYS_ATLAS_CLI: cli };
    const { checks, failed } = await examine(env);
    expect(failed).toEqual([]);
    expect(checks.find(({ check }) => check === 'credential')?.finding).toBe(
      'a profile of the Atlas CLI, from ATLAS_MODEL_KEYS_ATLAS_CLI_PROFILE',
    );
    expect(sandbox.requests.map(({ operation }) => operation)).toEqual(['credential', 'list_projects']);
  });
});

test('a program that waits for a person is not waited for when the host goes', async () => {
  const host = await startHost({ home, env: byCommand(program('waiting', 'exec sleep 25')) });
  const called = host.call('list_projects').catch(() => undefined);
  await vi.waitUntil(() => filesBelow(home).has(join(home, 'ran')), { timeout: 10_000 });
  host.endInput();
  expect((await host.ended).code).toBe(0);
  await called;
});
