// Holds on to a checked directory while files are made in it, so that nobody can exchange it in between. It checks the
// directory, and makes what is missing of it; what is done with the files in it is the caller's business.
//
// Node has no openat(2). On Linux the path /proc/self/fd/N/NAME does the same: the
// kernel resolves it from the opened directory without walking the path again. Elsewhere (and on a Linux
// without /proc) the plain path is used, and a short moment remains between `confirm`, which tells whether
// it still leads to the opened directory, and the use. All of that is in this file: nothing else builds a
// path to what is in the directory.

import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  fsync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { failed, type Result } from '../failure.ts';
import { walk, type Way } from './path-walk.ts';
import { directoryProblem } from './file-owner.ts';
import { isSame } from './identity.ts';
import { systemCode, systemError, type FileProblem } from './file-problem.ts';
import { askFirst } from './privacy.ts';
import { closeToOthers } from './windows.ts';

/** An opened directory. Valid only inside the function that it was given to. */
export interface SafeDirectory {
  /** The path by which the file of that name in this directory is reached. Not for people. */
  path(name: string): string;
  /** Throws ESTALE where the directory's own path no longer leads to it. */
  confirm(): void;
  /** Puts the directory's entries on the disk. */
  sync(): Promise<void>;
}

type Reach = 'descriptor' | 'path';

const REACH: Reach = process.platform === 'linux' ? 'descriptor' : 'path';

type Use<T, E> = (opened: SafeDirectory) => Result<T, E> | Promise<Result<T, E>>;

/**
 * Checks the way to the directory, opens it, checks that it is the one that was checked, and closes it
 * when `use` is done. It does not look again after that, when nothing could be undone: `use` confirms for
 * itself. `reach` is a parameter so that both ways can be tested on one system.
 */
export async function withDirectory<T, E = FileProblem>(
  directory: string,
  use: Use<T, E>,
  reach: Reach = REACH,
): Promise<Result<T, E | FileProblem>> {
  await askFirst(directory);
  const way = walk(directory);
  return way.ok ? enter(directory, way.value, use, reach) : way;
}

/** As {@link withDirectory}, and makes before what is missing of the directory. */
export async function withMadeDirectory<T, E = FileProblem>(
  directory: string,
  use: Use<T, E>,
): Promise<Result<T, E | FileProblem>> {
  await askFirst(directory);
  const way = walk(directory);
  if (!way.ok) return way;
  if (way.value.missing.length === 0) return enter(directory, way.value, use, REACH);
  await makeMissing(way.value);
  return withDirectory(directory, use);
}

async function enter<T, E>(
  directory: string,
  { directory: path }: Way,
  use: Use<T, E>,
  reach: Reach,
): Promise<Result<T, E | FileProblem>> {
  // On Windows the two flags do not exist and count as 0.
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const problem = directoryProblem(directory, fstatSync(descriptor));
    if (problem !== undefined) return failed(problem);
    const link = reach === 'descriptor' ? linkOf(descriptor) : undefined;
    const opened = link === undefined ? byPath(descriptor, path) : byDescriptor(descriptor, path);
    opened.confirm();
    return await use(opened);
  } finally {
    closeSync(descriptor);
  }
}

function byDescriptor(descriptor: number, path: string): SafeDirectory {
  return {
    path: (name) => `/proc/self/fd/${descriptor}/${name}`,
    confirm() {
      if (linkOf(descriptor) !== path) throw systemError('ESTALE');
    },
    sync: () => directoryToDisk(descriptor),
  };
}

function byPath(descriptor: number, path: string): SafeDirectory {
  return {
    path: (name) => join(path, name),
    confirm() {
      const opened = fstatSync(descriptor, { bigint: true });
      const named = lstatSync(path, { bigint: true });
      if (!isSame(opened, named)) throw systemError('ESTALE');
    },
    async sync() {
      // Windows cannot sync a directory, and does not need to.
      if (process.platform !== 'win32') await directoryToDisk(descriptor);
    },
  };
}

/** Where the opened directory really is; undefined where /proc is not there to tell. */
function linkOf(descriptor: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Makes the missing directories, for this user only, whatever the umask; the way must be checked again afterwards. */
export async function makeMissing(way: Way): Promise<void> {
  for (const path of way.missing) {
    try {
      mkdirSync(path, 0o700);
      chmodSync(path, 0o700);
      // What is made in it takes that over.
      if (path === way.missing[0]) await closeToOthers(path);
      await syncDirectory(dirname(path));
    } catch (error) {
      // Another server was faster; the check that follows judges what it made.
      if (systemCode(error) !== 'EEXIST') throw error;
    }
  }
}

/** Puts the entries of a directory on the disk, where the system can do that. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const file = openSync(path, 'r');
  try {
    await directoryToDisk(file);
  } finally {
    closeSync(file);
  }
}

/**
 * Resolves when what was written to the open file would survive a power failure. All other calls on files here are
 * synchronous, since the kernel answers them from its memory in microseconds: a create makes a hundred of them, and Node's
 * thread pool takes ten times as long as the answer. A disk may take long, and other calls of tools go on meanwhile.
 */
export function toDisk(file: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fsync(file, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

/** As {@link toDisk}, of an open directory. Some file systems (FUSE, SMB) have no such thing and say EINVAL. */
async function directoryToDisk(directory: number): Promise<void> {
  try {
    await toDisk(directory);
  } catch (error) {
    if (systemCode(error) !== 'EINVAL') throw error;
  }
}
