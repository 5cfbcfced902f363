// Directories and temporary names that another process exchanges while deliveries go on.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ok } from '../../src/failure.ts';
import { temporaryName } from '../../src/files/names.ts';
import { placeNew, readFound, withNewFile } from '../../src/files/atomic-file.ts';
import { withDirectory } from '../../src/files/safe-directory.ts';
import type { PreparedWrite } from '../../src/sinks/sink.ts';
import { ADDRESS, CANARY, SECRET, fileSinkAt, folderIn, scratch, targetOf } from '../sinks/file-fixture.ts';

const REACHES = process.platform === 'linux' ? (['descriptor', 'path'] as const) : (['path'] as const);

/** Runs a script in another process from its first output until the test ends. */
async function adversary(script: string, ...args: string[]): Promise<() => Promise<void>> {
  const child = spawn(process.execPath, ['-e', script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const stop = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  onTestFinished(stop);
  await once(child.stdout, 'data');
  return stop;
}

async function targetsIn(folder: string, count: number): Promise<PreparedWrite[]> {
  const sink = fileSinkAt(join(folder, '{entry}'));
  const targets = [];
  for (let each = 0; each < count; each += 1) targets.push(await targetOf(sink, { ...ADDRESS, entry: `k${each}` }));
  return targets;
}

describe.each(REACHES)('reached by its %s', (reach) => {
  test('files are made in the directory', async () => {
    const folder = scratch();
    const placed = await withDirectory(
      folder,
      async (directory) => ok(await placeNew(directory, 'k', Buffer.from('x'))),
      reach,
    );
    expect(placed).toMatchObject({ ok: true });
    expect(readFileSync(join(folder, 'k'), 'utf8')).toBe('x');
    expect(readdirSync(folder)).toEqual(['k']);
  });

  test('a directory exchanged before the first byte gets none of them', async () => {
    const folder = scratch();
    const [parent, other] = [folderIn(folder, 'parent'), folderIn(folder, 'other')];
    const attempt = withDirectory(
      parent,
      async (directory) => {
        renameSync(parent, join(folder, 'moved'));
        symlinkSync(other, parent);
        return ok(await placeNew(directory, 'k', Buffer.from('x')));
      },
      reach,
    );
    await expect(attempt).rejects.toMatchObject({ code: 'ESTALE' });
    expect(readdirSync(other)).toEqual([]);
    expect(readdirSync(join(folder, 'moved'))).toEqual([]);
  });

  test('a directory exchanged before the reading gives nothing', async () => {
    const folder = scratch();
    const parent = folderIn(folder, 'parent');
    writeFileSync(join(parent, 'k'), 'x');
    const attempt = withDirectory(
      parent,
      async (directory) => {
        renameSync(parent, join(folder, 'moved'));
        writeFileSync(join(folderIn(folder, 'parent'), 'k'), 'y');
        return ok(await readFound(directory, 'k', 10));
      },
      reach,
    );
    await expect(attempt).rejects.toMatchObject({ code: 'ESTALE' });
  });

  test('a link planted at the temporary name is neither followed nor removed', async () => {
    const folder = scratch();
    const victim = join(scratch(), 'victim');
    writeFileSync(victim, 'mine');
    const name = temporaryName('k');
    for (const aim of [victim, join(folder, 'nothing')]) {
      symlinkSync(aim, join(folder, name));
      const attempt = withDirectory(
        folder,
        (directory) => withNewFile(directory, name, Buffer.from('x'), () => Promise.resolve(ok('made'))),
        reach,
      );
      await expect(attempt).rejects.toMatchObject({ code: 'EEXIST' });
      expect(lstatSync(join(folder, name)).isSymbolicLink()).toBe(true);
      expect([readFileSync(victim, 'utf8'), existsSync(join(folder, 'nothing'))]).toEqual(['mine', false]);
      rmSync(join(folder, name));
    }
  });
});

const SWAP = `
  const { renameSync, symlinkSync, unlinkSync } = require('node:fs');
  const [parent, moved, other] = process.argv.slice(1);
  const pause = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  process.stdout.write('swapping');
  for (let turn = 0; ; turn += 1) {
    renameSync(parent, moved); symlinkSync(other, parent);
    if (turn % 3 === 0) pause(1);
    unlinkSync(parent); renameSync(moved, parent);
    pause(turn % 5);
  }`;

test('nothing ever lands in a directory that is swapped in', async () => {
  const folder = scratch();
  const [parent, other] = [folderIn(folder, 'parent'), folderIn(folder, 'other')];
  const targets = await targetsIn(parent, 1_000);
  const stop = await adversary(SWAP, parent, join(folder, 'moved'), other);
  const written: string[] = [];
  let failed = 0;
  for (const target of targets) {
    const { outcome } = await target.deliver(SECRET);
    if (outcome === 'written') written.push(target.location);
    else failed += 1;
    if (written.length >= 100 && failed >= 100) break;
  }
  await stop();
  expect(readdirSync(other)).toEqual([]);
  const real = [parent, join(folder, 'moved')].find((path) => existsSync(path) && lstatSync(path).isDirectory());
  expect(readdirSync(real ?? '').sort()).toEqual(written.map((path) => path.slice(parent.length + 1)).sort());
  expect([written.length > 0, failed > 0]).toEqual([true, true]);
});

const PLANT = `
  const { readdirSync, renameSync, symlinkSync, unlinkSync, writeFileSync } = require('node:fs');
  const [folder, victim, planted] = process.argv.slice(1);
  process.stdout.write('planting');
  for (;;) {
    for (const name of readdirSync(folder)) {
      if (!name.includes('.atlas-model-keys-')) continue;
      try { unlinkSync(folder + '/' + name); symlinkSync(victim, folder + '/' + name); writeFileSync(planted, 'x'); } catch {}
    }
  }`;

test('a link planted in place of the temporary file is never delivered', async () => {
  const folder = scratch();
  const parent = folderIn(folder, 'parent');
  const [victim, planted] = [join(folder, 'victim'), join(folder, 'planted')];
  writeFileSync(victim, 'mine');
  const targets = await targetsIn(parent, 1_000);
  await adversary(PLANT, parent, victim, planted);
  for (const [count, target] of targets.entries()) {
    const { outcome } = await target.deliver(SECRET);
    expect(readFileSync(victim, 'utf8')).toBe('mine');
    if (outcome === 'written') {
      expect(lstatSync(target.location).isFile()).toBe(true);
      expect(readFileSync(target.location, 'utf8')).toBe(CANARY);
    } else expect(existsSync(target.location)).toBe(false);
    if (count > 100 && existsSync(planted)) break;
  }
  expect(existsSync(planted)).toBe(true);
});

describe('the temporary name', () => {
  test.each([
    ['voyage.key', /^\.voyage\.key\.atlas-model-keys-[0-9a-f]{16}\.tmp\.key$/],
    ['.env', /^\.env\.atlas-model-keys-[0-9a-f]{16}\.tmp$/],
    ['.env.local', /^\.env\.local\.atlas-model-keys-[0-9a-f]{16}\.tmp\.local$/],
  ])('of %s begins and ends as that does', (name, pattern) => {
    expect(temporaryName(name)).toMatch(pattern);
    expect(temporaryName(name)).not.toBe(temporaryName(name));
  });

  test.each(['x'.repeat(255), '✓'.repeat(85), `a.${'é'.repeat(126)}`])('of a long one fits (%#)', (name) => {
    expect(Buffer.byteLength(temporaryName(name))).toBeLessThan(255);
    expect(temporaryName(name)).not.toContain('\uFFFD');
    expect(Buffer.byteLength(temporaryName(`${name}.${'x'.repeat(31)}`, 'a'.repeat(64)))).toBeLessThan(255);
  });
});
