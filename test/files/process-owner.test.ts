// Whether the process that a file belongs to lives.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { ok } from '../../src/failure.ts';
import {
  lockHolder,
  isAlive,
  removeUnlessHeld,
  makeLifeFile,
  parseOwner,
  thisProcess,
  type ProcessOwner,
} from '../../src/files/process-owner.ts';
import { withDirectory } from '../../src/files/safe-directory.ts';
import { scratch } from '../sinks/file-fixture.ts';

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

const onLinux = process.platform === 'linux';

test('this process lives, however long ago it was seen', () => {
  expect(thisProcess().pid).toBe(process.pid);
  expect(isAlive(thisProcess(), onLinux ? 0 : Date.now())).toBe(true);
});

test('a process that cannot be told from others lives for a while after it was seen', () => {
  const owner = { pid: process.pid };
  expect(isAlive(owner, Date.now() - 50_000, 60_000)).toBe(true);
  expect(isAlive(owner, Date.now() - 70_000, 60_000)).toBe(false);
  expect(isAlive(owner, Date.now() - 70_000)).toBe(true);
});

test('an owner is read as it was written, and nothing else is one', () => {
  expect(parseOwner(JSON.stringify(thisProcess()))).toEqual(thisProcess());
  expect(parseOwner('{"pid":7,"startTicks":7,"more":1}')).toEqual({ pid: 7 });
  expect(parseOwner('{"pid":7,"lifeFile":"alive-1"}')).toEqual({ pid: 7, lifeFile: 'alive-1' });
  for (const text of ['', '{', 'null', '7', '[]', '{}', '{"pid":"7"}', '{"pid":0}', '{"pid":-1}', '{"pid":1.5}']) {
    expect(parseOwner(text)).toBeUndefined();
  }
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(parseOwner(text)).toBeUndefined();
    }),
  );
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

  test('one of another boot may run on another host: it has 15 minutes', () => {
    const owner = { ...thisProcess(), bootId: '00000000-0000-4000-8000-000000000000' };
    const minutesAgo = (minutes: number) => now() - minutes * 60 * 1000;
    expect([isAlive(owner, minutesAgo(14)), isAlive(owner, minutesAgo(16))]).toEqual([true, false]);
    // As the owner of a lock it has less.
    expect(isAlive(owner, minutesAgo(2), 60_000)).toBe(false);
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

/** As the systems without procfs have it: whoever holds the file does so until it ends (flock(1), simulated). */
function flockHolder(): NonNullable<ReturnType<typeof lockHolder>> & { readonly kill: () => Promise<void> } {
  let kill = () => Promise.resolve();
  return {
    hold(path) {
      const child = spawn('flock', ['--no-fork', path, 'sleep', '60'], { stdio: 'ignore' });
      kill = async () => {
        const ended = once(child, 'exit');
        child.kill('SIGKILL');
        await ended;
      };
      onTestFinished(() => {
        child.kill('SIGKILL');
      });
    },
    isHeld: (path) => spawnSync('flock', ['--nonblock', path, 'true']).status === 1,
    kill: () => kill(),
  };
}

describe('a life file (simulated: held by flock)', () => {
  const hasFlock = spawnSync('flock', ['--version']).status === 0;

  test.skipIf(!hasFlock)('tells that its process lives until that is killed, whatever its number is', async () => {
    const folder = scratch();
    const holder = flockHolder();
    await withDirectory(
      folder,
      async (directory) => {
        const name = makeLifeFile(directory, folder, holder);
        if (name === undefined) return expect.fail('There is no file.');
        expect(makeLifeFile(directory, folder, holder)).toBe(name);
        await vi.waitUntil(() => existsSync(join(folder, name)) && holder.isHeld(join(folder, name)));
        // What another process sees, which has no file there.
        vi.resetModules();
        const other = await import('../../src/files/process-owner.ts');
        const isHeld = (file: string) => other.removeUnlessHeld(directory, file, holder);
        const owner: ProcessOwner = { pid: process.pid, lifeFile: name };
        expect(isAlive(owner, long(), undefined, isHeld)).toBe(true);
        await holder.kill();
        expect(isAlive(owner, now(), undefined, isHeld)).toBe(false);
        expect(existsSync(join(folder, name))).toBe(false);
        // Where it cannot be seen, the number decides, for an hour.
        expect(isAlive(owner, now(), undefined, () => undefined)).toBe(true);
        expect(isAlive(owner, long(), undefined, () => undefined)).toBe(false);
        return ok(undefined);
      },
      'path',
    );
  });

  test('has no other form of name, and is not made where the system has no such flag', async () => {
    const folder = scratch();
    await withDirectory(folder, (directory) => {
      expect(makeLifeFile(directory, folder, lockHolder('linux'))).toBeUndefined();
      expect(removeUnlessHeld(directory, '../../etc/passwd', flockHolder())).toBeUndefined();
      expect(removeUnlessHeld(directory, `alive-${'0'.repeat(32)}`, lockHolder('linux'))).toBeUndefined();
      return ok(undefined);
    });
    expect([lockHolder('win32'), lockHolder('darwin')].map((holder) => holder !== undefined)).toEqual([true, true]);
  });
});
