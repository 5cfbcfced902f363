// Names of files: whether two of them, or two descriptors, are of the same file; whether two paths are spellings of one; which names
// Windows reserves; and the names of temporary files, with what a killed process left of them. Such a file may hold the whole secret, so whoever knows the token
// of a call can find and remove it.

import { randomBytes } from 'node:crypto';
import { lstatSync, opendirSync, readdirSync, realpathSync, unlinkSync, type BigIntStats } from 'node:fs';
import { basename, dirname, extname, join, relative } from 'node:path';
import { unlessMissing, unlessRefused } from './file-problem.ts';
import type { SafeDirectory } from './safe-directory.ts';

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

/** Names of devices. */
const DEVICE =
  /^(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|COM[0-9\u00b9\u00b2\u00b3]|LPT[0-9\u00b9\u00b2\u00b3])[ ]*(?:\.|$)/i;

/**
 * Whether Windows gives the name to a device, with an extension too (`NUL.key`), or cannot keep it: it cuts off a dot or a
 * blank at the end. Such names are refused on every system, so that a configuration can move.
 */
export function isReservedName(name: string): boolean {
  return DEVICE.test(name) || /[. ]$/.test(name);
}

const TOKEN = /^[0-9A-Za-z]{1,64}$/;

/**
 * A name that nobody can guess and people recognise, should a killed process leave it behind:
 * `.NAME.atlas-model-keys-TOKEN-RANDOM.tmp`, and at the end the extension of NAME. It begins and ends as NAME
 * does, so that git ignores it by the patterns `.env*`, `.env*.local` and `*.key` too. Where the pattern is
 * the exact name it is not ignored for the moment that it exists.
 *
 * @param token of the call that makes it, letters and digits; without one nobody can find what is left of it
 */
export function temporaryName(name: string, token?: string): string {
  return `${prefixOf(name, token)}${randomBytes(8).toString('hex')}.tmp${endOf(name)}`;
}

/** The names of the temporary files beside `name` that a call with this token left. */
export function leftovers(directory: SafeDirectory, name: string, token: string): string[] {
  const [prefix, end] = [folded(prefixOf(name, token)), folded(`.tmp${endOf(name)}`)];
  // A disk may list them by another spelling. The token is that of one call.
  const isLeft = (each: string) => each.startsWith(prefix) && each.endsWith(end);
  return readdirSync(directory.path('.')).filter((each) => isLeft(folded(each)));
}

/** Removes them; nobody may be at that call any more. */
export async function removeLeftovers(directory: SafeDirectory, name: string, token: string): Promise<void> {
  const left = leftovers(directory, name, token);
  for (const each of left) {
    // Another process may be doing the same.
    unlessMissing(() => {
      unlinkSync(directory.path(each));
    });
  }
  if (left.length > 0) await directory.sync();
}

/** The beginning of the name of any file that this program puts beside `name` for a while. */
export function besideName(name: string): string {
  return `${cut(name.startsWith('.') ? name : `.${name}`, 100)}.atlas-model-keys-`;
}

function prefixOf(name: string, token: string | undefined): string {
  if (token === undefined) return besideName(name);
  if (!TOKEN.test(token)) throw new Error('A token must be letters and digits.');
  return `${besideName(name)}${token}-`;
}

function endOf(name: string): string {
  const extension = extname(name);
  return Buffer.byteLength(extension) <= 32 ? extension : '';
}

/** The first so many bytes, without half a character at the end. */
function cut(text: string, bytes: number): string {
  return Buffer.from(text)
    .subarray(0, bytes)
    .toString()
    .replace(/\uFFFD+$/, '');
}
