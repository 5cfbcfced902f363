// Judges owner, mode and kind of directories and files from their metadata. It touches no file.

import type { Stats } from 'node:fs';
import { refused, shellWord, type Refused } from './file-problem.ts';

/** What is asked of metadata, whether read as numbers or as bigints. */
export type Metadata = Pick<
  Stats,
  'isFile' | 'isDirectory' | 'isSymbolicLink' | 'isFIFO' | 'isSocket' | 'isBlockDevice' | 'isCharacterDevice'
> & { readonly uid: number | bigint; readonly mode: number | bigint; readonly nlink: number | bigint };

/** Write permission of group or others. */
const WRITABLE = 0o022;
/** Only the owner of an entry may remove or rename it there, as in /tmp. */
const STICKY = 0o1000;

/**
 * The user whose files are safe, or undefined where the system has no such thing (Windows). This is the
 * one place that decides it; without a user, owners and modes are not checked.
 */
export function effectiveUser(): number | undefined {
  return process.geteuid?.();
}

/** A directory on the way: nobody but root and this user may be able to exchange what is in it. */
export function ancestorProblem(path: string, stats: Metadata): Refused | undefined {
  const owner = Number(stats.uid);
  if (owner !== 0 && isForeign(owner)) return foreign(path);
  if ((Number(stats.mode) & STICKY) !== 0) return undefined;
  return sharedProblem(path, stats);
}

/** A directory of root in which each user may make entries, and change those alone. */
export function isForEverybody({ uid, mode }: Metadata): boolean {
  return Number(uid) === 0 && (Number(mode) & STICKY) !== 0 && (Number(mode) & 0o002) !== 0;
}

/** The directory that is written to: this user's alone, and not even a sticky one may be shared. */
export function parentProblem(path: string, stats: Metadata): Refused | undefined {
  if (isForeign(Number(stats.uid))) return foreign(path);
  return sharedProblem(path, stats);
}

/** A file that holds, or is to hold, a secret. Its mode is for the caller to judge: see {@link modeOf}. */
export function fileProblem(path: string, stats: Metadata): Refused | undefined {
  if (!stats.isFile()) {
    return refused('not a file', path, `${path} is ${kindOf(stats)}, not a file.`);
  }
  if (Number(stats.nlink) !== 1) {
    return refused(
      'hard link',
      path,
      `${path} has another name elsewhere (a hard link), where the secret would show up too.`,
      'Replace it by a copy of its own.',
    );
  }
  return isForeign(Number(stats.uid)) ? foreign(path) : undefined;
}

export function isWritableByOthers(stats: Metadata): boolean {
  return (Number(stats.mode) & WRITABLE) !== 0 && effectiveUser() !== undefined;
}

/** The permission bits; always 0600 where the system has none. */
export function modeOf(stats: Metadata): number {
  return effectiveUser() === undefined ? 0o600 : Number(stats.mode) & 0o7777;
}

/** What a person should know of a file that had this mode, and is 0600 now; undefined where there was none. */
export function modeWarnings(path: string, oldMode: number | undefined): string[] {
  if (oldMode === undefined || (oldMode & 0o077) === 0) return [];
  return [`Other users could read ${path} (mode 0${oldMode.toString(8)}); its mode is 0600 now.`];
}

export function kindOf(stats: Metadata): string {
  if (stats.isFile()) return 'a file';
  if (stats.isDirectory()) return 'a directory';
  if (stats.isSymbolicLink()) return 'a symbolic link';
  if (stats.isFIFO()) return 'a FIFO';
  if (stats.isSocket()) return 'a socket';
  return stats.isBlockDevice() || stats.isCharacterDevice() ? 'a device' : 'something special';
}

function sharedProblem(path: string, stats: Metadata): Refused | undefined {
  if (!isWritableByOthers(stats)) return undefined;
  if ((Number(stats.mode) & STICKY) !== 0) {
    return refused('everybody can write', path, `Every user can write to the directory ${path}.`);
  }
  return refused(
    'others can write',
    path,
    `Other users can write to the directory ${path}, and so exchange what is in it.`,
    `Run: chmod go-w ${shellWord(path)}`,
  );
}

/** Never where the system has no such users. */
function isForeign(owner: number): boolean {
  const user = effectiveUser();
  return user !== undefined && owner !== user;
}

function foreign(path: string): Refused {
  return refused('foreign', path, `${path} does not belong to the user who runs this server.`);
}
