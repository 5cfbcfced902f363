// Tells whether two names or descriptors are of the same file, and whether two paths are spellings of one.

import { lstatSync, opendirSync, realpathSync, type BigIntStats } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { systemCode } from './file-problem.ts';

/** Which file it is, whatever its name. */
export type Identity = Pick<BigIntStats, 'dev' | 'ino'>;

/**
 * Windows with libuv 1.49 and 1.50 (Node 22.12 to 22.15 and 24.0) gives the number of a volume in 64 bits by a path and
 * in 32 by a descriptor; the lower 32 are the same.
 */
export function isSame(a: Identity, b: Identity, platform: NodeJS.Platform = process.platform): boolean {
  const volume = (dev: bigint) => (platform === 'win32' ? BigInt.asUintN(32, dev) : dev);
  return volume(a.dev) === volume(b.dev) && a.ino === b.ino;
}

/**
 * One text for every spelling of a path: by a link on the way, by case where the directory folds it, by Unicode's normal
 * forms (of which macOS takes all for one). Two paths of one text are one place. What is missing on the way is taken as
 * it is spelled, so that the text stays the same once it is made. An empty disk of Linux that folds case is not recognised,
 * since there is no name to look at.
 *
 * @param folds whether names that differ in case are one name in a directory
 */
export function placeKey(path: string, folds: (directory: string) => boolean = foldsCase): string {
  const { existing, real } = realPart(dirname(path));
  const key = join(real, relative(existing, path));
  return folds(existing) ? folded(key) : key.normalize('NFC');
}

/** The path as the disk spells it, where the system tells (macOS, Windows); with links it stays as it is. */
export function spellingOnDisk(path: string): string {
  const { existing, real } = realPart(path);
  return folded(real) === folded(existing) ? join(real, relative(existing, path)) : path;
}

/** One text for the names that a directory which folds case takes for one. */
export function folded(name: string): string {
  return name.normalize('NFC').toUpperCase();
}

/** The last part of the path that exists, and what it really is. */
function realPart(path: string): { readonly existing: string; readonly real: string } {
  for (let existing = path; ; existing = dirname(existing)) {
    const real = unlessRefused(() => realpathSync.native(existing));
    if (real !== undefined || existing === dirname(existing)) return { existing, real: real ?? existing };
  }
}

/** Found by looking: the other spelling of a name that is there leads to the same entry, or to none. */
function foldsCase(directory: string): boolean {
  for (let path = directory; ; path = dirname(path)) {
    // A directory may fold the names in it and not be in one that does, as on ext4 and NTFS.
    const own = hasOtherCase(path);
    const folds = own === true ? own : (unlessRefused(() => foldsEntries(path)) ?? own);
    if (folds !== undefined) return folds;
    if (path === dirname(path)) return false;
  }
}

function foldsEntries(directory: string): boolean | undefined {
  const opened = opendirSync(directory);
  try {
    for (let entry = opened.readSync(); entry !== null; entry = opened.readSync()) {
      const folds = hasOtherCase(join(directory, entry.name));
      if (folds !== undefined) return folds;
    }
    return undefined;
  } finally {
    opened.closeSync();
  }
}

/** Undefined where the name has no letters, or is gone, as temporary files are in a moment. */
function hasOtherCase(path: string): boolean | undefined {
  const name = basename(path);
  const other = name.replace(/[a-z]/gi, (letter) =>
    /[a-z]/.test(letter) ? letter.toUpperCase() : letter.toLowerCase(),
  );
  if (other === name) return undefined;
  const [named, otherwise] = [path, join(dirname(path), other)].map((each) =>
    unlessRefused(() => lstatSync(each, { bigint: true })),
  );
  return named && otherwise !== undefined && isSame(named, otherwise);
}

function unlessRefused<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}
