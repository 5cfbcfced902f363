// Lets one call at a time change a file: in this process those of one key follow one another (`serialized`), and of the
// processes of this program one at a time changes a file that exists (`withLock`). Nobody has to clear up after a process
// that died: its lock no longer counts. It keeps no other program away, and no reader.
//
// Each process puts a lock file of its own beside the file, and then looks for those of others. Since each writes
// before it looks, of two at most one finds only its own; both may find the other's too, and then both remove their own and
// wait for a random time. A lock file says whose it is, and holds no secret.

import { randomBytes, randomInt } from 'node:crypto';
import { readdirSync, unlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { failed, type Result } from '../failure.ts';
import { readFound, statsOf, withNewFile, type FoundFile } from './atomic-file.ts';
import { problemAt, systemCode, type FileProblem } from './file-problem.ts';
import { folded } from './identity.ts';
import { isAlive, parseOwner, thisProcess } from './process-owner.ts';
import type { SafeDirectory } from './safe-directory.ts';
import { besideName } from './temporary-name.ts';

const LONGEST_WAIT_MS = 10_000;
/** In milliseconds: about as long as an edit takes. */
const PAUSE = { least: 5, most: 30 };
/** An edit of a process that cannot be told from others (in another container) takes no longer. */
const LONGEST_EDIT_MS = 60_000;
/**
 * So old, a lock file that does not say whose it is was left half-made by a process that died. Well below the longest
 * wait, so that nobody fails for it. One that was only slow finds its own missing, and goes back.
 */
const HALF_MADE_MS = 3_000;
const LARGEST_LOCK = 4096;

/** The file that is locked: its name in the directory, and its path for people. */
interface Locked {
  readonly name: string;
  readonly path: string;
}

/** Runs `action` while no other process of this program runs one for that file; fails when that takes too long. */
export async function withLock<T, E = FileProblem>(
  directory: SafeDirectory,
  { name, path }: Locked,
  action: () => Promise<Result<T, E>>,
  waitMs = LONGEST_WAIT_MS,
): Promise<Result<T, E | FileProblem>> {
  const prefix = lockPrefix(name);
  const end = performance.now() + waitMs;
  let result = await tryLocked(directory, prefix, action);
  while (result === undefined) {
    if (performance.now() > end) return failed(busy(path));
    await delay(randomInt(PAUSE.least, PAUSE.most + 1));
    result = await tryLocked(directory, prefix, action);
  }
  return result;
}

/** Answers undefined, without having run `action`, where another process has a lock. */
async function tryLocked<T>(
  directory: SafeDirectory,
  prefix: string,
  action: () => Promise<T>,
): Promise<T | undefined> {
  // A look beforehand, so that those who wait do not disturb one another.
  if ((await removeDeadLocks(directory, prefix)).length > 0) return undefined;
  const own = `${prefix}${randomBytes(8).toString('hex')}`;
  try {
    return await withNewFile(directory, own, Buffer.from(JSON.stringify(thisProcess())), async () => {
      const live = await removeDeadLocks(directory, prefix);
      // Its own is missing where this process was stopped for so long that others took it for dead. A disk may list it by
      // another spelling.
      return live.length === 1 && folded(live[0] ?? '') === folded(own) ? action() : undefined;
    });
  } finally {
    remove(directory, own);
  }
}

/** As temporary names do, it begins as the name does, so that git ignores it by `.env*` too. */
function lockPrefix(name: string): string {
  return `${besideName(name)}lock-`;
}

/** Removes the lock files of dead processes, and answers the names of the others, which count. */
async function removeDeadLocks(directory: SafeDirectory, prefix: string): Promise<string[]> {
  // Two spellings of a name may be one file. Where they are two, one waits for the other without need.
  const names = readdirSync(directory.path('.')).filter((name) => folded(name).startsWith(folded(prefix)));
  const live: string[] = [];
  for (const name of names) {
    const found = await readLock(directory, name);
    if (found === undefined) continue;
    if (counts(found)) live.push(name);
    else remove(directory, name);
  }
  return live;
}

/** Undefined where it is gone, or is not a file. */
async function readLock(directory: SafeDirectory, name: string): Promise<FoundFile | undefined> {
  try {
    const found = await readFound(directory, name, LARGEST_LOCK);
    return found?.stats.isFile() === true ? found : undefined;
  } catch (error) {
    // Of another user, such as root: its age decides.
    if (systemCode(error) !== 'EACCES' && systemCode(error) !== 'EPERM') throw error;
    const stats = statsOf(directory, name);
    return stats && { stats };
  }
}

function counts({ stats, bytes }: FoundFile): boolean {
  const since = Number(stats.mtimeMs);
  const owner = parseOwner(bytes?.toString('utf8') ?? '');
  return owner === undefined ? Date.now() - since < HALF_MADE_MS : isAlive(owner, since, LONGEST_EDIT_MS);
}

function remove(directory: SafeDirectory, name: string): void {
  try {
    unlinkSync(directory.path(name));
  } catch {
    // Removed by another process, or the disk failed: then it counts until this process ends.
  }
}

function busy(path: string): FileProblem {
  return problemAt(
    'locked',
    path,
    `Other processes of this program keep writing to ${path}.`,
    'Try again when they are done. Should none be running, remove the files beside it whose names have "atlas-model-keys-lock".',
  );
}

/** By key: the last action that waits or runs. */
const last = new Map<string, Promise<unknown>>();

/** Runs `action` when all earlier ones of that key in this process have ended, however they ended. */
export function serialized<T>(key: string, action: () => Promise<T>): Promise<T> {
  const turn = (last.get(key) ?? Promise.resolve()).then(action);
  const ended = turn.then(
    () => undefined,
    () => undefined,
  );
  last.set(key, ended);
  void ended.then(() => {
    if (last.get(key) === ended) last.delete(key);
  });
  return turn;
}
