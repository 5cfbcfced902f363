// Walks a path from the root of the file system, and looks at each step whether anybody but root and this user could make it
// lead elsewhere. `walk` goes to a directory that is written to, to which no link may lead; `followLinks` goes to a file that
// is read or run, link by link as the system does. Neither makes a directory, nor holds on to one (see safe-directory.ts).

import { accessSync, constants, lstatSync, readlinkSync, realpathSync, type Stats } from 'node:fs';
import { isAbsolute, join, parse, sep } from 'node:path';
import { failed, ok, type Result } from '../failure.ts';
import {
  directoryProblem,
  isOpenToOthers,
  kindOf,
  privateMode,
  problemAt,
  systemCode,
  systemError,
  type FileProblem,
} from './file-problem.ts';
import { isTrusted, thisMachine, type Machine } from './machine.ts';

const OTHERS_WRITE = 0o002;
const STICKY = 0o1000;
/** As in Linux. */
const MOST_LINKS = 40;

/** A checked way to a directory. */
export interface Way {
  /** The directory, without any symbolic link. */
  readonly directory: string;
  /** The last part of it that exists: the directory itself where nothing is missing. */
  readonly existing: string;
  /** The directories still to be made, outermost first. */
  readonly missing: readonly string[];
}

/** Changes nothing. Every part that exists is checked, the last one more strictly. */
export function walk(directory: string, machine = thisMachine()): Result<Way, FileProblem> {
  const found = follow(directory, machine);
  if (!found.ok) return found;
  const { parts, rest } = found.value;
  const last = parts.at(-1);
  if (last === undefined) throw new Error('A path has at least a root.');
  const problem =
    firstProblem(parts, rest.length === 0 ? parts.length - 1 : parts.length, machine) ??
    (rest.length === 0 ? directoryProblem(last.path, last.stats, machine) : founderProblem(last, parts, machine));
  if (problem !== undefined) return failed(problem);
  const missing = rest.map((_, index) => join(last.path, ...rest.slice(0, index + 1)));
  return ok({ directory: missing.at(-1) ?? last.path, existing: last.path, missing });
}

/** Something on the way. */
interface Part {
  readonly path: string;
  readonly stats: Stats;
}

/** From the root to the last part that exists, and the names of those that do not; no link but one of the system. */
function follow(
  directory: string,
  machine: Machine,
): Result<{ parts: readonly Part[]; rest: readonly string[] }, FileProblem> {
  const { root } = parse(directory);
  const parts: Part[] = [{ path: root, stats: lstatSync(root) }];
  let path = root;
  let rest = partsOf(directory);
  let resolved = false;
  for (;;) {
    const [part] = rest;
    if (part === undefined) break;
    const next = join(path, part);
    const stats = lstatSync(next, { throwIfNoEntry: false });
    if (stats === undefined) break;
    if (stats.isSymbolicLink() && path === root && !resolved && isOfTheSystem(stats, machine)) {
      // Such as /tmp and /var on macOS: only root can put a link there. What it leads to is walked anew.
      rest = [...partsOf(realpathSync.native(next)), ...rest.slice(1)];
      resolved = true;
      continue;
    }
    const problem = kindProblem(next, stats);
    // What stands above it is judged all the same, and first: who can change that could change this too.
    if (problem !== undefined) return failed(firstProblem(parts, parts.length, machine) ?? problem);
    parts.push({ path: next, stats });
    [path, rest] = [next, rest.slice(1)];
  }
  return ok({ parts, rest });
}

/** What is wrong with the first so many, which are on the way to the directory that is written to. */
function firstProblem(parts: readonly Part[], count: number, machine: Machine): FileProblem | undefined {
  for (const index of parts.slice(0, count).keys()) {
    const problem = ancestorProblem(parts, index, machine);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/**
 * Nobody but root and this user may be able to exchange what is in it. The root of a mount, such as the volume of a pod
 * (root:root, 0777), may be writable where the directory below is this user's own: whoever exchanges that cannot give
 * it this user as its owner, and is found out.
 */
function ancestorProblem(parts: readonly Part[], index: number, machine: Machine): FileProblem | undefined {
  const [above, part, below] = [parts[index - 1], parts[index], parts[index + 1]];
  if (part === undefined) return undefined;
  const { path, stats } = part;
  const isOfAnother = isForeign(stats, parts.slice(0, index), machine);
  // Where a directory is still to be made below, it will be this user's own.
  const isAboveOwn = below === undefined || below.stats.uid === machine.user;
  const isVolume = machine.platform === 'linux' && above?.stats.dev !== stats.dev && isAboveOwn;
  if (!isOfAnother && ((stats.mode & STICKY) !== 0 || isVolume)) return undefined;
  return directoryProblem(path, stats, machine, isOfAnother);
}

function isOfTheSystem({ uid }: Stats, { user, overflowUser }: Machine): boolean {
  return user !== undefined && (uid === 0 || uid === overflowUser);
}

function kindProblem(path: string, stats: Stats): FileProblem | undefined {
  if (stats.isSymbolicLink()) {
    return problemAt(
      'symbolic link',
      path,
      `${path} is a symbolic link, and who can change it decides where it leads.`,
    );
  }
  if (!stats.isDirectory()) {
    return problemAt('not a directory', path, `${path} is ${kindOf(stats)}, not a directory.`);
  }
  return undefined;
}

/**
 * The directory in which the first missing one is made: this user's own, or one such as /tmp, where everybody may make
 * one and nobody else may touch it afterwards, or the root of a mount. Whoever was there first is found by the check
 * that follows.
 */
function founderProblem({ path, stats }: Part, parts: readonly Part[], machine: Machine): FileProblem | undefined {
  const { user } = machine;
  if (user === undefined || stats.uid === user || isTrusted(path, machine)) return undefined;
  if (isProtected(stats, machine) && (stats.mode & OTHERS_WRITE) !== 0) return undefined;
  const isMountRoot = parts.at(-2)?.stats.dev !== stats.dev;
  if (machine.platform === 'linux' && isMountRoot && isWritable(path)) return undefined;
  return problemAt(
    'foreign founder',
    path,
    `A directory is missing, and ${path} does not belong to the user who runs this server.`,
    `Make the missing directories by hand for that user${privateMode(machine)}.`,
  );
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

interface Followed {
  /** Without any link. */
  readonly path: string;
  /** The first directory or link on the way, or the file itself, that others could change; absent where others can change nothing. */
  readonly weakPart?: string;
}

interface WayRules {
  /**
   * What root lets a group write, such as Debian's /usr/local/bin (root:staff, 2775), is for people that root trusts with
   * programs; absent where it is not trusted.
   */
  readonly trustsGroupsOfRoot?: true;
}

/** With the directories above it. */
interface PartBelow extends Part {
  readonly above: readonly PartBelow[];
}

/**
 * Throws the error of the system where a part of the way is missing, or may not be looked at. A system without such users
 * (Windows) has no weak part.
 */
export function followLinks(path: string, rules: WayRules = {}, machine = thisMachine()): Followed {
  let at = rootOf(path);
  let weakPart = weakPartAt(at, rules, machine);
  let rest = partsOf(path);
  let links = 0;
  for (;;) {
    const [name, ...further] = rest;
    if (name === undefined) return { path: at.path, ...(weakPart !== undefined && { weakPart }) };
    rest = further;
    if (name === '..') {
      at = at.above.at(-1) ?? at;
      continue;
    }
    const next = below(at, name);
    weakPart ??= weakPartAt(next, rules, machine);
    if (next.stats.isSymbolicLink()) {
      links += 1;
      if (links > MOST_LINKS) throw systemError('ELOOP');
      const target = readlinkSync(next.path);
      rest = [...partsOf(target), ...further];
      if (isAbsolute(target)) at = rootOf(target);
    } else {
      at = next;
    }
  }
}

/** The names on the way, without its root. */
function partsOf(path: string): string[] {
  return path
    .slice(parse(path).root.length)
    .split(sep)
    .filter((name) => name !== '' && name !== '.');
}

function rootOf(path: string): PartBelow {
  const { root } = parse(path);
  return { path: root, stats: lstatSync(root), above: [] };
}

function below(folder: PartBelow, name: string): PartBelow {
  const path = join(folder.path, name);
  return { path, stats: lstatSync(path), above: [...folder.above, folder] };
}

/** What lets others decide what stands there: the part itself, or the directory that it is in. */
function weakPartAt(part: PartBelow, rules: WayRules, machine: Machine): string | undefined {
  const { path, stats, above } = part;
  if (machine.user === undefined || isTrusted(path, machine)) return undefined;
  if (isForeign(stats, above, machine)) return path;
  const folder = above.at(-1);
  // Systems remove old files and links from /tmp, and then anybody can put another one there. They seldom remove a directory.
  if (folder !== undefined && !stats.isDirectory() && isOpen(folder, rules, machine)) return folder.path;
  // The system ignores the mode of a link.
  if (stats.isSymbolicLink() || isProtected(stats, machine)) return undefined;
  return isOpen(part, rules, machine) ? path : undefined;
}

/**
 * Whether a part belongs neither to root nor to this user. A user whom this namespace does not know may be root, but not
 * below a directory of this user. Never where the system has no such users.
 */
function isForeign({ uid }: Stats, above: readonly Part[], { user, overflowUser }: Machine): boolean {
  if (user === undefined || uid === 0 || uid === user) return false;
  return uid !== overflowUser || above.some(({ stats }) => stats.uid !== 0 && stats.uid === user);
}

/** A directory such as /tmp: what is in it only its owner and root can exchange. */
function isProtected(stats: Stats, { user, overflowUser }: Machine): boolean {
  const isOfSystem = stats.uid === 0 || (stats.uid === overflowUser && stats.uid !== user);
  return isOfSystem && stats.isDirectory() && (stats.mode & STICKY) !== 0;
}

/** Whether others can write to it. The volume of a ConfigMap is 0777, and mounted read-only. */
function isOpen({ path, stats }: Part, { trustsGroupsOfRoot }: WayRules, machine: Machine): boolean {
  if (!isOpenToOthers(path, stats, machine) || isReadOnly(path)) return false;
  return !(trustsGroupsOfRoot === true && stats.uid === 0 && (stats.mode & OTHERS_WRITE) === 0);
}

/** Whether its file system is mounted read-only, for root too. */
function isReadOnly(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return false;
  } catch (error) {
    return systemCode(error) === 'EROFS';
  }
}
