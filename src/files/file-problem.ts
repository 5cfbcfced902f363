// What goes wrong with files, as a value: a reason of a closed set, the path, and a sentence that says it. It gives no
// advice on other places, which are for the caller to name. An error of the system gives only its code: its message
// quotes paths and, for some calls, the data.

import { failed, type Result } from '../failure.ts';
import { privacyWords } from './privacy.ts';

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
