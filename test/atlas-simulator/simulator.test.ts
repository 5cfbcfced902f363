// The simulator as a whole: how it ends, whatever is in flight, and how it refuses a wrong seed.

import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { build } from 'esbuild';
import { expect, test, vi } from 'vitest';
import { call, create, KEYS, sandboxFor } from '../sandbox/client.ts';

const SIMULATOR = join(import.meta.dirname, 'simulator.ts');

test('close ends what is open: a stall, a delay, a flood, an idle connection; then nothing listens', async () => {
  const sandbox = await sandboxFor();
  sandbox.inject({ operation: 'list_keys', when: 'before', kind: 'stall' });
  sandbox.inject({ operation: 'create_key', when: 'before', kind: 'delay', ms: 3_600_000 });
  sandbox.inject({ operation: 'list_orgs', when: 'after', kind: 'flood', bytes: 1e12 });
  await call(sandbox, 'GET', '/groups');
  const open = [call(sandbox, 'GET', KEYS), create(sandbox), call(sandbox, 'GET', '/orgs')];
  const ends = Promise.allSettled(open);
  await vi.waitFor(() => {
    expect(sandbox.pendingFaults).toEqual([]);
  });
  await sandbox.close();
  expect((await ends).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  await expect(call(sandbox, 'GET', KEYS)).rejects.toThrow();
  expect(sandbox.keys()).toEqual([]);
  await sandbox.close();
});

test('a process that closes its simulator ends by itself, with nothing written anywhere, however many requests it delays', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'simulator-'));
  try {
    const script = join(folder, 'script.mjs');
    await writeFile(join(folder, 'entry.ts'), ENTRY.replace('SIMULATOR', JSON.stringify(SIMULATOR)));
    const entryPoints = [join(folder, 'entry.ts')];
    await build({ entryPoints, outfile: script, bundle: true, platform: 'node', format: 'esm' });
    const before = await readdir(folder);
    const child = spawn(process.execPath, [script], { cwd: folder, env: {}, timeout: 20_000 });
    const exit = new Promise((resolve) =>
      child.once('exit', (code, signal) => {
        resolve([code, signal]);
      }),
    );
    const [out, err] = await Promise.all([buffer(child.stdout), buffer(child.stderr)]);
    expect([await exit, out.toString(), err.toString()]).toEqual([[0, null], '', '']);
    expect(await readdir(folder)).toEqual(before);
  } finally {
    await rm(folder, { recursive: true });
  }
});

const ENTRY = `
import { startSimulator } from SIMULATOR;
const sandbox = await startSimulator();
sandbox.inject({ operation: 'any', when: 'before', kind: 'delay', ms: 3_600_000, times: 20 });
const authorization = 'Bearer ' + sandbox.credentials.accessToken;
const send = () => fetch(sandbox.baseUrl + '/api/atlas/v2/groups', { headers: { authorization } }).catch(() => undefined);
const sent = Promise.all(Array.from({ length: 20 }, send));
while (sandbox.pendingFaults.length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
await sandbox.close();
await sent;
`;

test('seeding what does not exist is an error of the test', async () => {
  const sandbox = await sandboxFor();
  expect(() => sandbox.addKey('nowhere', { name: 'n' })).toThrow('no project');
  expect(() => {
    sandbox.markUsed('nothing');
  }).toThrow('no key');
});
