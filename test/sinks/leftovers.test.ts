// What a process that is killed during a delivery leaves beside the place: by the nonce of its call everything that holds
// a secret is found, and removed.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { builtProgram } from '../built-program.ts';
import { Secret } from '../../src/secret/secret.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import {
  ADDRESS,
  OLD,
  REPLACED,
  WRITTEN,
  dotenvSinkAt,
  fileSinkAt,
  foldingFolder,
  folderIn,
  isRoot,
  scratch,
  targetOf,
} from './file-fixture.ts';

const program = builtProgram(join(import.meta.dirname, 'exchanger.ts'));
/** As exchanger.ts has it. */
const NONCE = '0123456789ab';
const NEW = 'al-new-canary_9876543210-9876543210_odu2';

async function killedAt(call: number, kind: string, path: string): Promise<boolean> {
  const args = [program, kind, path, REPLACED.maskedSecret ?? '', NEW, 'kill', `${call}`];
  const child = spawn(process.execPath, args, { stdio: 'ignore' });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const end = await once(child, 'exit');
  return end[1] === 'SIGKILL';
}

function holdsSecret(path: string): boolean {
  return readFileSync(path, 'utf8').includes('canary');
}

function secretFilesBeside(path: string): string[] {
  return readdirSync(dirname(path))
    .filter((name) => name !== basename(path))
    .map((name) => join(dirname(path), name))
    .filter(holdsSecret)
    .sort();
}

function leftoversOf(sink: Sink, nonce = NONCE) {
  return sink.leftovers?.(ADDRESS, nonce);
}

function removed(sink: Sink, nonce = NONCE) {
  return sink.removeLeftovers?.(ADDRESS, nonce);
}

// Exchanges are killed at every step in replace-crash.test.ts.
describe.each<[string, string, (path: string) => Sink]>([
  ['a new file', 'file', (path) => fileSinkAt(path)],
  ['a new .env file', 'dotenv', (path) => dotenvSinkAt(path)],
])('%s', (_what, kind, sinkAt) => {
  /** Answers how many files with a secret the process left, or undefined where it was finished. */
  async function leftAt(call: number): Promise<number | undefined> {
    const path = join(scratch(), '.k.env');
    const wasKilled = await killedAt(call, kind, path);
    const sink = sinkAt(path);
    const left = secretFilesBeside(path);
    expect(await leftoversOf(sink, 'ba9876543210')).toEqual([]);
    expect(await removed(sink, 'ba9876543210')).toBe(true);
    // Those that are found are all that hold a secret, and perhaps some that hold nothing yet.
    expect((await leftoversOf(sink))?.filter(holdsSecret).sort()).toEqual(left);
    expect(await removed(sink)).toBe(true);
    expect([await leftoversOf(sink), secretFilesBeside(path)]).toEqual([[], []]);
    return wasKilled ? left.length : undefined;
  }

  test(
    'killed before any of its steps leaves no secret that its nonce does not find',
    { timeout: 120_000 },
    async () => {
      let found = 0;
      for (let call = 1; ; call += 4) {
        const left = await Promise.all([call, call + 1, call + 2, call + 3].map(leftAt));
        for (const each of left) found += each ?? 0;
        if (left.includes(undefined)) break;
      }
      expect(found).toBeGreaterThan(2);
    },
  );
});

test('what a retraction puts back is named by the nonce of its delivery', async () => {
  const path = join(scratch(), 'k');
  writeFileSync(path, OLD, { mode: 0o600 });
  const target = await targetOf(fileSinkAt(path), ADDRESS, REPLACED);
  expect(await target.deliver(new Secret(NEW), { nonce: NONCE })).toEqual(WRITTEN);
  await target.retract();
  expect(readFileSync(path, 'utf8')).toBe(OLD);
});

test('a place whose directory is missing has none', async () => {
  const sink = fileSinkAt(join(scratch(), 'not/there/k'));
  expect([await leftoversOf(sink), await removed(sink)]).toEqual([[], true]);
});

test('a directory that is not safe is not judged', async () => {
  const parent = folderIn(scratch(), 'shared', 0o777);
  const sink = fileSinkAt(join(parent, 'k'));
  expect([await leftoversOf(sink), await removed(sink)]).toEqual([undefined, false]);
});

test.skipIf(isRoot)('nor is one that cannot be read (needs an ordinary user)', async () => {
  const parent = folderIn(scratch(), 'parent', 0o300);
  const sink = fileSinkAt(join(parent, 'k'));
  expect([await leftoversOf(sink), await removed(sink)]).toEqual([undefined, false]);
  chmodSync(parent, 0o700);
});

test('is found on a disk that lists names by another spelling', async ({ skip }) => {
  const disk = foldingFolder();
  if (disk === undefined) return skip('this machine has no disk that folds case');
  const sink = fileSinkAt(join(disk, 'Upper.KEY'));
  writeFileSync(join(disk, `.Upper.KEY.atlas-model-keys-${NONCE}-0123.tmp.KEY`), 'canary', { mode: 0o600 });
  writeFileSync(join(disk, `.Upper.KEY.atlas-model-keys-ba9876543210-0123.tmp.KEY`), 'canary', { mode: 0o600 });
  expect(await sink.leftovers?.(ADDRESS, NONCE)).toHaveLength(1);
  expect(await sink.removeLeftovers?.(ADDRESS, NONCE)).toBe(true);
  expect(readdirSync(disk)).toHaveLength(1);
});
