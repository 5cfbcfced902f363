// What stands in the way of a delivery is found before there is a secret, and a dry run finds what a create finds.

import { chmodSync, chownSync, lstatSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ok } from '../../src/failure.ts';
import { isReadableByOthers, keptAccess, modeWarnings } from '../../src/files/file-problem.ts';
import { thisMachine, configureMachine } from '../../src/files/machine.ts';
import { withDirectory } from '../../src/files/safe-directory.ts';
import { modeProblem } from '../../src/files/trial.ts';
import {
  ADDRESS,
  OLD,
  READ_BACK,
  REPLACED,
  SECRET,
  STRANGER,
  VARIABLE,
  dotenvSinkAt,
  fileSinkAt,
  fileWith,
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

/** By a dry run and by a create. */
async function problemsOf(path: string): Promise<unknown[]> {
  return [await problemOf(dotenvSinkAt(path), 'inspect'), await problemOf(dotenvSinkAt(path), 'prove')];
}

function twice(problem: unknown): unknown[] {
  return [problem, problem];
}

describe('a file that cannot be replaced', () => {
  test.skipIf(!isRoot)('since it is mounted by itself (needs root, and to mount)', async ({ skip }) => {
    const path = fileWith('A=1\n');
    const other = fileWith('A=1\n');
    try {
      run('mount', '--bind', other, path);
    } catch {
      return skip('mounting is not permitted here');
    }
    onTestFinished(() => {
      run('umount', path);
    });
    expect(await problemsOf(path)).toEqual(twice(notReady(/is mounted by itself/, /Mount the directory/)));
    expect(readdirSync(join(path, '..'))).toEqual(['.env']);
  });

  test.skipIf(!isRoot).for(['+i', '+a'])('since chattr %s protects it (needs root)', async (attribute, { skip }) => {
    const path = fileWith('A=1\n');
    try {
      run('chattr', attribute, path);
    } catch {
      return skip('this file system has no such attributes');
    }
    onTestFinished(() => {
      run('chattr', attribute.replace('+', '-'), path);
    });
    expect(await problemsOf(path)).toEqual(twice(notReady(/the system does not permit it/, /lsattr/)));
    run('chattr', attribute.replace('+', '-'), path);
    await targetOf(dotenvSinkAt(path));
    run('chattr', attribute, path);
  });

  test('since its owner made it read-only', async () => {
    const path = fileWith('A=1\n', 0o400);
    expect(await problemsOf(path)).toEqual(twice(notReady(/is read-only/, /chmod u\+w/)));
    expect([modeAt(path), readFileSync(path, 'utf8')]).toEqual([0o400, 'A=1\n']);
  });
});

describe('who can read a file that is replaced', () => {
  test.skipIf(!isRoot)(
    'a group that could goes on, as that of a web server, and all are told (needs root)',
    async () => {
      const path = fileWith('A=1\n', 0o640);
      chownSync(path, 0, 33);
      const preflight = await dotenvSinkAt(path).preflight({ groupId: '' }, 'inspect');
      const warning = `The group 33 can read ${path} and the secret in it (mode 0640).`;
      expect(preflight).toMatchObject({ ok: true, value: { warnings: [warning] } });
      const target = await targetOf(dotenvSinkAt(path));
      expect(await target.deliver(SECRET)).toEqual({ outcome: 'written', warnings: [warning] });
      expect(await target.verify(SECRET)).toEqual(READ_BACK);
      expect([modeAt(path), lstatSync(path).gid]).toEqual([0o640, 33]);
      await target.retract();
      expect([modeAt(path), lstatSync(path).gid, readFileSync(path, 'utf8')]).toEqual([0o640, 33, 'A=1\n']);
    },
  );

  test.skipIf(!isRoot)(
    'a group that this user cannot give is said before (needs root, and to become another)',
    async () => {
      const path = fileWith('A=1\n', 0o640);
      chownSync(path, STRANGER, 33);
      chownSync(join(path, '..'), STRANGER, STRANGER);
      process.seteuid?.(STRANGER);
      try {
        expect(await problemsOf(path)).toEqual(twice(notReady(/The group 33 can read/, /member of that group/)));
      } finally {
        process.seteuid?.(0);
      }
      expect(readdirSync(join(path, '..'))).toEqual(['.env']);
    },
  );

  describe.skipIf(!isRoot)('in a folder of another user that the operator trusts (needs root)', () => {
    /** As root in a container sees the project of a user outside of it. */
    function foreign(text: string): string {
      const path = join(scratch(), '.env');
      writeFileSync(path, text);
      chmodSync(path, 0o664);
      for (const each of [path, join(path, '..')]) chownSync(each, STRANGER, STRANGER);
      chmodSync(join(path, '..'), 0o775);
      configureMachine({ trustPaths: [join(path, '..')], environment: {} });
      onTestFinished(() => {
        configureMachine({ trustPaths: [], environment: {} });
      });
      return path;
    }

    const sinks = [
      ['dotenv', `${VARIABLE}=${OLD}\n`, dotenvSinkAt],
      ['file', OLD, fileSinkAt],
    ] as const;

    test.each(sinks)('a file stays that user’s and that group’s: %s', async (_kind, text, sinkAt) => {
      const path = foreign(text);
      const target = await targetOf(sinkAt(path), ADDRESS, REPLACED);
      expect(await target.deliver(SECRET)).toMatchObject({ outcome: 'written' });
      expect(await target.verify(SECRET)).toEqual(READ_BACK);
      const access = () => [modeAt(path), lstatSync(path).uid, lstatSync(path).gid];
      expect(access()).toEqual([0o640, STRANGER, STRANGER]);
      await target.retract();
      expect([readFileSync(path, 'utf8'), access()]).toEqual([text, [0o640, STRANGER, STRANGER]]);
      configureMachine({ trustPaths: [], environment: {} });
      expect(await problemOf(sinkAt(path), 'inspect', ADDRESS, REPLACED)).toEqual(
        notReady(/does not belong to/, /ATLAS_MODEL_KEYS_TRUST_PATHS/),
      );
    });

    test.each(sinks)('a file that could not stay that user’s is refused before: %s', async (_kind, text, sinkAt) => {
      const path = foreign(text);
      chmodSync(join(path, '..'), 0o777);
      process.seteuid?.(STRANGER + 1);
      const problems = [];
      try {
        for (const mode of ['inspect', 'prove'] as const) {
          problems.push(await problemOf(sinkAt(path), mode, ADDRESS, REPLACED));
        }
      } finally {
        process.seteuid?.(0);
      }
      expect(problems).toEqual(twice(notReady(/belongs to the user 54321, and this user cannot give/, /chown/)));
      expect(readdirSync(join(path, '..'))).toEqual(['.env']);
    });
  });

  const group = 33;
  test.each([
    [0o600, group, { mode: 0o600 }],
    [0o640, group, { mode: 0o640, gid: group }],
    [0o660, group, { mode: 0o640, gid: group }],
    [0o644, group, { mode: 0o640, gid: group }],
    // As the umask 022 makes it: not meant for the group.
    [0o644, 100, { mode: 0o600 }],
    [0o640, 100, { mode: 0o640, gid: 100 }],
    [0o604, 100, { mode: 0o600 }],
    [0o777, 100, { mode: 0o600 }],
  ])('of mode %o and group %i', (mode, gid, access) => {
    const stats = Object.assign(lstatSync(fileWith('A=1\n')), { mode: 0o100000 | mode, gid });
    const machine = { ...thisMachine(), user: 1000, group: 100, isPrivateGroup: () => false };
    expect(keptAccess(stats, machine)).toEqual(access);
    expect(modeWarnings('/x', stats, machine).length > 0).toBe(mode !== 0o600);
    expect(keptAccess(stats, { ...machine, user: undefined })).toEqual({ mode: 0o600 });
    expect(modeWarnings('/x', stats, { ...machine, user: undefined })).toEqual([]);
  });
});

test.each([
  [0o600, false],
  [0o700, false],
  [0o644, true],
  [0o755, true],
  [0o777, true],
])('a file system without modes that gives every file %o (simulated)', (mode, isOpen) => {
  const stats = Object.assign(lstatSync(fileWith('A=1\n')), { mode: 0o100000 | mode });
  const machine = { ...thisMachine(), user: 1000, isPrivateGroup: () => false };
  expect(isReadableByOthers(stats, machine)).toBe(isOpen);
  expect(modeProblem('/x', stats, machine)?.reason).toBe(isOpen ? 'no modes' : undefined);
});

test.skipIf(!isRoot || process.platform !== 'linux')(
  'a directory that cannot be synced (EINVAL) is good (needs root, and Linux)',
  async () => {
    const synced = await withDirectory('/sys/kernel', async (directory) => {
      await directory.sync();
      return ok('synced');
    });
    expect(synced).toEqual(ok('synced'));
  },
);

test.skipIf(!isRoot)('a read-only mount is found by a dry run too (needs root, and to mount)', async ({ skip }) => {
  const folder = mountedIn(scratch(), 'size=64k');
  if (folder === undefined) return skip('mounting is not permitted here');
  folderIn(folder, 'there');
  run('mount', '-o', 'remount,ro', folder);
  for (const name of ['k', 'there/k', 'not/there/k']) {
    for (const mode of ['inspect', 'prove'] as const) {
      expect(await problemOf(fileSinkAt(join(folder, name)), mode)).toEqual(notReady(/read-only/));
    }
  }
});
