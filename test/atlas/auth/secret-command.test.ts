// The program that prints a secret: when it is run, what it gets, and what becomes of one that does it badly.

import { writeFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Environment } from '../../../src/config/environment.ts';
import type { Simulator } from '../../atlas-simulator/simulator.ts';
import type { ScriptFolder } from '../../sinks/script-folder.ts';
import { atlasWith, programs } from '../configured.ts';
import { failureOf, log, NEW_KEY, originOf, PROJECT, sandboxFor, valueOf } from '../connection.ts';

const SETTING = 'MONGODB_ATLAS_ACCESS_TOKEN_COMMAND';

/** What `print` holds is printed; each run leaves a line in `runs`. */
function printer(folder: ScriptFolder, text: string): string {
  writeFileSync(folder.at('print'), text);
  return folder.sh('printer', 'echo run >> "$F/runs"; cat "$F/print"');
}

const runs = (folder: ScriptFolder) => (folder.has('runs') ? folder.read('runs').split('\n').length - 1 : 0);

/** A JWT that ends so many seconds from now. */
function jwt(seconds: number): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return [part({ alg: 'none' }), part({ exp: Math.floor(Date.now() / 1000) + seconds }), 'signature'].join('.');
}

function passTime(seconds: number): void {
  onTestFinished(() => {
    vi.useRealTimers();
  });
  vi.setSystemTime(Date.now() + seconds * 1000);
}

async function listWith(sandbox: Simulator, environment: Environment) {
  return (await atlasWith(sandbox, environment)).listKeys(PROJECT);
}

describe('a program that prints the secret', () => {
  test('is run at the first call, once for all callers, and what it prints is kept', async () => {
    const sandbox = await sandboxFor();
    const folder = programs();
    const command = printer(folder, `${sandbox.credentials.accessToken}\n`);
    const atlas = await atlasWith(sandbox, { [SETTING]: command });
    expect(runs(folder)).toBe(0);
    const lists = await Promise.all(Array.from({ length: 8 }, () => atlas.listKeys(PROJECT)));
    expect(lists.map(valueOf)).toHaveLength(8);
    valueOf(await atlas.listKeys(PROJECT));
    expect(runs(folder)).toBe(1);
  });

  test.each(['client secret', 'private key'])('of a %s, by another of its names', async (kind) => {
    const sandbox = await sandboxFor();
    const { clientId, clientSecret, publicKey, privateKey } = sandbox.credentials;
    const folder = programs();
    const isClient = kind === 'client secret';
    const command = printer(folder, isClient ? clientSecret : privateKey);
    const environment = isClient
      ? { MDB_MCP_API_CLIENT_ID: clientId, MDB_MCP_API_CLIENT_SECRET_COMMAND: JSON.stringify([command]) }
      : { MONGODB_ATLAS_PUBLIC_KEY: publicKey, MONGODB_ATLAS_PRIVATE_KEY_COMMAND: JSON.stringify([command]) };
    valueOf(await listWith(sandbox, environment));
    expect(runs(folder)).toBe(1);
  });

  test('gets no shell, no input, no terminal, nothing of Atlas, and the folder /', async () => {
    const sandbox = await sandboxFor();
    const folder = programs();
    const command = folder.node(
      'look',
      `const stat = fs.readFileSync('/proc/self/stat', 'utf8').replace(/^.*\\) /, '').split(' ');
       let input = 'closed'; try { input = fs.readFileSync(0, 'utf8'); } catch {}
       fs.writeFileSync(F + '/seen', JSON.stringify({ cwd: process.cwd(), args: process.argv.slice(2), input,
         session: Number(stat[3]) === process.pid, names: Object.keys(process.env), vault: process.env.VAULT_TOKEN }));
       console.error('canary-of-stderr');
       console.log('${sandbox.credentials.accessToken}');`,
    );
    const atlas = await atlasWith(sandbox, {
      [SETTING]: JSON.stringify([command, '$HOME', '; touch x', '*']),
      MONGODB_ATLAS_PROJECT_ID: PROJECT,
      MDB_MCP_CONNECTION_STRING: 'canary',
      VAULT_TOKEN: 'of-the-vault',
    });
    valueOf(await atlas.listKeys(PROJECT));
    const seen: unknown = JSON.parse(folder.read('seen'));
    expect(seen).toMatchObject({
      cwd: '/',
      args: ['$HOME', '; touch x', '*'],
      input: '',
      session: true,
      vault: 'of-the-vault',
    });
    expect(folder.read('seen')).not.toMatch(/MONGODB_ATLAS|MDB_MCP/);
  });
});

describe('it is run again', () => {
  test('when Atlas refuses what it printed, and the call is sent again where it prints something else', async () => {
    const sandbox = await sandboxFor();
    const folder = programs();
    const atlas = await atlasWith(sandbox, { [SETTING]: printer(folder, 'token-that-has-ended') });
    expect(failureOf(await atlas.listKeys(PROJECT)).hint).toContain(SETTING);
    expect([runs(folder), log(sandbox)]).toEqual([2, ['list_keys 401']]);
    writeFileSync(folder.at('print'), sandbox.credentials.accessToken);
    // It had nothing new, and may have asked a person.
    expect(failureOf(await atlas.listKeys(PROJECT)).code).toBe('ATLAS_UNAUTHENTICATED');
    expect(runs(folder)).toBe(2);
    passTime(31);
    valueOf(await atlas.listKeys(PROJECT));
    expect(runs(folder)).toBe(3);
  });

  test('but not for the POST of a create', async () => {
    const sandbox = await sandboxFor();
    const folder = programs();
    const atlas = await atlasWith(sandbox, { [SETTING]: printer(folder, sandbox.credentials.accessToken) });
    valueOf(await atlas.listKeys(PROJECT));
    sandbox.inject({ operation: 'create_key', when: 'before', kind: 'status', status: 401, body: '' });
    expect(failureOf(await atlas.createKey(NEW_KEY)).code).toBe('ATLAS_UNAUTHENTICATED');
    expect([runs(folder), log(sandbox)]).toEqual([1, ['list_keys 200', 'create_key 401']]);
  });

  test('and not where Atlas names a role', async () => {
    const sandbox = await sandboxFor();
    const folder = programs();
    const body = JSON.stringify({ error: 401, errorCode: 'USER_UNAUTHORIZED' });
    sandbox.inject({ operation: 'list_keys', when: 'before', kind: 'status', status: 401, body });
    const failure = failureOf(await listWith(sandbox, { [SETTING]: printer(folder, sandbox.credentials.accessToken) }));
    expect([failure.code, runs(folder)]).toEqual(['ATLAS_FORBIDDEN', 1]);
  });

  test('60 s before a JWT ends, and once where it prints one that ends as soon', async () => {
    const { url } = await originOf(200, { results: [] });
    const folder = programs();
    const atlas = await atlasWith({ baseUrl: url.origin }, { [SETTING]: printer(folder, jwt(300)) });
    const counts: number[] = [];
    for (const seconds of [0, 230, 15, 0, 31]) {
      passTime(seconds);
      valueOf(await atlas.listKeys(PROJECT));
      counts.push(runs(folder));
    }
    expect(counts).toEqual([1, 1, 2, 2, 3]);
  });
});

describe('a program that fails is named by its setting, and nothing that it wrote is shown', () => {
  test.each<[string, string, RegExp]>([
    ['fails', 'echo canary-out; echo canary-err >&2; exit 3', /exit code 3/],
    ['prints nothing', 'echo canary-err >&2', /printed nothing/],
    ['prints two lines', 'echo canary-one; echo canary-two', /more than one line/],
    ['prints a space', 'echo "canary one"', /holds a space/],
    ['prints UTF-16', String.raw`printf 'c\000a\000n\000a\000r\000y\000\r\000\n\000'`, /is in UTF-16/],
    ['prints JSON', `echo '{"secret":"canary"}'`, /brace/],
    ['prints no text', `printf 'canary\\377\\000x'`, /control character/],
    ['floods', 'yes canary', /far too much/],
    ['is killed', 'kill -9 $$', /signal SIGKILL/],
    ['never ends', 'echo canary; sleep 600', /did not end within 1 s/],
    ['leaves a child behind', 'sleep 600 & echo canary two', /holds a space/],
  ])('one that %s', async (_what, body, words) => {
    const sandbox = await sandboxFor();
    const folder = programs();
    const atlas = await atlasWith(sandbox, {
      [SETTING]: folder.sh('evil', `echo run >> "$F/runs"; ${body}`),
      ATLAS_MODEL_KEYS_CREDENTIAL_TIMEOUT_MS: '1000',
    });
    const failure = failureOf(await atlas.listKeys(PROJECT));
    expect(failure).toMatchObject({ code: 'CREDENTIALS_MISSING', maybeCarriedOut: false });
    expect(failure.message).toMatch(words);
    expect(failure.message).toContain(SETTING);
    expect(JSON.stringify(failure)).not.toContain('canary');
    expect(sandbox.requests).toEqual([]);
    // It is not run again for a while.
    expect(failureOf(await atlas.listKeys(PROJECT))).toMatchObject({
      retryAfterSeconds: expect.any(Number) as unknown,
    });
    expect(runs(folder)).toBe(1);
    passTime(31);
    failureOf(await atlas.listKeys(PROJECT));
    expect(runs(folder)).toBe(2);
  });

  test.each(['mdb_sa_sk_canary', '/canary/of/a/secret'])('one that is not there is not named: %s', async (command) => {
    const sandbox = await sandboxFor();
    const failure = failureOf(await listWith(sandbox, { [SETTING]: command }));
    expect(failure.message).toBe(`The program of ${SETTING} was not found.`);
    expect(JSON.stringify(failure)).not.toContain('canary');
  });

  test('one that others can change is not run', async () => {
    const sandbox = await sandboxFor();
    const folder = programs();
    const command = folder.write('open', '#!/bin/sh\necho run >> runs\n', 0o777);
    const failure = failureOf(await listWith(sandbox, { [SETTING]: command }));
    expect(failure.message).toMatch(/can be changed by other users/);
    expect(folder.started()).toBe(0);
  });

  test('a caller that leaves is not held up, and the others get what it prints', async () => {
    const sandbox = await sandboxFor();
    const folder = programs();
    const { accessToken } = sandbox.credentials;
    const command = folder.sh('slow', `while [ ! -e "$F/go" ]; do sleep 0.02; done; echo ${accessToken}`);
    const atlas = await atlasWith(sandbox, { [SETTING]: command });
    const leaver = new AbortController();
    const leaving = atlas.listKeys(PROJECT, leaver.signal);
    const staying = atlas.listKeys(PROJECT);
    leaver.abort();
    expect(failureOf(await leaving).code).toBe('CANCELLED');
    writeFileSync(folder.at('go'), '');
    valueOf(await staying);
  });
});
