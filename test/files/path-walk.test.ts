// The way to the directory: who owns it, who can write to it, and links on it.

import { chmodSync, chownSync, existsSync, lstatSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { walk } from '../../src/files/path-walk.ts';
import { thisMachine, type Machine } from '../../src/files/machine.ts';
import { makeMissing } from '../../src/files/safe-directory.ts';
import {
  STRANGER,
  dotenvSinkAt,
  fileSinkAt,
  folderIn,
  isRoot,
  modeAt,
  mountedIn,
  notReady,
  problemOf,
  run,
  scratch,
  targetOf,
} from '../sinks/file-fixture.ts';

/** Both sinks, in both modes. */
async function problemsAt(path: string): Promise<unknown[]> {
  const problems = [];
  for (const sink of [fileSinkAt(path), dotenvSinkAt(path)]) {
    for (const mode of ['inspect', 'prove'] as const) problems.push(await problemOf(sink, mode));
  }
  return problems;
}

function four(problem: unknown): unknown[] {
  return [problem, problem, problem, problem];
}

describe('a directory that others can write to', () => {
  test.each([0o777, 0o707, 0o702])('is refused as parent with mode %o', async (mode) => {
    const parent = folderIn(scratch(), 'with space', mode);
    const command = `Run: chmod go-w '${parent}'`;
    expect(await problemsAt(join(parent, 'k'))).toEqual(
      four({ ...Object(notReady(/Other users can write/)), hint: command }),
    );
    expect(readdirSync(parent)).toEqual([]);
    run('chmod', 'go-w', parent);
    await targetOf(fileSinkAt(join(parent, 'k')));
  });

  test('is refused as ancestor, however private what is below it', async () => {
    const shared = folderIn(scratch(), 'shared', 0o707);
    const parent = folderIn(shared, 'parent');
    const problem = notReady(new RegExp(`Other users can write to the directory ${shared},`), /chmod go-w/);
    expect(await problemsAt(join(parent, 'k'))).toEqual(four(problem));
    expect(await problemsAt(join(shared, 'not/there/k'))).toEqual(four(problem));
    expect(readdirSync(shared)).toEqual(['parent']);
  });

  test('is good as a sticky ancestor, such as /tmp, but not as a sticky parent', async () => {
    const sticky = folderIn(scratch(), 'sticky', 0o1777);
    expect(await problemsAt(join(sticky, 'k'))).toEqual(
      four(notReady(/Every user can write/, /directory of your own/)),
    );
    await targetOf(fileSinkAt(join(folderIn(sticky, 'own'), 'k')));
    await targetOf(fileSinkAt(join(sticky, 'new', 'k')));
    expect(modeAt(join(sticky, 'new'))).toBe(0o700);
  });

  test('that others can only read is good', async () => {
    await targetOf(fileSinkAt(join(folderIn(scratch(), 'open', 0o755), 'k')));
  });
});

describe('a directory of somebody else', () => {
  test.skipIf(!isRoot)('is refused as parent and as ancestor (needs root)', async () => {
    const foreign = folderIn(scratch(), 'foreign', 0o755);
    const own = folderIn(foreign, 'own');
    chownSync(foreign, STRANGER, STRANGER);
    const problem = notReady(new RegExp(`${foreign} does not belong to`));
    // What only its entries' owners may change, its own owner may all the same.
    for (const mode of [0o755, 0o1777]) {
      chmodSync(foreign, mode);
      for (const path of [join(foreign, 'k'), join(own, 'k'), join(foreign, 'new', 'k')]) {
        expect(await problemsAt(path)).toEqual(four(problem));
      }
    }
  });

  test.skipIf(isRoot)('is refused as parent, even that of root (needs an ordinary user)', async () => {
    const problem = notReady(/\/usr does not belong to/);
    expect(await problemsAt('/usr/k')).toEqual(four(problem));
    expect(await problemsAt('/usr/not-there/k')).toEqual(four(problem));
  });
});

/** What is found wrong with the way to a directory, on a machine that is as this one but for some facts. */
function found(directory: string, facts: Partial<Machine> = {}): string {
  const way = walk(directory, { ...thisMachine(), ...facts });
  return way.ok ? 'nothing' : way.failure.reason;
}

describe('a directory that a group can write to (the groups are simulated)', () => {
  const none = { isPrivateGroup: () => false };
  const isPrivate = { isPrivateGroup: () => true };

  test.each([0o770, 0o720, 0o775, 0o2775])('with mode %o', (mode) => {
    const folder = folderIn(scratch(), 'shared', mode);
    const own = folderIn(folder, 'own');
    expect([found(folder, none), found(own, none), found(join(folder, 'new'), none)]).toEqual(
      Array.from({ length: 3 }, () => 'others can write'),
    );
    // As where the umask is 002.
    expect([found(folder, isPrivate), found(own, isPrivate)]).toEqual(['nothing', 'nothing']);
  });

  test('and others too', () => {
    expect(found(folderIn(scratch(), 'shared', 0o777), isPrivate)).toBe('others can write');
  });

  test.skipIf(!isRoot)('of the group admin is good on macOS only, since that may become root (needs root)', () => {
    const folder = folderIn(scratch(), 'Cellar', 0o775);
    chownSync(folder, 0, 80);
    expect(found(folder, { ...none, platform: 'darwin' })).toBe('nothing');
    expect(found(folder, { ...none, platform: 'linux' })).toBe('others can write');
    chownSync(folder, 0, 20);
    expect(found(folder, { ...none, platform: 'darwin' })).toBe('others can write');
  });
});

describe.skipIf(!isRoot)('the root of a mount (needs root, and to mount)', () => {
  /** As the user of a pod sees its volume. */
  const pod = { user: STRANGER, isPrivateGroup: () => false };

  test.for([0o777, 0o2775])('with mode %o, such as a volume of a pod', (mode, { skip }) => {
    const volume = mountedIn(scratch(), 'size=64k');
    if (volume === undefined) return skip('mounting is not permitted here');
    chmodSync(volume, mode);
    const own = folderIn(volume, 'own');
    chownSync(own, STRANGER, STRANGER);
    const foreign = folderIn(volume, 'foreign');
    expect(found(own, pod)).toBe('nothing');
    expect(found(join(own, 'new'), pod)).toBe('nothing');
    expect(found(join(volume, 'new'), pod)).toBe('nothing');
    expect(found(foreign, pod)).toBe('others can write');
    expect(found(volume, pod)).toBe('foreign');
    // A directory of that mode where nothing is mounted stays refused.
    const inner = folderIn(own, 'inner', mode);
    chownSync(inner, STRANGER, STRANGER);
    expect(found(join(inner, 'new'), pod)).toBe('others can write');
    expect(found(own, { ...pod, platform: 'darwin' })).toBe('others can write');
  });
});

describe.skipIf(!isRoot)('a directory of the overflow user (needs root; the namespace is simulated)', () => {
  test('is one of the system above this user’s own, and only in a user namespace', () => {
    const home = folderIn(scratch(), 'home', 0o755);
    const own = folderIn(home, 'me', 0o755);
    const foreign = folderIn(own, 'theirs', 0o755);
    const below = folderIn(foreign, 'mine');
    chownSync(home, 65_534, 65_534);
    chownSync(foreign, 65_534, 65_534);
    for (const each of [own, below]) chownSync(each, STRANGER, STRANGER);
    const outside = { user: STRANGER, overflowUser: undefined };
    const inside = { user: STRANGER, overflowUser: 65_534 };
    expect([found(own, outside), found(own, inside)]).toEqual(['foreign', 'nothing']);
    expect([found(below, inside), found(foreign, inside), found(home, inside)]).toEqual([
      'foreign',
      'foreign',
      'foreign',
    ]);
    chmodSync(home, 0o777);
    expect(found(own, inside)).toBe('others can write');
  });
});

describe('a directory that the operator trusts', () => {
  test.skipIf(!isRoot)('is not judged by its owner and mode, nor is what is below it (needs root)', () => {
    const folder = scratch();
    const home = folderIn(folder, 'home', 0o777);
    const keys = folderIn(home, 'keys', 0o775);
    const twin = folderIn(folder, 'home-2', 0o777);
    for (const each of [home, keys]) chownSync(each, STRANGER, STRANGER);
    const trusting = { trustedPaths: [home] };
    expect([found(keys), found(keys, trusting)]).toEqual(['foreign', 'nothing']);
    expect([found(home, trusting), found(join(home, 'new'), trusting)]).toEqual(['nothing', 'nothing']);
    expect(found(twin, trusting)).toBe('others can write');
    expect(found(keys, { trustedPaths: [keys] })).toBe('foreign');
  });

  test('is judged by links and kinds as elsewhere', () => {
    const folder = scratch();
    symlinkSync(folderIn(folder, 'real'), join(folder, 'link'));
    expect(found(join(folder, 'link'), { trustedPaths: [folder] })).toBe('symbolic link');
  });
});

describe('a symbolic link on the way', () => {
  test('is refused as parent, as ancestor, and to nowhere', async () => {
    const folder = scratch();
    const real = folderIn(folder, 'real');
    folderIn(real, 'deeper');
    symlinkSync(real, join(folder, 'link'));
    symlinkSync('/nonexistent', join(folder, 'dangling'));
    for (const way of ['link/k', 'link/deeper/k', 'link/new/k', 'dangling/k']) {
      const problems = await problemsAt(join(folder, way));
      expect(problems).toEqual(four(notReady(/is a symbolic link/, /path that the link leads to/)));
    }
    expect(readdirSync(real)).toEqual(['deeper']);
    expect(existsSync('/nonexistent')).toBe(false);
  });

  const systemLink = readdirSync('/').find((name) => {
    const stats = lstatSync(`/${name}`);
    return stats.isSymbolicLink() && stats.uid === 0;
  });
  test.skipIf(systemLink === undefined)('is followed where it is the system’s own (needs one in /)', () => {
    const path = `/${systemLink ?? ''}`;
    const way = walk(join(path, 'amk-not-there'));
    // Whoever runs this may not own it, but what is found wrong is not the link.
    if (!way.ok) expect(way.failure.message).not.toContain('symbolic link');
    else expect(way.value.directory.startsWith(`${path}/`)).toBe(false);
  });
});

test.each([
  ['file', /is a file, not a directory/],
  ['fifo', /is a FIFO, not a directory/],
])('a %s on the way is refused', async (kind, message) => {
  const path = join(scratch(), kind);
  if (kind === 'file') writeFileSync(path, '');
  else run('mkfifo', path);
  expect(await problemsAt(join(path, 'k'))).toEqual(four(notReady(message)));
});

test('missing directories are listed, outermost first, and made for this user only', async () => {
  const folder = scratch();
  const way = walk(join(folder, 'a', 'b'));
  if (!way.ok) return expect.fail(way.failure.message);
  expect(way.value).toEqual({
    directory: join(folder, 'a/b'),
    existing: folder,
    missing: [join(folder, 'a'), join(folder, 'a/b')],
  });
  await makeMissing(way.value);
  // Another server may have been faster: then what it made is left as it is.
  chmodSync(join(folder, 'a'), 0o750);
  await makeMissing(way.value);
  expect([modeAt(join(folder, 'a')), modeAt(join(folder, 'a/b'))]).toEqual([0o750, 0o700]);
});

test.skipIf(isRoot)('a directory without permission to write is refused (needs an ordinary user)', async () => {
  const parent = folderIn(scratch(), 'parent', 0o500);
  expect(await problemsAt(join(parent, 'k'))).toEqual(four(notReady(/permission is denied/, /Give the user/)));
  chmodSync(parent, 0o700);
});
