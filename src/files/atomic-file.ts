// Puts whole files into a safe directory, or nothing: a temporary name first, then linked or renamed into
// place. It also reads and removes them. It knows neither secrets nor formats, and judges no owner.

import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  linkSync,
  lstatSync,
  openSync,
  readSync,
  renameSync,
  unlinkSync,
  writeFileSync,
  type BigIntStats,
} from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { isSame, temporaryName, type Identity } from './names.ts';
import { toDisk, type SafeDirectory } from './safe-directory.ts';
import { systemCode, systemError, unlessMissing } from './file-problem.ts';

/** As long as any of these differs, somebody changed the file. */
type Version = Pick<BigIntStats, 'dev' | 'ino' | 'size' | 'mtimeNs'>;

export interface FoundFile {
  readonly stats: BigIntStats;
  /** Absent where it is not a regular file, or is larger than the limit. */
  readonly bytes?: Buffer;
}

/** Must not exist, must not be a link. Windows has no O_NOFOLLOW, which counts as 0. */
const CREATE = constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | constants.O_WRONLY;
/** Does not wait for the other end of a FIFO. */
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** How Windows says that a file is open elsewhere. */
const BUSY = new Set(['EPERM', 'EACCES', 'EBUSY']);
const MOST_RENAMES = 40;
const RENAME_PAUSE_MS = 25;
const MOST_READS = 5;
const READ_PAUSE_MS = 3;

/** Who may read a file beside its owner. */
export interface Access {
  readonly mode: number;
  /** The user that it gets; absent where that is this one. */
  readonly uid?: number;
  /** The group that it gets; absent where the group may not read it. */
  readonly gid?: number;
  /** Gives the opened file, which is 0600, its mode and an access control list. Answers whether it could. */
  readonly give?: (file: number) => Promise<boolean>;
}

export const PRIVATE: Access = { mode: 0o600 };

/**
 * Makes a file that must not exist yet, 0600 before its first byte whatever the umask (or for a group too), and syncs it.
 * It stays open while `use` runs: were it closed and removed by somebody, its number could come back as that of
 * another file, and the identity prove nothing. On an error the file is removed.
 */
export async function withNewFile<T>(
  directory: SafeDirectory,
  name: string,
  bytes: Uint8Array,
  use: (placed: PlacedFile, file: number) => T | Promise<T>,
  { mode, uid, gid, give }: Access = PRIVATE,
): Promise<T> {
  const file = openSync(directory.path(name), CREATE, 0o600);
  try {
    directory.confirm();
    const isGiven = uid !== undefined || (gid !== undefined && fstatSync(file).gid !== gid);
    if (isGiven) fchownSync(file, uid ?? -1, gid ?? -1);
    fchmodSync(file, give === undefined ? mode : PRIVATE.mode);
    if (give !== undefined && !(await give(file))) throw systemError('ENOTSUP');
    writeFileSync(file, bytes);
    await toDisk(file);
    return await use(fstatSync(file, { bigint: true }), file);
  } catch (error) {
    removeQuietly(directory, name);
    throw error;
  } finally {
    closeSync(file);
  }
}

/**
 * A new file: fails with EEXIST where the name is taken, and then or on any other error leaves nothing.
 *
 * @param token by which `leftovers` finds what stays should this process be killed
 */
export function placeNew(
  directory: SafeDirectory,
  name: string,
  bytes: Uint8Array,
  token?: string,
): Promise<PlacedFile> {
  const temporary = temporaryName(name, token);
  return withNewFile(directory, temporary, bytes, async (written) => {
    directory.confirm();
    linkSync(directory.path(temporary), directory.path(name));
    try {
      requireIdentity(directory, name, written);
      unlinkSync(directory.path(temporary));
      await directory.sync();
      directory.confirm();
    } catch (error) {
      removeLinked(directory, name, written);
      throw error;
    }
    return written;
  });
}

/** A number is given again to the next file: the time of its birth tells the two apart, where the disk keeps it. */
export type PlacedFile = Identity & Pick<BigIntStats, 'birthtimeNs'>;

interface Replacing {
  /** As of {@link placeNew}. */
  readonly token?: string | undefined;
  /** Only its owner may read the new file, if nothing is said. */
  readonly access?: Access | undefined;
}

/**
 * Replaces an existing file, if it still is of the version that the bytes were made from. Answers false
 * where it is not; then nothing was changed. The old file stays until the new one is synced and was read back.
 */
export function replaceVersion(
  directory: SafeDirectory,
  name: string,
  bytes: Uint8Array,
  version: Version,
  { token, access }: Replacing = {},
): Promise<boolean> {
  const temporary = temporaryName(name, token);
  return withNewFile(
    directory,
    temporary,
    bytes,
    async (written) => {
      directory.confirm();
      requireBytes(directory, temporary, written, bytes);
      const isReplaced = await whileBusy(() => {
        if (!isStill(directory, name, version)) return false;
        renameSync(directory.path(temporary), directory.path(name));
        return true;
      });
      if (!isReplaced) {
        unlinkSync(directory.path(temporary));
        return false;
      }
      await directory.sync();
      return true;
    },
    access,
  );
}

/** What stands under the name, if anything; read only where it is a regular file within the limit. */
export async function readFound(directory: SafeDirectory, name: string, limit: number): Promise<FoundFile | undefined> {
  for (let tries = 0; tries < MOST_READS; tries += 1) {
    const found = readOnce(directory, name, limit);
    // For a moment a new file has its temporary name too.
    const isSettled = found !== 'exchanged' && !(found?.stats.isFile() === true && found.stats.nlink > 1n);
    if (isSettled || (found !== 'exchanged' && tries === MOST_READS - 1)) return found;
    await delay(READ_PAUSE_MS);
  }
  throw systemError('ESTALE');
}

function readOnce(directory: SafeDirectory, name: string, limit: number): FoundFile | undefined | 'exchanged' {
  const named = statsOf(directory, name);
  if (!named?.isFile()) return named && { stats: named };
  const file = unlessMissing(() => openSync(directory.path(name), READ));
  if (file === undefined) return 'exchanged';
  try {
    const stats = fstatSync(file, { bigint: true });
    // Another program has renamed its own file over this one.
    if (stats.nlink === 0n) return 'exchanged';
    if (!stats.isFile() || stats.size > limit) return { stats };
    const bytes = Buffer.alloc(Number(stats.size));
    const bytesRead = readSync(file, bytes, 0, bytes.length, 0);
    directory.confirm();
    return bytesRead === bytes.length ? { stats, bytes } : 'exchanged';
  } finally {
    closeSync(file);
  }
}

/** Undefined where there is nothing of that name. */
export function statsOf(directory: SafeDirectory, name: string): BigIntStats | undefined {
  return lstatSync(directory.path(name), { bigint: true, throwIfNoEntry: false });
}

/** Removes the file of that name if it is the very one. */
export async function removeIfSame(directory: SafeDirectory, name: string, identity: Identity): Promise<void> {
  const stats = lstatSync(directory.path(name), { bigint: true });
  if (!isSame(stats, identity)) return;
  unlinkSync(directory.path(name));
  await directory.sync();
}

/**
 * Undoes a link: of the written file, or of a symbolic link that somebody planted at the temporary name. A
 * regular file is that of another program, which was quick to put its own in place.
 */
function removeLinked(directory: SafeDirectory, name: string, written: Identity): void {
  try {
    const stats = lstatSync(directory.path(name), { bigint: true });
    if (isSame(stats, written) || !stats.isFile()) unlinkSync(directory.path(name));
  } catch {
    // It is gone already, or the disk failed.
  }
}

function requireIdentity(directory: SafeDirectory, name: string, identity: Identity): void {
  const stats = statsOf(directory, name);
  if (stats === undefined || !isSame(stats, identity)) throw systemError('ESTALE');
}

/** A disk may give back other bytes than it was given; then the old file must stay. */
function requireBytes(directory: SafeDirectory, name: string, identity: Identity, bytes: Uint8Array): void {
  requireIdentity(directory, name, identity);
  const found = readOnce(directory, name, bytes.length);
  if (found === undefined || found === 'exchanged' || !isSame(found.stats, identity)) throw systemError('ESTALE');
  const isWhole = found.bytes?.equals(bytes);
  found.bytes?.fill(0);
  if (isWhole !== true) throw systemError('EIO');
}

function isStill(directory: SafeDirectory, name: string, version: Version): boolean {
  const stats = statsOf(directory, name);
  if (stats === undefined) return false;
  return isSame(stats, version) && stats.size === version.size && stats.mtimeNs === version.mtimeNs;
}

/**
 * Tries again for about a second where Windows says that another program has the file open, as editors, indexers and
 * virus scanners have for a moment.
 */
export async function whileBusy<T>(action: () => T, platform: NodeJS.Platform = process.platform): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return action();
    } catch (error) {
      if (platform !== 'win32' || tries >= MOST_RENAMES || !BUSY.has(systemCode(error) ?? '')) throw error;
    }
    await delay(RENAME_PAUSE_MS);
  }
}

/** Also after an error, which a second one must not hide. */
export function removeQuietly(directory: SafeDirectory, name: string): void {
  try {
    unlinkSync(directory.path(name));
  } catch {
    // It is gone already, or the disk failed.
  }
}
