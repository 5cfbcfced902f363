// What is wrong with files, as a value: a reason of a closed set, the path, and a sentence that says it; and the judgement of owner,
// mode and kind by which most of it is found. It touches no file, and gives no advice on other places, which are for the caller to
// name. An error of the system gives only its code: its message quotes paths and, for some calls, the data.

import type { Stats } from 'node:fs';
import { failed, type Result } from '../failure.ts';
import type { Access } from './atomic-file.ts';
import { isTrusted, privacyWords, thisMachine, type Machine } from './machine.ts';

/** Why a place cannot be used. */
type Reason =
  | 'symbolic link'
  | 'not a directory'
  | 'not a file'
  | 'hard link'
  /** It belongs to another user. */
  | 'foreign'
  /** A directory is missing below one of another user. */
  | 'foreign founder'
  | 'others can write'
  /** Such as /tmp: good on the way to a directory, but not as that directory. */
  | 'everybody can write'
  | 'no hard links'
  /** The file system keeps no modes, and others can read what is written there. */
  | 'no modes'
  /** This user cannot give a new file the owner, the group or the access control list of the old one. */
  | 'cannot give'
  /** A file that is a mount point. */
  | 'mounted'
  /** By an attribute, such as that of chattr +i. */
  | 'protected'
  /** Other processes of this program keep it locked. */
  | 'locked'
  /** It does not hold what this program writes. */
  | 'unknown content'
  | 'no permission'
  | 'read-only'
  | 'no space'
  | 'name too long'
  /** Another program works on the same place. */
  | 'changed meanwhile'
  | 'too many open files'
  | 'disk failed'
  /** The system gave a code that has no words here. */
  | 'refused by the system';

export interface FileProblem {
  readonly reason: Reason;
  /** Absent where the system refused a call; the message names what was tried. */
  readonly path?: string;
  /** What is wrong, as a sentence. */
  readonly message: string;
  /** What mends the place itself, where something does. */
  readonly remedy?: string;
}

export function problemAt(reason: Reason, path: string, message: string, remedy?: string): FileProblem {
  return { reason, path, message, ...(remedy !== undefined && { remedy }) };
}

/** Runs `action`; where the system refuses something, that becomes a problem whose message begins with `what`. */
export async function attempt<T, E = FileProblem>(
  what: string,
  action: () => Result<T, E> | Promise<Result<T, E>>,
): Promise<Result<T, E | FileProblem>> {
  try {
    return await action();
  } catch (error) {
    const code = systemCode(error);
    // Not the system's refusal but a mistake of this program.
    if (code === undefined) throw error;
    const privacy = privacyWords(error);
    if (privacy) return failed({ reason: 'no permission', ...said(what, ...privacy) });
    const [reason, words, remedy] = REFUSALS[code] ?? ['refused by the system', `the system refused it (${code})`];
    return failed({ reason, ...said(what, words, remedy) });
  }
}

function said(what: string, words: string, remedy?: string): Pick<FileProblem, 'message' | 'remedy'> {
  return { message: `${what}: ${words}.`, ...(remedy !== undefined && { remedy }) };
}

/** The code of an error of the system or of TLS, such as `ENOENT`; undefined where there is none. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  return /^[A-Z0-9_]{1,60}$/.test(error.code) ? error.code : undefined;
}

/** What `action` answers, or undefined where there is no such file. */
export function unlessMissing<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** What `action` answers, or undefined where the system refuses it for whatever reason. */
export function unlessRefused<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}

/** A path as it can be pasted into a POSIX shell. */
export function shellWord(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}

/** An error with a code of the system, for what only this program can see. */
export function systemError(code: 'ELOOP' | 'ESTALE' | 'EIO' | 'ENOTSUP'): Error {
  return Object.assign(new Error(code), { code });
}

const GIVE_PERMISSION = 'Give the user who runs this server permission to write there.';
const MAKE_ROOM = 'Make room there.';
const TRY_AGAIN = 'Find out what works on that directory at the same time, then try again.';
const RAISE_LIMIT = 'Raise the limit of open files, then try again.';

const REFUSALS: Readonly<Record<string, readonly [Reason, words: string, remedy?: string]>> = {
  EACCES: ['no permission', 'permission is denied', GIVE_PERMISSION],
  EPERM: ['no permission', 'the system does not permit it', GIVE_PERMISSION],
  EROFS: ['read-only', 'the file system is read-only'],
  ENOSPC: ['no space', 'no space is left on the disk', MAKE_ROOM],
  EDQUOT: ['no space', 'the disk quota is used up', MAKE_ROOM],
  ENAMETOOLONG: ['name too long', 'the name is too long'],
  ENOTDIR: ['not a directory', 'a part of the path is not a directory'],
  ELOOP: ['symbolic link', 'a part of the path is a symbolic link'],
  ENOENT: ['changed meanwhile', 'a part of the path is gone', TRY_AGAIN],
  EEXIST: ['changed meanwhile', 'something else took the name in the meantime', TRY_AGAIN],
  ESTALE: ['changed meanwhile', 'the directory or the file was exchanged meanwhile', TRY_AGAIN],
  EMFILE: ['too many open files', 'too many files are open', RAISE_LIMIT],
  ENFILE: ['too many open files', 'too many files are open', RAISE_LIMIT],
  EIO: ['disk failed', 'the disk failed', 'Check the disk.'],
};

/** What is asked of metadata, whether read as numbers or as bigints. */
export type Metadata = Pick<
  Stats,
  'isFile' | 'isDirectory' | 'isSymbolicLink' | 'isFIFO' | 'isSocket' | 'isBlockDevice' | 'isCharacterDevice'
> & {
  readonly uid: number | bigint;
  readonly gid: number | bigint;
  readonly mode: number | bigint;
  readonly nlink: number | bigint;
};

const GROUP_READS = 0o040;
const OTHERS_READ = 0o004;
const GROUP_WRITES = 0o020;
const OTHERS_WRITE = 0o002;
/** Only the owner of an entry may remove or rename it there, as in /tmp. */
const STICKY = 0o1000;
/** The group of administrators on every macOS: its members may become root anyway. */
const MACOS_ADMIN = 80;

/**
 * The directory that is written to: only this user's, and not even a sticky one may be shared.
 *
 * @param isOfAnother whether its owner is one who may not own it; for a directory on the way, the walk of the path knows
 */
export function directoryProblem(
  path: string,
  stats: Metadata,
  machine = thisMachine(),
  isOfAnother = isForeign(Number(stats.uid), machine),
): FileProblem | undefined {
  if (isTrusted(path, machine)) return undefined;
  if (isOfAnother) return foreign(path);
  return sharedProblem(path, stats, machine);
}

/** A file that holds, or is to hold, a secret. Its mode is for the caller to judge: see {@link modeOf}. */
export function fileProblem(path: string, stats: Metadata, machine = thisMachine()): FileProblem | undefined {
  if (!stats.isFile()) {
    return problemAt('not a file', path, `${path} is ${kindOf(stats)}, not a file.`);
  }
  if (Number(stats.nlink) !== 1) {
    return problemAt(
      'hard link',
      path,
      `${path} has another name elsewhere (a hard link), where the secret would show up too.`,
      'Replace it by a copy of its own.',
    );
  }
  return isForeign(Number(stats.uid), machine) && !isTrusted(path, machine) ? foreign(path) : undefined;
}

/** Whether others can write to a file, where the operator does not answer for that. */
export function isOpenToOthers(path: string, stats: Metadata, machine = thisMachine()): boolean {
  return isWritableByOthers(stats, machine) && !isTrusted(path, machine);
}

/** A group that holds nobody but this user and root is not "others". */
function isWritableByOthers(stats: Metadata, machine: Machine): boolean {
  if (machine.user === undefined) return false;
  const mode = Number(stats.mode);
  return (mode & OTHERS_WRITE) !== 0 || ((mode & GROUP_WRITES) !== 0 && !isSafeGroup(Number(stats.gid), machine));
}

function isSafeGroup(gid: number, machine: Machine): boolean {
  return (machine.platform === 'darwin' && gid === MACOS_ADMIN) || machine.isPrivateGroup(gid);
}

/** The permission bits; always 0600 where the system has none. */
export function modeOf(stats: Pick<Metadata, 'mode'>): number {
  return thisMachine().user === undefined ? 0o600 : Number(stats.mode) & 0o7777;
}

/** To stand behind a demand for a directory of this user, where the system has modes. */
export function privateMode(machine = thisMachine()): string {
  return machine.user === undefined ? '' : ' (mode 0700)';
}

/** Whether the mode lets others read; a group that holds only this user is not "others". */
export function isReadableByOthers(stats: Metadata, machine = thisMachine()): boolean {
  if (machine.user === undefined) return false;
  const mode = Number(stats.mode);
  return (mode & 0o007) !== 0 || ((mode & 0o070) !== 0 && !machine.isPrivateGroup(Number(stats.gid)));
}

/**
 * Who may read the file that replaces this one: a group that could goes on, such as that of a web server, and others do
 * not. A file that all could read was not made for its group, unless that is another than the one that new files get.
 */
export function keptAccess(stats: Pick<Metadata, 'mode' | 'gid'>, machine = thisMachine()): Access {
  const mode = Number(stats.mode);
  const gid = Number(stats.gid);
  const isMeant = (mode & GROUP_READS) !== 0 && ((mode & OTHERS_READ) === 0 || gid !== machine.group);
  return machine.user !== undefined && isMeant ? { mode: 0o640, gid } : { mode: 0o600 };
}

/** What a person should know of the readers of a file that is, or will be, replaced by one with the `kept` access. */
export function modeWarnings(
  path: string,
  stats: Pick<Metadata, 'mode' | 'gid'>,
  machine = thisMachine(),
  kept = keptAccess(stats, machine),
): string[] {
  if (machine.user === undefined) return [];
  const others = (Number(stats.mode) & 0o077 & ~kept.mode) !== 0;
  const mode = kept.mode.toString(8);
  return [
    ...(others
      ? [
          `Other users could read ${path} (mode 0${modeOf(stats).toString(8)}); once the secret is in it, its mode is 0${mode}.`,
        ]
      : []),
    ...(kept.gid !== undefined && !machine.isPrivateGroup(kept.gid)
      ? [`The group ${kept.gid} can read ${path} and the secret in it (mode 0${mode}).`]
      : []),
  ];
}

export function kindOf(stats: Metadata): string {
  if (stats.isFile()) return 'a file';
  if (stats.isDirectory()) return 'a directory';
  if (stats.isSymbolicLink()) return 'a symbolic link';
  if (stats.isFIFO()) return 'a FIFO';
  if (stats.isSocket()) return 'a socket';
  return stats.isBlockDevice() || stats.isCharacterDevice() ? 'a device' : 'something special';
}

function sharedProblem(path: string, stats: Metadata, machine: Machine): FileProblem | undefined {
  if (!isWritableByOthers(stats, machine)) return undefined;
  if ((Number(stats.mode) & STICKY) !== 0) {
    return problemAt('everybody can write', path, `Every user can write to the directory ${path}.`);
  }
  // Only its owner and root can change that.
  const isOwn = machine.user === 0 || Number(stats.uid) === machine.user;
  return problemAt(
    'others can write',
    path,
    `Other users can write to the directory ${path}, and so exchange what is in it.`,
    ...(isOwn ? [`Run: chmod go-w ${shellWord(path)}`] : []),
  );
}

/** False where the system has no such users. */
function isForeign(owner: number, { user }: Machine): boolean {
  return user !== undefined && owner !== user;
}

function foreign(path: string): FileProblem {
  return problemAt('foreign', path, `${path} does not belong to the user who runs this server.`);
}
