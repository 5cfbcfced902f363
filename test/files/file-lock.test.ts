// Several processes that edit one .env file, each a real one with the sink in it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { parseEnv } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { builtProgram } from '../built-program.ts';
import { ok, type Result } from '../../src/failure.ts';
import { withLock, thisProcess } from '../../src/files/process-owner.ts';
import type { FileProblem } from '../../src/files/file-problem.ts';
import { withDirectory } from '../../src/files/safe-directory.ts';
import { CANARY, SECRET, VARIABLE, WRITTEN, dotenvSinkAt, fileWith, scratch, targetOf } from '../sinks/file-fixture.ts';

const program = builtProgram(join(import.meta.dirname, 'dotenv-writer.ts'));

/** Started, and waiting for the end of its input. */
async function writer(path: string, ...task: string[]) {
  const child = spawn(process.execPath, [program, path, ...task], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  return { child, ended };
}

function beside(path: string): string[] {
  return readdirSync(dirname(path)).filter((name) => name !== basename(path));
}

function locked<T>(
  path: string,
  action: () => Promise<Result<T, FileProblem>>,
  waitMs?: number,
): Promise<Result<T, FileProblem>> {
  return withDirectory(dirname(path), (directory) =>
    withLock(directory, { name: basename(path), path }, action, waitMs),
  );
}

async function deliverTo(path: string, variable = VARIABLE): Promise<unknown> {
  return (await targetOf(dotenvSinkAt(path, variable))).deliver(SECRET);
}

const BEFORE = '# é\r\nA=1\r\nB="x\r\ny" # c\r\n\r\nexport C=3\r\n';

test('two spellings of a name, which may be one file, have one lock', async () => {
  const path = join(scratch(), 'Caf\u00e9.env');
  const other = join(dirname(path), 'cafe\u0301.ENV');
  const inner = () => locked(other, () => Promise.resolve(ok('both')), 50);
  expect(await locked(path, inner)).toMatchObject({ ok: false, failure: { reason: 'locked' } });
  expect(await inner()).toEqual(ok('both'));
});

test('of eight processes that add five variables each, none loses any', { timeout: 60_000 }, async () => {
  const path = fileWith(BEFORE);
  const names = Array.from({ length: 40 }, (_, each) => `KEY_${each}`);
  const writers = await Promise.all(
    Array.from({ length: 8 }, (_, each) => writer(path, 'add', ...names.slice(each * 5, each * 5 + 5))),
  );
  const said = writers.map(({ child }) => text(child.stdout));
  for (const { child } of writers) child.stdin.end();
  expect(await Promise.all(said)).toEqual(writers.map(() => 'verified\n'.repeat(5)));
  const after = readFileSync(path, 'utf8');
  expect(after.startsWith(BEFORE)).toBe(true);
  const added = after.slice(BEFORE.length).split('\r\n');
  expect(added.sort()).toEqual(['', ...names.map((name) => `${name}=al-writer-${name}`)].sort());
  expect(parseEnv(after)).toMatchObject(Object.fromEntries(names.map((name) => [name, `al-writer-${name}`])));
  expect(beside(path)).toEqual([]);
});

describe('the lock of a process', () => {
  test('that only begins to write waits for one that is at it, also in this process', async () => {
    const path = fileWith('');
    const order: string[] = [];
    const edit = (name: string) => () => {
      order.push(`${name} begins`);
      return delay(50).then(() => {
        order.push(`${name} ends`);
        return ok(undefined);
      });
    };
    await Promise.all(['a', 'b', 'c'].map((name) => locked(path, edit(name))));
    for (const each of [0, 2, 4]) expect(order[each + 1]).toBe(order[each]?.replace('begins', 'ends'));
    expect(order).toHaveLength(6);
  });

  test('that was killed does not block others, and is removed', async () => {
    const path = fileWith('A=1\n');
    const { child, ended } = await writer(path, 'die');
    child.stdin.end();
    expect(await ended).toEqual([null, 'SIGKILL']);
    expect(beside(path)).toEqual([expect.stringMatching(/^\.env\.atlas-model-keys-lock-[0-9a-f]{16}$/)]);
    expect(await deliverTo(path)).toEqual(WRITTEN);
    expect(beside(path)).toEqual([]);
  });

  test('that lives keeps others out until it ends, and they say so', async () => {
    const path = fileWith('A=1\n');
    const { child, ended } = await writer(path, 'hold');
    child.stdin.end();
    await once(child.stdout, 'data');
    const held = beside(path);
    expect(held).toHaveLength(1);
    expect(JSON.parse(readFileSync(join(path, '..', held[0] ?? ''), 'utf8'))).toMatchObject({ pid: child.pid });

    let ran = false;
    const action = () => {
      ran = true;
      return Promise.resolve(ok(undefined));
    };
    const refused = await locked(path, action, 200);
    expect(refused).toEqual({
      ok: false,
      failure: {
        reason: 'locked',
        path,
        message: expect.stringContaining('keep writing') as unknown,
        remedy: expect.stringContaining('atlas-model-keys-lock') as unknown,
      },
    });
    expect(ran).toBe(false);
    expect(beside(path)).toEqual(held);

    const target = await targetOf(dotenvSinkAt(path));
    const delivery = target.deliver(SECRET);
    expect(readFileSync(path, 'utf8')).toBe('A=1\n');
    child.kill('SIGKILL');
    await ended;
    expect(await delivery).toEqual(WRITTEN);
    expect(beside(path)).toEqual([]);
  });

  test('is not that of another file, nor needed to read', async () => {
    const path = fileWith(`${VARIABLE}=${CANARY}\n`);
    await locked(path, async () => {
      expect(await deliverTo(`${path}.local`)).toEqual(WRITTEN);
      expect(await dotenvSinkAt(path).lookUp({ groupId: '' })).toMatchObject({ held: 'value' });
      return ok(undefined);
    });
  });

  test('is given back whatever comes of the edit', async () => {
    const path = fileWith('');
    await expect(locked(path, () => Promise.reject(new Error('defect')))).rejects.toThrow('defect');
    expect(await locked(path, () => Promise.resolve(notReadyNow))).toBe(notReadyNow);
    expect(beside(path)).toEqual([]);
  });
});

const notReadyNow: Result<never, FileProblem> = {
  ok: false,
  failure: { reason: 'locked', message: 'not now' },
};

describe('a lock file', () => {
  /** Left beside the .env file by nobody; `secondsOld` since it was written. */
  function leave(path: string, content: string, secondsOld = 0): string {
    const name = join(path, '..', '.env.atlas-model-keys-lock-0123456789abcdef');
    writeFileSync(name, content, { mode: 0o600 });
    const time = Date.now() / 1000 - secondsOld;
    utimesSync(name, time, time);
    return name;
  }

  const ME = thisProcess();
  const run = () => Promise.resolve(ok('ran'));

  test.each<[string, string, number]>([
    ['of this process', JSON.stringify(ME), 3600],
    ['that is half-made', '', 0],
    ['of a process in another container', JSON.stringify({ ...ME, pidNamespace: 'pid:[1]' }), 30],
    ['of a process on a system that tells little', JSON.stringify({ pid: process.pid }), 30],
  ])('%s counts', async (_whose, content, secondsOld) => {
    const path = fileWith('');
    leave(path, content, secondsOld);
    expect(await locked(path, run, 0)).toMatchObject({ ok: false });
    expect(beside(path)).toHaveLength(1);
  });

  test.each<[string, string, number]>([
    ['of a process that ended', JSON.stringify({ ...ME, pid: 2 ** 22 + 1 }), 0],
    ['of an earlier process of that number', JSON.stringify({ ...ME, startTicks: '1' }), 0],
    ['of another boot, a minute old', JSON.stringify({ ...ME, bootId: 'other' }), 61],
    ['that was left half-made', '{"pid":', 60],
    ['that was left in another container', JSON.stringify({ ...ME, pidNamespace: 'pid:[1]' }), 90],
    ['that is too large', 'x'.repeat(5000), 60],
  ])('%s does not count, and is removed', async (_whose, content, secondsOld) => {
    const path = fileWith('');
    leave(path, content, secondsOld);
    expect(await locked(path, run, 0)).toEqual(ok('ran'));
    expect(beside(path)).toEqual([]);
  });
});
