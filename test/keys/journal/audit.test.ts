import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { appendAudit, formerNameOf } from '../../../src/keys/journal/audit.ts';
import { remember } from '../../../src/secret/redaction.ts';
import { leaksIn } from '../../canary.ts';
import { scratchFolder } from '../bench.ts';

let folder: string;
let state: string;

beforeEach(() => {
  folder = scratchFolder();
  state = join(folder, 'state');
  const made = folder;
  onTestFinished(() => {
    rmSync(made, { recursive: true, force: true });
  });
});

const linesOf = (name: string): unknown[] => {
  const text = existsSync(join(state, name)) ? readFileSync(join(state, name), 'utf8') : '\n';
  expect(text.endsWith('\n')).toBe(true);
  return text
    .split('\n')
    .slice(0, -1)
    .filter(Boolean)
    .map((line): unknown => JSON.parse(line));
};
const current = () => linesOf('audit.jsonl');
const older = () => linesOf('audit.1.jsonl');

test.skipIf(process.platform === 'win32').each([0o000, 0o277])(
  'a record is one line of JSON in a file that only this user can read (umask %o)',
  async (mask) => {
    const before = process.umask(mask);
    onTestFinished(() => {
      process.umask(before);
    });
    const records = [{ tool: 'a', text: 'two\nlines\u2028 and "quotes"' }, { tool: 'b' }];
    for (const record of records) expect(await appendAudit(state, record)).toBe(true);
    expect(current()).toEqual(records);
    expect(lstatSync(state).mode & 0o777).toBe(0o700);
    expect(lstatSync(join(state, 'audit.jsonl')).mode & 0o777).toBe(0o600);
  },
);

test('no secret gets into it, plain or encoded', async () => {
  const secret = 'al-audit-canary_0123456789abcdef+/"';
  remember(secret);
  const base64 = Buffer.from(`id:${secret}`).toString('base64');
  await appendAudit(state, {
    tool: 'a',
    detail: `was ${secret}`,
    base64,

    url: encodeURIComponent(secret),
  });
  expect(current()).toHaveLength(1);
  expect(leaksIn(readFileSync(join(state, 'audit.jsonl'), 'utf8'), [secret])).toEqual([]);
});

test('two processes at once do not mix their lines', { timeout: 60_000 }, async () => {
  const bundle = join(folder, 'audit.mjs');
  const entry = fileURLToPath(new URL('../../../src/keys/journal/audit.ts', import.meta.url));
  await build({ entryPoints: [entry], bundle: true, platform: 'node', format: 'esm', outfile: bundle });
  const script = `
    const { appendAudit } = await import(${JSON.stringify(pathToFileURL(bundle).href)});
    const [state, who] = process.argv.slice(1);
    for (let count = 0; count < 100; count += 1) await appendAudit(state, { who, count, padding: who.repeat(3000) });
  `;
  const run = async (who: string) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, state, who], { stdio: 'ignore' });
    expect(await once(child, 'exit')).toEqual([0, null]);
  };
  await Promise.all([run('a'), run('b')]);
  const counts = (who: string) =>
    current().flatMap((line) =>
      typeof line === 'object' && line && 'who' in line && line.who === who && 'count' in line ? [line.count] : [],
    );
  const inOrder = Array.from({ length: 100 }, (_unused, count) => count);
  expect(counts('a')).toEqual(inOrder);
  expect(counts('b')).toEqual(inOrder);
});

test('a full file becomes the one before, and the one before that goes', async () => {
  const append = (count: number) => appendAudit(state, { count }, 50);
  for (let count = 0; count < 5; count += 1) await append(count);
  expect([current(), older()]).toEqual([[], [0, 1, 2, 3, 4].map((count) => ({ count }))]);
  for (let count = 5; count < 12; count += 1) await append(count);
  expect(readdirSync(state).sort()).toEqual(['audit.1.jsonl', 'audit.jsonl']);
  expect([older(), current()]).toEqual(
    [
      [5, 6, 7, 8, 9],
      [10, 11],
    ].map((counts) => counts.map((count) => ({ count }))),
  );
});

test('simultaneous calls that all find it full remove no more than one file', async () => {
  const line = Buffer.byteLength(`${JSON.stringify({ count: 100, padding: 'x'.repeat(80) })}\n`);
  for (let round = 0; round < 5; round += 1) {
    rmSync(state, { recursive: true, force: true });
    // 100 lines fill it once, and the rest does not fill it again.
    const counts = Array.from({ length: 140 }, (_unused, count) => 100 + count);
    await Promise.all(counts.map((count) => appendAudit(state, { count, padding: 'x'.repeat(80) }, 100 * line)));
    expect(older().length + current().length).toBe(counts.length);
  }
});

test.skipIf(process.platform === 'win32')('a place that is not safe is not written to', async () => {
  const victim = join(folder, 'victim');
  writeFileSync(victim, '');
  mkdirSync(state, { mode: 0o700 });
  symlinkSync(victim, join(state, 'audit.jsonl'));
  expect(await appendAudit(state, { tool: 'a' })).toBe(false);
  expect(readFileSync(victim, 'utf8')).toBe('');
  expect(await appendAudit(join(victim, 'state'), { tool: 'a' })).toBe(false);
});

describe('the former name of a key', () => {
  const KEY = '0123456789abcdef01234567';
  const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
  const renamed = (minutes: number, previousName: unknown, apiKeyId = KEY) =>
    appendAudit(state, { time: ago(minutes), apiKeyId, previousName });

  test('is the first of those within the last hour', async () => {
    expect(await formerNameOf(state, KEY)).toBeUndefined();
    await renamed(61, 'too long ago');
    await renamed(-5, 'a clock that was wrong');
    await renamed(30, 'another key', 'fedcba9876543210fedcba98');
    expect(await formerNameOf(state, KEY)).toBeUndefined();
    await renamed(59, 'production');
    await renamed(30, 'junk');
    expect(await formerNameOf(state, KEY)).toBe('production');
  });

  test('is found in the file before, once that is full', async () => {
    await renamed(30, 'production');
    await appendAudit(state, {}, 10);
    await appendAudit(state, {});
    expect([older().length, current().length]).toEqual([2, 1]);
    expect(await formerNameOf(state, KEY)).toBe('production');
  });

  test('is shown with escapes, without a secret, and cut', async () => {
    const secret = 'al-audit-canary_0123456789abcdef';
    await renamed(1, `a\u202eb\n${'x'.repeat(1000)}`);
    expect(await formerNameOf(state, KEY)).toMatch(/^a\\u\{202E\}b\\u\{A\}x{200,}/);
    expect((await formerNameOf(state, KEY))?.length).toBeLessThanOrEqual(250);
    rmSync(state, { recursive: true });
    remember(secret);
    await renamed(1, 'whole');
    writeFileSync(
      join(state, 'audit.jsonl'),
      `${JSON.stringify({ time: ago(1), apiKeyId: KEY, previousName: secret })}\n`,
    );
    expect(await formerNameOf(state, KEY)).not.toContain(secret);
  });

  test('is looked for in the end of a file, and among whatever else stands there', async () => {
    await renamed(1, 'production');
    const path = join(state, 'audit.jsonl');
    const whole = readFileSync(path, 'utf8');
    const others = [`{"apiKeyId":"${KEY}"`, `"${KEY}"`, '', `{"apiKeyId":"${KEY}","time":1,"previousName":["x"]}`];
    writeFileSync(path, [...others, whole].join('\n'));
    expect(await formerNameOf(state, KEY)).toBe('production');
    writeFileSync(path, `${whole}${'x'.repeat(300_000)}\n`);
    expect(await formerNameOf(state, KEY)).toBeUndefined();
    writeFileSync(path, `${'x'.repeat(300_000)}\n${whole}`);
    expect(await formerNameOf(state, KEY)).toBe('production');
  });

  test.skipIf(process.platform === 'win32')('is not looked for through a link', async () => {
    await renamed(1, 'production');
    const path = join(state, 'audit.jsonl');
    writeFileSync(join(folder, 'elsewhere'), readFileSync(path));
    rmSync(path);
    symlinkSync(join(folder, 'elsewhere'), path);
    expect(await formerNameOf(state, KEY)).toBeUndefined();
  });
});
