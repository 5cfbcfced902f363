// The way to the directory: who owns it, who can write to it, and links on it.

import { chmodSync, chownSync, existsSync, lstatSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeMissing, walk } from '../../src/files/ancestors.ts';
import {
  STRANGER,
  dotenvSinkAt,
  fileSinkAt,
  folderIn,
  isRoot,
  modeAt,
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
  test.each([0o777, 0o770, 0o702, 0o720])('is refused as parent with mode %o', async (mode) => {
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
    const shared = folderIn(scratch(), 'shared', 0o770);
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
    for (const path of [join(foreign, 'k'), join(own, 'k'), join(foreign, 'new', 'k')]) {
      expect(await problemsAt(path)).toEqual(four(problem));
    }
  });

  test.skipIf(isRoot)('is refused as parent, even that of root (needs an ordinary user)', async () => {
    const problem = notReady(/\/usr does not belong to/);
    expect(await problemsAt('/usr/k')).toEqual(four(problem));
    expect(await problemsAt('/usr/not-there/k')).toEqual(four(problem));
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
    if (!way.ok) expect(way.problem.message).not.toContain('symbolic link');
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

test('missing directories are listed, outermost first, and made for this user alone', async () => {
  const folder = scratch();
  const way = walk(join(folder, 'a', 'b'));
  if (!way.ok) return expect.fail(way.problem.message);
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
