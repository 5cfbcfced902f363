import { delimiter } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseCommandLine } from '../../src/config/command-line.ts';
import { configurationFile, load, refusalOf } from './fixture.ts';

const GROUP = '69681d39c9e8cfd375386316';

describe('precedence: flag, then environment, then file', () => {
  const file = configurationFileOutsideTests({ logLevel: 'debug', timeoutMs: 5000, readOnly: true });
  test('only the file', async () => {
    expect(await load([], file())).toMatchObject({ logLevel: 'debug', timeoutMs: 5000, readOnly: true });
  });
  test('the environment beats the file', async () => {
    expect(
      await load([], { ...file(), ATLAS_MODEL_KEYS_LOG_LEVEL: 'info', ATLAS_MODEL_KEYS_READ_ONLY: 'false' }),
    ).toMatchObject({
      logLevel: 'info',
      timeoutMs: 5000,
      readOnly: false,
    });
  });
  test('a flag beats both', async () => {
    expect((await load(['--log-level', 'error'], { ...file(), ATLAS_MODEL_KEYS_LOG_LEVEL: 'info' })).logLevel).toBe(
      'error',
    );
  });
  test.each(['', '   ', '${user_config.log_level}'])('a blank %j counts as unset', async (blank) => {
    expect((await load([], { ...file(), ATLAS_MODEL_KEYS_LOG_LEVEL: blank })).logLevel).toBe('debug');
  });
});

test('without any setting', async () => {
  expect(await load()).toMatchObject({
    atlas: { credentials: { kind: 'missing' } },
    defaultSink: 'local',
    allowInlineSecret: false,
    readOnly: false,
    apiVersion: 'auto',
    timeoutMs: 30_000,
    confirm: 'if-supported',
    maxCreatesPerHour: 30,
    tools: {},
    logLevel: 'warning',
  });
  expect((await load()).atlas?.baseUrl.href).toBe('https://cloud.mongodb.com/');
});

test('the sandbox reads no credentials, no proxy and no base URL, not even bad ones', async () => {
  const config = await load(['--sandbox'], {
    MONGODB_ATLAS_BASE_URL: 'nonsense',
    MONGODB_ATLAS_ACCESS_TOKEN: 'a b',
    HTTPS_PROXY: '?',
  });
  expect(config.atlas).toBeUndefined();
  expect(JSON.stringify([...config.sinks])).toContain('atlas-model-keys-sandbox-');
});

describe('the sandbox has none of the sinks that stand in environment and file', () => {
  const standing = configurationFileOutsideTests({
    sinks: { prod: 'file:/srv/{entry}', chat: 'inline' },
    defaultSink: 'prod',
  });
  const variables = { ATLAS_MODEL_KEYS_SINKS: 'app=dotenv:/srv/app/.env', ATLAS_MODEL_KEYS_DEFAULT_SINK: 'app' };

  test('only its own', async () => {
    const { sinks, defaultSink } = await load(['--sandbox'], { ...standing(), ...variables });
    expect([[...sinks.keys()], defaultSink]).toEqual([['local'], 'local']);
    expect(JSON.stringify([...sinks])).toContain('atlas-model-keys-sandbox-');
  });

  test('or those of flags', async () => {
    const { sinks, defaultSink } = await load(['--sandbox', '--sink', 'here=file:/tmp/here/{entry}'], {
      ...standing(),
      ...variables,
    });
    expect([[...sinks], defaultSink]).toEqual([[['here', { type: 'file', path: '/tmp/here/{entry}' }]], 'here']);
  });

  test.each<[string, string[], Record<string, unknown>]>([
    [
      'an object',
      ['a={"type":"command","argv":["x"],"verify":["y"],"absent":[1]}'],
      { a: { argv: ['x'], absent: [1] } },
    ],
    ['an object among URIs', ['a={"type":"file","path":"/a"}', 'b=file:/b'], { a: { path: '/a' }, b: { path: '/b' } }],
    ['a JSON object of several', ['{"a":{"type":"file","path":"/a"},"b":"file:/b"}'], { a: { path: '/a' }, b: {} }],
    ['a preset', ['a=pass:voyage/{entry}'], { a: { type: 'command', preset: { uri: 'pass:voyage/{entry}' } } }],
    ['a command as a URI', ['a=command:["x","{.data.key}"]'], { a: { argv: ['x', '{.data.key}'] } }],
  ])('every form of a sink can be tried there: %s', async (_form, sinks, expected) => {
    const config = await load(['--sandbox', ...sinks.flatMap((each) => ['--sink', each])], standing());
    expect(Object.fromEntries(config.sinks)).toMatchObject(expected);
    expect([...config.sinks.keys()]).toEqual(Object.keys(expected));
  });

  test('all else that stands there counts', async () => {
    expect((await load(['--sandbox'], { ATLAS_MODEL_KEYS_READ_ONLY: '1' })).readOnly).toBe(true);
  });
});

describe('a variable of this server that it does not know', () => {
  test.each([
    ['ATLAS_MODEL_KEYS_ALLOWED_PROJECT', '; did you mean ATLAS_MODEL_KEYS_ALLOWED_PROJECTS?'],
    ['ATLAS_MODEL_KEYS_READONLY', '; did you mean ATLAS_MODEL_KEYS_READ_ONLY?'],
    ['ATLAS_MODEL_KEYS_SNIK', '; did you mean ATLAS_MODEL_KEYS_SINKS?'],
    ['ATLAS_MODEL_KEYS_CONFIGS', '; did you mean ATLAS_MODEL_KEYS_CONFIG?'],
    ['ATLAS_MODEL_KEYS_MAX_CREATES_PER_DAY', ''],
    ['ATLAS_MODEL_KEYS_', ''],
  ])('%s is refused', async (name, advice) => {
    expect(await refusalOf([], { [name]: 'x' })).toBe(`${name}: is not known here${advice}`);
    expect(await refusalOf(['--sandbox'], { [name]: 'x' })).toBe(`${name}: is not known here${advice}`);
  });

  test('is not quoted where it is not an ordinary name', async () => {
    expect(await refusalOf([], { 'ATLAS_MODEL_KEYS_al-canary': 'x' })).toBe(
      'ATLAS_MODEL_KEYS_(unreadable name): is not known here',
    );
  });

  test.each(['', ' ', '${user_config.readonly}', undefined])(
    'counts as unset where it is blank (%j)',
    async (blank) => {
      expect((await load([], { ATLAS_MODEL_KEYS_READONLY: blank })).readOnly).toBe(false);
    },
  );

  test('is none of those of others', async () => {
    expect((await load([], { ATLAS_MODEL: 'x', MONGODB_ATLAS_OTHER: 'x' })).readOnly).toBe(false);
  });
});

describe('a member named __proto__ is refused, not dropped', () => {
  test.each<[string, string[], Record<string, string>]>([
    ['--sink.__proto__', ['--sink', '__proto__=file:/x'], {}],
    ['--sink.__proto__', ['--sink', 'a=file:/x', '--sink', '__proto__=file:/y'], {}],
    ['ATLAS_MODEL_KEYS_SINKS.__proto__', [], { ATLAS_MODEL_KEYS_SINKS: '{"__proto__":"file:/x"}' }],
    ['ATLAS_MODEL_KEYS_SINKS.__proto__', [], { ATLAS_MODEL_KEYS_SINKS: '{"a":"file:/x","__proto__":"inline"}' }],
    [
      'ATLAS_MODEL_KEYS_SINKS.a.__proto__',
      [],
      { ATLAS_MODEL_KEYS_SINKS: '{"a":{"type":"file","path":"/x","__proto__":{}}}' },
    ],
    [
      'ATLAS_MODEL_KEYS_SINKS.(unreadable name).env.__proto__',
      [],
      { ATLAS_MODEL_KEYS_SINKS: '{"a b":{"type":"command","argv":["x"],"env":{"__proto__":"x"}}}' },
    ],
  ])('%s', async (field, argv, environment) => {
    expect(await refusalOf(argv, environment)).toBe(`${field}: cannot be used as a name`);
  });

  test.each(['{"__proto__":{"readOnly":true}}', '{"readOnly":true,"__proto__":null}'])(
    'in the file: %s',
    async (content) => {
      const path = configurationFile(content);
      expect(await refusalOf(['--config', path])).toBe(`${path}: __proto__: cannot be used as a name`);
    },
  );

  test('however deep a text goes that is not a configuration', async () => {
    const path = configurationFile(`{"sinks":${'['.repeat(100_000)}${']'.repeat(100_000)}}`);
    expect(await refusalOf(['--config', path])).toMatch(/: sinks: must be/);
  });
});

describe('sinks', () => {
  test('one NAME=URI in the environment is the default', async () => {
    const { sinks, defaultSink } = await load([], { ATLAS_MODEL_KEYS_SINKS: 'env=dotenv:/srv/app/.env#KEY' });
    expect([...sinks]).toEqual([['env', { type: 'dotenv', path: '/srv/app/.env', variable: 'KEY' }]]);
    expect(defaultSink).toBe('env');
  });
  test('several need a default to be chosen', async () => {
    const two = ['--sink', 'a=file:/srv/{entry}', '--sink', 'b=command:["pass","insert","-m","{groupId}/{entry}"]'];
    expect((await load(two)).defaultSink).toBeUndefined();
    expect((await load([...two, '--default-sink', 'b'])).defaultSink).toBe('b');
  });
  test('a JSON object holds URIs and objects', async () => {
    const sinks = {
      a: 'file:/srv/{entry}',
      b: { type: 'command', argv: ['pass', 'x'], verify: ['pass', 'show', 'x'], env: { A: '1' }, timeoutMs: 500 },
    };
    expect(Object.fromEntries((await load([], { ATLAS_MODEL_KEYS_SINKS: JSON.stringify(sinks) })).sinks)).toEqual({
      a: { type: 'file', path: '/srv/{entry}' },
      b: sinks.b,
    });
  });
  test('inline exists only with the flag, beside the others and not as their default', async () => {
    expect(await refusalOf(['--sink', 'chat=inline'])).toBe(
      'sink chat: shows the secret to the model; allow that with --allow-inline-secret, or use another kind',
    );
    expect((await load(['--sink', 'chat=inline', '--allow-inline-secret'])).defaultSink).toBe('chat');
    const added = await load(['--allow-inline-secret']);
    expect([...added.sinks.keys()]).toEqual(['local', 'inline']);
    expect(added.defaultSink).toBe('local');
  });
});

const ONE_SINK =
  '--sink: must be one NAME=URI, or for several a JSON object of name to URI or object, such as {"app":"dotenv:/srv/app/.env","team":"file:/srv/keys/{entry}"}';

describe('a bad value is one line that names the setting', () => {
  test.each<[string, string[], Record<string, string>]>([
    ['--nope: is not understood; see --help', ['--nope'], {}],
    ['command line: is not understood; see --help', ['extra'], {}],
    ['command line: a flag has no value, or one that it does not take; see --help', ['--log-level'], {}],
    ['--log-level: must be one of debug, info, warning, error, silent', ['--log-level', 'loud'], {}],
    ['--log-level: is given more than once', ['--log-level', 'info', '--log-level', 'debug'], {}],
    [ONE_SINK, ['--sink', 'x'], {}],
    ['--sink: names the same sink twice', ['--sink', 'a=file:/x', '--sink', 'a=file:/y'], {}],
    ['--sink.a.path: must be an absolute path, or start with ~/', ['--sink', 'a=file:relative'], {}],
    ['--sink.a.path: must not hold ".."', ['--sink', 'a=file:/srv/../etc/x'], {}],
    ['--sink.a.path: must name a file, not a directory', ['--sink', 'a=file:/srv/'], {}],
    ['--sink.a.path: knows the placeholders {groupId} and {entry} only', ['--sink', 'a=file:/srv/{name}'], {}],
    [
      '--sink.a.variable: must be a variable name: letters, digits and _, not starting with a digit',
      ['--sink', 'a=dotenv:/x/.env#1A'],
      {},
    ],
    [
      '--sink.a.argv.0: must be an absolute path, or a name that is found in PATH',
      ['--sink', 'a=command:["./run"]'],
      {},
    ],
    ['--sink.a.argv.0: must name a program, without placeholders', ['--sink', 'a=command:["{entry}"]'], {}],
    ['--sink.b.argv.0: must name a program, without placeholders', ['--sink', 'b=command:["{entry}"]'], {}],
    ['--sink.a.argv.0: is required', ['--sink', 'a=command:[]'], {}],
    [
      '--sink.a.argv.1: knows the placeholders {groupId} and {entry} only',
      ['--sink', 'a=command:["x","{secret}"]'],
      {},
    ],
    [
      '--sink.a.argv.1: must not hold the secret: it goes to the standard input, in the form of "input"',
      ['--sink', 'a=command:["x","{secret:json}"]'],
      {},
    ],
    [
      '--sink.a.input: must hold {secret}, {secret:json} or {secret:base64}',
      ['--sink', 'a={"type":"command","argv":["x"],"input":"{entry}"}'],
      {},
    ],
    [
      '--sink.a.input: knows {secret} and {endpoint}, each also with :json or :base64, {groupId} and {entry} only',
      ['--sink', 'a={"type":"command","argv":["x"],"input":"{secret:hex}"}'],
      {},
    ],
    [
      '--sink.a.passEnv.0: must not hand Atlas credentials (MONGODB_ATLAS_…, MDB_MCP_…) to a command',
      ['--sink', 'a={"type":"command","argv":["x"],"passEnv":["mongodb_atlas_client_secret"]}'],
      {},
    ],
    ['--sink.a.uri: must be written as pass:PATH', ['--sink', 'a=pass:-f'], {}],
    ['--sink.a.uri: must be written as age:FILE?recipient=RECIPIENT&identity=FILE', ['--sink', 'a=age:/x'], {}],
    ['--sink.a.uri: knows the placeholders {groupId} and {entry} only', ['--sink', 'a=pass:{name}'], {}],
    [
      '--sink.a.endpointVariable: must be another variable than that of the secret',
      ['--sink', 'a={"type":"dotenv","path":"/x/.env","endpointVariable":"VOYAGE_API_KEY"}'],
      {},
    ],
    ['--default-sink: names no configured sink; there are: local', ['--default-sink', 'other'], {}],
    ['ATLAS_MODEL_KEYS_TIMEOUT_MS: must be a number', [], { ATLAS_MODEL_KEYS_TIMEOUT_MS: 'soon' }],
    ['ATLAS_MODEL_KEYS_TIMEOUT_MS: must be at least 1000', [], { ATLAS_MODEL_KEYS_TIMEOUT_MS: '10' }],
    ['ATLAS_MODEL_KEYS_READ_ONLY: must be a boolean', [], { ATLAS_MODEL_KEYS_READ_ONLY: 'perhaps' }],
    [
      'ATLAS_MODEL_KEYS_ALLOWED_PROJECTS.1: must be project ids: 24 lower-case hexadecimal digits',
      [],
      { ATLAS_MODEL_KEYS_ALLOWED_PROJECTS: `${GROUP}, x` },
    ],
    [
      'ATLAS_MODEL_KEYS_API_VERSION: must be one of auto, 2025-03-12, preview',
      [],
      { ATLAS_MODEL_KEYS_API_VERSION: 'v2' },
    ],
    [
      'ATLAS_MODEL_KEYS_SINKS.a.env: must not hand Atlas credentials (MONGODB_ATLAS_…, MDB_MCP_…) to a command',
      [],
      { ATLAS_MODEL_KEYS_SINKS: '{"a":{"type":"command","argv":["x"],"env":{"MONGODB_ATLAS_CLIENT_SECRET":"s"}}}' },
    ],
    ['MONGODB_ATLAS_ORG_ID: must be 24 lower-case hexadecimal digits', [], { MONGODB_ATLAS_ORG_ID: 'my-organization' }],
    [
      'ATLAS_MODEL_KEYS_CONFIRM: must be one of never, if-supported, required',
      [],
      { ATLAS_MODEL_KEYS_CONFIRM: 'true' },
    ],
    [
      'ATLAS_MODEL_KEYS_MAX_CREATES_PER_HOUR: must be at most 10000',
      [],
      { ATLAS_MODEL_KEYS_MAX_CREATES_PER_HOUR: '10001' },
    ],
    ['ATLAS_MODEL_KEYS_MAX_CREATES_PER_HOUR: must be a number', [], { ATLAS_MODEL_KEYS_MAX_CREATES_PER_HOUR: '-1' }],
    [
      'ATLAS_MODEL_KEYS_TOOLS.deny.0: must be names of tools, such as delete_ai_model_api_key',
      [],
      { ATLAS_MODEL_KEYS_TOOLS: 'list_projects -' },
    ],
    ['--sink.a.path: must not hold ".."', ['--sink', 'a=file:~/../etc/x'], {}],
    ['--json: is for the commands doctor and apply; see --help', ['--json'], {}],
    ['--dry-run: is for the command apply; see --help', ['--dry-run'], {}],
    ['--yes: is for the command apply; see --help', ['doctor', '--yes'], {}],
    ['apply: wants a FILE, or - for standard input; see --help', ['apply', '--json'], {}],
    ['command line: is not understood; see --help', ['apply', 'one', 'two'], {}],
    ['command line: is not understood; see --help', ['doctor', 'doctor'], {}],
    ['command line: is not understood; see --help', ['docter'], {}],
    [
      'MONGODB_ATLAS_PROJECT_ID: must be 24 lower-case hexadecimal digits',
      [],
      { MONGODB_ATLAS_PROJECT_ID: GROUP.toUpperCase() },
    ],
    [
      'NODE_TLS_REJECT_UNAUTHORIZED: turns certificate checks off; unset it (add a private CA with NODE_EXTRA_CA_CERTS)',
      [],
      { NODE_TLS_REJECT_UNAUTHORIZED: '0' },
    ],
    ['HTTPS_PROXY: must be a URL such as http://proxy.example.com:3128', [], { HTTPS_PROXY: 'proxy:3128' }],
    [
      'https_proxy: has a user or password that is not percent-encoded as URLs ask',
      [],
      { https_proxy: 'http://u:p%zz@proxy:3128' },
    ],
  ])('%s', async (message, argv, environment) => {
    expect(await refusalOf(argv, environment)).toBe(message);
  });

  test('and never quotes it', async () => {
    const canary = 'al-canary0000000000000000000';
    const lines = [
      await refusalOf([canary]),
      await refusalOf(['doctor', canary]),
      await refusalOf([`--${canary}`]),
      await refusalOf(['--log-level', canary]),
      await refusalOf(['--sink', canary]),
      await refusalOf(['--sink', `${canary} x=file:/x`]),
      await refusalOf(['--sink', `${canary}/+=file:/x`]),
      await refusalOf(['--sink', `${canary.repeat(2)}=nonsense`]),
      await refusalOf([], {
        ATLAS_MODEL_KEYS_SINKS: `{"a":{"type":"command","argv":["x"],"env":{"K ${canary}":"v"}}}`,
      }),
      await refusalOf(['--config', canary]),
      await refusalOf(['--config', `/nonexistent/${canary}`]),
      await refusalOf(['--config', `/tmp/${canary}\0`]),
      await refusalOf([], { ATLAS_MODEL_KEYS_CONFIG: canary }),
      await refusalOf(['--sink', `a=file:${canary}`]),
      await refusalOf(['--sink', `a=command:[${canary}`]),
      await refusalOf([], { ATLAS_MODEL_KEYS_SINKS: `{"a":"${canary}` }),
      await refusalOf([], { ATLAS_MODEL_KEYS_SINKS: `{"a":{"type":"file","path":"/x","${canary} ":1}}` }),
      await refusalOf([], { MONGODB_ATLAS_BASE_URL: `https://${canary}@host` }),
      await refusalOf([], { MONGODB_ATLAS_ACCESS_TOKEN: `${canary}\n${canary}` }),
      await refusalOf([], { MONGODB_ATLAS_ORG_ID: canary }),
      await refusalOf([], { ATLAS_MODEL_KEYS_TOOLS: `-${canary}` }),
      await refusalOf([], { ATLAS_MODEL_KEYS_CONFIRM: canary }),
      await refusalOf([], { MONGODB_ATLAS_CLIENT_ID: `${canary}:x` }),
      await refusalOf([], { HTTPS_PROXY: canary }),
      await refusalOf([], { ATLAS_MODEL_KEYS_CONFIG: configurationFile(`{"sinks":"${canary}`) }),
    ];
    expect(lines.filter((line) => line.includes('canary'))).toEqual([]);
  });
});

/** The file belongs to the test that reads it. */
function configurationFileOutsideTests(content: unknown) {
  return () => ({ ATLAS_MODEL_KEYS_CONFIG: configurationFile(content) });
}

describe('trusted paths', () => {
  const paths = ['/srv/keys', '/home/app'];

  test('are absolute directories, from the environment or the file', async () => {
    expect((await load()).trustPaths).toEqual([]);
    expect((await load([], { ATLAS_MODEL_KEYS_TRUST_PATHS: paths.join(delimiter) })).trustPaths).toEqual(paths);
    expect((await load([], { ATLAS_MODEL_KEYS_TRUST_PATHS: JSON.stringify(paths) })).trustPaths).toEqual(paths);
    expect((await load(['--config', configurationFile({ trustPaths: paths })])).trustPaths).toEqual(paths);
  });

  test.each(['keys', './keys', `/srv${delimiter}keys`, '["/srv",7]', '["/srv"'])('refuses %j', async (value) => {
    expect(await refusalOf([], { ATLAS_MODEL_KEYS_TRUST_PATHS: value })).toContain('ATLAS_MODEL_KEYS_TRUST_PATHS');
  });

  test('have no flag', async () => {
    expect(() => parseCommandLine(['--trust-paths', '/srv'])).toThrow('trust-paths');
    expect(await refusalOf(['--config', configurationFile({ trustPaths: ['srv'] })])).toContain('trustPaths');
  });
});
