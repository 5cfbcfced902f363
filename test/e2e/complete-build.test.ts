// What ships leaves out part of the SDK, of zod and of undici (build.js, `lean`). Here it hears the same lines as a build
// that has all of them, and both must write the same, message by message.

import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import * as z from 'zod/v4';
import { buildServer } from '../../build.js';
import { FIRST_PROJECT } from '../../src/sandbox/first-project.ts';
import { type LiveKey } from '../../src/sandbox/model-keys.ts';
import { fingerprintOfBytes } from '../../src/secret/opened-secret.ts';
import { BUNDLE, atlasAndHome, credentialsFor, startServer } from './host.ts';

let folder: string;
let completeBundle: string;

beforeAll(async () => {
  folder = mkdtempSync(join(realpathSync(tmpdir()), 'amk-complete-'));
  completeBundle = join(folder, 'server.mjs');
  await buildServer(completeBundle, { complete: true });
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

type Environment = Readonly<Record<string, string>>;
type Message = z.output<typeof messageSchema>;
type Server = ReturnType<typeof start>;

const messageSchema = z.looseObject({ id: z.unknown(), method: z.string().optional() });

function start(bundle: string, home: string, env: Environment) {
  const server = startServer({ home, bundle, env });
  const messages = () => linesOf(server.output().stdout).map((line) => messageSchema.parse(JSON.parse(line)));
  return {
    /** Text is sent as it is. */
    say(message: unknown) {
      server.write(`${typeof message === 'string' ? message : JSON.stringify(message)}\n`);
    },
    heard: (isMeant: (message: Message) => boolean) =>
      vi.waitUntil(() => messages().find(isMeant), { timeout: 10_000, interval: 5 }),
    /** How it ended, and everything that it wrote. */
    async end() {
      server.endInput();
      return { ended: await server.ended, ...server.output() };
    },
  };
}

const linesOf = (text: string) => text.split('\n').slice(0, -1);

async function ask(server: Server, message: { readonly id: unknown }): Promise<void> {
  server.say(message);
  await server.heard(({ id, method }) => id === message.id && method === undefined);
}

/** Both builds write the same in this conversation, each with an Atlas of its own that has one key. */
async function expectSame(
  conversation: (server: Server, apiKeyId: string) => Promise<void>,
  env: Environment = {},
): Promise<void> {
  const written = async (bundle: string) => {
    const { sandbox, home } = await atlasAndHome();
    const key = sandbox.addKey(FIRST_PROJECT, { name: 'prod' });
    const server = start(bundle, home, { ...credentialsFor(sandbox), ATLAS_MODEL_KEYS_LOG_LEVEL: 'debug', ...env });
    await conversation(server, key.apiKeyId);
    const { ended, stdout, stderr } = await server.end();
    const same = withoutRandom([
      home,
      sandbox.orgId,
      ...sandbox.projects.map(({ id }) => id),
      ...[key, ...sandbox.keys()].flatMap(randomOf),
    ]);
    return { ended, stdout: linesOf(stdout).map(same), stderr: linesOf(stderr).map(same) };
  };
  const [shipped, complete] = await Promise.all([written(BUNDLE), written(completeBundle)]);
  expect(shipped).toEqual(complete);
}

function randomOf({ apiKeyId, maskedSecret, createdAt, endpoint, secret }: LiveKey): string[] {
  return [apiKeyId, maskedSecret, createdAt, endpoint, fingerprintOfBytes(Buffer.from(secret))];
}

/** The line with a number in the place of each of these. */
function withoutRandom(values: readonly string[]): (line: string) => string {
  return (line) => values.reduce((text, value, index) => text.replaceAll(value, `RANDOM-${index}`), line);
}

const request = (method: string, params?: unknown, id: unknown = method) => ({ jsonrpc: '2.0', id, method, params });
const call = (name: string, args?: unknown) => request('tools/call', { name, arguments: args });
const clientInfo = { name: 'host', version: '1' };
const introduction = (protocolVersion: unknown, capabilities: unknown = {}) =>
  request('initialize', { protocolVersion, capabilities, clientInfo });
const INITIALIZED = { jsonrpc: '2.0', method: 'notifications/initialized' };
const LATEST = '2025-11-25';
const CREATE = 'create_ai_model_api_key';
const DELETE = 'delete_ai_model_api_key';

test.each([...SUPPORTED_PROTOCOL_VERSIONS, '2026-07-28', '', 'x', 5, null])(
  'a host of version %j hears the same',
  async (version) => {
    const once = [introduction(version), ...['tools/list', 'prompts/list', 'ping'].map((method) => request(method))];
    await expectSame(async (server) => {
      for (const message of once) await ask(server, message);
      server.say(INITIALIZED);
      await ask(server, call('list_projects', {}));
      // Now without the handshake.
      for (const message of once) await ask(server, { ...message, id: `${message.method} again` });
    });
  },
);

const requests: readonly (readonly [method: string, params?: unknown])[] = [
  ['tools/list', { cursor: 'x' }],
  ['tools/list', { cursor: 5 }],
  ['tools/call'],
  ['tools/call', {}],
  ['tools/call', { name: 5 }],
  ['tools/call', { name: 'unknown', arguments: {} }],
  ['tools/call', { name: CREATE, arguments: [] }],
  ['tools/call', { name: CREATE, arguments: { groupId: 'x', name: '', more: 1 } }],
  ['tools/call', { name: 'list_secret_sinks', _meta: { progressToken: 'p' } }],
  ['tools/call', { name: 'list_secret_sinks', task: { ttl: 1000 } }],
  ['tools/call', { name: 'list_secret_sinks', task: 5 }],
  ['tools/call', { name: 'list_ai_model_api_keys', arguments: { groupId: FIRST_PROJECT } }],
  ['tools/call', { name: 'list_ai_model_rate_limits', arguments: { groupId: FIRST_PROJECT } }],
  ['tools/call', { name: CREATE, arguments: { groupId: FIRST_PROJECT, name: 'new', sink: 'app' } }],
  ['tools/call', { name: CREATE, arguments: { groupId: FIRST_PROJECT, name: 'new', sink: 'app' } }],
  ['prompts/list', { cursor: 'x' }],
  ['prompts/get'],
  ['prompts/get', { name: 'unknown' }],
  ['prompts/get', { name: 'audit_model_keys' }],
  ['prompts/get', { name: 'rotate_model_key', arguments: { project: 'Production', key: 'prod' } }],
  ['prompts/get', { name: 'rotate_model_key', arguments: { project: 'Production' } }],
  ['prompts/get', { name: 'rotate_model_key', arguments: { project: 5 } }],
  ['prompts/get', { name: 'rotate_model_key', arguments: [] }],
  ['completion/complete'],
  ['completion/complete', { ref: { type: 'ref/prompt', name: 'rotate_model_key' } }],
  ...['project', 'unknown', 5].map(
    (name) =>
      [
        'completion/complete',
        { ref: { type: 'ref/prompt', name: 'rotate_model_key' }, argument: { name, value: 'p' } },
      ] as const,
  ),
  [
    'completion/complete',
    {
      ref: { type: 'ref/prompt', name: 'rotate_model_key' },
      argument: { name: 'key', value: '' },
      context: { arguments: { project: 'Production' } },
    },
  ],
  ['completion/complete', { ref: { type: 'ref/resource', uri: 'x' }, argument: { name: 'key', value: '' } }],
  ['completion/complete', { ref: { type: 'ref/x' }, argument: { name: 'key', value: '' } }],
  ['logging/setLevel', { level: 'debug' }],
  ['resources/list'],
  ['resources/read', { uri: 'file:///etc/passwd' }],
  ['roots/list'],
  ['sampling/createMessage', {}],
  ['elicitation/create', {}],
  ['tasks/get', { taskId: 'x' }],
  ['tasks/result', { taskId: 'x' }],
  ['tasks/cancel', { taskId: 'x' }],
  ['tasks/list'],
  ['server/discover'],
  ['toString'],
  [''],
  ['initialize', { protocolVersion: LATEST, capabilities: { tasks: {}, roots: {} }, clientInfo }],
  ['initialize', { protocolVersion: LATEST, capabilities: [], clientInfo }],
];

/** What no answer is owed to, or what is not a message. */
const unanswered: readonly unknown[] = [
  '',
  '{',
  'null',
  '5',
  '{"jsonrpc":"2.0","id":1,"method":"ping"',
  '\u0000',
  [],
  [request('ping'), request('tools/list')],
  {},
  { ...request('ping'), jsonrpc: '1.0' },
  request('ping', {}, null),
  request('ping', {}, 1.5),
  request('ping', {}, {}),
  request('ping', 5, 'a number'),
  request('ping', [], 'a list'),
  request('ping', { _meta: { progressToken: {} } }, 'a token'),
  { ...request('ping', {}, 'more'), more: 1 },
  { jsonrpc: '2.0', id: 'no method' },
  { jsonrpc: '2.0', id: 'of nothing', result: {} },
  { jsonrpc: '2.0', id: 'of nothing', error: { code: 1, message: 'x' } },
  { jsonrpc: '2.0', id: 'of nothing', error: 'x' },
  INITIALIZED,
  ...['cancelled', 'progress', 'roots/list_changed', 'tasks/status', 'unknown'].flatMap((name) =>
    [undefined, {}, { requestId: 'x', progressToken: 'x', progress: 1, taskId: 'x' }, 5].map((params) => ({
      jsonrpc: '2.0',
      method: `notifications/${name}`,
      params,
    })),
  ),
];

describe.each([
  ['before the introduction', []],
  ['after it', [introduction(LATEST), INITIALIZED]],
])('%s', (_when, before) => {
  const env = { ATLAS_MODEL_KEYS_SINKS: JSON.stringify({ app: 'file:~/{entry}.key' }) };

  test('each request is answered the same', async () => {
    await expectSame(async (server) => {
      for (const message of before) server.say(message);
      for (const id of ['', 0, -1, 'a']) await ask(server, request('ping', {}, id));
      for (const [index, [method, params]] of requests.entries())
        await ask(server, request(method, params, 10 + index));
    }, env);
  });

  test('to each line without an answer the same happens', async () => {
    await expectSame(async (server) => {
      for (const message of before) server.say(message);
      for (const [index, message] of unanswered.entries()) {
        server.say(message);
        await ask(server, request('ping', {}, `after ${index}`));
      }
    });
  });
});

describe('after a form', () => {
  const FORMS = { elicitation: {} };
  const accepted = (content?: unknown) => ({ result: { action: 'accept', content } });
  const declined = { result: { action: 'decline' } };

  /** A call for which the server asks the person, and what the host says to that. */
  async function converse(server: Server, asking: { readonly id: unknown }, replies: readonly object[]) {
    await ask(server, introduction(LATEST, FORMS));
    server.say(INITIALIZED);
    server.say(asking);
    const { id } = await server.heard(({ method }) => method === 'elicitation/create');
    for (const reply of replies) server.say({ jsonrpc: '2.0', id, ...reply });
    await server.heard(({ id, method }) => id === asking.id && method === undefined);
  }

  test.each<[string, readonly object[]]>([
    ['the name', [accepted({ answer: 'prod' })]],
    ['another name', [accepted({ answer: 'Prod' })]],
    ['another type', [accepted({ answer: 5 })]],
    ['a list of texts', [accepted({ answer: ['prod'] })]],
    ['a type that no form has', [accepted({ answer: { name: 'prod' } })]],
    ['no answer in it', [accepted({})]],
    ['no content', [accepted()]],
    ['content that is null', [accepted(null)]],
    ['content that is text', [accepted('prod')]],
    ['more content', [accepted({ answer: 'prod', more: 'x' })]],
    ['more members', [{ result: { ...accepted({ answer: 'prod' }).result, _meta: {}, more: 1 } }]],
    ['a refusal', [declined]],
    ['a closed form', [{ result: { action: 'cancel' } }]],
    ['an unknown action', [{ result: { action: 'maybe' } }]],
    ['an empty result', [{ result: {} }]],
    ['an error', [{ error: { code: -32600, message: 'no', data: {} } }]],
    ['a method that the host does not know', [{ error: { code: -32601, message: 'Method not found' } }]],
    // The call goes on waiting.
    ['a result that is text', [{ result: 'prod' }, declined]],
    ['an error without a code', [{ error: { message: 'no' } }, declined]],
    ['neither result nor error', [{}, declined]],
    ['an answer to another question', [{ id: 'another', ...accepted({ answer: 'prod' }) }, declined]],
  ])('the same happens for %s', async (_what, replies) => {
    const conversation = (server: Server, apiKeyId: string) =>
      converse(server, call(DELETE, { groupId: FIRST_PROJECT, apiKeyId, confirmName: 'prod' }), replies);
    await expectSame(conversation, { ATLAS_MODEL_KEYS_CONFIRM: 'required' });
  });

  test.each(['vault', 'elsewhere'])('about the sink the same happens for %s', async (answer) => {
    const create = call(CREATE, { groupId: FIRST_PROJECT, name: 'new' });
    const env = { ATLAS_MODEL_KEYS_SINKS: JSON.stringify({ app: 'file:~/app.key', vault: 'file:~/vault.key' }) };
    await expectSame((server) => converse(server, create, [accepted({ answer })]), env);
  });

  test.each([{}, { elicitation: { url: {} } }])('that no host with %j shows the same happens', async (capabilities) => {
    const conversation = async (server: Server, apiKeyId: string) => {
      await ask(server, introduction(LATEST, capabilities));
      await ask(server, call(DELETE, { groupId: FIRST_PROJECT, apiKeyId, confirmName: 'prod' }));
    };
    await expectSame(conversation, { ATLAS_MODEL_KEYS_CONFIRM: 'required' });
  });
});
