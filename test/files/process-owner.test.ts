import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { isAlive, parseOwner, thisProcess } from '../../src/files/process-owner.ts';

const onLinux = process.platform === 'linux';

test('this process lives, however long ago it was seen', () => {
  expect(thisProcess().pid).toBe(process.pid);
  expect(isAlive(thisProcess(), onLinux ? 0 : Date.now())).toBe(true);
});

test.skipIf(!onLinux)(
  'a process that ended does not, even while its parent leaves it a zombie (needs Linux)',
  async () => {
    // The shell becomes `sleep`, which never collects the child that the shell had.
    const script = 'read line <&3 & echo $!; exec sleep 600 3<&-';
    const parent = spawn('/bin/sh', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit', 'pipe'] });
    onTestFinished(() => {
      parent.kill('SIGKILL');
    });
    const pid = Number(String((await once(parent.stdout ?? parent, 'data'))[0]));
    while (readFileSync(`/proc/${parent.pid}/comm`, 'utf8') !== 'sleep\n') await delay(10);
    parent.stdio[3]?.destroy();
    const stat = () => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1] ?? '';
    while (!stat().startsWith('Z')) await delay(10);
    const startTicks = stat().split(' ')[19] ?? '';
    expect(isAlive({ ...thisProcess(), pid, startTicks }, Date.now())).toBe(false);
  },
);

test('a process that cannot be told from others lives for a while after it was seen', () => {
  const owner = { pid: process.pid };
  expect(isAlive(owner, Date.now() - 50_000, 60_000)).toBe(true);
  expect(isAlive(owner, Date.now() - 70_000, 60_000)).toBe(false);
  expect(isAlive(owner, Date.now() - 70_000)).toBe(true);
});

test('an owner is read as it was written, and nothing else is one', () => {
  expect(parseOwner(JSON.stringify(thisProcess()))).toEqual(thisProcess());
  expect(parseOwner('{"pid":7,"startTicks":7,"more":1}')).toEqual({ pid: 7 });
  for (const text of ['', '{', 'null', '7', '[]', '{}', '{"pid":"7"}', '{"pid":0}', '{"pid":-1}', '{"pid":1.5}']) {
    expect(parseOwner(text)).toBeUndefined();
  }
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(parseOwner(text)).toBeUndefined();
    }),
  );
});
