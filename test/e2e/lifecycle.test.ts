import { chmodSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Simulator } from '../atlas-simulator/simulator.ts';
import { atlasAndHome, filesBelow, startHost, startServer, type Host } from './host.ts';

const GROUP = '69681d39c9e8cfd375386316';

let sandbox: Simulator;
let home: string;
let env: Record<string, string>;

beforeEach(async () => {
  ({ sandbox, home, env } = await atlasAndHome());
});

test('a host that only looks (starts, lists, leaves) causes no request, no port and no file', async () => {
  const host = await startHost({ home, env });
  expect(listeningPorts(host.pid)).toEqual([]);
  host.endInput();
  expect(await host.ended).toEqual({ code: 0, signal: null });
  expect(sandbox.requests).toEqual([]);
  expect(filesBelow(home).size).toBe(0);
});

test('with --sandbox too', async () => {
  const host = await startHost({ home, args: ['--sandbox'] });
  expect(listeningPorts(host.pid)).toEqual([]);
  host.endInput();
  expect(await host.ended).toEqual({ code: 0, signal: null });
  expect(filesBelow(home).size).toBe(0);
});

test('the embedded sandbox keeps what it writes in a temporary folder', async () => {
  const host = await startHost({ home, args: ['--sandbox'] });
  const called = await host.call('create_ai_model_api_key', { name: 'a key' });
  expect(called.isError).toBeUndefined();
  const files = [...filesBelow(home).keys()];
  expect(files.every((path) => path.startsWith(`${home}/tmp/atlas-model-keys-sandbox-`))).toBe(true);
  expect([...filesBelow(home, false).keys()]).toHaveLength(1);
});

describe('the embedded sandbox leaves no folder behind', () => {
  const inTemporary = () => readdirSync(join(home, 'tmp'));

  test.each<[string, (host: Host) => void]>([
    [
      'when stdin ends',
      (host) => {
        host.endInput();
      },
    ],
    [
      'at a signal',
      (host) => {
        host.kill('SIGTERM');
      },
    ],
  ])('%s', async (_when, end) => {
    const host = await startHost({ home, args: ['--sandbox'] });
    await host.call('create_ai_model_api_key', { name: 'a key' });
    expect(inTemporary()).toEqual([expect.stringMatching(/^atlas-model-keys-sandbox-/)]);
    end(host);
    expect((await host.ended).code).toBe(0);
    expect(inTemporary()).toEqual([]);
  });

  test('and removes nothing that a link in it points at, nor what a flag named', async () => {
    const kept = join(home, 'kept');
    mkdirSync(kept, { mode: 0o700 });
    const host = await startHost({ home, args: ['--sandbox', '--sink', `kept=file:${kept}/{entry}`] });
    await host.call('create_ai_model_api_key', { name: 'a-key' });
    const [folder = ''] = inTemporary();
    symlinkSync(kept, join(home, 'tmp', folder, 'link'));
    host.endInput();
    await host.ended;
    expect(inTemporary()).toEqual([]);
    expect(readdirSync(kept)).toEqual(['a-key']);
  });

  test('but leaves it where others could have put something in its place', async () => {
    const host = await startHost({ home, args: ['--sandbox'] });
    await host.call('create_ai_model_api_key', { name: 'a key' });
    const folders = inTemporary();
    chmodSync(join(home, 'tmp'), 0o777);
    host.endInput();
    expect((await host.ended).code).toBe(0);
    expect(inTemporary()).toEqual(folders);
  });

  test('nor does the doctor', async () => {
    const doctor = startServer({ home, args: ['doctor', '--sandbox'] });
    expect((await doctor.ended).code).toBe(0);
    expect(inTemporary()).toEqual([]);
  });
});

describe('the process ends', () => {
  test('when stdin ends before anything was said', async () => {
    const server = startServer({ home, env });
    server.endInput();
    expect(await server.ended).toEqual({ code: 0, signal: null });
  });

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('on %s', async (signal) => {
    const host = await startHost({ home, env });
    host.kill(signal);
    expect(await host.ended).toEqual({ code: 0, signal: null });
  });

  test('after a message that is larger than any host sends', async () => {
    const host = await startHost({ home, env });
    await host.client.notification({
      method: 'notifications/message',
      params: { level: 'info', data: 'x'.repeat(11 * 1024 * 1024) },
    });
    expect((await host.ended).code).toBe(0);
  });

  test('when stdin ends while a create is on its way, which is first finished', async () => {
    sandbox.inject({ operation: 'create_key', when: 'after', kind: 'delay', ms: 500 });
    const host = await startHost({ home, env });
    const called = host.call('create_ai_model_api_key', { groupId: GROUP, name: 'a key' });
    await vi.waitUntil(() => sandbox.requests.some(({ operation }) => operation === 'create_key'), { timeout: 10_000 });
    host.endInput();
    expect((await called).structuredContent).toMatchObject({ outcome: 'delivered' });
    expect((await host.ended).code).toBe(0);
    const [path] = [...filesBelow(home, false).keys()];
    expect(readFileSync(path ?? '', 'utf8')).toBe(sandbox.keys(GROUP)[0]?.secret);
  });

  test('when stdin ends before the create was sent, and nothing is created', async () => {
    sandbox.inject({ operation: 'list_keys', when: 'before', kind: 'delay', ms: 60_000 });
    const host = await startHost({ home, env });
    const called = host.call('create_ai_model_api_key', { groupId: GROUP, name: 'a key' });
    await vi.waitUntil(() => sandbox.requests.some(({ operation }) => operation === 'list_keys'), { timeout: 10_000 });
    host.endInput();
    expect((await called).structuredContent).toMatchObject({ error: { code: 'CANCELLED', keyState: 'not_created' } });
    expect((await host.ended).code).toBe(0);
    expect(sandbox.requests.map(({ operation }) => operation)).not.toContain('create_key');
  });
});

test('SIGUSR1 opens no inspector', async () => {
  const host = await startHost({ home, env });
  host.kill('SIGUSR1');
  await vi.waitUntil(() => host.output().stderr !== '', { timeout: 10_000 });
  expect(host.output().stderr).toContain('SIGUSR1 ignored');
  expect(host.output().stderr).not.toContain('Debugger listening');
  expect(listeningPorts(host.pid)).toEqual([]);
});

test('nothing but protocol messages comes out on stdout, line by line', async () => {
  const host = await startHost({ home, env, args: ['--log-level', 'debug'] });
  await host.call('create_ai_model_api_key', { groupId: GROUP, name: 'a key' });
  await host.call('create_ai_model_api_key', { groupId: 'x', name: 'a\nkey' });
  const lines = host.output().stdout.trimEnd().split('\n');
  expect(
    lines.map((line) => JSON.parse(line) as unknown).every((message) => JSON.stringify(message).startsWith('{"')),
  ).toBe(true);
  expect(lines.every((line) => line.includes('"jsonrpc":"2.0"'))).toBe(true);
});

/** Local addresses of this process in state LISTEN, read from /proc; empty elsewhere than on Linux. */
function listeningPorts(pid: number): string[] {
  if (process.platform !== 'linux') return [];
  const sockets = new Set(filesOf(pid));
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state, , , , , , inode]) => state === '0A' && sockets.has(`socket:[${inode ?? ''}]`))
      .map(([, address]) => address ?? ''),
  );
}

function filesOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).map((descriptor) => readlinkSync(`/proc/${pid}/fd/${descriptor}`));
}
