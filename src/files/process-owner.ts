// Says which process a file (an intent of the journal, a lock) belongs to, and whether that process still lives; and lets one
// call at a time change a file.
//
// Where the system has no procfs, a process gives a sign of life: a file that it holds open exclusively until it ends, however
// it ends. A number of a process can be given again; this cannot be held by a later one. The exclusive flags were seen
// under Wine (Windows); that of macOS is as open(2) there documents it.
//
// In this process, calls of one key follow one another (`serialized`), and of the
// processes of this program one at a time changes a file that exists (`withLock`). Nobody has to clear up after a process
// that died: its lock no longer counts. It keeps no other program away, and no reader.
//
// Each process puts a lock file of its own beside the file, and then looks for those of others. Since each writes
// before it looks, of two at most one finds only its own; both may find the other's too, and then both remove their own and
// wait for a random time. A lock file says whose it is, and holds no secret.

import { randomBytes, randomInt } from 'node:crypto';
import { closeSync, constants, openSync, readFileSync, readlinkSync, unlinkSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { systemCode, problemAt, type FileProblem } from './file-problem.ts';
import { folded, besideName } from './names.ts';
import type { SafeDirectory } from './safe-directory.ts';
import { failed, type Result } from '../failure.ts';
import { readFound, removeQuietly, statsOf, withNewFile, type FoundFile } from './atomic-file.ts';

/** A process, told apart from a later one with the same number where the system allows it (Linux). */
export interface ProcessOwner {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks from boot to start. */
  readonly startTicks?: string;
  readonly bootId?: string;
  /** Two containers may use the same numbers for different processes. */
  readonly pidNamespace?: string;
  /** Where there is no procfs: the file that the process holds until it ends (see {@link makeLifeFile}). */
  readonly lifeFile?: string;
}

/** No call takes longer; older intents of a process that cannot be told apart are taken for abandoned. */
const LONGEST_CALL_MS = 60 * 60 * 1000;
/** A process of another boot may run on another host that shares the directory. */
const OTHER_HOST_MS = 15 * 60 * 1000;

let self: ProcessOwner | undefined;

export function thisProcess(): ProcessOwner {
  self ??= readThisProcess();
  return self;
}

/**
 * @param since when the owner was last known to live, in milliseconds since the epoch
 * @param longestMs for how long after that a process that cannot be told apart is taken for alive
 * @param isHeld whether a process holds a life file; undefined where that cannot be seen
 */
export function isAlive(
  owner: ProcessOwner,
  since: number,
  longestMs = LONGEST_CALL_MS,
  isHeld?: (lifeFile: string) => boolean | undefined,
): boolean {
  const { bootId, pidNamespace } = thisProcess();
  const held = owner.lifeFile === undefined ? undefined : isHeld?.(owner.lifeFile);
  if (held !== undefined) return held;
  const age = Date.now() - since;
  const isRecent = age < longestMs;
  if (owner.bootId !== bootId) {
    const areKnown = owner.bootId !== undefined && bootId !== undefined;
    return isRecent && (!areKnown || age < OTHER_HOST_MS);
  }
  if (owner.pidNamespace !== pidNamespace) return isRecent;
  if (owner.startTicks !== undefined) return startTicksOf(owner.pid) === owner.startTicks;
  return processExists(owner.pid) && isRecent;
}

/** An owner as JSON.stringify wrote it; undefined for any other text. */
export function parseOwner(text: string): ProcessOwner | undefined {
  const value = unlessFailed((): unknown => JSON.parse(text));
  if (typeof value !== 'object' || value === null || !('pid' in value)) return undefined;
  const { pid } = value;
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid < 1) return undefined;
  return ownerOf(pid, { ...value });
}

function readThisProcess(): ProcessOwner {
  const bootId = unlessFailed(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
  const pidNamespace = unlessFailed(() => readlinkSync('/proc/self/ns/pid'));
  return ownerOf(process.pid, { startTicks: startTicksOf(process.pid), bootId, pidNamespace });
}

const MARKS = ['startTicks', 'bootId', 'pidNamespace', 'lifeFile'] as const;

/** With the marks that are known: what is not a text is not. */
function ownerOf(pid: number, marks: Readonly<Record<string, unknown>>): ProcessOwner {
  const known = MARKS.flatMap((mark) => {
    const text = marks[mark];
    return typeof text === 'string' ? [[mark, text] as const] : [];
  });
  return { pid, ...Object.fromEntries(known) };
}

/**
 * Undefined also for a zombie, which its parent may never collect: it does nothing more. The program's name in
 * parentheses may itself hold spaces and parentheses: fields are counted from the last one.
 */
function startTicksOf(pid: number): string | undefined {
  const stat = unlessFailed(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields === undefined || /^[ZXx]$/.test(fields[0] ?? '') ? undefined : fields[19];
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
}

function unlessFailed<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    // Not on this system, or the process is gone.
    return undefined;
  }
}

/** How a file is held; a value, so that tests can stand for systems that are not at hand. */
interface Holder {
  /** Makes the file and holds it until this process ends. */
  hold(path: string): void;
  /** Whether a process holds it. Throws ENOENT where there is none. */
  isHeld(path: string): boolean;
}

/** No other process may open it: UV_FS_O_EXLOCK of libuv. */
const WINDOWS_EXCLUSIVE = 0x10000000;
/** O_EXLOCK and O_NONBLOCK of macOS. */
const MACOS_EXCLUSIVE = 0x20 | 0x4;
const LIFE_FILE = /^alive-[0-9a-f]{32}$/;

/** Undefined on Linux, where procfs tells more, and on systems without such a flag. */
export function lockHolder(platform: NodeJS.Platform = process.platform): Holder | undefined {
  switch (platform) {
    case 'win32':
      return exclusive(WINDOWS_EXCLUSIVE);
    case 'darwin':
      return exclusive(MACOS_EXCLUSIVE);
    default:
      return undefined;
  }
}

function exclusive(flag: number): Holder {
  return {
    hold(path) {
      // Never closed: the system does that when the process ends.
      openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | flag, 0o600);
    },
    isHeld(path) {
      try {
        closeSync(openSync(path, constants.O_RDWR | flag));
        return false;
      } catch (error) {
        const code = systemCode(error);
        if (code === 'EBUSY' || code === 'EAGAIN') return true;
        throw error;
      }
    },
  };
}

/** By directory: this process holds one file in each. */
const heldFiles = new Map<string, string>();

/**
 * Makes the file that this process holds in a directory, at the first call, and answers its name; undefined where the system
 * has no such flag.
 *
 * @param place the directory's path, by which it is known again
 */
export function makeLifeFile(directory: SafeDirectory, place: string, holder = lockHolder()): string | undefined {
  const known = heldFiles.get(place);
  if (known !== undefined || holder === undefined) return known;
  const name = `alive-${randomBytes(16).toString('hex')}`;
  holder.hold(directory.path(name));
  heldFiles.set(place, name);
  return name;
}

/** Removes a life file whose process is dead. Answers whether that lives; undefined where it cannot be seen. */
export function removeUnlessHeld(directory: SafeDirectory, name: string, holder = lockHolder()): boolean | undefined {
  if (holder === undefined || !LIFE_FILE.test(name)) return undefined;
  const path = directory.path(name);
  try {
    // A process can open its own once more on some systems.
    if ([...heldFiles.values()].includes(name) || holder.isHeld(path)) return true;
    unlinkSync(path);
    return false;
  } catch (error) {
    return systemCode(error) === 'ENOENT' ? false : undefined;
  }
}

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
  // As temporary names do, it begins as the name does, so that git ignores it by `.env*` too.
  const prefix = `${besideName(name)}lock-`;
  const end = process.uptime() * 1000 + waitMs;
  let result = await tryLocked(directory, prefix, action);
  while (result === undefined) {
    if (process.uptime() * 1000 > end) return failed(busy(path));
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
    // Where the disk fails, it counts until this process ends.
    removeQuietly(directory, own);
  }
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
    else removeQuietly(directory, name);
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
