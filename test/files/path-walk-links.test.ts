// The walk along a path with links: who could make it lead elsewhere, for a configuration and, where that differs, for a
// program. Users, groups and namespaces are simulated; owners, modes, links and mounts are real.

import { chmodSync, chownSync, lchownSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { followLinks } from '../../src/files/path-walk.ts';
import { thisMachine, configureMachine, type Machine } from '../../src/files/machine.ts';
import { findExecutable } from '../../src/programs/executable.ts';
import { STRANGER, folderIn, isRoot, mountedIn, run, scratch } from '../sinks/file-fixture.ts';

const PROGRAM = { trustsGroupsOfRoot: true } as const;
const shared: Partial<Machine> = { isPrivateGroup: () => false };
const ordinary: Partial<Machine> = { ...shared, user: STRANGER };

function weakPart(
  path: string,
  facts: Partial<Machine> = {},
  rules: Parameters<typeof followLinks>[1] = {},
): string | undefined {
  return followLinks(path, rules, { ...thisMachine(), ...facts }).weakPart;
}

/** For a configuration and for a program. */
function both(path: string, facts: Partial<Machine>): unknown[] {
  return [weakPart(path, facts), weakPart(path, facts, PROGRAM)];
}

function programIn(folder: string, mode = 0o755): string {
  const path = join(folder, 'keep');
  writeFileSync(path, '#!/bin/sh\n');
  chmodSync(path, mode);
  return path;
}

function ownedBy(user: number, ...paths: string[]): void {
  for (const path of paths) lchownSync(path, user, user);
}

describe.skipIf(!isRoot)('a group that can write (needs root)', () => {
  test('is not "others" where it holds this user only, as with the umask 002', () => {
    const folder = folderIn(scratch(), 'bin', 0o2775);
    const path = programIn(folder, 0o775);
    ownedBy(STRANGER, folder, path);
    for (const each of [folder, path]) chmodSync(each, 0o775);
    expect(both(path, { ...ordinary, isPrivateGroup: (gid) => gid === STRANGER })).toEqual([undefined, undefined]);
    expect(both(path, ordinary)).toEqual([folder, folder]);
    chmodSync(folder, 0o755);
    expect(both(path, ordinary)).toEqual([path, path]);
  });

  test('is trusted with programs only, and only where root lets it write', () => {
    const folder = folderIn(scratch(), 'bin', 0o2775);
    const path = programIn(folder, 0o775);
    expect(both(path, ordinary)).toEqual([folder, undefined]);
    chmodSync(folder, 0o2777);
    expect(both(path, ordinary)).toEqual([folder, folder]);
  });
});

test.skipIf(!isRoot)('a sticky directory protects what is in it only where it is root’s (needs root)', () => {
  const sticky = folderIn(scratch(), 'sticky', 0o1777);
  const own = folderIn(sticky, 'own');
  const path = programIn(own);
  ownedBy(STRANGER, own, path);
  expect(both(path, ordinary)).toEqual([undefined, undefined]);
  ownedBy(STRANGER, sticky);
  chmodSync(sticky, 0o1777);
  expect(both(path, ordinary)).toEqual([sticky, sticky]);
});

describe.skipIf(!isRoot)('the overflow user (needs root)', () => {
  const inside = { ...ordinary, overflowUser: 65_534 };

  test('may be root, but not below a directory of this user', () => {
    const usr = folderIn(scratch(), 'usr', 0o755);
    const path = programIn(usr);
    ownedBy(65_534, usr, path);
    expect(both(path, ordinary)).toEqual([usr, usr]);
    expect(both(path, inside)).toEqual([undefined, undefined]);
    const home = folderIn(scratch(), 'home', 0o755);
    const foreign = folderIn(home, 'foreign', 0o755);
    const planted = programIn(foreign);
    ownedBy(STRANGER, home);
    ownedBy(65_534, foreign, planted);
    expect(both(planted, inside)).toEqual([foreign, foreign]);
    // Neither by a link from elsewhere, nor by one of the home itself.
    const link = join(usr, 'link');
    symlinkSync(planted, link);
    expect(both(link, inside)).toEqual([foreign, foreign]);
    const own = join(home, 'own');
    symlinkSync(path, own);
    ownedBy(65_534, own);
    expect(both(own, inside)).toEqual([own, own]);
    ownedBy(STRANGER, own);
    expect(both(own, inside)).toEqual([undefined, undefined]);
  });

  test('may have a directory such as /tmp, but no file in it counts', () => {
    const sticky = folderIn(scratch(), 'tmp', 0o1777);
    const own = folderIn(sticky, 'own');
    const [path, loose] = [programIn(own), programIn(sticky)];
    ownedBy(65_534, sticky);
    ownedBy(STRANGER, own, path, loose);
    expect(both(path, inside)).toEqual([undefined, undefined]);
    expect(both(loose, inside)).toEqual([sticky, sticky]);
  });
});

describe('a path that the operator trusts', () => {
  test('is not judged, nor what is below it, but what a link there leads to is', () => {
    const folder = scratch();
    const home = folderIn(folder, 'home', 0o777);
    const path = programIn(home, 0o777);
    const open = folderIn(folder, 'open', 0o777);
    const link = join(home, 'link');
    symlinkSync(programIn(open), link);
    expect(both(path, shared)).toEqual([home, home]);
    expect(both(path, { ...shared, trustedPaths: [home] })).toEqual([undefined, undefined]);
    expect(both(link, { ...shared, trustedPaths: [home] })).toEqual([open, open]);
  });

  test('may hold a program that is run', () => {
    const home = folderIn(scratch(), 'home', 0o777);
    const path = programIn(home);
    expect(findExecutable(path, '')).toMatchObject({ ok: false });
    configureMachine({ trustPaths: [home], environment: {} });
    onTestFinished(() => {
      configureMachine({ trustPaths: [], environment: {} });
    });
    expect(findExecutable(path, '')).toEqual({ ok: true, value: path });
  });
});

test.skipIf(!isRoot)(
  'what is mounted read-only nobody can change, whatever its mode (needs root, and to mount)',
  ({ skip }) => {
    const volume = mountedIn(scratch(), 'size=64k');
    if (volume === undefined) return skip('mounting is not permitted here');
    const bin = folderIn(volume, 'bin', 0o777);
    const path = programIn(bin, 0o777);
    symlinkSync('bin/keep', join(volume, 'link'));
    for (const [mode, weak] of [
      [0o777, volume],
      [0o1777, bin],
    ] as const) {
      chmodSync(volume, mode);
      expect(both(path, ordinary)).toEqual([weak, weak]);
      run('mount', '-o', 'remount,ro', volume);
      for (const each of [path, join(volume, 'link')]) expect(both(each, ordinary)).toEqual([undefined, undefined]);
      run('mount', '-o', 'remount,rw', volume);
    }
    // Read-only or not, its owner may have it mounted elsewhere too.
    chownSync(path, STRANGER + 1, STRANGER);
    run('mount', '-o', 'remount,ro', volume);
    expect(both(path, ordinary)).toEqual([path, path]);
  },
);

describe('a link', () => {
  test('in a directory such as /tmp is weak, a directory there is not', () => {
    const sticky = folderIn(scratch(), 'tmp', 0o1777);
    const own = folderIn(sticky, 'own');
    const path = programIn(own);
    for (const [name, target] of [
      ['file', path],
      ['folder', own],
    ] as const)
      symlinkSync(target, join(sticky, name));
    // The folder belongs to whoever runs this, and is protected only where that is root.
    if (isRoot) expect(both(path, shared)).toEqual([undefined, undefined]);
    for (const way of ['file', 'folder/keep']) expect(both(join(sticky, way), shared)).toEqual([sticky, sticky]);
  });

  test('that leads up from where it really is finds what is weak there', () => {
    const folder = scratch();
    const open = folderIn(folder, 'open', 0o777);
    const deep = folderIn(open, 'deep');
    programIn(folder);
    symlinkSync(deep, join(folder, 'jump'));
    symlinkSync('jump/../../keep', join(folder, 'far'));
    expect(followLinks(join(folder, 'far'), {}, { ...thisMachine(), ...shared })).toEqual({
      path: join(folder, 'keep'),
      weakPart: open,
    });
  });

  test.each([
    [
      'to itself',
      (folder: string) => {
        symlinkSync('loop', join(folder, 'loop'));
      },
    ],
    [
      'to a link that leads back',
      (folder: string) => {
        symlinkSync('back/x', join(folder, 'loop'));
        symlinkSync('loop', join(folder, 'back'));
      },
    ],
    [
      'by a longer way with every turn',
      (folder: string) => {
        symlinkSync('./loop/../loop', join(folder, 'loop'));
      },
    ],
  ])('%s has an end', (_what, make) => {
    const folder = scratch();
    make(folder);
    expect(() => followLinks(join(folder, 'loop'))).toThrow('ELOOP');
  });

  test('that is one too many is refused, as the system does', () => {
    const folder = scratch();
    programIn(folder);
    symlinkSync('keep', join(folder, '1'));
    for (let each = 2; each <= 41; each += 1) symlinkSync(`${each - 1}`, join(folder, `${each}`));
    expect(followLinks(join(folder, '40')).path).toBe(join(folder, 'keep'));
    expect(() => followLinks(join(folder, '41'))).toThrow('ELOOP');
  });
});
