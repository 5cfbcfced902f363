// What is known of this machine and its users, by which owners and modes are judged. Whatever cannot be found out is
// taken for the stricter.

import { readFileSync, statSync } from 'node:fs';
import { isAbsolute, relative, sep } from 'node:path';

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
