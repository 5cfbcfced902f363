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
import { serializedAt, locationOf, type Place } from './file-place.ts';
import type { Environment } from './git-ignore.ts';
import { bytesOf, changedMeanwhile, type OldSecret } from './old-secret.ts';
import { readFile, readReplaceable, verdictOn } from './secret-file.ts';
import { attempt, failedReplace, inDirectory, worded } from './sink-problem.ts';
import type { Delivery, Target, SinkProblem } from './sink.ts';

/** @param access what a person should know of the directory */
export function replacingTarget(
  place: Place,
  old: OldSecret,
  access: readonly string[],
  environment: Environment,
): Target {
  const { path } = place;
  let delivered: Given | undefined;
  const takeBack = async () => {
    if (delivered !== undefined) await restore(place, delivered, old);
  };
  return {
    get location() {
      return locationOf(path);
    },
    place: placeKey(path),
    exchanges: 'old secret',
    async deliver(secret, call): Promise<Delivery> {
      const given = { secret, nonce: call?.nonce, environment };
      delivered = given;
      const written = await attempt(`${path} could not be written`, () =>
        serializedAt(place, () => give(place, given, old)),
      );
      if (written.ok) return { outcome: 'written', warnings: [...access, ...written.value] };
      // It may be in the file all the same, when only the disk failed to confirm it.
      await takeBack();
      return failedReplace(written.failure, path, () => isHeld(place, secret));
    },
    verify: (secret) => verdictOn(place, secret, 0o640),
    retract: takeBack,
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
  place: Place,
  { secret, nonce, environment }: Given,
  old: OldSecret,
): Promise<Result<readonly string[], SinkProblem>> {
  return locked(place, async (directory) => {
    const found = await readReplaceable(directory, place);
    if (!found.ok) return found;
    if (found.value === undefined || !holdsOld(found.value, old)) return failed(changedMeanwhile(place.path));
    const { stats } = found.value;
    const readers = await keptReaders(place.path, stats, environment);
    if (!readers.ok) return readers;
    const { access, warnings } = readers.value;
    const bytes = Buffer.from(openSecret(secret), 'utf8');
    const isReplaced = await replaceVersion(directory, place.name, bytes, stats, { token: nonce, access });
    return isReplaced ? ok(warnings) : failed(changedMeanwhile(place.path));
  });
}

function holdsOld({ bytes }: FoundFile, old: OldSecret): boolean {
  const expected = bytesOf(old);
  const isOld = bytes?.equals(expected) === true;
  for (const each of [bytes, expected]) each?.fill(0);
  return isOld;
}

async function restore(place: Place, given: Given, old: OldSecret): Promise<void> {
  try {
    // Nobody needs to be waited for where there is nothing to undo.
    const held = await isHeld(place, given.secret);
    if (held.ok && held.value) await serializedAt(place, () => putBack(place, given, old));
  } catch {
    // Out of reach: the new key itself is deleted.
  }
}

function putBack(
  place: Place,
  { secret, nonce, environment }: Given,
  old: OldSecret,
): Promise<Result<undefined, SinkProblem>> {
  return locked(place, async (directory) => {
    const found = await readFile(directory, place);
    if (found?.bytes === undefined || !holdsExactly(found.bytes, secret)) return ok(undefined);
    const bytes = bytesOf(old);
    const readers = await keptReaders(place.path, found.stats, environment);
    const access = readers.ok ? readers.value.access : PRIVATE;
    await replaceVersion(directory, place.name, bytes, found.stats, { token: nonce, access });
    bytes.fill(0);
    return ok(undefined);
  });
}

function isHeld(place: Place, secret: Secret): Promise<Result<boolean, SinkProblem>> {
  return inDirectory(place.directory, async (directory) => {
    const found = await readFile(directory, place);
    return ok(found?.bytes !== undefined && holdsExactly(found.bytes, secret));
  });
}

function locked<T>(
  place: Place,
  action: (directory: SafeDirectory) => Promise<Result<T, SinkProblem>>,
): Promise<Result<T, SinkProblem>> {
  return inDirectory(place.directory, async (directory) =>
    worded(await withLock(directory, place, () => action(directory))),
  );
}
