// Whether the process of an intent lives. It is tested where the journal relies on it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { isAlive, thisProcess, type ProcessOwner } from '../../src/files/process-owner.ts';

const HOUR_MS = 60 * 60 * 1000;
const now = () => Date.now();
const long = () => Date.now() - 2 * HOUR_MS;

function statOf(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function ownerOf(pid: number): ProcessOwner {
  const startTicks = statOf(pid)[19];
  return { ...thisProcess(), pid, ...(startTicks !== undefined && { startTicks }) };
}

test('this process is alive', () => {
  expect(thisProcess().pid).toBe(process.pid);
  expect(isAlive(thisProcess(), now())).toBe(true);
});

describe.skipIf(process.platform !== 'linux')('on Linux', () => {
  test('a process is alive until it is killed, however long it takes', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    await once(child, 'spawn');
    const owner = ownerOf(child.pid ?? 0);
    expect(isAlive(owner, long())).toBe(true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(isAlive(owner, now())).toBe(false);
  });

  test('one that was killed and that nobody has collected is dead', async () => {
    // The shell becomes a program that collects nobody.
    const shell = spawn('/bin/sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    onTestFinished(() => {
      shell.kill('SIGKILL');
    });
    const pid = Number(String((await once(shell.stdout, 'data'))[0]));
    const owner = ownerOf(pid);
    await vi.waitUntil(
      () => statOf(shell.pid ?? 0)[0] === 'S' && readFileSync(`/proc/${shell.pid ?? 0}/comm`, 'utf8') === 'sleep\n',
    );
    expect(isAlive(owner, now())).toBe(true);
    process.kill(pid, 'SIGKILL');
    await vi.waitUntil(() => statOf(pid)[0] === 'Z');
    expect(isAlive(owner, now())).toBe(false);
  });

  test('a later process with the number of an earlier one is not that one', () => {
    expect(isAlive({ ...thisProcess(), startTicks: '1' }, now())).toBe(false);
  });

  test('nothing is left of a boot before', () => {
    expect(isAlive({ ...thisProcess(), bootId: '00000000-0000-4000-8000-000000000000' }, now())).toBe(false);
  });

  test('one in another container cannot be told: it has an hour', () => {
    const owner = { ...thisProcess(), pidNamespace: 'pid:[1]' };
    expect([isAlive(owner, now()), isAlive(owner, long())]).toEqual([true, false]);
  });
});

test('where the system tells no more than numbers, a process that exists has an hour', () => {
  const { startTicks, ...owner } = thisProcess();
  expect(startTicks !== undefined).toBe(process.platform === 'linux');
  expect([isAlive(owner, now()), isAlive(owner, long())]).toEqual([true, false]);
  expect(isAlive({ ...owner, pid: 2 ** 22 + 1 }, now())).toBe(false);
});
