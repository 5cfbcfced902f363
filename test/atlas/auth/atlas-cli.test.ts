// A profile of the Atlas CLI. The CLI itself cannot be installed from a registry, so a stand-in speaks as its sources and
// documentation say (1.58): it tells its version, describes profiles, prints the stored token without looking at it, and
// renews an ended one with any call of the Admin API.

import { writeFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Environment } from '../../../src/config/environment.ts';
import type { ScriptFolder } from '../../sinks/script-folder.ts';
import { atlasOf, programs } from '../configured.ts';
import { failureOf, log, originOf, PROJECT, sandboxFor, valueOf } from '../connection.ts';

const STAND_IN = `
const [command, ...args] = process.argv.slice(2);
fs.appendFileSync(F + '/calls', process.argv.slice(2).join(' ') + '\\n');
fs.writeFileSync(F + '/environment', JSON.stringify(process.env));
const state = JSON.parse(fs.readFileSync(F + '/state', 'utf8'));
const say = (text) => process.stdout.write(text + '\\n');
const fail = () => { console.error('Error: canary'); process.exit(1); };
if (command === '--version') say(state.version ?? 'atlascli version: 1.58.1\\ngit version: canary\\nGo version: go1.25');
else if (command === 'config' && args.join(' ') === 'describe work -o json')
  state.profile ? say(JSON.stringify(state.profile)) : fail();
else if (command === 'auth' && args.join(' ') === 'token -P work') state.token ? say(state.token) : fail();
else if (command === 'projects' && args.join(' ') === 'list --limit 1 -P work') {
  if (!state.renewed) fail();
  fs.writeFileSync(F + '/state', JSON.stringify({ ...state, token: state.renewed }));
  say('ID NAME');
} else fail();
`;

interface State {
  readonly version?: string;
  readonly profile?: Readonly<Record<string, unknown>>;
  readonly token?: string;
  /** What the next call of the Admin API stores. */
  readonly renewed?: string;
}

const LOGIN = {
  auth_type: 'user_account',
  service: 'cloud',
  output: 'plaintext',
  access_token: '[redacted, source: file]',
};

function standIn(state: State): ScriptFolder & { readonly set: (next: State) => void } {
  const folder = programs();
  const set = (next: State) => {
    writeFileSync(folder.at('state'), JSON.stringify(next));
  };
  set(state);
  folder.node('atlas', STAND_IN);
  return { ...folder, set };
}

const environmentOf = (folder: ScriptFolder): Environment => ({
  PATH: `${folder.path}:${process.env.PATH ?? ''}`,
  ATLAS_MODEL_KEYS_ATLAS_CLI_PROFILE: 'work',
});

function jwt(seconds: number): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return [part({ alg: 'none' }), part({ exp: Math.floor(Date.now() / 1000) + seconds }), 'signature'].join('.');
}

const ASKED_ONCE = ['--version', 'config describe work -o json', 'auth token -P work'];
const RENEWED = ['projects list --limit 1 -P work', 'auth token -P work'];
const calls = (folder: ScriptFolder) => folder.read('calls').trimEnd().split('\n');

describe('the token of the profile', () => {
  test('is asked for at the first call, and sent to where the profile says', async () => {
    const sandbox = await sandboxFor();
    const folder = standIn({
      profile: { ...LOGIN, ops_manager_url: `${sandbox.baseUrl}/` },
      token: sandbox.credentials.accessToken,
    });
    const atlas = await atlasOf({ ...environmentOf(folder), MONGODB_ATLAS_PROFILE: 'other', HOME: '/home/x' });
    expect(folder.has('calls')).toBe(false);
    const lists = await Promise.all([1, 2, 3].map(() => atlas.listKeys(PROJECT)));
    expect(lists.map(valueOf)).toHaveLength(3);
    expect(calls(folder)).toEqual(ASKED_ONCE);
    await atlas.close();
    expect(log(sandbox)).toEqual(['list_keys 200', 'list_keys 200', 'list_keys 200']);
    const environment: unknown = JSON.parse(folder.read('environment'));
    expect(environment).toMatchObject({ DO_NOT_TRACK: '1', HOME: '/home/x' });
    expect(JSON.stringify(environment)).not.toMatch(/MONGODB_ATLAS|MDB_MCP|MCLI_/);
  });

  test('is sent to where the operator says, before that', async () => {
    const sandbox = await sandboxFor();
    const folder = standIn({
      profile: { ...LOGIN, service: 'cloudgov' },
      token: sandbox.credentials.accessToken,
    });
    const atlas = await atlasOf({ ...environmentOf(folder), MONGODB_ATLAS_BASE_URL: sandbox.baseUrl });
    valueOf(await atlas.listKeys(PROJECT));
  });

  test.each([
    ['there is none', undefined],
    ['it ends within a minute', jwt(30)],
    ['it has ended', jwt(-300)],
  ])('is renewed by the CLI where %s', async (_what, token) => {
    const sandbox = await sandboxFor();
    const { accessToken } = sandbox.credentials;
    const folder = standIn({ profile: LOGIN, ...(token !== undefined && { token }), renewed: accessToken });
    const atlas = await atlasOf({ ...environmentOf(folder), MONGODB_ATLAS_BASE_URL: sandbox.baseUrl });
    valueOf(await atlas.listKeys(PROJECT));
    expect(calls(folder)).toEqual([...ASKED_ONCE, ...RENEWED]);
  });

  test('is renewed by the CLI where Atlas refuses it, and the call is sent again', async () => {
    const sandbox = await sandboxFor();
    const { accessToken } = sandbox.credentials;
    const folder = standIn({ profile: LOGIN, token: 'token-that-was-ended', renewed: accessToken });
    const atlas = await atlasOf({ ...environmentOf(folder), MONGODB_ATLAS_BASE_URL: sandbox.baseUrl });
    valueOf(await atlas.listKeys(PROJECT));
    expect(calls(folder)).toEqual([...ASKED_ONCE, 'auth token -P work', ...RENEWED]);
    expect(log(sandbox)).toEqual(['list_keys 401', 'list_keys 200']);
  });
});

describe('what cannot be used says what a person does', () => {
  test.each<[string, State, RegExp, RegExp]>([
    ['an ended login', { profile: LOGIN, token: jwt(-1) }, /no access token.*still good/, /atlas auth login -P work/],
    ['no login', { profile: LOGIN }, /no access token/, /atlas auth login -P work/],
    [
      'a login that the CLI renews to one that has ended too',
      { profile: LOGIN, token: jwt(-9), renewed: jwt(-1) },
      /no access token/,
      /atlas auth login -P work/,
    ],
    ['no such profile', {}, /exit code 1/, /atlas config list/],
    [
      'a profile with an API key',
      { profile: { auth_type: 'api_keys', public_api_key: 'abcdefgh', private_api_key: '[redacted]' } },
      /API key/,
      /MONGODB_ATLAS_PRIVATE_API_KEY_COMMAND/,
    ],
    ['an old profile with an API key', { profile: { public_api_key: 'abcdefgh' } }, /API key/, /_COMMAND/],
    [
      'a service account whose token this CLI does not store',
      { profile: { auth_type: 'service_account' }, renewed: ' ' },
      /no access token for the service account/,
      /1\.57\.0/,
    ],
    ['plain http', { profile: { ...LOGIN, ops_manager_url: 'http://canary.example' }, token: 'x' }, /address/, /https/],
    ['another service', { profile: { ...LOGIN, service: 'canary' }, token: 'x' }, /address/, /https/],
    ['a CLI that is too old', { version: 'atlascli version: 1.50.9' }, /too old/, /1\.51\.0/],
    [
      'another program of that name',
      { version: 'atlas version v0.38.1-canary' },
      /not the Atlas CLI/,
      /atlascli version/,
    ],
  ])('%s', async (_what, state, message, hint) => {
    const { url, arrivals } = await originOf(200, { results: [] });
    const folder = standIn(state);
    const names = state.profile && ('ops_manager_url' in state.profile || state.profile.service === 'canary');
    const atlas = await atlasOf({
      ...environmentOf(folder),
      ...(!names && { MONGODB_ATLAS_BASE_URL: url.origin }),
    });
    const failure = failureOf(await atlas.listKeys(PROJECT));
    expect(failure).toMatchObject({ code: 'CREDENTIALS_MISSING', maybeCarriedOut: false });
    expect(failure.message).toMatch(message);
    expect(failure.hint).toMatch(hint);
    expect(JSON.stringify(failure)).not.toContain('canary');
    expect(arrivals).toEqual([]);
    const asked = calls(folder).length;
    failureOf(await atlas.listKeys(PROJECT));
    expect(calls(folder)).toHaveLength(asked);
  });

  test('a login that was made meanwhile is used after 30 s', async () => {
    const sandbox = await sandboxFor();
    const folder = standIn({ profile: LOGIN, token: jwt(-1) });
    const atlas = await atlasOf({ ...environmentOf(folder), MONGODB_ATLAS_BASE_URL: sandbox.baseUrl });
    failureOf(await atlas.listKeys(PROJECT));
    folder.set({ profile: LOGIN, token: sandbox.credentials.accessToken });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    vi.setSystemTime(Date.now() + 31_000);
    valueOf(await atlas.listKeys(PROJECT));
  });

  test('no CLI at all', async () => {
    const sandbox = await sandboxFor();
    const atlas = await atlasOf({
      ...environmentOf(programs()),
      MONGODB_ATLAS_BASE_URL: sandbox.baseUrl,
      ATLAS_MODEL_KEYS_ATLAS_CLI: 'no-such-atlas-here',
    });
    const failure = failureOf(await atlas.listKeys(PROJECT));
    expect(failure.message).toMatch(/ATLAS_MODEL_KEYS_ATLAS_CLI\) was not found/);
  });
});
