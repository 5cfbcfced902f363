// Holds on to a checked directory while files are made in it, so that nobody can exchange it in between. It checks the
// directory, and makes what is missing of it. Of the files in it, it only appends lines to them and reads the last ones.
//
// Node has no openat(2). On Linux the path /proc/self/fd/N/NAME does the same: the
// kernel resolves it from the opened directory without walking the path again. Elsewhere (and on a Linux
// without /proc) the plain path is used, and a short moment remains between `confirm`, which tells whether
// it still leads to the opened directory, and the use. All of that is in this file: nothing else builds a
// path to what is in the directory.
//
// A line is written at once, so that several processes do not mix theirs; one that was cut off, by a full disk or a power
// failure, stays a line of its own.

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
  fchmodSync,
  readSync,
  writeFileSync,
  type Stats,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { failed, type Result } from '../failure.ts';
import { walk, type Way } from './path-walk.ts';
import { directoryProblem, systemCode, systemError, type FileProblem, unlessMissing } from './file-problem.ts';
import { isSame } from './names.ts';
import { askFirst, isBelow } from './machine.ts';
import { closeDirectory, isClosed } from './windows.ts';

/** An opened directory. Valid only inside the function that it was given to. */
export interface SafeDirectory {
  /** The path by which the file of that name in this directory is reached. Not for people. */
  path(name: string): string;
  /** Throws ESTALE where the directory's own path no longer leads to it. */
  confirm(): void;
  /** Puts the directory's entries on the disk. */
  sync(): Promise<void>;
}

const REACH = process.platform === 'linux' ? 'descriptor' : 'path';

type Use<T, E> = (opened: SafeDirectory) => Result<T, E> | Promise<Result<T, E>>;

/**
 * Checks the way to the directory, opens it, checks that it is the one that was checked, and closes it
 * when `use` is done. It does not look again after that, when nothing could be undone: `use` confirms for
 * itself. `reach` is a parameter so that both ways can be tested on one system.
 */
export async function withDirectory<T, E = FileProblem>(
  directory: string,
  use: Use<T, E>,
  reach: 'descriptor' | 'path' = REACH,
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
  reach: 'descriptor' | 'path',
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
    sync: () => directoryToDisk(descriptor),
  };
}

/** Where the opened directory really is; undefined where /proc is not there to tell. */
function linkOf(descriptor: number): string | undefined {
  return unlessMissing(() => readlinkSync(`/proc/self/fd/${descriptor}`));
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

/** Directories that were made and could not be closed. */
const leftOpen = new Set<string>();

/**
 * Closes a directory that was made on Windows, which has no modes.
 *
 * @param shown the directory that this one stands for, where it is a trial
 */
export async function closeToOthers(path: string, shown = path): Promise<void> {
  if (process.platform !== 'win32') return;
  if (await closeDirectory(path)) leftOpen.delete(shown);
  else leftOpen.add(shown);
}

/** What a person should know of every directory that this process made and could not close. */
export function leftOpenWarnings(): string[] {
  return [...leftOpen].map(openWords);
}

/**
 * What a person should know of who else reads what is kept in a directory of Windows. Where it is missing, its making was tried.
 *
 * @param isOwn whether this program keeps its own files there; another one in the user's profile is not looked into
 */
export async function accessWarnings({ directory, missing }: Way, isOwn = false): Promise<string[]> {
  if (process.platform !== 'win32') return [];
  const open = [...leftOpen].find((each) => isBelow(directory, each));
  if (open !== undefined) return [openWords(open)];
  if (missing.length > 0 || (!isOwn && isBelow(directory, homedir())) || (await isClosed(directory))) return [];
  return [openWords(directory)];
}

function openWords(path: string): string {
  return `Other users of this machine may be able to read what is in ${path}: its access is not seen to be limited to this user. See icacls.`;
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
  return promisify(fsync)(file);
}

/** As {@link toDisk}, of an open directory. Windows cannot, and need not; some file systems (FUSE, SMB) say EINVAL. */
async function directoryToDisk(directory: number): Promise<void> {
  if (process.platform === 'win32') return;
  try {
    await toDisk(directory);
  } catch (error) {
    if (systemCode(error) !== 'EINVAL') throw error;
  }
}

const APPEND = constants.O_RDWR | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const LINE_END = 0x0a;

interface Appending {
  /** Whether a file that is not there is made; otherwise ENOENT is thrown. */
  readonly creates: boolean;
  /** Whether to wait for the disk. */
  readonly syncs: boolean;
}

/** @returns what the file is afterwards; its mode is 0600 whatever the umask */
export async function appendLine(
  directory: SafeDirectory,
  name: string,
  line: string,
  { creates, syncs }: Appending,
): Promise<Stats> {
  const file = openSync(directory.path(name), creates ? APPEND | constants.O_CREAT : APPEND, 0o600);
  try {
    fchmodSync(file, 0o600);
    writeFileSync(file, endsInLine(file) ? `${line}\n` : `\n${line}\n`);
    if (syncs) await toDisk(file);
    return fstatSync(file);
  } finally {
    closeSync(file);
  }
}

function endsInLine(file: number): boolean {
  const { size } = fstatSync(file);
  const last = Buffer.alloc(1, LINE_END);
  if (size > 0) readSync(file, last, 0, 1, size - 1);
  return last[0] === LINE_END;
}

/** The lines within the last so many bytes of a file, oldest first; none where there is no such file. */
export function lastLines(directory: SafeDirectory, name: string, bytes: number): string[] {
  const file = unlessMissing(() => openSync(directory.path(name), READ));
  if (file === undefined) return [];
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) return [];
    const end = Buffer.alloc(Math.min(stats.size, bytes));
    const length = readSync(file, end, 0, end.length, stats.size - end.length);
    const lines = end.toString('utf8', 0, length).split('\n');
    return stats.size > bytes ? lines.slice(1) : lines;
  } finally {
    closeSync(file);
  }
}
