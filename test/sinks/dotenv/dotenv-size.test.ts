// How large a .env file may be: what could not be read back is not written.

import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CANARY, READ_BACK, SECRET, VARIABLE, WRITTEN, dotenvSinkAt, scratch, targetOf } from '../file-fixture.ts';

const LINE = `${VARIABLE}=${CANARY}\n`;
const LARGEST = 64 * 1024;

/** A file of one comment, which is so many bytes long. */
function dotenvOf(bytes: number): { path: string; before: string } {
  const path = join(scratch(), '.env');
  const before = `#${'x'.repeat(bytes - 2)}\n`;
  writeFileSync(path, before, { mode: 0o600 });
  return { path, before };
}

test('a file that is then of 64 KiB is written, read back and restored', async () => {
  const { path, before } = dotenvOf(LARGEST - Buffer.byteLength(LINE));
  const target = await targetOf(dotenvSinkAt(path));
  expect(await target.deliver(SECRET)).toEqual(WRITTEN);
  expect(await target.verify(SECRET)).toEqual(READ_BACK);
  expect(readFileSync(path, 'utf8')).toBe(before + LINE);
  await target.retract();
  expect(readFileSync(path, 'utf8')).toBe(before);
});

test('a file that would then be larger is left as it is', async () => {
  const { path, before } = dotenvOf(LARGEST - Buffer.byteLength(LINE) + 1);
  // The preflight does not know how long the secret will be.
  const target = await targetOf(dotenvSinkAt(path));
  expect(await target.deliver(SECRET)).toMatchObject({
    outcome: 'failed',
    message: expect.stringContaining('would be') as unknown,
  });
  expect(readFileSync(path, 'utf8')).toBe(before);
  expect(readdirSync(join(path, '..'))).toEqual(['.env']);
});
