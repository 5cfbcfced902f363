import { spawnSync } from 'node:child_process';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Simulator } from '../atlas-simulator/simulator.ts';
import { BUNDLE, atlasAndHome, fileIn, filesBelow, startHost, startServer } from './host.ts';
import { structuredOf, textOf } from './result.ts';
import { sharedHost } from './shared-host.ts';

const GROUP = '69681d39c9e8cfd375386316';
const NAME = { groupId: GROUP, name: 'a key' };

let sandbox: Simulator;
let home: string;
let env: Record<string, string>;

beforeEach(async () => {
  ({ sandbox, home, env } = await atlasAndHome());
});

// The servers below are shared: what one test makes them send too late, the next one sees.

describe('nothing is sent and nothing is written for', () => {
  const shared = sharedHost({
    args: [
      '--sink',
      'fixed=file:/nonexistent/x.key',
      '--sink',
      'local=file:~/keys/{entry}.key',
      '--default-sink',
      'local',
    ],
  });
  test.each<[string, Record<string, unknown>, string, RegExp]>([
    ['an unknown parameter', { ...NAME, path: '/etc/passwd' }, 'INVALID_INPUT', /^path: is not known here\.$/],
    [
      'a parameter that asks for the secret',
      { ...NAME, revealSecret: true },
      'INVALID_INPUT',
      /^revealSecret: is not known here\.$/,
    ],
    ['no groupId', { name: 'a key' }, 'INVALID_INPUT', /^groupId: is required\.$/],
    [
      'a groupId in upper case',
      { ...NAME, groupId: GROUP.toUpperCase() },
      'INVALID_INPUT',
      /^groupId: must be 24 lower-case hexadecimal digits/,
    ],
    ['a groupId of 23 characters', { ...NAME, groupId: GROUP.slice(1) }, 'INVALID_INPUT', /^groupId: must be 24/],
    ['a groupId that is a path', { ...NAME, groupId: `../${GROUP}` }, 'INVALID_INPUT', /^groupId: must be 24/],
    ['a groupId with a line break', { ...NAME, groupId: `${GROUP}\n` }, 'INVALID_INPUT', /^groupId: must be 24/],
    ['a groupId that is a number', { ...NAME, groupId: 24 }, 'INVALID_INPUT', /^groupId: must be a string\.$/],
    ['no name', { groupId: GROUP }, 'INVALID_INPUT', /^name: is required\.$/],
    ['an empty name', { ...NAME, name: '' }, 'INVALID_INPUT', /^name: must be at least 1 characters long/],
    [
      'a name of 251 characters',
      { ...NAME, name: 'x'.repeat(251) },
      'INVALID_INPUT',
      /^name: must be at most 250 characters long\.$/,
    ],
    [
      'a name with a control character',
      { ...NAME, name: 'a\u0007key' },
      'INVALID_INPUT',
      /^name: must not hold control/,
    ],
    ['a name with a line break', { ...NAME, name: 'a\nkey' }, 'INVALID_INPUT', /^name: must not hold control/],
    ['a name with a bidi override', { ...NAME, name: 'a\u202Ekey' }, 'INVALID_INPUT', /^name: must not hold control/],
    ['a name with tag characters', { ...NAME, name: 'a\u{E0041}key' }, 'INVALID_INPUT', /^name: must not hold control/],
    [
      'a name that begins with a space',
      { ...NAME, name: ' key' },
      'INVALID_INPUT',
      /^name: must not begin or end with a space\.$/,
    ],
    [
      'several mistakes, all named',
      { name: '', sink: 1 },
      'INVALID_INPUT',
      /^groupId: is required; name: must be at least 1 characters long; sink: must be a string\.$/,
    ],
    ['an unknown sink', { ...NAME, sink: 'elsewhere' }, 'SINK_UNKNOWN', /^There is no sink of that name\.$/],
    ['a sink that is a URI', { ...NAME, sink: 'file:/tmp/x' }, 'SINK_UNKNOWN', /^There is no sink/],
    ['inline, which the operator did not allow', { ...NAME, sink: 'inline' }, 'SINK_UNKNOWN', /^There is no sink/],
    ['an entry with a slash', { ...NAME, entry: 'a/b' }, 'INVALID_INPUT', /^entry: must be 1-128 letters/],
    ['an entry with two dots', { ...NAME, entry: 'a..b' }, 'INVALID_INPUT', /^entry: is not accepted\.$/],
    ['an entry that begins with a dash', { ...NAME, entry: '-rf' }, 'INVALID_INPUT', /^entry: must be/],
    [
      'an entry for a target that the operator fixed',
      { ...NAME, sink: 'fixed', entry: 'x' },
      'INVALID_INPUT',
      /fixed has a fixed target/,
    ],
    ['a name of which no entry can be made', { ...NAME, name: '密钥' }, 'INVALID_INPUT', /^entry: none can be made/],
    [
      'a geography that is not a word',
      { ...NAME, geography: 'eu/../us' },
      'INVALID_INPUT',
      /^geography: must be one word/,
    ],
  ])('%s', async (_what, parameters, code, message) => {
    const { sandbox, home, host } = shared();
    const called = await host.call('create_ai_model_api_key', parameters);
    const { outcome, error } = structuredOf(called);
    expect(called.isError).toBe(true);
    expect(outcome).toBe('failed');
    expect(error).toMatchObject({ code, keyState: 'not_created', retryable: false });
    expect(error?.message).toMatch(message);
    expect(error?.hint).toMatch(/Pass|parameters are|Leave out/);
    expect(textOf(called)).toContain(error?.message);
    expect(sandbox.requests).toEqual([]);
    expect(filesBelow(home, false).size).toBe(0);
  });

  test('missing credentials, which do not keep the server from listing its tools', async () => {
    const host = await startHost({
      home,
      env: { MONGODB_ATLAS_BASE_URL: sandbox.baseUrl, MONGODB_ATLAS_CLIENT_ID: 'mdb_sa_id_1' },
    });
    const { error } = structuredOf(await host.call('create_ai_model_api_key', NAME));
    expect(error).toMatchObject({ code: 'CREDENTIALS_MISSING', keyState: 'not_created' });
    expect(error?.hint).toContain('MONGODB_ATLAS_CLIENT_SECRET');
    expect(sandbox.requests).toEqual([]);
    expect(filesBelow(home, false).size).toBe(0);
  });

  test('a project that the operator does not allow', async () => {
    const other = sandbox.projects[1]?.id ?? '';
    const host = await startHost({ home, env: { ...env, ATLAS_MODEL_KEYS_ALLOWED_PROJECTS: other } });
    const { error } = structuredOf(await host.call('create_ai_model_api_key', NAME));
    expect(error).toMatchObject({ code: 'PROJECT_NOT_ALLOWED', keyState: 'not_created' });
    expect(error?.hint).toContain(other);
    expect(sandbox.requests).toEqual([]);
    expect(filesBelow(home, false).size).toBe(0);
  });

  test('a write while read-only, which lists only the tools that read', async () => {
    const host = await startHost({ home, env, args: ['--read-only'] });
    const { tools } = await host.client.listTools();
    expect(tools.map(({ name }) => name)).toEqual([
      'list_ai_model_api_keys',
      'get_ai_model_api_key',
      'list_projects',
      'list_secret_sinks',
      'check_secret_sinks',
      'list_ai_model_rate_limits',
    ]);
    const { error } = structuredOf(await host.call('create_ai_model_api_key', NAME));
    expect(error).toMatchObject({ code: 'READ_ONLY', keyState: 'not_created' });
    const deletion = structuredOf(await host.call('delete_ai_model_api_key', {}));
    expect(deletion.error).toMatchObject({ code: 'READ_ONLY', keyState: 'not_applicable' });
    expect(sandbox.requests).toEqual([]);
  });
});

const KEY = { groupId: GROUP, apiKeyId: 'a86r5kwrfsk5r5ku5tgvhmpj' };
const NAMED = { ...KEY, confirmName: 'a key' };
const LIMIT = { groupId: GROUP, modelGroupName: 'rerank', requestsPerMinuteLimit: 1, tokensPerMinuteLimit: 1 };

describe('nothing is sent for bad input of', () => {
  const shared = sharedHost();
  describe.each<[string, Record<string, unknown>, readonly [string, Record<string, unknown>, RegExp][]]>([
    [
      'list_ai_model_api_keys',
      { groupId: GROUP },
      [
        ['an organization as well as a project', { orgId: GROUP }, /^groupId, orgId: only one of them can be given\.$/],
        ['an orgId that is none', { groupId: undefined, orgId: 'mine' }, /^orgId: must be 24/],
        ['neither project nor organization', { groupId: undefined }, /^groupId, orgId: one of them is required/],
        ['a limit of 0', { limit: 0 }, /^limit: must be at least 1\.$/],
        ['a limit of 501', { limit: 501 }, /^limit: must be at most 500\.$/],
        ['a limit that is text', { limit: '50' }, /^limit: must be a number\.$/],
        ['days in fractions', { unusedForDays: 1.5 }, /^unusedForDays: must be an int/],
        ['days before today', { unusedForDays: -1 }, /^unusedForDays: must be at least 0\.$/],
        ['more days than ten years', { unusedForDays: 3651 }, /^unusedForDays: must be at most 3650\.$/],
        ['a cursor that was made up', { cursor: 'WzEwMCwiYWJjZGVmZ2giXQ' }, /^cursor: does not belong to this list\.$/],
        ['a cursor that is a number', { cursor: 50 }, /^cursor: must be a string\.$/],
      ],
    ],
    [
      'get_ai_model_api_key',
      KEY,
      [
        ['a path for the id', { apiKeyId: '../x' }, /^apiKeyId: must be the id/],
        ['an empty id', { apiKeyId: '' }, /^apiKeyId, name: one of them is required/],
        ['an id of 251 characters', { apiKeyId: 'x'.repeat(251) }, /^apiKeyId: must be the id/],
      ],
    ],
    ['list_projects', {}, [['an orgId that is none', { orgId: GROUP.toUpperCase() }, /^orgId: must be 24/]]],
    [
      'update_ai_model_api_key',
      { ...KEY, name: 'new' },
      [
        ['no name', { name: undefined }, /^name: is required\.$/],
        ['a name with a line break', { name: 'a\nkey' }, /^name: must not hold control/],
        ['an organization', { orgId: GROUP }, /^orgId: is not known here\.$/],
      ],
    ],
    [
      'delete_ai_model_api_key',
      NAMED,
      [
        ['no name to confirm', { confirmName: undefined }, /^confirmName: is required\.$/],
        ['an empty name to confirm', { confirmName: '' }, /^confirmName: must be at least 1/],
        ['force', { force: true }, /^force: is not known here\.$/],
      ],
    ],
    [
      'rotate_ai_model_api_key',
      NAMED,
      [
        ['no name to confirm', { confirmName: undefined }, /^confirmName: is required\.$/],
        ['a new name with a tag character', { newName: 'a\u{E0041}' }, /^newName: must not hold control/],
        ['an entry with a slash', { entry: 'a/b' }, /^entry: must be 1-128 letters/],
        ['another scope', { geography: 'eu' }, /^geography: is not known here\.$/],
      ],
    ],
    [
      'list_ai_model_rate_limits',
      { groupId: GROUP },
      [['a path', { modelGroupName: '../x' }, /^modelGroupName: must be/]],
    ],
    [
      'update_ai_model_rate_limit',
      LIMIT,
      [
        [
          'no number',
          { requestsPerMinuteLimit: undefined, tokensPerMinuteLimit: undefined },
          /^arguments: requestsPerMinuteLimit or tokensPerMinuteLimit is required\.$/,
        ],
        ['a limit of 0', { requestsPerMinuteLimit: 0 }, /^requestsPerMinuteLimit: must be at least 1\.$/],
        ['a limit in fractions', { requestsPerMinuteLimit: 1.5 }, /^requestsPerMinuteLimit: must be an int/],
        [
          'a limit that no number holds',
          { requestsPerMinuteLimit: 2 ** 53 },
          /^requestsPerMinuteLimit: must be at most/,
        ],
        [
          'a limit beyond int32',
          { tokensPerMinuteLimit: 2 ** 31 },
          /^tokensPerMinuteLimit: must be at most 2147483647\.$/,
        ],
      ],
    ],
    [
      'reset_ai_model_rate_limits',
      { groupId: GROUP },
      [['a list', { modelGroupName: ['x'] }, /^modelGroupName: must be/]],
    ],
    ['reconcile_ai_model_api_keys', {}, [['apply as text', { apply: 'yes' }, /^apply: must be a boolean\.$/]]],
  ])('%s', (tool, parameters, cases) => {
    test.each([...cases, ['an unknown parameter', { url: 'http://x' }, /^url: is not known here\.$/] as const])(
      '%s',
      async (_what, more, message) => {
        const { sandbox, host } = shared();
        const given = Object.entries({ ...parameters, ...more }).filter(([, value]) => value !== undefined);
        const called = await host.call(tool, Object.fromEntries(given));
        const { error } = structuredOf(called);
        expect(error).toMatchObject({ code: 'INVALID_INPUT', retryable: false });
        expect(error?.message).toMatch(message);
        expect(textOf(called)).toContain(error?.message);
        expect(sandbox.requests).toEqual([]);
      },
    );
  });
});

describe('nothing is sent for a project that the operator does not allow', () => {
  const other = (sandbox: Simulator) => sandbox.projects[1]?.id ?? '';
  const shared = sharedHost({ env: (sandbox) => ({ ATLAS_MODEL_KEYS_ALLOWED_PROJECTS: other(sandbox) }) });
  test.each<[string, Record<string, unknown>]>([
    ['rotate_ai_model_api_key', NAMED],
    ['delete_ai_model_api_key', NAMED],
    ['update_ai_model_api_key', { ...KEY, name: 'new' }],
    ['list_ai_model_api_keys', { groupId: GROUP }],
    ['get_ai_model_api_key', KEY],
    ['list_ai_model_rate_limits', { groupId: GROUP }],
    ['update_ai_model_rate_limit', LIMIT],
    ['reset_ai_model_rate_limits', { groupId: GROUP }],
  ])('by %s', async (tool, parameters) => {
    const { sandbox, host } = shared();
    const { error } = structuredOf(await host.call(tool, parameters));
    expect(error?.code).toBe('PROJECT_NOT_ALLOWED');
    expect(error?.hint).toContain(other(sandbox));
    expect(sandbox.requests).toEqual([]);
  });
});

describe('only read, never changed:', () => {
  test('a name that is in use', async () => {
    const { apiKeyId } = sandbox.addKey(GROUP, { name: 'a key' });
    const host = await startHost({ home, env });
    const { error } = structuredOf(await host.call('create_ai_model_api_key', NAME));
    expect(error).toMatchObject({ code: 'NAME_IN_USE', keyState: 'not_created', apiKeyId });
    expect(sandbox.keys(GROUP)).toHaveLength(1);
    expect(filesBelow(home, false).size).toBe(0);
  });

  test('an entry that exists is kept as it is', async () => {
    const path = fileIn(home, 'app.key', 'older secret');
    const host = await startHost({ home, env, args: ['--sink', `app=file:${path}`] });
    const { error } = structuredOf(await host.call('create_ai_model_api_key', NAME));
    expect(error).toMatchObject({ code: 'SINK_ENTRY_EXISTS', keyState: 'not_created' });
    expect(sandbox.keys(GROUP)).toEqual([]);
    expect(filesBelow(home, false).get(path)).toBe('older secret');
  });

  test('an unknown project', async () => {
    const host = await startHost({ home, env });
    const { error } = structuredOf(
      await host.call('create_ai_model_api_key', { ...NAME, groupId: '0123456789abcdef01234567' }),
    );
    expect(error).toMatchObject({
      code: 'ATLAS_NOT_FOUND',
      keyState: 'not_created',
      atlas: { status: 404, errorCode: 'GROUP_NOT_FOUND' },
    });
    expect(filesBelow(home, false).size).toBe(0);
  });

  test('no sink chosen where there are several', async () => {
    const host = await startHost({ home, env, args: ['--sink', `a=file:${home}/a`, '--sink', `b=file:${home}/b`] });
    const { error } = structuredOf(await host.call('create_ai_model_api_key', NAME));
    expect(error?.code).toBe('SINK_UNKNOWN');
    expect(error?.hint).toContain('a, b');
    expect(sandbox.requests).toEqual([]);
  });
});

test('an unknown tool is a protocol error that says so once, by its name and with the nearest', async () => {
  const host = await startHost({ home, env });
  await expect(host.call('list_project')).rejects.toThrow(
    /^MCP error -32602: Unknown tool: list_project\. The nearest is list_projects\.$/,
  );
  await expect(host.call('al-0123456789abcdefghijklmnop')).rejects.toThrow(/^MCP error -32602: Unknown tool\. The/);
});

test('arguments that are null are none', async () => {
  const { transport, ...server } = startServer({ home, env });
  const call = { jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'list_secret_sinks', arguments: null } };
  const clientInfo = { name: 'raw', version: '1' };
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
  server.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params })}\n`);
  server.write(`${JSON.stringify(call)}\n`);
  await expect.poll(() => server.output().stdout, { timeout: 10_000 }).toContain('"id":7');
  expect(server.output().stdout).toContain('"outcome":"listed"');
  await transport.close();
});

test('a tool that the operator took away is as unknown as one that never was', async () => {
  const host = await startHost({ home, env: { ...env, ATLAS_MODEL_KEYS_TOOLS: '-delete_ai_model_api_key' } });
  const { tools } = await host.client.listTools();
  expect(tools).toHaveLength(14);
  await expect(host.call('delete_ai_model_api_key', NAMED)).rejects.toThrow(/-32602.*Unknown tool: delete_ai/);
});

describe('a configuration that cannot be used ends with code 2 and one line on stderr', () => {
  const run = (args: string[], variables: Record<string, string> = {}) =>
    spawnSync(process.execPath, [BUNDLE, ...args], { env: { HOME: home, ...variables }, encoding: 'utf8', input: '' });

  test('a file with a typo', () => {
    const path = fileIn(home, 'config.json', '{"defaultSinc":"x"}');
    const { status, stdout, stderr } = run(['--config', path]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toBe(`atlas-model-keys-mcp: ${path}: defaultSinc: is not known here\n`);
  });

  test('certificate checks turned off', () => {
    const { status, stderr } = run([], { NODE_TLS_REJECT_UNAUTHORIZED: '0' });
    expect(status).toBe(2);
    expect(stderr).toContain('NODE_TLS_REJECT_UNAUTHORIZED: turns certificate checks off');
  });

  test('a tool that there is not', () => {
    const { status, stderr } = run([], { ATLAS_MODEL_KEYS_TOOLS: 'list_project' });
    expect(status).toBe(2);
    expect(stderr).toMatch(/^atlas-model-keys-mcp: tools: .* the nearest is list_projects\n$/);
  });

  test('--help and --version answer and end', () => {
    expect(run(['--help']).stdout).toContain('--allow-inline-secret');
    expect(run(['--version'])).toMatchObject({ status: 0, stdout: '0.1.0\n' });
  });
});
