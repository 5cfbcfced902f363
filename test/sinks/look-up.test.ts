// What the sinks that write files find at a place, for a create that nobody finished. They change nothing there.

import { appendFileSync, chmodSync, chownSync, linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fingerprintOf } from '../../src/secret/opened-secret.ts';
import { Secret } from '../../src/secret/secret.ts';
import type { Held, Replaced, Sink } from '../../src/sinks/sink.ts';
import {
  ADDRESS,
  CANARY,
  SECRET,
  STRANGER,
  VARIABLE,
  WRITTEN,
  dotenvSinkAt,
  fileSinkAt,
  folderIn,
  isRoot,
  run,
  scratch,
  targetOf,
  treeOf,
} from './file-fixture.ts';

const THE_SECRET: Held = { held: 'value', fingerprint: fingerprintOf(SECRET) };
const ANOTHER: Held = { held: 'value', fingerprint: fingerprintOf(new Secret('al-another-0123456789')) };
const NOTHING: Held = { held: 'nothing' };
const UNKNOWN: Held = { held: 'unknown' };

/** Looks twice, and sees that nothing changed below `folder`. Without the mask, of which there is a test of its own. */
async function heldBy(sink: Sink, folder: string, address = ADDRESS): Promise<Held> {
  const before = treeOf(folder);
  const held = await sink.lookUp(address);
  expect(await sink.lookUp(address)).toEqual(held);
  expect(treeOf(folder)).toEqual(before);
  expect(JSON.stringify(held)).not.toContain(CANARY);
  return held.held === 'value' ? { held: 'value', fingerprint: held.fingerprint } : held;
}

const kinds: readonly { kind: string; sinkAt: (path: string) => Sink; textOf: (value: string) => string }[] = [
  { kind: 'file', sinkAt: (path) => fileSinkAt(path), textOf: (value) => value },
  { kind: 'dotenv', sinkAt: (path) => dotenvSinkAt(path), textOf: (value) => `A=1\n${VARIABLE}=${value}\nB=2\n` },
];

describe.each(kinds)('a look into a sink of kind $kind', ({ sinkAt, textOf }) => {
  test('finds the secret that was delivered, and nothing before and after', async () => {
    const folder = scratch();
    const sink = sinkAt(join(folder, 'k'));
    expect(await heldBy(sink, folder)).toEqual(NOTHING);
    const target = await targetOf(sink);
    expect(await target.deliver(SECRET)).toEqual(WRITTEN);
    expect(await heldBy(sink, folder)).toEqual(THE_SECRET);
    await target.retract();
    expect(await heldBy(sink, folder)).toEqual(NOTHING);
  });

  test('finds that it is another value', async () => {
    const folder = scratch();
    writeFileSync(join(folder, 'k'), textOf('al-another-0123456789'), { mode: 0o600 });
    expect(await heldBy(sinkAt(join(folder, 'k')), folder)).toEqual(ANOTHER);
  });

  test('is at the address', async () => {
    const folder = scratch();
    const sink = sinkAt(join(folder, '{groupId}', '{entry}'));
    expect(await heldBy(sink, folder)).toEqual(NOTHING);
    await (await targetOf(sink)).deliver(SECRET);
    expect(await heldBy(sink, folder)).toEqual(THE_SECRET);
    expect(await heldBy(sink, folder, { ...ADDRESS, entry: 'other' })).toEqual(NOTHING);
    expect(await heldBy(sink, folder, { groupId: 'f'.repeat(24), entry: 'my.key-1' })).toEqual(NOTHING);
    expect(await heldBy(sink, folder, { groupId: ADDRESS.groupId })).toEqual(UNKNOWN);
  });

  test.each<[string, (path: string) => void]>([
    [
      'a directory',
      (path) => {
        mkdirSync(path);
      },
    ],
    [
      'a link',
      (path) => {
        writeFileSync(`${path}.2`, textOf(CANARY), { mode: 0o600 });
        symlinkSync(`${path}.2`, path);
      },
    ],
    [
      'a FIFO, which nobody opens',
      (path) => {
        run('mkfifo', path);
      },
    ],
    [
      'a file that is far too large',
      (path) => {
        writeFileSync(path, textOf(CANARY).padEnd(70_000, '\n'), { mode: 0o600 });
      },
    ],
  ])('tells nothing of %s', async (_kind, make) => {
    const folder = scratch();
    make(join(folder, 'k'));
    expect(await heldBy(sinkAt(join(folder, 'k')), folder)).toEqual(UNKNOWN);
  });

  test.each<[string, (path: string) => void]>([
    [
      'others can write to its directory',
      (path) => {
        chmodSync(dirname(path), 0o777);
      },
    ],
    [
      'its directory is a link',
      (path) => {
        run('mv', dirname(path), `${dirname(path)}.2`);
        symlinkSync(`${dirname(path)}.2`, dirname(path));
      },
    ],
    [
      'its directory is a file',
      (path) => {
        rmSync(dirname(path), { recursive: true });
        writeFileSync(dirname(path), '');
      },
    ],
  ])('tells nothing where %s', async (_kind, change) => {
    const folder = scratch();
    const path = join(folderIn(folder, 'own'), 'k');
    writeFileSync(path, textOf(CANARY), { mode: 0o600 });
    expect(await heldBy(sinkAt(path), folder)).toEqual(THE_SECRET);
    change(path);
    expect(await heldBy(sinkAt(path), folder)).toEqual(UNKNOWN);
  });

  test.skipIf(!isRoot)('tells nothing where its directory is of somebody else (needs root)', async () => {
    const folder = scratch();
    const path = join(folderIn(folder, 'own'), 'k');
    writeFileSync(path, textOf(CANARY), { mode: 0o600 });
    chownSync(dirname(path), STRANGER, STRANGER);
    expect(await heldBy(sinkAt(path), folder)).toEqual(UNKNOWN);
  });

  test.skipIf(isRoot)('tells nothing of what it may not read (needs an ordinary user)', async () => {
    const folder = scratch();
    writeFileSync(join(folder, 'k'), textOf(CANARY), { mode: 0o000 });
    expect(await heldBy(sinkAt(join(folder, 'k')), folder)).toEqual(UNKNOWN);
  });
});

describe('a look into a .env file', () => {
  test.each<[string, string | Buffer, Held]>([
    ['without the variable', 'A=1\n', NOTHING],
    ['with a placeholder', `${VARIABLE}=\n`, NOTHING],
    ['with a value in quotes', `export ${VARIABLE}="${CANARY}" # c\n`, THE_SECRET],
    ['with the variable twice, of which the last counts', `${VARIABLE}=x\n${VARIABLE}=${CANARY}\n`, THE_SECRET],
    ['that is not text', Buffer.from(`${VARIABLE}=\xFF\n`, 'latin1'), UNKNOWN],
  ])('%s', async (_shape, content, held) => {
    const folder = scratch();
    writeFileSync(join(folder, '.env'), content, { mode: 0o600 });
    expect(await heldBy(dotenvSinkAt(join(folder, '.env')), folder)).toEqual(held);
  });

  test('that has a second name tells nothing', async () => {
    const folder = scratch();
    writeFileSync(join(folder, '.env'), `${VARIABLE}=${CANARY}\n`, { mode: 0o600 });
    linkSync(join(folder, '.env'), join(folder, '2'));
    expect(await heldBy(dotenvSinkAt(join(folder, '.env')), folder)).toEqual(UNKNOWN);
  });

  test('for a name that no variable has tells nothing', async () => {
    const folder = scratch();
    expect(await heldBy(dotenvSinkAt(join(folder, '.env'), 'KEY_{entry}'), folder)).toEqual(UNKNOWN);
  });
});

test('a look into a file takes each byte for the secret', async () => {
  const folder = scratch();
  const path = join(folder, 'k');
  writeFileSync(path, CANARY, { mode: 0o600 });
  expect(await heldBy(fileSinkAt(path), folder)).toEqual(THE_SECRET);
  appendFileSync(path, '\n');
  const withNewline: Held = { held: 'value', fingerprint: fingerprintOf(new Secret(`${CANARY}\n`)) };
  expect(await heldBy(fileSinkAt(path), folder)).toEqual(withNewline);
});

describe.each(kinds)('of a value in a sink of kind $kind', ({ sinkAt, textOf }) => {
  const place = (value: string) => {
    const path = join(scratch(), 'k');
    writeFileSync(path, textOf(value), { mode: 0o600 });
    return sinkAt(path);
  };

  test.each([
    ['al-0123456789abcdefodu2', 'al-****odu2'],
    [CANARY, 'al-****+/=='],
    ['al-0123odu2', undefined],
    ['pa-0123456789abcdefodu2', undefined],
    ['al-0123456789 abcdefodu2', undefined],
  ])('%j, the mask is told only where it has the form of a key', async (value, mask) => {
    const held = await place(value).lookUp(ADDRESS);
    expect(held).toEqual({ held: 'value', fingerprint: fingerprintOf(new Secret(value)), ...(mask && { mask }) });
  });

  test('the secret is read only where it is that of the key, by its fingerprint before its mask', async () => {
    const value = 'al-0123456789abcdefodu2';
    const fingerprints = [fingerprintOf(new Secret(value))];
    const read = async (key: Replaced) => (await place(value).readSecret?.(ADDRESS, key))?.held;
    expect(await read({ maskedSecret: 'al-****odu2' })).toBe('secret');
    expect(await read({ maskedSecret: undefined, fingerprints })).toBe('secret');
    expect(await read({ maskedSecret: 'al-****odu3' })).toBe('another value');
    expect(await read({ maskedSecret: undefined })).toBe('another value');
    expect(await read({ maskedSecret: 'al-****odu2', fingerprints: [fingerprintOf(SECRET)] })).toBe('another value');
    expect((await place('').readSecret?.(ADDRESS, { maskedSecret: 'al-****odu2' }))?.held).not.toBe('secret');
    expect((await sinkAt(join(scratch(), 'none')).readSecret?.(ADDRESS, { maskedSecret: '' }))?.held).toBe('nothing');
  });
});
