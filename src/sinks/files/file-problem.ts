// Words for what goes wrong with files, and the value that carries them. An error of the system gives
// only its code: its message quotes paths and, for some calls, the data.

import type { Delivery, SinkProblem } from '../sink.ts';

/** What a check yields: something to go on with, or why not. */
export type Checked<T> = { readonly ok: true; readonly value: T } | Refused;

export interface Refused {
  readonly ok: false;
  readonly problem: SinkProblem;
}

export function passed<T>(value: T): Checked<T> {
  return { ok: true, value };
}

export function notReady(message: string, hint: string): Refused {
  return { ok: false, problem: { code: 'SINK_NOT_READY', message, hint } };
}

export function entryExists(message: string, hint: string): Refused {
  return { ok: false, problem: { code: 'SINK_ENTRY_EXISTS', message, hint } };
}

/** Runs `action`; where the system refuses something, that becomes a problem which begins with `what`. */
export async function attempt<T>(what: string, action: () => Checked<T> | Promise<Checked<T>>): Promise<Checked<T>> {
  try {
    return await action();
  } catch (error) {
    const code = systemCode(error);
    // Not the system's refusal but a mistake of this program.
    if (code === undefined) throw error;
    const [reason, hint] = WORDS[code] ?? [`the system refused it (${code})`, CHOOSE_ANOTHER];
    return notReady(`${what}: ${reason}.`, hint);
  }
}

export function failedDelivery({ problem }: Refused): Delivery {
  return { outcome: 'failed', message: problem.message, hint: problem.hint };
}

/**
 * The end of a delivery that failed where an old secret was, after that was to be put back. It did not fail for certain
 * unless the new secret is seen not to be there: `look` says whether it is.
 */
export async function failedExchange(
  refused: Refused,
  path: string,
  look: () => Promise<Checked<boolean>>,
): Promise<Delivery> {
  if (!(await mayHold(look))) return failedDelivery(refused);
  const { message, hint } = refused.problem;
  return { outcome: 'uncertain', message, hint: `The old secret could not be put back: look into ${path}. ${hint}` };
}

async function mayHold(look: () => Promise<Checked<boolean>>): Promise<boolean> {
  try {
    const held = await look();
    return held.ok && held.value;
  } catch (error) {
    return systemCode(error) !== 'ENOENT';
  }
}

/** The code of an error of the system, such as `ENOENT`. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  return /^[A-Z0-9_]{1,40}$/.test(error.code) ? error.code : undefined;
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
export function systemError(code: 'ESTALE' | 'EIO'): Error {
  return Object.assign(new Error(code), { code });
}

const CHOOSE_ANOTHER = 'Configure another path for this sink.';
const GIVE_PERMISSION = 'Give the user who runs this server permission to write there, or configure another path.';
const MAKE_ROOM = 'Make room there, or configure a path on another disk.';
const TRY_AGAIN = 'Find out what works on that directory at the same time, then try again.';

const WORDS: Readonly<Record<string, readonly [reason: string, hint: string]>> = {
  EACCES: ['permission is denied', GIVE_PERMISSION],
  EPERM: ['the system does not permit it', GIVE_PERMISSION],
  EROFS: ['the file system is read-only', CHOOSE_ANOTHER],
  ENOSPC: ['no space is left on the disk', MAKE_ROOM],
  EDQUOT: ['the disk quota is used up', MAKE_ROOM],
  ENAMETOOLONG: ['the name is too long', 'Use a shorter entry, or configure a shorter path.'],
  ENOTDIR: ['a part of the path is not a directory', CHOOSE_ANOTHER],
  ELOOP: ['a part of the path is a symbolic link', 'Configure the path that the link leads to.'],
  ENOENT: ['a part of the path is gone', TRY_AGAIN],
  EEXIST: ['something else took the name in the meantime', TRY_AGAIN],
  ESTALE: ['the directory or the file was exchanged meanwhile', TRY_AGAIN],
  EMFILE: ['too many files are open', 'Raise the limit of open files, then try again.'],
  ENFILE: ['too many files are open', 'Raise the limit of open files, then try again.'],
  EIO: ['the disk failed', 'Check the disk, or configure another path.'],
};
