// Hosts that behave badly: they close what the server writes to, stop reading it, or say too much at once.

import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { onTestFinished, expect, test, vi } from 'vitest';
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { sandboxFor } from '../atlas-simulator/sandbox-for.ts';
import { BUNDLE, startHost, temporaryHome } from './host.ts';

const GROUP = '69681d39c9e8cfd375386316';
const LIST = { jsonrpc: '2.0', method: 'tools/list' };
const BAD_CALL = { jsonrpc: '2.0', method: 'tools/call', params: { name: 'create_ai_model_api_key', arguments: {} } };

function start(args: readonly string[] = ['--sandbox']): ChildProcessWithoutNullStreams {
  const home = temporaryHome();
  const child = spawn(process.execPath, [BUNDLE, ...args], {
    env: { PATH: process.env.PATH, HOME: home, TMPDIR: `${home}/tmp` },
  });
  child.stdin.on('error', () => undefined);
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  say(child, {
    jsonrpc: '2.0',
    id: 'begin',
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'broken', version: '1' } },
  });
  return child;
}

function say(child: ChildProcessWithoutNullStreams, message: object): void {
  child.stdin.write(`${JSON.stringify(message)}\n`);
}

test('stderr that is closed does not keep a call from being answered, or the process from ending', async () => {
  const child = start();
  await once(child.stdout, 'data');
  child.stderr.destroy();
  let answers = '';
  child.stdout.on('data', (chunk: Buffer) => (answers += chunk.toString()));
  for (const id of [1, 2, 3]) say(child, { ...BAD_CALL, id });
  await vi.waitUntil(() => answers.split('\n').length > 3, { timeout: 10_000 });
  expect(answers).toContain('INVALID_INPUT');
  child.stdin.end();
  expect(await once(child, 'exit')).toEqual([0, null]);
});

test.each([
  ['the handshake', []],
  ['the whole server', [{ jsonrpc: '2.0', method: 'prompts/get', id: 'first', params: { name: 'none' } }]],
])('stdout that nobody reads does not keep %s from ending', { timeout: 40_000 }, async (_who, before) => {
  const child = start();
  for (const message of before) say(child, message);
  await once(child.stdout, 'data');
  child.stdout.pause();
  for (let id = 0; id < 400; id += 1) say(child, { ...LIST, id });
  child.stdin.end();
  expect(await once(child, 'exit')).toEqual([1, null]);
});

test('a second signal does not cut short a create that was sent', async () => {
  const sandbox = await sandboxFor();
  const { clientId, clientSecret } = sandbox.credentials;
  sandbox.inject({ operation: 'create_key', when: 'after', kind: 'delay', ms: 700 });
  const host = await startHost({
    home: temporaryHome(),
    env: {
      MONGODB_ATLAS_BASE_URL: sandbox.baseUrl,
      MONGODB_ATLAS_CLIENT_ID: clientId,
      MONGODB_ATLAS_CLIENT_SECRET: clientSecret,
    },
  });
  const called = host.call('create_ai_model_api_key', { groupId: GROUP, name: 'a key' });
  await vi.waitUntil(() => sandbox.requests.some(({ operation }) => operation === 'create_key'), { timeout: 10_000 });
  host.kill('SIGTERM');
  host.kill('SIGTERM');
  expect((await called).structuredContent).toMatchObject({ outcome: 'delivered' });
  expect(await host.ended).toEqual({ code: 0, signal: null });
});

test('the very first request, of id 0, can be cancelled, and its answer keeps its id', async () => {
  const sandbox = await sandboxFor();
  sandbox.inject({ operation: 'list_keys', when: 'before', kind: 'delay', ms: 60_000 });
  const { accessToken } = sandbox.credentials;
  const home = temporaryHome();
  const child = spawn(process.execPath, [BUNDLE], {
    env: { HOME: home, MONGODB_ATLAS_BASE_URL: sandbox.baseUrl, MONGODB_ATLAS_ACCESS_TOKEN: accessToken },
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  let answers = '';
  child.stdout.on('data', (chunk: Buffer) => (answers += chunk.toString()));
  say(child, { ...LIST, id: 0 });
  await vi.waitUntil(() => answers.includes('\n'), { timeout: 10_000 });
  expect(JSON.parse(answers)).toMatchObject({ id: 0, result: { tools: { length: 15 } } });
  say(child, { ...BAD_CALL, id: 0, params: { ...BAD_CALL.params, arguments: { groupId: GROUP, name: 'a key' } } });
  await vi.waitUntil(() => sandbox.requests.some(({ operation }) => operation === 'list_keys'), { timeout: 10_000 });
  say(child, { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 0 } });
  // A cancelled call gets no answer; its place among those that get one shows that it has ended.
  await vi.waitUntil(() => existsSync(`${home}/.local/state/atlas-model-keys/audit.jsonl`), { timeout: 10_000 });
  expect(sandbox.requests.map(({ operation }) => operation)).not.toContain('create_key');
});

test('arguments that are not an object are refused without an answer that quotes them', async () => {
  const host = await startHost({ home: temporaryHome(), args: ['--sandbox'] });
  const call = host.client.request(
    { method: 'tools/call', params: { name: 'create_ai_model_api_key', arguments: ['al-canary-canary-canary'] } },
    CallToolResultSchema,
  );
  await expect(call).rejects.toThrow();
  expect(host.output().stdout).not.toContain('canary');
});
