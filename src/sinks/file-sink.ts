// The sink that puts a secret into a file of its own: exactly its bytes, mode 0600, whole or not at all. It overwrites
// nothing but the secret of a key that is replaced, and leaves that to file-replace.ts.

import { ok, type Result } from '../failure.ts';
import type { FileSpec } from '../config/sink-spec.ts';
import { placeNew, removeIfSame } from '../files/atomic-file.ts';
import { placeKey, type Identity } from '../files/identity.ts';
import { fingerprintOfBytes, type Fingerprint } from '../secret/fingerprint.ts';
import { openSecret } from '../secret/secret.ts';
import { replacingWrite } from './file-replace.ts';
import { preflightFile, heldBy, serializedAt, locationOf, filePathOf, sweeperOf, type FilePath } from './file-path.ts';
import type { Environment } from './git-ignore.ts';
import { heldAt, judgeFile, readFile, verdictOn } from './secret-file.ts';
import { attempt, failedDelivery, ifInReach, inDirectory } from './sink-problem.ts';
import type { Delivery, Held, Preflight, Sink, PreparedWrite, SinkProblem } from './sink.ts';
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
    async preflight(reference, mode, replaced): Promise<Result<Preflight, SinkProblem>> {
      const file = filePathOf(spec.path, reference);
      if (!file.ok) return file;
      const examined = await preflightFile(file.value, mode, environment, judgeFile(replaced));
      if (!examined.ok) return examined;
      const { judged: old, warnings, access } = examined.value;
      const write = old ? replacingWrite(file.value, old, access, environment) : newFileWrite(file.value, access);
      return ok({ write, warnings });
    },
    async lookUp(reference): Promise<Held> {
      const file = filePathOf(spec.path, reference);
      return file.ok ? heldBy(() => heldAt(file.value)) : { held: 'unknown' };
    },
    async withdraw(reference, fingerprint) {
      const file = filePathOf(spec.path, reference);
      if (file.ok) await ifInReach(() => serializedAt(file.value, () => withdrawFrom(file.value, fingerprint)));
    },
    ...sweeperOf(spec.path),
  };
}

function newFileWrite(file: FilePath, access: readonly string[]): PreparedWrite {
  let delivered: Identity | undefined;
  const removeDelivered = async () => {
    const identity = delivered;
    if (identity === undefined) return;
    try {
      await inDirectory(file.directory, async (directory) => {
        await removeIfSame(directory, file.name, identity);
        return ok(undefined);
      });
    } catch {
      // Gone already, or out of reach: the key itself is deleted.
    }
  };
  return {
    get location() {
      return locationOf(file.path);
    },
    place: placeKey(file.path),
    overwrites: 'nothing',
    async deliver(secret, call): Promise<Delivery> {
      const bytes = Buffer.from(openSecret(secret), 'utf8');
      const placed = await attempt(`${file.path} could not be written`, () =>
        inDirectory(file.directory, async (directory) => {
          delivered = await placeNew(directory, file.name, bytes, call?.nonce);
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

function withdrawFrom(file: FilePath, fingerprint: Fingerprint): Promise<Result<undefined, SinkProblem>> {
  return inDirectory(file.directory, async (directory) => {
    const found = await readFile(directory, file);
    const isIt = found?.bytes !== undefined && fingerprintOfBytes(found.bytes) === fingerprint;
    found?.bytes?.fill(0);
    if (found && isIt) await removeIfSame(directory, file.name, found.stats);
    return ok(undefined);
  });
}
