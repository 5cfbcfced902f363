// Walks from the root of the file system to the directory that is to hold what only this user may change, and makes what is
// missing of it. It checks every step; it does not hold on to anything (see safe-directory.ts).

import { chmodSync, closeSync, lstatSync, mkdirSync, openSync, realpathSync, type Stats } from 'node:fs';
import { dirname, join, parse, sep } from 'node:path';
import { ancestorProblem, effectiveUser, isForEverybody, kindOf, parentProblem } from './file-owner.ts';
import { passed, refused, systemCode, type Checked, type Refused } from './file-problem.ts';
import { toDisk } from './to-disk.ts';

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
export function walk(directory: string): Checked<Way> {
  const { root } = parse(directory);
  let path = root;
  let stats = lstatSync(root);
  let rest = partsOf(directory);
  let problem = ancestorProblem(root, stats);
  let resolved = false;
  while (problem === undefined) {
    const [part] = rest;
    if (part === undefined) break;
    const next = join(path, part);
    const found = lstatSync(next, { throwIfNoEntry: false });
    if (found === undefined) break;
    if (found.isSymbolicLink() && path === root && !resolved && isOfTheSystem(found)) {
      // Such as /tmp and /var on macOS: only root can put a link there. What it leads to is walked anew.
      rest = [...partsOf(realpathSync.native(next)), ...rest.slice(1)];
      resolved = true;
      continue;
    }
    problem = stepProblem(next, found);
    [path, stats, rest] = [next, found, rest.slice(1)];
  }
  problem ??= rest.length === 0 ? parentProblem(path, stats) : founderProblem(path, stats);
  if (problem !== undefined) return problem;
  const missing = rest.map((_, index) => join(path, ...rest.slice(0, index + 1)));
  return passed({ directory: missing.at(-1) ?? path, existing: path, missing });
}

/** Makes the missing directories, for this user alone whatever the umask; then the way must be checked anew. */
export async function makeMissing(way: Way): Promise<void> {
  for (const path of way.missing) {
    try {
      mkdirSync(path, 0o700);
      chmodSync(path, 0o700);
      await syncDirectory(dirname(path));
    } catch (error) {
      // Another server was faster; the check that follows judges what it made.
      if (systemCode(error) !== 'EEXIST') throw error;
    }
  }
}

/** Puts the entries of a directory on the disk, where the system can do that. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const file = openSync(path, 'r');
  try {
    await toDisk(file);
  } finally {
    closeSync(file);
  }
}

function partsOf(path: string): string[] {
  return path.slice(parse(path).root.length).split(sep).filter(Boolean);
}

function isOfTheSystem(link: Stats): boolean {
  return effectiveUser() !== undefined && link.uid === 0;
}

function stepProblem(path: string, stats: Stats): Refused | undefined {
  if (stats.isSymbolicLink()) {
    return refused('symbolic link', path, `${path} is a symbolic link, and who can change it decides where it leads.`);
  }
  if (!stats.isDirectory()) {
    return refused('not a directory', path, `${path} is ${kindOf(stats)}, not a directory.`);
  }
  return ancestorProblem(path, stats);
}

/**
 * The directory in which the first missing one is made: this user's own, or one such as /tmp, where everybody may make
 * one and nobody else may touch it afterwards. Whoever was there first is found by the check that follows.
 */
function founderProblem(path: string, stats: Stats): Refused | undefined {
  const user = effectiveUser();
  if (user === undefined || stats.uid === user || isForEverybody(stats)) return undefined;
  return refused(
    'foreign founder',
    path,
    `A directory is missing, and ${path} does not belong to the user who runs this server.`,
    'Make the missing directories by hand for that user (mode 0700).',
  );
}
