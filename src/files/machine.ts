// What is known of this machine and its users, by which owners and modes are judged. Whatever cannot be found out is
// taken for the stricter.
//
// macOS lets an app open what is in some folders of a user only when that person has agreed (System Settings, Privacy &
// Security). It may ask at that moment and hold the call; more often it refuses with EPERM what a child of an app does.
// Taken from Apple's documentation and reports of users; no macOS was at hand.

import { opendir, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, relative, sep } from 'node:path';

/** A value, so that tests can stand for machines that are not at hand. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  /** Whose files are safe; undefined where the system has no such users (Windows): then owners and modes are not judged. */
  readonly user: number | undefined;
  /** The first group of this process, which its new files have. */
  readonly group: number | undefined;
  /** Whether nobody but this user (and root) is in the group. */
  isPrivateGroup(gid: number): boolean;
  /** As whom owners are shown that this user namespace does not know, root perhaps among them; undefined outside of one. */
  readonly overflowUser: number | undefined;
  /** Directories whose owners and modes, and those of what is below, the operator answers for. */
  readonly trustedPaths: readonly string[];
}

/** More than the largest such file of a machine that keeps its users in files. */
const LARGEST = 1024 * 1024;
/** Sources of users that are in files, or exist for a service only while it runs. */
const LOCAL_SOURCES = new Set(['files', 'compat', 'systemd', 'altfiles', 'extrausers']);

let trustedPaths: readonly string[] = [];
let environment: Readonly<Record<string, string>> = {};

/** Called once at the start, with what the operator configured. */
export function configureMachine(config: {
  readonly trustPaths: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}): void {
  trustedPaths = config.trustPaths;
  environment = config.environment;
}

/** That of this process, which says where the system has its own programs. */
export function environmentOfStart(): Readonly<Record<string, string>> {
  return environment;
}

/** As it is now. */
export function thisMachine(): Machine {
  const user = process.geteuid?.();
  return {
    platform: process.platform,
    user,
    group: process.getegid?.(),
    isPrivateGroup: (gid) => user !== undefined && isPrivateGroup(gid, user, readUserFiles()),
    overflowUser: overflowUser(),
    trustedPaths,
  };
}

export function isTrusted(path: string, machine: Machine): boolean {
  return machine.trustedPaths.some((trusted) => isBelow(path, trusted));
}

/** Whether a path is that directory, or leads into it. */
export function isBelow(path: string, directory: string): boolean {
  const below = relative(directory, path);
  return below === '' || (below !== '..' && !below.startsWith(`..${sep}`) && !isAbsolute(below));
}

/** The files in which a machine keeps its users and groups; undefined where they are not all there is. */
interface UserFiles {
  readonly passwd: string;
  readonly group: string;
  /** The groups of this process. */
  readonly own: readonly number[];
}

/**
 * Whether the group holds this user and nobody else but root. A group that the files do not name may hold anybody, and
 * one without this user, such as Debian's `staff`, is for programs that run with it.
 */
export function isPrivateGroup(gid: number, user: number, files: UserFiles | undefined): boolean {
  if (!files?.own.includes(gid)) return false;
  const users = fieldsOf(files.passwd);
  const groups = fieldsOf(files.group).filter(([, , id]) => id === `${gid}`);
  if (groups.length === 0) return false;
  const names = new Set(users.filter(([, , uid]) => uid === `${user}` || uid === '0').map(([name]) => name));
  const members = groups.flatMap(([, , , list = '']) => list.split(',').filter(Boolean));
  const primary = users.filter(([, , , id]) => id === `${gid}`).map(([name]) => name);
  return [...members, ...primary].every((name) => names.has(name));
}

function fieldsOf(text: string): string[][] {
  return text.split('\n').map((line) => line.split(':'));
}

/** Undefined where users come from elsewhere too (LDAP, a directory service), or the files cannot be read whole. */
function readUserFiles(): UserFiles | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    if (!areUsersLocal(readOptional('/etc/nsswitch.conf'))) return undefined;
    const own = [process.getegid?.() ?? -1, ...(process.getgroups?.() ?? [])];
    return { passwd: readWhole('/etc/passwd'), group: readWhole('/etc/group'), own };
  } catch {
    return undefined;
  }
}

/** @param nsswitch the text of nsswitch.conf, which names the sources of users; empty where there is none */
export function areUsersLocal(nsswitch: string): boolean {
  const lines = nsswitch.split('\n').map((line) => line.replace(/#.*/, '').replace(/\[[^\]]*\]/g, ' '));
  const sources = lines.flatMap(
    (line) => /^\s*(?:passwd|group|initgroups)\s*:(.*)$/.exec(line)?.[1]?.split(/\s+/) ?? [],
  );
  return sources.filter(Boolean).every((source) => LOCAL_SOURCES.has(source));
}

function readOptional(path: string): string {
  return statSync(path, { throwIfNoEntry: false }) === undefined ? '' : readWhole(path);
}

function readWhole(path: string): string {
  const stats = statSync(path);
  if (!stats.isFile() || stats.size > LARGEST) throw new Error(`${path} is not a list of users.`);
  return readFileSync(path, 'utf8');
}

let overflow: { readonly user: number | undefined } | undefined;

/** A process stays in its user namespace. */
function overflowUser(): number | undefined {
  overflow ??= { user: readOverflowUser() };
  return overflow.user;
}

/** A user namespace that knows all users, as that of the machine itself does, has none. */
function readOverflowUser(): number | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    if (knowsAllUsers(readFileSync('/proc/self/uid_map', 'utf8'))) return undefined;
    return Number(readFileSync('/proc/sys/kernel/overflowuid', 'utf8'));
  } catch {
    return undefined;
  }
}

/** Each line: the first user inside, the first outside, how many. */
function knowsAllUsers(map: string): boolean {
  const counts = map
    .trim()
    .split('\n')
    .map((line) => Number(line.trim().split(/\s+/)[2]));
  return counts.reduce((sum, count) => sum + count, 0) >= 2 ** 32 - 1;
}

/** Below the home directory. With `*`, each directory in it has a consent of its own. */
const GUARDED = ['Desktop', 'Documents', 'Downloads', 'Library/CloudStorage/*', 'Library/Mobile Documents/*'];
/** A person may be reading the question. In milliseconds. */
const LONGEST_WAIT_MS = 20_000;

/** Folders that this process was let into, and questions that are still open: a held call keeps a thread. */
const allowed = new Set<string>();
const asked = new Map<string, Promise<void>>();

/**
 * To be awaited before the first synchronous call on a path, which macOS could hold, and the whole server with it. Rejects
 * with EPERM, or with ETIMEDOUT where there was no answer in time; `attempt` of file-problem.ts words both.
 */
export async function askFirst(path: string, touch = touchDirectory, waitMs = LONGEST_WAIT_MS): Promise<void> {
  const folder = guardedFolder(path);
  if (folder === undefined || allowed.has(folder)) return;
  const answer = asked.get(folder) ?? touch(folder).finally(() => asked.delete(folder));
  asked.set(folder, answer);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(Object.assign(new Error('ETIMEDOUT'), { code: 'ETIMEDOUT', path: folder }));
    }, waitMs);
  });
  try {
    await Promise.race([answer, late]);
    allowed.add(folder);
  } catch (error) {
    // Whatever else is wrong with it, the calls that follow find too.
    if (isRefusal(error)) throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** What an error on such a path means, and what mends it; undefined for any other error. */
export function privacyWords(error: unknown): readonly [words: string, remedy: string] | undefined {
  if (!isRefusal(error) || !('path' in error) || typeof error.path !== 'string') return undefined;
  const folder = guardedFolder(error.path);
  if (folder === undefined) return undefined;
  const [words, first] =
    error.code === 'EPERM'
      ? [`macOS does not let the app that started this server into ${folder}`, '']
      : [`macOS has not let the app that started this server into ${folder} yet`, 'Answer its question, if it asks. '];
  return [
    words,
    `${first}In System Settings, Privacy & Security, allow that app this folder (Files and Folders, or Full Disk Access), then restart the app.`,
  ];
}

/** The same in one text, for a sentence that goes on: without the last full stop. */
export function privacySentence(error: unknown): string | undefined {
  return privacyWords(error)?.join('. ').replace(/\.$/, '');
}

function isRefusal(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && 'code' in error && (error.code === 'EPERM' || error.code === 'ETIMEDOUT');
}

/** The folder of a consent that the path leads into; undefined where none is needed. No file is looked at. */
function guardedFolder(path: string): string | undefined {
  if (process.platform !== 'darwin') return undefined;
  const given = path.split(sep);
  for (const guarded of GUARDED) {
    const parts = join(homedir(), guarded).split(sep);
    // The disk of a Mac mostly folds case.
    const isInside = parts.every((part, index) =>
      part === '*' ? given[index] !== undefined : part.toLowerCase() === given[index]?.toLowerCase(),
    );
    if (isInside) return given.slice(0, parts.length).join(sep);
  }
  return undefined;
}

/** Opens a directory and closes it; an error of the system rejects. */
function touchDirectory(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    opendir(path, (error, directory) => {
      if (error) reject(error);
      else directory.close().then(resolve, reject);
    });
  });
}
