// The moment at which the whole server takes over from the handshake: whatever happens then, the process ends or serves.

import { renameSync, truncateSync, unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { expect, test, vi } from 'vitest';
import { startSimulator } from '../atlas-simulator/simulator.ts';
import { copyBundle, credentialsFor, filesBelow, startServer, temporaryHome } from './host.ts';

const INTRODUCTION: JSONRPCMessage = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'host', version: '1' } },
};
const INITIALIZED: JSONRPCMessage = { jsonrpc: '2.0', method: 'notifications/initialized' };
const LIST: JSONRPCMessage = { jsonrpc: '2.0', id: 2, method: 'tools/list' };
/** The handshake cannot answer it. */
const GET: JSONRPCMessage = { jsonrpc: '2.0', id: 3, method: 'prompts/get', params: { name: 'none' } };

type Server = ReturnType<typeof startServer>;

async function say(server: Server, ...messages: JSONRPCMessage[]): Promise<void> {
  for (const message of messages) await server.transport.send(message);
}

const answers = (server: Server) => server.output().stdout.split('\n').length - 1;
const answered = (server: Server, count: number) =>
  vi.waitUntil(() => answers(server) >= count, { timeout: 10_000, interval: 5 });

test('loads without a request, a port or a file', async () => {
  const sandbox = await startSimulator();
  const home = temporaryHome();
  const server = startServer({ home, env: credentialsFor(sandbox) });
  await server.transport.start();
  await say(server, INTRODUCTION, INITIALIZED, LIST);
  await say(server, GET);
  await answered(server, 3);
  expect(sandbox.requests).toEqual([]);
  expect([...filesBelow(home).keys()]).toEqual([]);
  server.endInput();
  expect(await server.ended).toEqual({ code: 0, signal: null });
  await sandbox.close();
});

test('is not loaded for a host that only looks at the list of tools', async () => {
  const home = temporaryHome();
  const { bundle, program } = copyBundle(home);
  unlinkSync(program);
  const server = startServer({ home, bundle });
  await server.transport.start();
  await say(server, INTRODUCTION, INITIALIZED, LIST);
  await answered(server, 2);
  // A warm-up would come now, and fail.
  await delay(600);
  server.endInput();
  expect(await server.ended).toEqual({ code: 0, signal: null });
  expect(server.output().stderr).toBe('');
});

const damages: [string, (file: string) => void][] = [
  ['removed', unlinkSync],
  [
    'cut off',
    (file) => {
      truncateSync(file, 100_000);
    },
  ],
  [
    'replaced by another version',
    (file) => {
      renameSync(file, join(dirname(file), 'program-0123456789abcdef.cjs'));
    },
  ],
];

test.each(damages)(
  'a program file that was %s meanwhile ends the server instead of leaving it mute',
  async (_what, damage) => {
    const home = temporaryHome();
    const { bundle, program } = copyBundle(home);
    const server = startServer({ home, bundle });
    await server.transport.start();
    await say(server, INTRODUCTION, LIST);
    await answered(server, 2);
    damage(program);
    await say(server, GET);
    const { code } = await server.ended;
    expect([1, 2]).toContain(code);
    expect(server.output().stderr).toMatch(
      /^atlas-model-keys-mcp: (?:the installed package: was replaced while the server ran; restart it|INTERNAL \(SyntaxError\))\n$/,
    );
  },
);

test.each(['stdin', 'SIGTERM', 'SIGINT'] as const)('ends by %s at any moment of it, 10 times', async (way) => {
  const runs = Array.from({ length: 10 }, async (_unused, index) => {
    const server = startServer({ home: temporaryHome(), args: ['--sandbox'] });
    await server.transport.start();
    await say(server, INTRODUCTION, INITIALIZED);
    await answered(server, 1);
    await say(server, GET);
    await delay(index * 8);
    if (way === 'stdin') server.endInput();
    else server.kill(way);
    expect(await server.ended).toEqual({ code: 0, signal: null });
    expect(server.output().stderr).toBe('');
  });
  await Promise.all(runs);
});
