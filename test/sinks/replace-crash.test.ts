// Processes that are killed, meet a failing disk, or compete, while they exchange a secret; each is a real one. Whatever
// happens, the file is whole and holds the old secret or the new one.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { builtProgram } from '../built-program.ts';
import { ok } from '../../src/failure.ts';
import { Secret } from '../../src/secret/secret.ts';
import { withLock } from '../../src/files/process-owner.ts';
import { withDirectory } from '../../src/files/safe-directory.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import {
  ADDRESS,
  OLD,
  READ_BACK,
  REPLACED,
  VARIABLE,
  dotenvSinkAt,
  fileSinkAt,
  fileWith,
  modeAt,
  targetOf,
} from './file-fixture.ts';

const program = builtProgram(join(import.meta.dirname, 'exchanger.ts'));

/** As exchanger.ts has it. */
const NONCE = '0123456789ab';
/** Of the same mask as the old one, so that whichever is found can be exchanged again. */
const NEW = 'al-new-canary_9876543210-9876543210_odu2';

interface Kind {
  readonly kind: string;
  readonly sinkAt: (path: string) => Sink;
  readonly textOf: (value: string) => string;
}

const KINDS: readonly Kind[] = [
  { kind: 'file', sinkAt: (path) => fileSinkAt(path), textOf: (value) => value },
  {
    kind: 'dotenv',
    sinkAt: (path) => dotenvSinkAt(path),
    // The line of a new secret is plain.
    textOf: (value) => {
      const [quote, comment] = value === OLD ? ['"', ' # c'] : ['', ''];
      return `# é\r\nA=1\r\nexport ${VARIABLE}=${quote}${value}${quote}${comment}\r\nB="x\r\ny"`;
    },
  },
];

function start(kind: string, path: string, value: string, ...task: string[]) {
  const args = [program, kind, path, REPLACED.maskedSecret ?? '', value, ...task];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return { child, ended: once(child, 'exit'), said: text(child.stdout) };
}

function beside(path: string): string[] {
  return readdirSync(dirname(path)).filter((name) => name !== basename(path));
}

/** What `action` starts and wraps in an object may go on afterwards. */
async function whileLocked<T extends object>(path: string, action: () => Promise<T>): Promise<T> {
  const place = { name: basename(path), path };
  const result = await withDirectory(dirname(path), (directory) =>
    withLock(directory, place, async () => ok(await action())),
  );
  return result.ok ? result.value : expect.fail(result.failure.message);
}

/** What a killed process leaves keeps nobody from exchanging what is there. */
async function exchangeAgain({ sinkAt, textOf }: Kind, path: string): Promise<void> {
  const value = 'al-again-canary_0123456789-0123456789_odu2';
  const target = await targetOf(sinkAt(path), ADDRESS, REPLACED);
  expect(target.overwrites).toBe('old secret');
  expect(await target.deliver(new Secret(value))).toMatchObject({ outcome: 'written' });
  expect(await target.verify(new Secret(value))).toEqual(READ_BACK);
  expect(readFileSync(path, 'utf8')).toBe(textOf(value));
}

describe.each(KINDS)('in a sink of kind $kind', (each) => {
  const { kind, sinkAt, textOf } = each;

  test(
    'a process that is killed before any of its steps leaves the whole old or the whole new',
    { timeout: 120_000 },
    async () => {
      const found: string[] = [];
      for (let call = 1; ; call += 1) {
        const path = fileWith(textOf(OLD));
        const { ended, said } = start(kind, path, NEW, 'kill', `${call}`);
        const end = await ended;
        const content = readFileSync(path, 'utf8');
        expect([textOf(OLD), textOf(NEW)]).toContain(content);
        expect(modeAt(path)).toBe(0o600);
        // Whatever else holds a secret is found by the nonce of the call.
        const secret = beside(path).filter((name) =>
          readFileSync(join(dirname(path), name), 'utf8').includes('canary'),
        );
        const leftovers = (await sinkAt(path).leftovers?.(ADDRESS, NONCE)) ?? [];
        expect(leftovers.map((each) => basename(each))).toEqual(expect.arrayContaining(secret));
        expect(await sinkAt(path).removeLeftovers?.(ADDRESS, NONCE)).toBe(true);
        expect(beside(path).filter((name) => !name.includes('lock'))).toEqual([]);
        found.push(content === textOf(OLD) ? 'old' : 'new');
        if (end[0] === 0) {
          expect(await said).toBe('written verified\n');
          break;
        }
        expect(end).toEqual([null, 'SIGKILL']);
        if (call % 5 === 0) await exchangeAgain(each, path);
      }
      // First always the old one, then always the new one, and enough steps of each.
      const turn = found.indexOf('new');
      expect(found).toEqual(found.map((_, call) => (call < turn ? 'old' : 'new')));
      expect(turn).toBeGreaterThan(10);
      expect(found.length - turn).toBeGreaterThan(5);
    },
  );

  test('and so it is at any other moment', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 80 }), async (milliseconds) => {
        const path = fileWith(textOf(OLD));
        const { child, ended } = start(kind, path, 'al-swing-canary-0123456789-NUMBER-odu2', 'swing');
        await once(child.stdout, 'data');
        await delay(milliseconds);
        child.kill('SIGKILL');
        expect(await ended).toEqual([null, 'SIGKILL']);
        const content = readFileSync(path, 'utf8');
        const value =
          /al-(?:swing-canary-0123456789-\d+-|old-canary_0123456789-0123456789_)odu2/.exec(content)?.[0] ?? '';
        expect(content).toBe(textOf(value));
        expect(value).not.toBe('');
        await exchangeAgain(each, path);
      }),
      { numRuns: 15 },
    );
  });

  /** The outcomes, one for each sync at which the disk may fail, up to none. */
  async function outcomesOfFailing(task: 'sync' | 'once'): Promise<string[]> {
    const outcomes: string[] = [];
    while (outcomes.at(-1) !== 'written verified') {
      const path = fileWith(textOf(OLD));
      const { ended, said } = start(kind, path, NEW, task, `${outcomes.length + 1}`);
      expect(await ended).toEqual([0, null]);
      const outcome = (await said).trim();
      expect(readFileSync(path, 'utf8')).toBe(textOf(outcome.startsWith('failed') ? OLD : NEW));
      expect(beside(path)).toEqual([]);
      outcomes.push(outcome);
    }
    return outcomes;
  }

  // The syncs are those of the lock, of the new file, and of the directory.
  test('a disk that fails once leaves the old secret', async () => {
    const failed = 'failed not at all';
    expect(await outcomesOfFailing('once')).toEqual([failed, failed, failed, 'written verified']);
  });

  test('a disk that fails for good after the exchange leaves the new one: that is uncertain', async () => {
    const failed = 'failed not at all';
    expect(await outcomesOfFailing('sync')).toEqual([failed, failed, 'uncertain verified', 'written verified']);
  });

  test('a process that changes the file keeps others of this program out until it is done', async () => {
    const path = fileWith(textOf(OLD));
    const target = await targetOf(sinkAt(path), ADDRESS, REPLACED);
    const delivery = await whileLocked(path, async () => {
      const delivered = target.deliver(new Secret(NEW));
      await delay(300);
      expect(readFileSync(path, 'utf8')).toBe(textOf(OLD));
      return { delivered };
    });
    expect(await delivery.delivered).toMatchObject({ outcome: 'written' });
    const retraction = await whileLocked(path, async () => {
      const retracted = target.retract();
      await delay(300);
      expect(readFileSync(path, 'utf8')).toBe(textOf(NEW));
      return { retracted };
    });
    await retraction.retracted;
    expect(readFileSync(path, 'utf8')).toBe(textOf(OLD));
  });

  test(
    'of several processes that replace the same secret one wins, and the others know',
    { timeout: 60_000 },
    async () => {
      for (let round = 0; round < 3; round += 1) {
        const path = fileWith(textOf(OLD));
        const values = [0, 1, 2, 3].map((number) => `al-rival${number}-canary_9876543210-9876543210_odu2`);
        const rivals = values.map((value) => start(kind, path, value, 'wait'));
        await Promise.all(rivals.map(({ child }) => once(child.stdout, 'data')));
        for (const { child } of rivals) child.stdin.end();
        const said = await Promise.all(rivals.map((rival) => rival.said));
        expect(said.map((each) => each.replace('ready\n', '')).sort()).toEqual([
          ...Array.from({ length: 3 }, () => 'failed not at all\n'),
          'written verified\n',
        ]);
        const winner = values[said.findIndex((each) => each.includes('written'))] ?? '';
        expect(readFileSync(path, 'utf8')).toBe(textOf(winner));
        expect(beside(path)).toEqual([]);
      }
    },
  );
});
