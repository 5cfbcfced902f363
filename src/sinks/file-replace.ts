// Replaces the secret in a file by another, and back. At any moment the file holds the whole old secret or the whole
// new one; it never overwrites a third. Which secret may be replaced was judged before.

import { failed, ok, type Result } from '../failure.ts';
import { PRIVATE, replaceVersion, type FoundFile } from '../files/atomic-file.ts';
import { withLock } from '../files/file-lock.ts';
import type { SafeDirectory } from '../files/safe-directory.ts';
import { placeKey } from '../files/identity.ts';
import { holdsExactly } from '../secret/fingerprint.ts';
import { openSecret, type Secret } from '../secret/secret.ts';
import { keptReaders } from './access-list.ts';
import { serializedAt, locationOf, type FilePath } from './file-path.ts';
import type { Environment } from './git-ignore.ts';
import { bytesOf, changedMeanwhile, type OldSecret } from './old-secret.ts';
import { readFile, readReplaceable, verdictOn } from './secret-file.ts';
import { attempt, failedReplace, inDirectory, worded } from './sink-problem.ts';
import type { Delivery, PreparedWrite, SinkProblem } from './sink.ts';

/** @param access what a person should know of the directory */
export function replacingWrite(
  file: FilePath,
  old: OldSecret,
  access: readonly string[],
  environment: Environment,
): PreparedWrite {
  const { path } = file;
  let delivered: Given | undefined;
  const restoreOld = async () => {
    if (delivered !== undefined) await restore(file, delivered, old);
  };
  return {
    get location() {
      return locationOf(path);
    },
    place: placeKey(path),
    overwrites: 'old secret',
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
