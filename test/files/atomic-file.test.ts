// What happens to a file at the moments at which another program could change things.

import {
  appendFileSync,
  existsSync,
  linkSync,
  readFileSync,
  readdirSync,
  renameSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ok } from '../../src/failure.ts';
import { placeNew, readFound, replaceVersion, whileBusy, withNewFile } from '../../src/files/atomic-file.ts';
import { assign } from '../../src/sinks/dotenv/dotenv-file.ts';
import { isSame } from '../../src/files/names.ts';
import { withDirectory, type SafeDirectory } from '../../src/files/safe-directory.ts';
import { folderIn, scratch } from '../sinks/file-fixture.ts';

const BYTES = Buffer.from('x');

async function inside<T>(
  folder: string,
  use: (directory: SafeDirectory) => Promise<T>,
  reach?: 'descriptor' | 'path',
): Promise<T> {
  const result = await withDirectory(folder, async (directory) => ok(await use(directory)), reach);
  return result.ok ? result.value : expect.fail(result.failure.message);
}

test('a directory that is exchanged gets no byte, not even for a moment', async () => {
  const folder = scratch();
  const [parent, other] = [folderIn(folder, 'parent'), folderIn(folder, 'other')];
  const attempt = inside(
    parent,
    (directory) => {
      renameSync(parent, join(folder, 'moved'));
      symlinkSync(other, parent);
      return withNewFile(directory, 'k', BYTES, () => Promise.reject(new Error('It was written.')));
    },
    'path',
  );
  await expect(attempt).rejects.toMatchObject({ code: 'ESTALE' });
  expect([readdirSync(other), readdirSync(join(folder, 'moved'))]).toEqual([[], []]);
});

test('a new file goes when its directory was moved away in the meantime', async () => {
  const folder = scratch();
  const parent = folderIn(folder, 'parent');
  const attempt = inside(parent, (directory) => {
    const sync = () => {
      renameSync(parent, join(folder, 'moved'));
      return directory.sync();
    };
    return placeNew({ ...directory, sync }, 'k', BYTES);
  });
  await expect(attempt).rejects.toMatchObject({ code: 'ESTALE' });
  if (process.platform === 'linux') expect(readdirSync(join(folder, 'moved'))).toEqual([]);
});

test('an error of the disk at the very end leaves nothing', async () => {
  const folder = scratch();
  const sync = () => Promise.reject(Object.assign(new Error(), { code: 'EIO' }));
  await expect(inside(folder, (directory) => placeNew({ ...directory, sync }, 'k', BYTES))).rejects.toMatchObject({
    code: 'EIO',
  });
  expect(readdirSync(folder)).toEqual([]);
});

describe('an exchange of a file', () => {
  test.each<[string, (path: string) => void]>([
    [
      'longer',
      (path) => {
        writeFileSync(path, 'changed');
      },
    ],
    [
      'of the same length',
      (path) => {
        writeFileSync(path, 'new');
      },
    ],
    [
      'another',
      (path) => {
        writeFileSync(`${path}.2`, 'old');
        renameSync(`${path}.2`, path);
      },
    ],
    [
      'gone',
      (path) => {
        unlinkSync(path);
      },
    ],
  ])('does not happen where the file is %s by now', async (_change, change) => {
    const folder = scratch();
    const path = join(folder, 'k');
    writeFileSync(path, 'old');
    const isReplaced = await inside(folder, async (directory) => {
      const found = await readFound(directory, 'k', 100);
      if (found === undefined) return expect.fail('There is no file.');
      // So that the clock of the file system has moved on.
      await new Promise((resolve) => setTimeout(resolve, 20));
      change(path);
      return replaceVersion(directory, 'k', BYTES, found.stats);
    });
    expect(isReplaced).toBe(false);
    expect(existsSync(path) ? readFileSync(path, 'utf8') : 'gone').not.toBe('x');
    expect(readdirSync(folder).filter((name) => name !== 'k')).toEqual([]);
  });

  test.each<[string, (path: string) => void]>([
    [
      'fewer bytes',
      (path) => {
        truncateSync(path, 2);
      },
    ],
    [
      'more bytes',
      (path) => {
        appendFileSync(path, 'x');
      },
    ],
    [
      'other bytes',
      (path) => {
        writeFileSync(path, 'xyz');
      },
    ],
  ])('does not happen where the disk gives %s back than it took', async (_what, spoil) => {
    const folder = scratch();
    writeFileSync(join(folder, 'k'), 'old');
    const attempt = inside(folder, async (directory) => {
      const found = await readFound(directory, 'k', 100);
      if (found === undefined) return expect.fail('There is no file.');
      const path = (name: string) => {
        // Each path is asked for just before it is used: first to make the new file, and then to look at it.
        const temporary = readdirSync(folder).find((each) => each.includes('.tmp'));
        if (temporary !== undefined) spoil(join(folder, temporary));
        return directory.path(name);
      };
      return replaceVersion({ ...directory, path }, 'k', Buffer.from('new'), found.stats);
    });
    await expect(attempt).rejects.toMatchObject({ code: 'EIO' });
    expect([readdirSync(folder), readFileSync(join(folder, 'k'), 'utf8')]).toEqual([['k'], 'old']);
  });

  test('happens where it is still the same', async () => {
    const folder = scratch();
    writeFileSync(join(folder, 'k'), 'old');
    const isReplaced = await inside(folder, async (directory) => {
      const found = await readFound(directory, 'k', 100);
      return found !== undefined && replaceVersion(directory, 'k', BYTES, found.stats);
    });
    expect(isReplaced).toBe(true);
    expect(readFileSync(join(folder, 'k'), 'utf8')).toBe('x');
  });
});

test('two servers that make the same new .env at once both get their line in', async () => {
  for (let round = 0; round < 30; round += 1) {
    const directory = scratch();
    const place = { directory, name: '.env', path: join(directory, '.env') };
    // Not through the sink, whose queue would keep them apart.
    const assigned = await Promise.all(
      ['A', 'B'].map((variable) => assign({ place, variable, environment: {} }, 'value', undefined, () => undefined)),
    );
    expect(assigned.map((each) => (each.ok ? 'ok' : each.failure.message))).toEqual(['ok', 'ok']);
    expect(readFileSync(place.path, 'utf8').split('\n').sort()).toEqual(['', 'A=value', 'B=value']);
  }
});

test('a file of another program that took the name is not changed', async () => {
  const folder = scratch();
  const attempt = inside(folder, (directory) => {
    let isLinked = false;
    const path = (name: string) => {
      // Each path is asked for just before it is used: after the link, the file is read by its name.
      if (name === 'k' && existsSync(join(folder, 'k')) && !isLinked) {
        isLinked = true;
        writeFileSync(join(folder, 'theirs'), 'mine');
        renameSync(join(folder, 'theirs'), join(folder, 'k'));
      }
      return directory.path(name);
    };
    return placeNew({ ...directory, path }, 'k', BYTES);
  });
  await expect(attempt).rejects.toMatchObject({ code: 'ESTALE' });
  expect(readFileSync(join(folder, 'k'), 'utf8')).toBe('mine');
  expect(readdirSync(folder)).toEqual(['k']);
});

test('a file that still has its temporary name is read once that is gone', async () => {
  const folder = scratch();
  writeFileSync(join(folder, 'k'), 'x');
  linkSync(join(folder, 'k'), join(folder, 'second'));
  const found = await inside(folder, (directory) => {
    let asked = 0;
    const path = (name: string) => {
      asked += 1;
      // The first reading asks twice.
      if (asked === 3) unlinkSync(join(folder, 'second'));
      return directory.path(name);
    };
    return readFound({ ...directory, path }, 'k', 10);
  });
  expect(found?.stats.nlink).toBe(1n);
});

describe('a file that another program has open (Windows, simulated)', () => {
  function busyFor(times: number, code: string) {
    let left = times;
    return () => {
      left -= 1;
      if (left >= 0) throw Object.assign(new Error(), { code });
      return 'renamed';
    };
  }

  test.each(['EPERM', 'EACCES', 'EBUSY'])('is waited for: %s', async (code) => {
    expect(await whileBusy(busyFor(3, code), 'win32')).toBe('renamed');
    await expect(whileBusy(busyFor(1, code), 'linux')).rejects.toMatchObject({ code });
  });

  test('is not waited for longer than about a second, nor for any other reason', async () => {
    await expect(whileBusy(busyFor(1000, 'EBUSY'), 'win32')).rejects.toMatchObject({ code: 'EBUSY' });
    await expect(whileBusy(busyFor(1, 'ENOENT'), 'win32')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

test('the number of a volume may have 64 bits by a path and 32 by a descriptor (Windows, simulated)', () => {
  const [long, short] = [
    { dev: 0x12345678_9abcdef0n, ino: 7n },
    { dev: 0x9abcdef0n, ino: 7n },
  ];
  expect([isSame(long, short, 'win32'), isSame(long, short, 'linux')]).toEqual([true, false]);
  expect(isSame(long, { ...short, ino: 8n }, 'win32')).toBe(false);
});
