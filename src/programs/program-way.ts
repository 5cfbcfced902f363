// Walks to a program file as the system does when it starts it, link by link, and looks whether anybody but root and
// this user could put another one there. It never runs it.

import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { join, parse, sep } from 'node:path';
import { effectiveUser } from '../files/file-owner.ts';

/** node:fs has names for these bits, but not on every system. */
const GROUP_WRITES = 0o020;
const OTHERS_WRITE = 0o002;
const STICKY = 0o1000;
/** The group of administrators, on every macOS. */
const ADMIN = 80;
/** As in Linux. */
const MOST_LINKS = 40;

/**
 * The first part of the way to an existing file that somebody else could change, or undefined: a directory, a link, or
 * the file itself. Windows has no such owners and bits.
 */
export function weakPartOf(path: string): string | undefined {
  if (effectiveUser() === undefined) return undefined;
  let at = parse(path).root;
  let folder = lstatSync(at);
  if (isWeak(folder)) return at;
  let rest = partsOf(path);
  for (let links = 0; links <= MOST_LINKS;) {
    const [part, ...further] = rest;
    if (part === undefined) return undefined;
    const next = join(at, part);
    const stats = lstatSync(next);
    if (isWeak(stats)) return next;
    // Files in /tmp are cleared away, and then anybody can put another one there. A directory hardly ever goes.
    if (isShared(folder) && !stats.isDirectory()) return at;
    rest = further;
    if (stats.isSymbolicLink()) {
      const target = readlinkSync(next);
      rest = [...partsOf(target), ...further];
      links += 1;
      if (target.startsWith(sep)) [at, folder] = [sep, lstatSync(sep)];
    } else {
      [at, folder] = [next, stats];
    }
  }
  return path;
}

/** Relative to its root, if it has one. */
function partsOf(path: string): string[] {
  return path.split(sep).filter(Boolean);
}

function isWeak(stats: Stats): boolean {
  if (stats.uid !== 0 && stats.uid !== effectiveUser()) return true;
  // Nobody looks at the mode of a link.
  if (stats.isSymbolicLink()) return false;
  if ((stats.mode & GROUP_WRITES) !== 0 && !isTrustedGroup(stats)) return true;
  return (stats.mode & OTHERS_WRITE) !== 0 && !isShared(stats);
}

/**
 * What root lets a group write, such as Debian's /usr/local/bin (root:staff, 2775), is for people that root trusts. So is
 * on macOS the group admin, which Homebrew lets write its folders: its members may become root anyway.
 */
function isTrustedGroup({ uid, gid }: Stats): boolean {
  return uid === 0 || (process.platform === 'darwin' && gid === ADMIN);
}

/** Such as /tmp: all may put something in, and only root and its owner may exchange it. */
function isShared(stats: Stats): boolean {
  const { uid, mode } = stats;
  return stats.isDirectory() && uid === 0 && (mode & OTHERS_WRITE) !== 0 && (mode & STICKY) !== 0;
}
