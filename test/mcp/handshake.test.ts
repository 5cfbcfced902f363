// What the handshake answers is what the SDK's own server answers, to the letter of the protocol; what it does not know it
// leaves to it.

import { shownSink } from '../../src/config/sinks-at-start.ts';
import { PassThrough } from 'node:stream';
import { SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/sdk/types.js';
import { ReadBuffer } from '@modelcontextprotocol/sdk/shared/stdio.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { connect, createServer } from '../../src/mcp/server.ts';
import { createHandshake, REPEATED, type Handshake, PROTOCOL_VERSIONS } from '../../src/mcp/handshake.ts';
import { receive } from '../../src/mcp/stdio.ts';
import { promptDefinitions } from '../../src/prompts/prompt-definitions.ts';
import { catalogOf } from '../tools/offline-catalog.ts';
import { configuredTools } from '../../src/tools/tool-definition.ts';
import { toolDefinitions } from '../../src/tools/tool-definitions.ts';
import { noPrompts } from './one-tool.ts';

const settings = {
  readOnly: false,
  sinks: [shownSink('app', { type: 'inline' }), shownSink('vault', { type: 'inline' })],
  projectId: '69681d39c9e8cfd375386316',
};
const shown = {
  version: '1.2.3',
  instructions: 'Do this.',
  toolDefinitions: configuredTools(toolDefinitions, settings),
  promptDefinitions: promptDefinitions.map(({ definition }) => definition),
};

/** A whole server over streams, without a handshake; the messages that it sent, so many of them. */
async function fromTheSdk(lines: readonly string[], answers: number): Promise<unknown[]> {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const { server } = createServer({
    ...shown,
    catalog: catalogOf().catalog,
    prompts: noPrompts,
    log: () => undefined,
    audit: () => Promise.resolve(),
  });
  await connect(server, input, output, () => undefined);
  const sent: unknown[] = [];
  const buffer = new ReadBuffer();
  const enough = new Promise<void>((resolve) => {
    output.on('data', (chunk: Buffer) => {
      buffer.append(chunk);
      for (let message = buffer.readMessage(); message; message = buffer.readMessage()) sent.push(message);
      if (sent.length >= answers) resolve();
    });
  });
  for (const line of lines) input.write(`${line}\n`);
  await enough;
  await server.close();
  return sent;
}

const clientInfo = { name: 'host', version: '1' };
const introduction = (params: object, id: string | number = 1) => ({
  jsonrpc: '2.0',
  id,
  method: 'initialize',
  params,
});
const usual = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
const LIST = { jsonrpc: '2.0', id: 2, method: 'tools/list' };
const DISCOVER = { jsonrpc: '2.0', id: 3, method: 'server/discover' };
/** Of Visual Studio Code. */
const tasks = {
  list: {},
  cancel: {},
  requests: { sampling: { createMessage: {} }, elicitation: { create: {} } },
};
const icons = [{ src: 'https://example.com/icon.png', mimeType: 'image/png', sizes: ['48x48'], theme: 'dark' }];
const INITIALIZED = { jsonrpc: '2.0', method: 'notifications/initialized' };

const answered: readonly object[] = [
  ...[...SUPPORTED_PROTOCOL_VERSIONS, '2026-07-28', '', 'x'].map((protocolVersion) =>
    introduction({ ...usual, protocolVersion }),
  ),
  ...[0, -1, 'a', ''].map((id) => introduction(usual, id)),
  introduction({ ...usual, _meta: { progressToken: 1 } }),
  introduction({ ...usual, _meta: { 'io.example/trace': 'x' } }),
  introduction({ ...usual, another: 1 }),
  introduction({ ...usual, clientInfo: { ...clientInfo, title: 'Host', websiteUrl: 'x', description: 'y', icons } }),
  introduction({ ...usual, clientInfo: { ...clientInfo, icons: [{ src: '' }], another: 1 } }),
  ...[
    { roots: {} },
    { roots: { listChanged: true }, sampling: { context: {}, tools: {} } },
    { elicitation: {} },
    { elicitation: { form: {}, url: {} } },
    { elicitation: { form: { applyDefaults: true } } },
    { experimental: { a: {}, b: { c: 1 } }, extensions: { 'io.example/ui': { mimeTypes: ['text/html'] } } },
    { tasks: {} },
    { tasks, another: 1 },
    { tasks: { requests: { tools: { call: {} } }, another: 1 } },
  ].map((capabilities) => introduction({ ...usual, capabilities })),
  LIST,
  { ...LIST, id: 'list' },
  { ...LIST, params: {} },
  { ...LIST, params: { _meta: {} } },
  { ...LIST, params: { _meta: { progressToken: 'p' } } },
  { ...LIST, params: { cursor: 'x', another: 1 } },
  { ...LIST, method: 'prompts/list' },
  { ...LIST, method: 'prompts/list', params: { cursor: 'x' } },
  { ...LIST, method: 'ping' },
  DISCOVER,
  { ...DISCOVER, params: { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } } },
  { ...DISCOVER, method: 'resources/list', params: { cursor: 'x' } },
  { ...DISCOVER, method: 'resources/templates/list' },
];

/** Refused by the SDK, unusual, or of another kind: the handshake must not answer them. */
const left: readonly unknown[] = [
  { ...LIST, jsonrpc: '1.0' },
  { ...LIST, id: null },
  { ...LIST, id: 1.5 },
  { ...LIST, id: {} },
  { ...LIST, extra: 1 },
  { ...LIST, params: { cursor: 5 } },
  { ...LIST, method: 'prompts/list', params: { cursor: null } },
  { ...LIST, params: [] },
  { ...LIST, params: { _meta: { progressToken: {} } } },
  { ...LIST, method: 'tools/call' },
  { ...LIST, method: 'prompts/get' },
  { ...LIST, params: { _meta: { 'io.modelcontextprotocol/related-task': { taskId: 'x' } } } },
  { ...DISCOVER, params: { _meta: 5 } },
  { ...DISCOVER, method: 'server/discovery' },
  introduction({ ...usual, protocolVersion: 5 }),
  introduction({ ...usual, clientInfo: {} }),
  introduction({ ...usual, clientInfo: { ...clientInfo, icons: {} } }),
  introduction({ ...usual, clientInfo: { ...clientInfo, icons: [{}] } }),
  introduction({ ...usual, clientInfo: { ...clientInfo, icons: [{ ...icons[0], theme: 'grey' }] } }),
  introduction({ ...usual, clientInfo: { ...clientInfo, title: 5 } }),
  introduction({ ...usual, capabilities: [] }),
  introduction({ ...usual, capabilities: { roots: 5 } }),
  introduction({ ...usual, capabilities: { elicitation: { form: 5 } } }),
  introduction({ ...usual, capabilities: { elicitation: { form: { applyDefaults: 'yes' } } } }),
  introduction({ ...usual, capabilities: { experimental: { a: 5 } } }),
  introduction({ ...usual, capabilities: { tasks: 5 } }),
  introduction({ ...usual, capabilities: { tasks: { list: 5 } } }),
  introduction({ ...usual, capabilities: { tasks: { requests: { elicitation: { create: true } } } } }),
  introduction({ capabilities: {}, clientInfo }),
  { ...INITIALIZED, params: { _meta: 5 } },
  { ...INITIALIZED, id: 1 },
  [],
  [LIST],
  null,
  5,
];

const fresh = (): Handshake => createHandshake(shown);
const parsed = (answer: string | null | undefined): unknown => (answer ? JSON.parse(answer) : answer);

test.each(answered.map((message) => [JSON.stringify(message)]))('answers as the SDK does: %s', async (line) => {
  const [expected] = await fromTheSdk([line], 1);
  expect(parsed(fresh().answer(line))).toEqual(expected);
});

test.each([...left.map((message) => [JSON.stringify(message)]), [''], ['{'], ['initialize']])('leaves %s', (line) => {
  expect(fresh().answer(line)).toBeUndefined();
});

test('answers as the SDK does, or not at all, whatever is changed in a usual message (property)', async () => {
  const strange = fc.constantFrom<unknown>(
    null,
    5,
    1.5,
    '',
    'x',
    [],
    [{}],
    {},
    { a: 1 },
    true,
    { form: {} },
    { progressToken: 1 },
  );
  const names = fc.constantFrom(
    'id',
    'jsonrpc',
    'method',
    'params',
    '_meta',
    'capabilities',
    'roots',
    'elicitation',
    'form',
    'sampling',
    'context',
    'tasks',
    'requests',
    'create',
    'extensions',
    'clientInfo',
    'icons',
    'src',
    'sizes',
    'cursor',
    'io.modelcontextprotocol/related-task',
    '__proto__',
    'name',
    'x',
    'toString',
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...answered), names, strange, fc.nat(5), async (message, name, value, depth) => {
      const line = JSON.stringify(changed(message, name, value, depth));
      const answer = parsed(fresh().answer(line));
      if (typeof answer !== 'object' || answer === null) return;
      expect(answer).toEqual((await fromTheSdk([line], 1))[0]);
    }),
    { numRuns: 1000 },
  );
});

test('can write again the deepest introduction that it answers', () => {
  const deep = `${'['.repeat(3_900)}${']'.repeat(3_900)}`;
  const line = JSON.stringify(introduction({ ...usual, capabilities: { another: 'DEEP' } })).replace('"DEEP"', deep);
  const handshake = fresh();
  expect(handshake.answer(line)).toContain('protocolVersion');
  expect(handshake.heard().join('')).toContain(deep);
});

test('leaves an introduction that is too deep to be written again', () => {
  const deep = `${'{"a":'.repeat(6_000)}{}${'}'.repeat(6_000)}`;
  const line = JSON.stringify(introduction({ ...usual, capabilities: { elicitation: { url: 'DEEP' } } })).replace(
    '"DEEP"',
    deep,
  );
  expect(fresh().answer(line)).toBeUndefined();
});

/** The message with one member set, so many objects deep. */
function changed(message: object, name: string, value: unknown, depth: number): object {
  const inner = Object.entries(message).findLast(([, member]) => typeof member === 'object' && member !== null);
  if (depth === 0 || !inner) return { ...message, [name]: value };
  const member = inner[0];
  const object: unknown = inner[1];
  return { ...message, [member]: changed(typeof object === 'object' && object ? object : {}, name, value, depth - 1) };
}

test('knows the versions that the SDK knows, in its order', () => {
  expect(PROTOCOL_VERSIONS).toEqual(SUPPORTED_PROTOCOL_VERSIONS);
});

describe('handing over', () => {
  const lines = [introduction({ ...usual, capabilities: { elicitation: {} } }), INITIALIZED, LIST].map((message) =>
    JSON.stringify(message),
  );
  const PING = JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'ping' });

  test('the server learns what the handshake heard, and then the rest, whole and in order', async () => {
    const [input, output] = [new PassThrough(), new PassThrough()];
    const needed = receive(input, output, fresh());
    const first = JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'prompts/get', params: { name: 'x' } });
    const rest = JSON.stringify({ jsonrpc: '2.0', id: 8, method: 'tools/call', params: { name: 'ü\u2028€' } });
    // Cut within a character.
    const bytes = Buffer.from(`${[...lines, first, rest].join('\n')}\n`);
    for (const byte of bytes) input.write(Buffer.from([byte]));
    const server = await needed;
    await new Promise(setImmediate);
    const text = String(server.read());
    const [again, notice, ...others] = text.trimEnd().split('\n');
    expect(JSON.parse(again ?? '')).toMatchObject({ id: REPEATED, params: { capabilities: { elicitation: {} } } });
    expect(JSON.parse(notice ?? '')).toEqual(INITIALIZED);
    expect(others).toEqual([first, rest]);
    expect(String(output.read()).trimEnd().split('\n')).toHaveLength(2);
  });
  test('the server that comes after the handshake knows the host, and answers the introduction to nobody', async () => {
    const handshake = fresh();
    for (const line of lines) handshake.answer(line);
    const heard = handshake.heard().map((line) => line.trimEnd());
    expect(await fromTheSdk([...heard, PING], 1)).toEqual([{ jsonrpc: '2.0', id: 7, result: {} }]);
  });
  test("happens for a line without an end, which is the transport's to refuse", async () => {
    const input = new PassThrough();
    const needed = receive(input, new PassThrough(), fresh());
    const server = needed.then((stream) => stream.resume());
    for (let written = 0; written < 11; written += 1) input.write(Buffer.alloc(1024 * 1024, 0x20));
    expect(await server).toBeDefined();
  });
});
