// The file sink from preflight to retract, on real files.

import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../src/secret/secret.ts';
import type { Replaced, Sink } from '../../src/sinks/sink.ts';
import { pretendPlatform } from '../pretend-platform.ts';
import {
  ADDRESS,
  CANARY,
  OLD,
  READ_BACK,
  REPLACED,
  SECRET,
  VARIABLE,
  WRITTEN,
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
  treeOf,
  withUmask,
} from './file-fixture.ts';

const notAPath = notReady(/not a plain path/, /absolute path/);

describe('a delivery', () => {
  test('puts exactly the bytes into a new file of its own', async () => {
    const folder = scratch();
    const sink = fileSinkAt(join(folder, 'keys/{groupId}/{entry}.key'));
    expect(sink).toMatchObject({ name: 'local', kind: 'file', takesEntry: true, verification: 'read-back' });
    expect(sink.location).toBe(join(folder, 'keys/{groupId}/{entry}.key'));
    const target = await targetOf(sink);
    const path = join(folder, 'keys/0123456789abcdef01234567/my.key-1.key');
    expect(target.location).toBe(path);
    expect(await target.deliver(SECRET)).toEqual(WRITTEN);
    expect(await target.verify(SECRET)).toEqual(READ_BACK);
    expect(readFileSync(path, 'utf8')).toBe(CANARY);
    expect(readdirSync(join(path, '..'))).toEqual(['my.key-1.key']);
  });

  test('knows a target without an entry', async () => {
    const path = join(scratch(), 'voyage.key');
    expect(fileSinkAt(path).takesEntry).toBe(false);
    const target = await targetOf(fileSinkAt(path), { groupId: ADDRESS.groupId });
    expect(await target.deliver(SECRET)).toEqual(WRITTEN);
  });

  test('holds what is not ASCII as UTF-8', async () => {
    const path = join(scratch(), 'k');
    const secret = new Secret('al-schlüssel-✓-0123456789');
    const target = await targetOf(fileSinkAt(path));
    expect(await target.deliver(secret)).toEqual(WRITTEN);
    expect(await target.verify(secret)).toEqual(READ_BACK);
  });

  test.each([0o000, 0o022, 0o077, 0o277])('is private under umask %o', async (mask) => {
    const folder = scratch();
    withUmask(mask);
    const target = await targetOf(fileSinkAt(join(folder, 'a/b/{entry}')));
    expect(await target.deliver(SECRET)).toEqual(WRITTEN);
    expect(await target.verify(SECRET)).toEqual(READ_BACK);
    expect(modeAt(join(folder, 'a'))).toBe(0o700);
    expect(modeAt(join(folder, 'a/b'))).toBe(0o700);
    expect(modeAt(join(folder, 'a/b/my.key-1'))).toBe(0o600);
  });

  test('works with names as long as they get', async () => {
    const folder = scratch();
    const target = await targetOf(fileSinkAt(join(folder, '{entry}.key')), { ...ADDRESS, entry: 'ä'.repeat(125) });
    expect(await target.deliver(SECRET)).toEqual(WRITTEN);
    expect(
      await problemOf(fileSinkAt(join(folder, '{entry}.key')), 'inspect', { ...ADDRESS, entry: 'x'.repeat(252) }),
    ).toEqual(notReady(/name is too long/, /shorter entry/));
  });

  test('of two to one place, one wins and the other fails', async () => {
    const folder = scratch();
    const path = join(folder, 'k');
    const secrets = [0, 1, 2, 3].map((each) => new Secret(`${CANARY}${each}`));
    const targets = await Promise.all(secrets.map(() => targetOf(fileSinkAt(path))));
    const deliveries = await Promise.all(targets.map((target, each) => target.deliver(secrets[each] ?? SECRET)));
    expect(deliveries.map(({ outcome }) => outcome).sort()).toEqual(['failed', 'failed', 'failed', 'written']);
    const winner = deliveries.findIndex(({ outcome }) => outcome === 'written');
    expect(readFileSync(path, 'utf8')).toBe(`${CANARY}${winner}`);
    await Promise.all(targets.filter((_, each) => each !== winner).map((target) => target.retract()));
    expect(readdirSync(folder)).toEqual(['k']);
  });
});

describe('a preflight', () => {
  test('that only inspects leaves nothing', async () => {
    const folder = scratch();
    folderIn(folder, 'there');
    for (const path of ['there/k', 'not/there/k', 'k']) {
      expect(await fileSinkAt(join(folder, path)).preflight(ADDRESS, 'inspect')).toMatchObject({ ok: true });
    }
    expect(readdirSync(folder, { recursive: true })).toEqual(['there']);
  });

  test('that proves leaves the directories and nothing else', async () => {
    const folder = scratch();
    await targetOf(fileSinkAt(join(folder, 'a/b/k')));
    expect(readdirSync(folder, { recursive: true }).sort()).toEqual(['a', 'a/b']);
  });

  const kinds: [string, RegExp, (path: string) => void][] = [
    [
      'a file',
      /is a file/,
      (path) => {
        writeFileSync(path, 'old');
      },
    ],
    [
      'a directory',
      /is a directory/,
      (path) => {
        mkdirSync(path);
      },
    ],
    [
      'a symbolic link to a file',
      /is a symbolic link/,
      (path) => {
        symlinkSync('/etc/hosts', path);
      },
    ],
    [
      'a symbolic link to nothing',
      /is a symbolic link/,
      (path) => {
        symlinkSync('/nonexistent', path);
      },
    ],
    [
      'a symbolic link to a device',
      /is a symbolic link/,
      (path) => {
        symlinkSync('/dev/null', path);
      },
    ],
    [
      'a FIFO',
      /is a FIFO/,
      (path) => {
        run('mkfifo', path);
      },
    ],
  ];
  test.each(kinds)('finds %s in its place', async (_kind, message, make) => {
    const folder = scratch();
    make(join(folder, 'k'));
    const before = treeOf(folder);
    for (const mode of ['inspect', 'prove'] as const) {
      expect(await problemOf(fileSinkAt(join(folder, 'k')), mode)).toEqual({
        code: 'SINK_ENTRY_EXISTS',
        message: expect.stringMatching(message) as unknown,
        hint: expect.stringContaining('another entry') as unknown,
      });
    }
    expect(treeOf(folder)).toEqual(before);
  });

  test.skipIf(!isRoot)('finds a device in its place (needs root)', async (context) => {
    const path = join(scratch(), 'k');
    try {
      run('mknod', path, 'c', '1', '3');
    } catch {
      context.skip('mknod is not permitted here');
    }
    expect(await problemOf(fileSinkAt(path))).toMatchObject({
      code: 'SINK_ENTRY_EXISTS',
      message: expect.stringMatching(/is a device/) as unknown,
    });
  });

  test.each(['a/../k', 'a/./k', 'a//k', 'a/', 'k\0'])('refuses the path %j', async (path) => {
    expect(await problemOf(fileSinkAt(`${scratch()}/${path}`))).toEqual(notAPath);
  });

  test.each(['NUL', 'CON', 'aux', 'COM1', 'lpt9.txt', 'nul.key'])(
    'refuses the entry %j, of which it would make a name that Windows reserves, on every system',
    async (entry) => {
      for (const name of ['{entry}', '{entry}.key', 'keys/{entry}/k']) {
        const problem = await problemOf(fileSinkAt(join(scratch(), name)), 'inspect', { ...ADDRESS, entry });
        expect(problem).toEqual(notReady(/Windows reserves/, /another entry/));
      }
    },
  );

  test('refuses a name that it would make of an entry and its own words', async () => {
    const problem = await problemOf(fileSinkAt(join(scratch(), 'n{entry}.key')), 'inspect', {
      ...ADDRESS,
      entry: 'ul',
    });
    expect(problem).toEqual(notReady(/Windows reserves/, /another entry/));
  });

  test.each(['NULL', 'console', 'com', 'com10', 'a.nul', 'my.con.key'])('takes the entry %j', async (entry) => {
    const sink = fileSinkAt(join(scratch(), '{entry}'));
    expect(await sink.preflight({ ...ADDRESS, entry }, 'inspect')).toMatchObject({ ok: true });
  });

  test('refuses values that would leave the place', async () => {
    const sink = fileSinkAt(join(scratch(), '{groupId}', '{entry}'));
    for (const entry of ['..', '.', 'a/b', '../k', '../../k']) {
      expect(await problemOf(sink, 'inspect', { ...ADDRESS, entry })).toEqual(notAPath);
    }
    expect(await problemOf(sink, 'inspect', { groupId: ADDRESS.groupId })).toEqual(notReady(/needs an entry/));
    expect(await problemOf(fileSinkAt('relative/k'))).toEqual(notAPath);
  });
});

describe('what changed between the preflight and the delivery', () => {
  test.each<[string, (path: string) => void]>([
    [
      'a file',
      (path) => {
        writeFileSync(path, 'mine');
      },
    ],
    [
      'a link',
      (path) => {
        symlinkSync(join(path, '../other'), path);
      },
    ],
    [
      'a FIFO',
      (path) => {
        run('mkfifo', path);
      },
    ],
  ])('%s took the place: nothing is written', async (_kind, make) => {
    const folder = scratch();
    const path = join(folder, 'k');
    const target = await targetOf(fileSinkAt(path));
    make(path);
    const before = treeOf(folder);
    expect(await target.deliver(SECRET)).toMatchObject({
      outcome: 'failed',
      message: expect.stringContaining('took the name') as unknown,
    });
    await target.retract();
    expect(treeOf(folder)).toEqual(before);
  });

  test('the directory is gone, or a link to another: nothing is written', async () => {
    const folder = scratch();
    const [parent, other] = [folderIn(folder, 'parent'), folderIn(folder, 'other')];
    const target = await targetOf(fileSinkAt(join(parent, 'k')));
    rmSync(parent, { recursive: true });
    expect(await target.deliver(SECRET)).toMatchObject({ outcome: 'failed' });
    symlinkSync(other, parent);
    expect(await target.deliver(SECRET)).toMatchObject({
      outcome: 'failed',
      message: expect.stringContaining('symbolic link') as unknown,
    });
    expect(readdirSync(other)).toEqual([]);
  });
});

describe('a verification sees', () => {
  test.each<[string, (path: string) => void, RegExp]>([
    [
      'an added newline',
      (path) => {
        appendFileSync(path, '\n');
      },
      /does not hold exactly/,
    ],
    [
      'a lost byte',
      (path) => {
        truncateSync(path, CANARY.length - 1);
      },
      /does not hold exactly/,
    ],
    [
      'an empty file',
      (path) => {
        truncateSync(path, 0);
      },
      /does not hold exactly/,
    ],
    [
      'other bytes of the same length',
      (path) => {
        writeFileSync(path, 'x'.repeat(CANARY.length));
      },
      /does not hold exactly/,
    ],
    [
      'a removed file',
      (path) => {
        rmSync(path);
      },
      /is gone/,
    ],
    [
      'a wider mode',
      (path) => {
        chmodSync(path, 0o644);
      },
      /mode 0644 instead of 0600/,
    ],
    [
      'a second name',
      (path) => {
        linkSync(path, `${path}.2`);
      },
      /hard link/,
    ],
    [
      'a link to a copy',
      (path) => {
        renameSync(path, `${path}.2`);
        symlinkSync(`${path}.2`, path);
      },
      /is a symbolic link/,
    ],
    [
      'a FIFO',
      (path) => {
        rmSync(path);
        run('mkfifo', path);
      },
      /is a FIFO/,
    ],
    [
      'a directory that others can write to',
      (path) => {
        chmodSync(join(path, '..'), 0o777);
      },
      /Other users can write/,
    ],
  ])('%s', async (_change, change, message) => {
    const path = join(scratch(), 'k');
    const target = await targetOf(fileSinkAt(path));
    expect(await target.deliver(SECRET)).toEqual(WRITTEN);
    change(path);
    const verdict = await target.verify(SECRET);
    expect(verdict).toEqual({
      outcome: 'mismatch',
      message: expect.stringMatching(message) as unknown,
      hint: expect.stringMatching(/./) as unknown,
    });
    expect(JSON.stringify(verdict)).not.toContain(CANARY);
  });
});

describe('a retraction', () => {
  test('removes what was delivered', async () => {
    const folder = scratch();
    const target = await targetOf(fileSinkAt(join(folder, 'k')));
    await target.deliver(SECRET);
    appendFileSync(join(folder, 'k'), 'changed in place');
    await target.retract();
    expect(readdirSync(folder)).toEqual([]);
    await target.retract();
  });

  test('leaves a file that somebody else put there', async () => {
    const folder = scratch();
    const path = join(folder, 'k');
    const target = await targetOf(fileSinkAt(path));
    await target.deliver(SECRET);
    writeFileSync(`${path}.new`, 'mine');
    renameSync(`${path}.new`, path);
    await target.retract();
    expect(readFileSync(path, 'utf8')).toBe('mine');
  });

  test('does nothing before a delivery, and never throws', async () => {
    const folder = scratch();
    const target = await targetOf(fileSinkAt(join(folder, 'k')));
    writeFileSync(join(folder, 'k'), 'mine');
    await target.retract();
    expect(existsSync(join(folder, 'k'))).toBe(true);
    rmSync(join(folder, 'k'));
    await target.deliver(SECRET);
    rmSync(folder, { recursive: true });
    await target.retract();
  });
});

// Only process.platform says another system here; a link stands for a path that leads elsewhere than it says, such as one
// that Windows keeps in the folder of a package.
describe.each(['win32', 'darwin'] as const)('on %s the receipt names the file as the system calls it', (platform) => {
  const kinds: [string, (path: string) => Sink, string, Replaced?][] = [
    ['a new file', fileSinkAt, ''],
    ['a file whose secret is exchanged', fileSinkAt, '', REPLACED],
    ['a variable', (path) => dotenvSinkAt(path), `#${VARIABLE}`],
  ];
  test.each(kinds)('%s', async (_kind, sinkAt, suffix, replaced) => {
    const folder = scratch();
    const path = join(folder, 'named', 'k.key');
    mkdirSync(join(folder, 'named'), { mode: 0o700 });
    if (replaced) writeFileSync(path, OLD, { mode: 0o600 });
    const target = await targetOf(sinkAt(path), ADDRESS, replaced);
    expect(await target.deliver(SECRET)).toEqual(WRITTEN);
    renameSync(join(folder, 'named'), join(folder, 'real'));
    symlinkSync(join(folder, 'real'), join(folder, 'named'));
    expect(target.location).toBe(path + suffix);
    pretendPlatform(platform);
    expect(target.location).toBe(join(folder, 'real', 'k.key') + suffix);
    rmSync(join(folder, 'real', 'k.key'));
    expect(target.location).toBe(join(folder, 'real', 'k.key') + suffix);
  });
});
