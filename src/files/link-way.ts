// Follows a path as the system does, link by link, and looks whether anybody but root and this user could make it lead
// elsewhere. It is for files that are read or run; to what is written no link may lead (ancestors.ts).

import { accessSync, constants, lstatSync, readlinkSync, type Stats } from 'node:fs';
import { isAbsolute, join, parse, sep } from 'node:path';
import { isWritableByOthers } from './file-owner.ts';
import { systemCode, systemError } from './file-problem.ts';
import { isTrusted, type Machine, thisMachine } from './machine.ts';

interface Followed {
  /** Without any link. */
  readonly path: string;
  /** The first directory or link on the way, or the file itself, that others could change; absent where there is none. */
  readonly weakPart?: string;
}

interface WayRules {
  /**
   * What root lets a group write, such as Debian's /usr/local/bin (root:staff, 2775), is for people that root trusts with
   * programs; absent where it is not trusted.
   */
  readonly trustsGroupsOfRoot?: true;
}

/** Something on the way, and the directories above it. */
interface Part {
  readonly path: string;
  readonly stats: Stats;
  readonly above: readonly Part[];
}

const OTHERS_WRITE = 0o002;
const STICKY = 0o1000;
/** As in Linux. */
const MOST_LINKS = 40;

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
export function partsOf(path: string): string[] {
  return path
    .slice(parse(path).root.length)
    .split(sep)
    .filter((name) => name !== '' && name !== '.');
}

function rootOf(path: string): Part {
  const { root } = parse(path);
  return { path: root, stats: lstatSync(root), above: [] };
}

function below(folder: Part, name: string): Part {
  const path = join(folder.path, name);
  return { path, stats: lstatSync(path), above: [...folder.above, folder] };
}

/** What lets others decide what stands there: the part itself, or the directory that it is in. */
function weakPartAt(part: Part, rules: WayRules, machine: Machine): string | undefined {
  const { path, stats, above } = part;
  if (machine.user === undefined || isTrusted(path, machine)) return undefined;
  if (isForeign(part, machine)) return path;
  const folder = above.at(-1);
  // Files and links in /tmp are cleared away, and then anybody can put another one there. A directory hardly ever goes.
  if (folder !== undefined && !stats.isDirectory() && isOpen(folder, rules, machine)) return folder.path;
  // Nobody looks at the mode of a link.
  if (stats.isSymbolicLink() || isProtected(stats, machine)) return undefined;
  return isOpen(part, rules, machine) ? path : undefined;
}

/** A user whom this namespace does not know may be root, but not below a directory of this user. */
function isForeign({ stats: { uid }, above }: Part, { user, overflowUser }: Machine): boolean {
  if (uid === 0 || uid === user) return false;
  return uid !== overflowUser || above.some(({ stats }) => stats.uid !== 0 && stats.uid === user);
}

/** A directory such as /tmp: what is in it only its owner and root can exchange. */
function isProtected(stats: Stats, { user, overflowUser }: Machine): boolean {
  const isOfSystem = stats.uid === 0 || (stats.uid === overflowUser && stats.uid !== user);
  return isOfSystem && stats.isDirectory() && (stats.mode & STICKY) !== 0;
}

/** Whether others can write to it. The volume of a ConfigMap is 0777, and mounted read-only. */
function isOpen({ path, stats }: Part, { trustsGroupsOfRoot }: WayRules, machine: Machine): boolean {
  if (!isWritableByOthers(stats, machine) || isReadOnly(path)) return false;
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
