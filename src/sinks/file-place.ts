// What the two sinks that write files have in common before they write: the path, the checks of the place,
// and the proof by trying. It looks at the target, but whether that may exist is for each sink to say.

import { accessSync, constants, lstatSync, statfsSync, type Stats } from 'node:fs';
import { basename, dirname, isAbsolute, join, normalize, sep } from 'node:path';
import { walk } from '../files/ancestors.ts';
import { probe } from '../files/atomic-file.ts';
import { passed, refused, systemCode } from '../files/file-problem.ts';
import { withDirectory, withMadeDirectory, type SafeDirectory } from '../files/safe-directory.ts';
import { leftovers, removeLeftovers } from '../files/temporary-name.ts';
import { gitProblem, type Environment } from './git-ignore.ts';
import { attempt, notReady, worded, type Checked, type Refused } from './sink-problem.ts';
import type { Address, Held, PreflightMode, Sink } from './sink.ts';
import { expand, takesEntry } from './template.ts';

/** Where one secret goes: the file `name` in `directory`. */
export interface Place {
  readonly path: string;
  readonly directory: string;
  readonly name: string;
}

/** What a sink says of whatever exists at its place. */
export type JudgeExisting<T> = (place: Place, stats: Stats) => Checked<T> | Promise<Checked<T>>;

/** The place of an address. The values of an address cannot leave the directory that the operator named. */
export function placeOf(template: string, address: Address): Checked<Place> {
  const path = expand(template, address);
  if (takesEntry(template) && !address.entry) {
    return notReady('This sink needs an entry, and there is none.', 'Pass an entry.');
  }
  const isProper = isAbsolute(path) && normalize(path) === path && !path.endsWith(sep) && !path.includes('\0');
  if (!isProper || path.split(sep).length !== template.split(sep).length) {
    return notReady(
      `${template} is no plain path of a file once its placeholders are replaced.`,
      'Configure an absolute path without "." and "..", doubled or trailing slashes.',
    );
  }
  return passed({ path, directory: dirname(path), name: basename(path) });
}

/** The whole preflight of a place. `judge` is asked only where something exists there; else the answer is undefined. */
export function examinePlace<T>(
  place: Place,
  mode: PreflightMode,
  environment: Environment,
  judge: JudgeExisting<T>,
): Promise<Checked<T | undefined>> {
  return attempt(`${place.path} cannot be written`, async () => {
    const way = worded(walk(place.directory));
    if (!way.ok) return way;
    const { directory, existing, missing } = way.value;
    const target = join(directory, place.name);
    const found = missing.length === 0 ? lstatSync(target, { throwIfNoEntry: false }) : undefined;
    const judged = found === undefined ? passed(undefined) : await judge(place, found);
    if (!judged.ok) return judged;
    const problem = (await gitProblem(target, existing, environment)) ?? roomProblem(existing);
    if (problem !== undefined) return problem;
    if (mode === 'prove') {
      const proof = await provePlace(place, found === undefined);
      if (!proof.ok) return proof;
    }
    return judged;
  });
}

/** What a look at a place finds. A directory that is missing holds nothing; one that is not safe tells nothing. */
export async function heldBy(look: () => Promise<Checked<Held>>): Promise<Held> {
  try {
    const found = await look();
    return found.ok ? found.value : { held: 'unknown' };
  } catch (error) {
    return systemCode(error) === 'ENOENT' ? { held: 'nothing' } : { held: 'unknown' };
  }
}

/** The part of a sink that finds what killed deliveries left beside its places. */
export function sweeperOf(template: string): Required<Pick<Sink, 'leftovers' | 'removeLeftovers'>> {
  return {
    async leftovers(address, nonce) {
      const place = placeOf(template, address);
      if (!place.ok) return undefined;
      const { directory, name } = place.value;
      return ifReadable(directory, [], (opened) => leftovers(opened, name, nonce).map((each) => join(directory, each)));
    },
    async removeLeftovers(address, nonce) {
      const place = placeOf(template, address);
      if (!place.ok) return false;
      const { directory, name } = place.value;
      const removed = await ifReadable(directory, true, async (opened) => {
        await removeLeftovers(opened, name, nonce);
        return true;
      });
      return removed ?? false;
    },
  };
}

/** Undefined where the directory is not safe, or cannot be read; `missing` where it is not there. */
async function ifReadable<T>(
  directory: string,
  missing: T,
  use: (opened: SafeDirectory) => T | Promise<T>,
): Promise<T | undefined> {
  try {
    const used = await withDirectory(directory, async (opened) => passed(await use(opened)));
    return used.ok ? used.value : undefined;
  } catch (error) {
    return systemCode(error) === 'ENOENT' ? missing : undefined;
  }
}

/** `access` also finds a file system that is mounted read-only. */
function roomProblem(directory: string): Refused | undefined {
  accessSync(directory, constants.W_OK | constants.X_OK);
  const { blocks, bavail } = statfsSync(directory);
  // Some network file systems do not know their size and say 0 of 0.
  if (blocks === 0 || bavail > 0) return undefined;
  return notReady(`No space is left on the disk of ${directory}.`, 'Make room there, or configure another path.');
}

/** A name that does not exist yet is made by linking, which some file systems cannot. */
async function provePlace(place: Place, isNew: boolean): Promise<Checked<undefined>> {
  const proof = await withMadeDirectory(place.directory, async (directory) => {
    if (await probe(directory, place.name, isNew)) return passed(undefined);
    return refused(
      'no hard links',
      place.directory,
      `The file system of ${place.directory} has no hard links, without which no new file can be put in place whole.`,
    );
  });
  return worded(proof);
}
