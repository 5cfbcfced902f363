// Disks that are full, small or read-only. These need root and a system that lets us mount one.

import { existsSync, readFileSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, type TestContext } from 'vitest';
import {
  CANARY,
  SECRET,
  WRITTEN,
  dotenvSinkAt,
  fileSinkAt,
  isRoot,
  mountedIn,
  notReady,
  problemOf,
  run,
  scratch,
  targetOf,
  treeOf,
} from './file-fixture.ts';

/** Takes all of the space. */
function fill(folder: string): void {
  for (let each = 0; statfsSync(folder).bavail > 0; each += 1) {
    try {
      writeFileSync(join(folder, `filler${each}`), Buffer.alloc(4096));
    } catch {
      return;
    }
  }
}

function mounted(context: TestContext, options: string): string {
  return mountedIn(scratch(), options) ?? context.skip('mounting is not permitted here');
}

const withRoot = test.skipIf(!isRoot);

withRoot('a full disk is found by looking (needs root)', async (context) => {
  const folder = mounted(context, 'size=64k');
  fill(folder);
  for (const sink of [
    fileSinkAt(join(folder, 'k')),
    fileSinkAt(join(folder, 'new/k')),
    dotenvSinkAt(join(folder, '.env')),
  ]) {
    expect(await problemOf(sink, 'inspect')).toEqual(notReady(/No space is left/, /Make room/));
  }
});

withRoot('a disk that takes no more files is found by trying (needs root)', async (context) => {
  const folder = mounted(context, 'nr_inodes=2');
  writeFileSync(join(folder, '.env'), 'A=1\n', { mode: 0o600 });
  for (const sink of [fileSinkAt(join(folder, 'k')), dotenvSinkAt(join(folder, '.env'))]) {
    for (const mode of ['inspect', 'prove'] as const) {
      expect(await problemOf(sink, mode)).toEqual(notReady(/no space is left on the disk/, /Make room/));
    }
  }
  expect(readdirSync(folder)).toEqual(['.env']);
});

withRoot('a disk that fills up in between leaves nothing, and the old file whole (needs root)', async (context) => {
  const folder = mounted(context, 'size=64k');
  writeFileSync(join(folder, '.env'), 'A=1\n', { mode: 0o600 });
  const [file, env] = [
    await targetOf(fileSinkAt(join(folder, 'k'))),
    await targetOf(dotenvSinkAt(join(folder, '.env'))),
  ];
  fill(folder);
  const before = treeOf(folder);
  for (const target of [file, env]) {
    expect(await target.deliver(SECRET)).toMatchObject({
      outcome: 'failed',
      message: expect.stringContaining('no space is left') as unknown,
    });
    await target.retract();
  }
  expect(treeOf(folder)).toEqual(before);
  expect(readFileSync(join(folder, '.env'), 'utf8')).toBe('A=1\n');
  rmSync(join(folder, 'filler0'));
  expect(await file.deliver(SECRET)).toEqual(WRITTEN);
  expect(readFileSync(join(folder, 'k'), 'utf8')).toBe(CANARY);
});

withRoot('a read-only mount is found by looking, and survives a delivery (needs root)', async (context) => {
  const folder = mounted(context, 'size=64k');
  const target = await targetOf(fileSinkAt(join(folder, 'k')));
  run('mount', '-o', 'remount,ro', folder);
  for (const sink of [
    fileSinkAt(join(folder, 'k')),
    fileSinkAt(join(folder, 'new/k')),
    dotenvSinkAt(join(folder, '.env')),
  ]) {
    expect(await problemOf(sink, 'inspect')).toEqual(notReady(/file system is read-only/, /another path/));
  }
  expect(await target.deliver(SECRET)).toMatchObject({
    outcome: 'failed',
    message: expect.stringContaining('read-only') as unknown,
  });
  expect(existsSync(join(folder, 'k'))).toBe(false);
  expect(readdirSync(folder)).toEqual([]);
});
