// The sink that puts a secret into a file of its own: exactly its bytes, mode 0600, whole or not at all. It overwrites
// nothing but the secret of a key that is replaced: at any moment the file holds the whole old secret or the whole new one.

import type { Stats } from 'node:fs';
import { failed, ok, type Result } from '../failure.ts';
import type { FileSpec } from '../config/sink-spec.ts';
import {
  PRIVATE,
  placeNew,
  readFound,
  removeIfSame,
  replaceVersion,
  type FoundFile,
  type PlacedFile,
} from '../files/atomic-file.ts';
import { withLock } from '../files/process-owner.ts';
import { fileProblem, isOpenToOthers, kindOf, shellWord } from '../files/file-problem.ts';
import { placeKey } from '../files/names.ts';
import type { SafeDirectory } from '../files/safe-directory.ts';
import type { Environment } from '../programs/child-environment.ts';
import { fingerprintOfBytes, holdsExactly, type Fingerprint } from '../secret/opened-secret.ts';
import { openSecret, type Secret } from '../secret/secret.ts';
import { keptReaders } from './access-list.ts';
import {
  filePathOf,
  heldBy,
  locationOf,
  preflightFile,
  serializedAt,
  sweeperOf,
  type FilePath,
  verdictOn,
  type JudgeExisting,
} from './file-path.ts';
import {
  bytesOf,
  changedMeanwhile,
  heldValue,
  notTheOldSecret,
  oldSecretIn,
  secretIn,
  type OldSecret,
} from './old-secret.ts';
import {
  attempt,
  entryExists,
  failedDelivery,
  failedReplace,
  ifInReach,
  inDirectory,
  notReady,
  sinkProblem,
  worded,
  takesEntry,
  takesProject,
  type Delivery,
  type FoundSecret,
  type Held,
  type PreparedWrite,
  type Preflight,
  type Replaced,
  type Retraction,
  type Sink,
  type SinkProblem,
} from './sink.ts';

/** `environment` is that of this process; git is found and configured by it. */
export function fileSink(name: string, spec: FileSpec, environment: Environment): Sink {
  return {
    name,
    kind: 'file',
    location: spec.path,
    takesEntry: takesEntry(spec.path),
    takesProject: takesProject(spec.path),
    mayWriteForMs: 0,
    verification: 'read-back',
    async preflight(reference, mode, replaced): Promise<Result<Preflight, SinkProblem>> {
      const file = filePathOf(spec.path, reference);
      if (!file.ok) return file;
      const examined = await preflightFile(file.value, mode, environment, judgeFile(replaced));
      if (!examined.ok) return examined;
      const { judged: old, warnings, access } = examined.value;
      const write = old ? replacingWrite(file.value, old, access, environment) : newFileWrite(file.value, access);
      return ok({ write, warnings });
    },
    placeOf(reference) {
      const file = filePathOf(spec.path, reference);
      return Promise.resolve(file.ok ? placeKey(file.value.path) : undefined);
    },
    async lookUp(reference): Promise<Held> {
      const file = filePathOf(spec.path, reference);
      return file.ok ? heldBy(() => readAt(file.value, heldValue)) : { held: 'unknown' };
    },
    async readSecret(reference, key): Promise<FoundSecret> {
      const file = filePathOf(spec.path, reference);
      return file.ok ? heldBy(() => readAt(file.value, (bytes) => secretIn(bytes, key))) : { held: 'unknown' };
    },

    async withdraw(reference, fingerprint) {
      const file = filePathOf(spec.path, reference);
      if (file.ok) await ifInReach(() => serializedAt(file.value, () => withdrawFrom(file.value, fingerprint)));
    },
    ...sweeperOf(spec.path),
  };
}

function newFileWrite(file: FilePath, access: readonly string[]): PreparedWrite {
  let delivered: Placed | undefined;
  const removeDelivered = () => removePlaced(file, delivered);
  return {
    get location() {
      return locationOf(file.path);
    },
    place: placeKey(file.path),
    overwrites: 'nothing',
    canRetract: true,
    async deliver(secret, call): Promise<Delivery> {
      const bytes = Buffer.from(openSecret(secret), 'utf8');
      const placed = await attempt(`${file.path} could not be written`, () =>
        inDirectory(file.directory, async (directory) => {
          const placed = await placeNew(directory, file.name, bytes, call?.nonce);
          delivered = { ...placed, secret };
          return ok(undefined);
        }),
      );
      if (placed.ok) return { outcome: 'written', warnings: access };
      await removeDelivered();
      return failedDelivery(placed.failure);
    },
    verify: (secret) => verdictOn(file, secret),
    retract: removeDelivered,
  };
}

type Placed = PlacedFile & { readonly secret: Secret };

async function removePlaced(file: FilePath, placed: Placed | undefined): Promise<Retraction> {
  if (placed === undefined) return 'out';
  try {
    const removed = await inDirectory(file.directory, async (directory) => {
      const found = await readFile(directory, file);
      const isHeld = found?.bytes !== undefined && holdsExactly(found.bytes, placed.secret);
      // Somebody else's file may have got the number of ours.
      if (isHeld || found?.stats.birthtimeNs === placed.birthtimeNs) await removeIfSame(directory, file.name, placed);
      return ok(undefined);
    });
    return removed.ok ? 'out' : 'unknown';
  } catch {
    // Gone already, or out of reach: the key itself is deleted.
    return 'unknown';
  }
}

function withdrawFrom(file: FilePath, fingerprint: Fingerprint): Promise<Result<undefined, SinkProblem>> {
  return inDirectory(file.directory, async (directory) => {
    const found = await readFile(directory, file);
    const isIt = found?.bytes !== undefined && fingerprintOfBytes(found.bytes) === fingerprint;
    found?.bytes?.fill(0);
    if (found && isIt) await removeIfSame(directory, file.name, found.stats);
    return ok(undefined);
  });
}

/** @param access what a person should know of the directory */
function replacingWrite(
  file: FilePath,
  old: OldSecret,
  access: readonly string[],
  environment: Environment,
): PreparedWrite {
  const { path } = file;
  let delivered: Given | undefined;
  const restoreOld = async (): Promise<Retraction> => {
    if (delivered === undefined) return 'out';
    await restore(file, delivered, old);
    return 'unknown';
  };
  return {
    get location() {
      return locationOf(path);
    },
    place: placeKey(path),
    overwrites: 'old secret',
    canRetract: true,
    async deliver(secret, call): Promise<Delivery> {
      const given = { secret, nonce: call?.nonce, environment };
      delivered = given;
      const written = await attempt(`${path} could not be written`, () =>
        serializedAt(file, () => give(file, given, old)),
      );
      if (written.ok) return { outcome: 'written', warnings: [...access, ...written.value] };
      // It may be in the file all the same, when only the disk failed to confirm it.
      await restoreOld();
      return failedReplace(written.failure, path, () => isHeld(file, secret));
    },
    verify: (secret) => verdictOn(file, secret, 0o640),
    retract: restoreOld,
  };
}

/** The secret that was, or is to be, put in the place of another, in the call of this nonce. */
interface Given {
  readonly secret: Secret;
  readonly nonce: string | undefined;
  readonly environment: Environment;
}

/** Answers what a person should know of who reads the file. */
function give(
  file: FilePath,
  { secret, nonce, environment }: Given,
  old: OldSecret,
): Promise<Result<readonly string[], SinkProblem>> {
  return locked(file, async (directory) => {
    const found = await readReplaceable(directory, file);
    if (!found.ok) return found;
    if (found.value === undefined || !holdsOld(found.value, old)) return failed(changedMeanwhile(file.path));
    const { stats } = found.value;
    const readers = await keptReaders(file.path, stats, environment);
    if (!readers.ok) return readers;
    const { access, warnings } = readers.value;
    const bytes = Buffer.from(openSecret(secret), 'utf8');
    const isReplaced = await replaceVersion(directory, file.name, bytes, stats, { token: nonce, access });
    return isReplaced ? ok(warnings) : failed(changedMeanwhile(file.path));
  });
}

function holdsOld({ bytes }: FoundFile, old: OldSecret): boolean {
  const expected = bytesOf(old);
  const isOld = bytes?.equals(expected) === true;
  for (const each of [bytes, expected]) each?.fill(0);
  return isOld;
}

async function restore(file: FilePath, given: Given, old: OldSecret): Promise<void> {
  try {
    // Nobody needs to be waited for where there is nothing to undo.
    const held = await isHeld(file, given.secret);
    if (held.ok && held.value) await serializedAt(file, () => putBack(file, given, old));
  } catch {
    // Out of reach: the new key itself is deleted.
  }
}

function putBack(
  file: FilePath,
  { secret, nonce, environment }: Given,
  old: OldSecret,
): Promise<Result<undefined, SinkProblem>> {
  return locked(file, async (directory) => {
    const found = await readFile(directory, file);
    if (found?.bytes === undefined || !holdsExactly(found.bytes, secret)) return ok(undefined);
    const bytes = bytesOf(old);
    const readers = await keptReaders(file.path, found.stats, environment);
    const access = readers.ok ? readers.value.access : PRIVATE;
    await replaceVersion(directory, file.name, bytes, found.stats, { token: nonce, access });
    bytes.fill(0);
    return ok(undefined);
  });
}

function isHeld(file: FilePath, secret: Secret): Promise<Result<boolean, SinkProblem>> {
  return inDirectory(file.directory, async (directory) => {
    const found = await readFile(directory, file);
    return ok(found?.bytes !== undefined && holdsExactly(found.bytes, secret));
  });
}

function locked<T>(
  file: FilePath,
  action: (directory: SafeDirectory) => Promise<Result<T, SinkProblem>>,
): Promise<Result<T, SinkProblem>> {
  return inDirectory(file.directory, async (directory) =>
    worded(await withLock(directory, file, () => action(directory))),
  );
}

/** In bytes; a larger file holds something else. */
const LARGEST_SECRET = 4096;

function readAt<T extends { readonly held: string }>(
  file: FilePath,
  read: (bytes: Buffer) => T,
): Promise<Result<T | { readonly held: 'nothing' | 'unknown' }, SinkProblem>> {
  return inDirectory<T | { readonly held: 'nothing' | 'unknown' }>(file.directory, async (directory) => {
    const found = await readFile(directory, file);
    if (found === undefined) return ok({ held: 'nothing' });
    return ok(found.bytes === undefined ? { held: 'unknown' } : read(found.bytes));
  });
}

/** Finds the old secret that may be overwritten; without `replaced` nothing may. */
function judgeFile(replaced: Replaced | undefined): JudgeExisting<OldSecret> {
  return (file, stats) => {
    if (replaced === undefined || !stats.isFile()) return failed(taken(file, stats));
    return inDirectory(file.directory, async (directory) => {
      const found = await readReplaceable(directory, file);
      if (!found.ok) return found;
      const bytes = found.value?.bytes;
      const old = bytes && oldSecretIn(bytes, replaced);
      bytes?.fill(0);
      return old ? ok(old) : failed(notTheOldSecret(`${file.path} exists already`, replaced));
    });
  };
}

function taken({ path }: FilePath, stats: Stats): SinkProblem {
  const hint = 'Nothing is overwritten. Pass another entry, or move that away first.';
  return entryExists(`${path} exists already; it is ${kindOf(stats)}.`, hint);
}

/** Whatever the file holds. */
function readFile(directory: SafeDirectory, { name }: FilePath): Promise<FoundFile | undefined> {
  return readFound(directory, name, LARGEST_SECRET);
}

/** The file, if there is one; refuses one that others can change. The caller wipes its bytes. */
async function readReplaceable(
  directory: SafeDirectory,
  file: FilePath,
): Promise<Result<FoundFile | undefined, SinkProblem>> {
  const { path } = file;
  const found = await readFile(directory, file);
  if (found === undefined) return ok(undefined);
  const problem = fileProblem(path, found.stats);
  if (problem !== undefined) return failed(sinkProblem(problem));
  if (!isOpenToOthers(path, found.stats)) return ok(found);
  return failed(
    notReady(`Other users can write to ${path}.`, `Check what is in it, then run: chmod 600 ${shellWord(path)}`),
  );
}
