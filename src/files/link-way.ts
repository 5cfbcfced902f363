// Follows a path as the system does, link by link, and looks whether anybody but root and this user could make it lead
// elsewhere. It is for files that are read; to what is written no link may lead (ancestors.ts).

import { accessSync, constants, lstatSync, readlinkSync, type Stats } from 'node:fs';
import { join, parse, sep } from 'node:path';
import { isWritableByOthers } from './file-owner.ts';
import { systemCode } from './file-problem.ts';
import { isTrusted, type Machine, thisMachine } from './machine.ts';

export interface Followed {
  /** Without any link. */
  readonly path: string;
  /** The first directory or link on the way, or the file itself, that others could change; absent where there is none. */
  readonly weakPart?: string;
}

const STICKY = 0o1000;
/** As in Linux. */
const MOST_LINKS = 40;

/** Throws the error of the system where a part of the way is missing, or may not be looked at. */
export function followLinks(path: string, machine = thisMachine()): Followed {
  let at = parse(path).root;
  let folder = lstatSync(at);
  let rest = partsOf(path);
  let links = 0;
  let weakPart = weakFolder(at, folder, machine);
  for (;;) {
    const [part, ...further] = rest;
    if (part === undefined) break;
    const next = join(at, part);
    const stats = lstatSync(next);
    weakPart ??= weakEntry(next, stats, { path: at, stats: folder }, machine);
    rest = further;
    if (stats.isSymbolicLink()) {
      links += 1;
      if (links > MOST_LINKS) throw Object.assign(new Error('ELOOP'), { code: 'ELOOP' });
      const target = readlinkSync(next);
      rest = [...partsOf(target), ...further];
      if (target.startsWith(sep)) at = parse(target).root;
      folder = lstatSync(at);
    } else {
      [at, folder] = [next, stats];
    }
  }
  return { path: at, ...(weakPart !== undefined && { weakPart }) };
}

/** Relative to its root, if it has one. */
function partsOf(path: string): string[] {
  return path.slice(parse(path).root.length).split(sep).filter(Boolean);
}

interface Folder {
  readonly path: string;
  readonly stats: Stats;
}

function weakEntry(path: string, stats: Stats, folder: Folder, machine: Machine): string | undefined {
  if (isForeign(stats, machine) && !isTrusted(path, machine)) return path;
  if (stats.isDirectory()) return weakFolder(path, stats, machine);
  // Files in /tmp are cleared away, and then anybody can put another one there.
  if (isSticky(folder.stats) && isWritableByOthers(folder.stats, machine) && !isReadOnly(folder.path))
    return folder.path;
  // Nobody looks at the mode of a link.
  return !stats.isSymbolicLink() && isWritableByOthers(stats, machine) && !isReadOnly(path) ? path : undefined;
}

function weakFolder(path: string, stats: Stats, machine: Machine): string | undefined {
  if (isTrusted(path, machine)) return undefined;
  if (isForeign(stats, machine)) return path;
  if (isSticky(stats) || !isWritableByOthers(stats, machine)) return undefined;
  // The volume of a ConfigMap is 0777, and mounted read-only.
  return isReadOnly(path) ? undefined : path;
}

function isForeign({ uid }: Stats, { user, overflowUser }: Machine): boolean {
  return user !== undefined && uid !== 0 && uid !== user && uid !== overflowUser;
}

function isSticky({ mode }: Stats): boolean {
  return (mode & STICKY) !== 0;
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
