// The sink that puts a secret into a file of its own: exactly its bytes, mode 0600, whole or not at all. It overwrites
// nothing but the secret of a key that is replaced, and leaves that to file-replace.ts.

import { ok, type Result } from '../failure.ts';
import type { FileSpec } from '../config/sink-spec.ts';
import { placeNew, removeIfSame } from '../files/atomic-file.ts';
import { placeKey, type Identity } from '../files/identity.ts';
import { fingerprintOfBytes, type Fingerprint } from '../secret/fingerprint.ts';
import { openSecret } from '../secret/secret.ts';
import { replacingTarget } from './file-replace.ts';
import { examinePlace, heldBy, serializedAt, locationOf, placeOf, sweeperOf, type Place } from './file-place.ts';
import type { Environment } from './git-ignore.ts';
import { heldAt, judgeFile, readFile, verdictOn } from './secret-file.ts';
import { attempt, failedDelivery, ifInReach, inDirectory } from './sink-problem.ts';
import type { Delivery, Held, Preflight, Sink, Target, SinkProblem } from './sink.ts';
import { takesEntry } from './template.ts';

/** `environment` is that of this process; git is found and configured by it. */
export function fileSink(name: string, spec: FileSpec, environment: Environment): Sink {
  return {
    name,
    kind: 'file',
    location: spec.path,
    takesEntry: takesEntry(spec.path),
    mayWriteForMs: 0,
    verification: 'read-back',
    async preflight(address, mode, replaced): Promise<Result<Preflight, SinkProblem>> {
      const place = placeOf(spec.path, address);
      if (!place.ok) return place;
      const examined = await examinePlace(place.value, mode, environment, judgeFile(replaced));
      if (!examined.ok) return examined;
      const { judged: old, warnings, access } = examined.value;
      const target = old ? replacingTarget(place.value, old, access, environment) : newTarget(place.value, access);
      return ok({ target, warnings });
    },
    async lookUp(address): Promise<Held> {
      const place = placeOf(spec.path, address);
      return place.ok ? heldBy(() => heldAt(place.value)) : { held: 'unknown' };
    },
    async withdraw(address, fingerprint) {
      const place = placeOf(spec.path, address);
      if (place.ok) await ifInReach(() => serializedAt(place.value, () => withdrawFrom(place.value, fingerprint)));
    },
    ...sweeperOf(spec.path),
  };
}

function newTarget(place: Place, access: readonly string[]): Target {
  let delivered: Identity | undefined;
  const takeBack = async () => {
    const identity = delivered;
    if (identity === undefined) return;
    try {
      await inDirectory(place.directory, async (directory) => {
        await removeIfSame(directory, place.name, identity);
        return ok(undefined);
      });
    } catch {
      // Gone already, or out of reach: the key itself is deleted.
    }
  };
  return {
    get location() {
      return locationOf(place.path);
    },
    place: placeKey(place.path),
    exchanges: 'nothing',
    async deliver(secret, call): Promise<Delivery> {
      const bytes = Buffer.from(openSecret(secret), 'utf8');
      const placed = await attempt(`${place.path} could not be written`, () =>
        inDirectory(place.directory, async (directory) => {
          delivered = await placeNew(directory, place.name, bytes, call?.nonce);
          return ok(undefined);
        }),
      );
      if (placed.ok) return { outcome: 'written', warnings: access };
      await takeBack();
      return failedDelivery(placed.failure);
    },
    verify: (secret) => verdictOn(place, secret),
    retract: takeBack,
  };
}

function withdrawFrom(place: Place, fingerprint: Fingerprint): Promise<Result<undefined, SinkProblem>> {
  return inDirectory(place.directory, async (directory) => {
    const found = await readFile(directory, place);
    const isIt = found?.bytes !== undefined && fingerprintOfBytes(found.bytes) === fingerprint;
    found?.bytes?.fill(0);
    if (found && isIt) await removeIfSame(directory, place.name, found.stats);
    return ok(undefined);
  });
}
