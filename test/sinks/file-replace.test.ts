// The file sink where the secret of a key that is replaced may stand: what gives way, what stays, what comes back.

import { chownSync, existsSync, lstatSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fingerprintOf } from '../../src/secret/opened-secret.ts';
import { Secret } from '../../src/secret/secret.ts';
import { redact } from '../../src/secret/redaction.ts';
import type { Replaced } from '../../src/sinks/sink.ts';
import { matching } from '../matching.ts';
import {
  appended,
  directory,
  directoryMode,
  fifo,
  hardLinked,
  linkedTo,
  linkedToNothing,
  mode,
  removed,
  renamedOver,
  written,
  type Change,
} from './file-changes.ts';
import {
  ADDRESS,
  CANARY,
  OLD,
  OTHER,
  READ_BACK,
  REPLACED,
  SECRET,
  STRANGER,
  WRITTEN,
  environmentIn,
  fileSinkAt,
  fileWith,
  folderIn,
  isRoot,
  modeAt,
  notReady,
  problemOf,
  run,
  scratch,
  targetOf,
  treeOf,
  withUmask,
} from './file-fixture.ts';

/** A file of another name than .env. */
const keyFile = (content: string | Buffer, mode?: number) => fileWith(content, mode, 'k');

const replacing = (path: string, replaced: Replaced = REPLACED) => targetOf(fileSinkAt(path), ADDRESS, replaced);

function entryExists(message: RegExp): unknown {
  return {
    code: 'SINK_ENTRY_EXISTS',
    message: expect.stringMatching(message) as unknown,
    hint: expect.stringMatching(/Nothing is overwritten.*another entry/) as unknown,
    ...(message.source.includes('not the secret') && { isRefusedLook: true }),
  };
}

describe('a place that is free', () => {
  test.each<Replaced>([REPLACED, { maskedSecret: undefined }, { maskedSecret: 'al-****' }])(
    'is filled as without a key to replace: %j',
    async (replaced) => {
      const path = join(scratch(), 'a/k');
      const target = await replacing(path, replaced);
      expect(target.overwrites).toBe('nothing');
      expect(await target.deliver(SECRET)).toEqual(WRITTEN);
      expect(await target.verify(SECRET)).toEqual(READ_BACK);
      expect(readFileSync(path, 'utf8')).toBe(CANARY);
      await target.retract();
      expect(readdirSync(dirname(path))).toEqual([]);
    },
  );

  test('and is taken by the old secret itself in the meantime, is not overwritten', async () => {
    const path = join(scratch(), 'k');
    const target = await replacing(path);
    writeFileSync(path, OLD, { mode: 0o600 });
    expect(await target.deliver(SECRET)).toMatchObject({ outcome: 'failed' });
    await target.retract();
    expect(readFileSync(path, 'utf8')).toBe(OLD);
  });
});

describe('the old secret', () => {
  test.each(['', '\n', '\r\n'])('gives way, and comes back byte for byte: before %j', async (ending) => {
    const path = keyFile(OLD + ending);
    const target = await replacing(path);
    expect(target).toMatchObject({ location: path, overwrites: 'old secret' });
    expect(readFileSync(path, 'utf8')).toBe(OLD + ending);
    expect(await target.deliver(SECRET)).toEqual(WRITTEN);
    expect(await target.verify(SECRET)).toEqual(READ_BACK);
    expect(readFileSync(path, 'utf8')).toBe(CANARY);
    expect([modeAt(path), readdirSync(dirname(path))]).toEqual([0o600, ['k']]);
    await target.retract();
    expect(readFileSync(path, 'utf8')).toBe(OLD + ending);
    expect([modeAt(path), readdirSync(dirname(path))]).toEqual([0o600, ['k']]);
    await target.retract();
    expect(readFileSync(path, 'utf8')).toBe(OLD + ending);
  });

  test('is known to redaction once it was found, and that of another key is not taken in', async () => {
    const [old, other] = [OLD.replace('old', 'one'), OTHER.replace('other', 'two')];
    await replacing(keyFile(old));
    await problemOf(fileSinkAt(keyFile(other)), 'prove', ADDRESS, REPLACED);
    expect(redact(`${old} ${other}`)).toBe(`[redacted] ${other}`);
  });

  test('is not touched by a preflight, nor without one that allows it', async () => {
    const path = keyFile(OLD);
    const before = treeOf(dirname(path));
    for (const step of ['inspect', 'prove'] as const) {
      expect(await fileSinkAt(path).preflight(ADDRESS, step, REPLACED)).toMatchObject({ ok: true });
      expect(await problemOf(fileSinkAt(path), step)).toEqual(entryExists(/is a file/));
    }
    await (await replacing(path)).retract();
    expect(treeOf(dirname(path))).toEqual(before);
  });

  test.each([0o000, 0o022, 0o077, 0o277])('leaves a file that is private under umask %o', async (mask) => {
    const path = keyFile(OLD);
    withUmask(mask);
    const target = await replacing(path);
    expect(await target.deliver(SECRET)).toEqual(WRITTEN);
    expect(await target.verify(SECRET)).toEqual(READ_BACK);
  });

  test.each([0o644, 0o604])('could be read by others (mode %o): that is mended, and said', async (bits) => {
    const path = keyFile(OLD, bits);
    const warning = `Other users could read ${path} (mode 0${bits.toString(8)}); once the secret is in it, its mode is 0600.`;
    expect(await (await replacing(path)).deliver(SECRET)).toEqual({ outcome: 'written', warnings: [warning] });
    expect(modeAt(path)).toBe(0o600);
  });

  test('of a key with a region, and none of another region', async () => {
    const old = OLD.replace('al-', 'al-eu-');
    const path = keyFile(old);
    expect(await replacing(path, { maskedSecret: 'al-eu-****odu2' })).toMatchObject({ overwrites: 'old secret' });
    expect(await problemOf(fileSinkAt(path), 'prove', ADDRESS, { maskedSecret: 'al-us-****odu2' })).toEqual(
      entryExists(/not the secret of the key/),
    );
  });
});

describe('where the fingerprint of the old secret is known', () => {
  const known = (maskedSecret?: string): Replaced => ({
    maskedSecret,
    fingerprints: [fingerprintOf(new Secret(OLD))],
  });

  test.each([undefined, 'al-****odu2', 'shown otherwise'])('it gives way, whatever the mask (%s)', async (mask) => {
    for (const content of [OLD, `${OLD}\n`]) {
      const target = await replacing(keyFile(content), known(mask));
      expect(target).toMatchObject({ overwrites: 'old secret' });
      expect(await target.deliver(SECRET)).toEqual(WRITTEN);
    }
  });

  test('another value that fits the mask stays, and no guess of the mask is judged', async () => {
    const other = `${OLD.slice(0, -10)}XXXXXX${OLD.slice(-4)}`;
    const problem = await problemOf(fileSinkAt(keyFile(other)), 'prove', ADDRESS, known('al-****odu2'));
    expect(problem).toMatchObject({ code: 'SINK_ENTRY_EXISTS', message: matching(/not the secret of the key/) });
    expect(problem).not.toHaveProperty('isRefusedLook');
  });
});

test.each(['****odu2', 'ghp_****odu2', 'al-****Kodu2'])(
  "a token of another service stays although it ends like the old secret: Atlas's mask %s is of another form",
  async (maskedSecret) => {
    const path = keyFile('ghp_0123456789abcdefghijklmnopqrstKodu2');
    expect(await problemOf(fileSinkAt(path), 'prove', ADDRESS, { maskedSecret })).toMatchObject({
      code: 'SINK_ENTRY_EXISTS',
      message: matching(/shows too little of the old secret/),
    });
  },
);

describe('what is not certainly the old secret stays', () => {
  test.each<[string, string | Buffer, string | undefined, RegExp]>([
    ['the secret of another key', OTHER, 'al-****odu2', /not the secret of the key that is to be replaced/],
    ['an empty file', '', 'al-****odu2', /not the secret/],
    ['some text with the right end', 'al-note about odu2', 'al-****odu2', /not the secret/],
    ['too short a text', 'al-odu2', 'al-****odu2', /not the secret/],
    ['something before it', ` ${OLD}`, 'al-****odu2', /not the secret/],
    ['something behind it', `${OLD}\n\n`, 'al-****odu2', /not the secret/],
    ['two of them', `${OLD}\n${OLD}`, 'al-****odu2', /not the secret/],
    ['what is not text', Buffer.from(`al-\xFF${OLD}`, 'latin1'), 'al-****odu2', /not the secret/],
    ['a large file', OLD.padStart(5000, 'al-'), 'al-****odu2', /not the secret/],
    ['no mask', OLD, undefined, /shows too little of the old secret/],
    ['a mask without an end', OLD, 'al-****', /shows too little/],
    ['a mask with a short end', OLD, 'al-****du2', /shows too little/],
  ])('%s', async (_what, content, maskedSecret, message) => {
    const path = keyFile(content);
    const before = treeOf(dirname(path));
    for (const step of ['inspect', 'prove'] as const) {
      const problem = await problemOf(fileSinkAt(path), step, ADDRESS, { maskedSecret });
      expect(problem).toEqual(entryExists(message));
      expect(JSON.stringify(problem)).not.toContain('canary');
    }
    expect(treeOf(dirname(path))).toEqual(before);
  });

  test.each<[string, RegExp, Change]>([
    ['a directory', /is a directory/, directory],
    ['a link to it', /is a symbolic link/, linkedTo],
    ['a link to nothing', /is a symbolic link/, linkedToNothing],
    ['a FIFO, which nobody opens', /is a FIFO/, fifo],
  ])('%s', async (_what, message, make) => {
    const path = keyFile(OLD);
    make(path);
    const before = treeOf(dirname(path));
    for (const step of ['inspect', 'prove'] as const) {
      expect(await problemOf(fileSinkAt(path), step, ADDRESS, REPLACED)).toEqual(entryExists(message));
    }
    expect(treeOf(dirname(path))).toEqual(before);
  });
});

describe('the rules for files and directories hold for one that is replaced', () => {
  test.each<[string, RegExp, Change]>([
    ['a hard link', /another name elsewhere \(a hard link\)/, hardLinked],
    ['a file that others can write', /Other users can write to/, mode(0o602)],
    ['a directory that others can write to', /Other users can write to the dir/, directoryMode(0o707)],
  ])('%s is refused', async (_what, message, change) => {
    const path = keyFile(OLD);
    change(path);
    const before = treeOf(dirname(path));
    for (const step of ['inspect', 'prove'] as const) {
      expect(await problemOf(fileSinkAt(path), step, ADDRESS, REPLACED)).toEqual(notReady(message));
    }
    expect(treeOf(dirname(path))).toEqual(before);
  });

  test.skipIf(!isRoot)('the file of somebody else is refused (needs root)', async () => {
    const path = keyFile(OLD);
    chownSync(path, STRANGER, STRANGER);
    expect(await problemOf(fileSinkAt(path), 'prove', ADDRESS, REPLACED)).toEqual(notReady(/does not belong to/));
  });

  test('a file that git tracks, or does not ignore, is refused', async () => {
    const path = keyFile(OLD);
    const folder = dirname(path);
    const sink = fileSinkAt(path, environmentIn(folder));
    run('git', '-C', folder, 'init', '-q');
    expect(await problemOf(sink, 'inspect', ADDRESS, REPLACED)).toEqual(notReady(/is not ignored/));
    run('git', '-C', folder, 'add', 'k');
    expect(await problemOf(sink, 'inspect', ADDRESS, REPLACED)).toEqual(notReady(/is tracked by git/));
    run('git', '-C', folder, 'rm', '-q', '--cached', 'k');
    writeFileSync(join(folder, '.gitignore'), 'k\n');
    expect(await targetOf(sink, ADDRESS, REPLACED)).toMatchObject({ overwrites: 'old secret' });
  });
});

describe('what changed between the preflight and the delivery is not overwritten', () => {
  test.each<[string, Change]>([
    ['another secret', written(OTHER)],
    ['another that fits the mask', written(OLD.replace('old', 'new'))],
    ['a line end more', appended('\n')],
    ['another file', renamedOver(OTHER)],
    ['no file', removed],
    ['a link', linkedTo],
    ['a hard link', hardLinked],
    ['a FIFO', fifo],
    ['a file that others can write', mode(0o666)],
    ['a directory that others can write to', directoryMode(0o777)],
  ])('%s', async (_what, change) => {
    const path = keyFile(OLD);
    const target = await replacing(path);
    change(path);
    const before = treeOf(dirname(path));
    const delivery = await target.deliver(SECRET);
    expect(delivery).toMatchObject({ outcome: 'failed', hint: expect.stringMatching(/./) as unknown });
    await target.retract();
    expect(treeOf(dirname(path))).toEqual(before);
  });

  test('a file that was only looked at, or copied, is exchanged', async () => {
    const path = keyFile(OLD);
    const target = await replacing(path);
    renamedOver(OLD)(path);
    expect(await target.deliver(SECRET)).toEqual(WRITTEN);
  });

  test('of several that replace the same secret one wins, and the others fail', async () => {
    const path = keyFile(OLD);
    const secrets = [0, 1, 2, 3].map((each) => new Secret(`${CANARY}${each}`));
    const targets = await Promise.all(secrets.map(() => replacing(path)));
    const deliveries = await Promise.all(targets.map((target, each) => target.deliver(secrets[each] ?? SECRET)));
    expect(deliveries.map(({ outcome }) => outcome).sort()).toEqual(['failed', 'failed', 'failed', 'written']);
    const winner = deliveries.findIndex(({ outcome }) => outcome === 'written');
    expect(readFileSync(path, 'utf8')).toBe(`${CANARY}${winner}`);
    await Promise.all(targets.filter((_, each) => each !== winner).map((target) => target.retract()));
    expect(readFileSync(path, 'utf8')).toBe(`${CANARY}${winner}`);
    await targets[winner]?.retract();
    expect(readFileSync(path, 'utf8')).toBe(OLD);
    expect(readdirSync(dirname(path))).toEqual(['k']);
  });
});

describe('the old secret comes back', () => {
  test.each<[string, Change]>([
    ['others can read the file by now', mode(0o666)],
    ['the file has a second name', hardLinked],
    ['the file was written again', written(CANARY)],
  ])('while the new one is in its place: %s', async (_what, change) => {
    const path = keyFile(OLD);
    const target = await replacing(path);
    await target.deliver(SECRET);
    change(path);
    await target.retract();
    expect([readFileSync(path, 'utf8'), modeAt(path), lstatSync(path).nlink]).toEqual([OLD, 0o600, 1]);
  });

  test.each<[string, Change]>([
    ['another secret', written(OTHER)],
    ['a line end more', appended('\n')],
    ['nothing', removed],
    ['a link to it', linkedTo],
    ['a FIFO', fifo],
  ])('not where there is %s instead', async (_what, change) => {
    const path = keyFile(OLD);
    const target = await replacing(path);
    await target.deliver(SECRET);
    change(path);
    const before = treeOf(dirname(path));
    expect(await target.verify(SECRET)).toMatchObject({ outcome: 'mismatch' });
    await target.retract();
    expect(treeOf(dirname(path))).toEqual(before);
  });

  test('never with an error', async () => {
    const folder = scratch();
    const path = join(folderIn(folder, 'own'), 'k');
    writeFileSync(path, OLD, { mode: 0o600 });
    const target = await replacing(path);
    await target.deliver(SECRET);
    rmSync(dirname(path), { recursive: true });
    await target.retract();
    expect(existsSync(dirname(path))).toBe(false);
  });
});
