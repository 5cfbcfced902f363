// Walks from the root of the file system to the directory that is to hold what only this user may change. It checks every
// step, and neither makes a directory nor holds on to one (see safe-directory.ts).

import { accessSync, constants, lstatSync, realpathSync, type Stats } from 'node:fs';
import { join, parse } from 'node:path';
import { failed, ok, type Result } from '../failure.ts';
import { ancestorProblem, isForEverybody, kindOf, parentProblem, privateMode } from './file-owner.ts';
import { problemAt, type FileProblem } from './file-problem.ts';
import { partsOf } from './link-way.ts';
import { isTrusted, thisMachine, type Machine } from './machine.ts';

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
    (rest.length === 0 ? parentProblem(last.path, last.stats, machine) : founderProblem(last, parts, machine));
  if (problem !== undefined) return failed(problem);
  const missing = rest.map((_, index) => join(last.path, ...rest.slice(0, index + 1)));
  return ok({ directory: missing.at(-1) ?? last.path, existing: last.path, missing });
}

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
  for (const [index, { path, stats }] of parts.slice(0, count).entries()) {
    const above = parts[index - 1];
    const below = parts[index + 1];
    const problem = ancestorProblem(
      {
        path,
        stats,
        isMountRoot: above?.stats.dev !== stats.dev,
        isAboveOwn: below === undefined || below.stats.uid === machine.user,
        isBelowOwn: parts.slice(0, index).some((each) => each.stats.uid !== 0 && each.stats.uid === machine.user),
      },
      machine,
    );
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function isOfTheSystem(link: Stats, machine: Machine): boolean {
  return machine.user !== undefined && (link.uid === 0 || link.uid === machine.overflowUser);
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
  if (user === undefined || stats.uid === user || isForEverybody(stats, machine) || isTrusted(path, machine)) {
    return undefined;
  }
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
