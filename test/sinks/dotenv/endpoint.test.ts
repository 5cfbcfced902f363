// The endpoint of a key beside its secret in a .env file: both in one write, and both taken back.

import { lstatSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { dotenvSink } from '../../../src/sinks/dotenv/dotenv-sink.ts';
import {
  ADDRESS,
  CANARY,
  OLD,
  READ_BACK,
  REPLACED,
  SECRET,
  VARIABLE,
  dotenvSinkAt,
  fileWith,
  problemOf,
  scratch,
  targetOf,
} from '../file-fixture.ts';

const URL_VARIABLE = 'VOYAGE_BASE_URL';
const ENDPOINT = 'https://ai.mongodb.com/v1';
const BOTH = `${VARIABLE}=${CANARY}\n${URL_VARIABLE}=${ENDPOINT}\n`;

function sinkAt(path: string, endpointVariable = URL_VARIABLE) {
  const spec = { type: 'dotenv', path, variable: VARIABLE, endpointVariable } as const;
  return dotenvSink('app', spec, { PATH: process.env.PATH ?? '' });
}

/** How often the file at `path` was put there while `step` ran. */
async function writesAt(path: string, step: () => Promise<unknown>): Promise<number> {
  const names: string[] = [];
  const watcher = watch(dirname(path), (_event, name) => names.push(String(name)));
  onTestFinished(() => {
    watcher.close();
  });
  await step();
  // Events come in order.
  writeFileSync(join(dirname(path), 'end'), '');
  await expect.poll(() => names).toContain('end');
  return names.filter((name) => name === '.env').length;
}

test.each([
  ['where there is no file', () => join(scratch(), '.env')],
  ['in a file with other lines', () => fileWith('A=1\n')],
])('is written in one write with the secret: %s', async (_where, make) => {
  const plain = make();
  const alone = await targetOf(dotenvSinkAt(plain));
  const writes = await writesAt(plain, () => alone.deliver(SECRET));
  expect(writes).toBeGreaterThan(0);
  const path = make();
  const target = await targetOf(sinkAt(path));
  expect(await writesAt(path, () => target.deliver(SECRET, { endpoint: ENDPOINT }))).toBe(writes);
  expect(await target.verify(SECRET)).toEqual(READ_BACK);
  expect(readFileSync(path, 'utf8')).toContain(BOTH);
});

test('a delivery that is refused has not touched the file', async () => {
  const path = fileWith('A=1\n');
  const target = await targetOf(sinkAt(path));
  const text = `${VARIABLE}=of-somebody-else\n`;
  writeFileSync(path, text);
  const before = lstatSync(path);
  expect(await target.deliver(SECRET, { endpoint: ENDPOINT })).toMatchObject({ outcome: 'failed' });
  await target.retract();
  expect(readFileSync(path, 'utf8')).toBe(text);
  expect(lstatSync(path).ino).toBe(before.ino);
});

test.each([
  ['of new lines', 'A=1'],
  ['of empty ones', `${VARIABLE}= # ours\n\n${URL_VARIABLE}=""\nB=2\n`],
  ['in a script', 'export A=1\n'],
])('a retract puts back what both stood in the place of: %s', async (_what, before) => {
  const path = fileWith(before);
  const target = await targetOf(sinkAt(path));
  expect(await target.deliver(SECRET, { endpoint: ENDPOINT })).toMatchObject({ outcome: 'written' });
  expect(readFileSync(path, 'utf8')).toContain(`${URL_VARIABLE}=${ENDPOINT}`);
  await target.retract();
  expect(readFileSync(path, 'utf8')).toBe(before);
});

test('a rotation that is taken back puts back the old secret, and no endpoint', async () => {
  const before = `${VARIABLE}='${OLD}'\nA=1\n`;
  const path = fileWith(before);
  const target = await targetOf(sinkAt(path), ADDRESS, REPLACED);
  expect(await target.deliver(SECRET, { endpoint: ENDPOINT })).toMatchObject({ outcome: 'written' });
  expect(readFileSync(path, 'utf8')).toBe(`${VARIABLE}=${CANARY}\nA=1\n${URL_VARIABLE}=${ENDPOINT}\n`);
  await target.retract();
  expect(readFileSync(path, 'utf8')).toBe(before);
});

test('what somebody has made of the endpoint since stays', async () => {
  const path = fileWith('A=1\n');
  const target = await targetOf(sinkAt(path));
  await target.deliver(SECRET, { endpoint: ENDPOINT });
  const theirs = `${URL_VARIABLE}=https://proxy.example/v1\n`;
  writeFileSync(path, `A=1\n${VARIABLE}=${CANARY}\n${theirs}`);
  await target.retract();
  expect(readFileSync(path, 'utf8')).toBe(`A=1\n${theirs}`);
});

test('a file that has no room for it gets the secret, and a warning', async () => {
  const path = fileWith(`#${'x'.repeat(64 * 1024 - 1 - BOTH.length)}\n`);
  const target = await targetOf(sinkAt(path));
  expect(await target.deliver(SECRET, { endpoint: ENDPOINT })).toMatchObject({
    outcome: 'written',
    warnings: [expect.stringContaining(`${URL_VARIABLE} in `)],
  });
  expect(await target.verify(SECRET)).toEqual(READ_BACK);
});

test('a name that is not one of a variable is found before there is a secret', async () => {
  const path = fileWith('A=1\n');
  expect(await problemOf(sinkAt(path, 'URL_{entry}'))).toMatchObject({ code: 'SINK_NOT_READY' });
  expect(readFileSync(path, 'utf8')).toBe('A=1\n');
});
