// The sink that puts a secret into a new file of its own: exactly its bytes, mode 0600, whole or not at
// all. It never overwrites anything.

import type { Stats } from 'node:fs';
import type { FileSpec } from '../config/sink-spec.ts';
import { fingerprintOfBytes, holdsExactly } from '../secret/fingerprint.ts';
import { openSecret, type Secret } from '../secret/secret.ts';
import { placeNew, readFound, removeIfSame, type FoundFile, type Identity } from './files/atomic-file.ts';
import { fileProblem, kindOf, modeOf } from './files/file-owner.ts';
import {
  attempt,
  entryExists,
  failedDelivery,
  notReady,
  passed,
  type Checked,
  type Refused,
} from './files/file-problem.ts';
import { examinePlace, heldBy, placeOf, type Place } from './files/file-place.ts';
import type { Environment } from './files/git-ignore.ts';
import { withDirectory } from './files/safe-directory.ts';
import type { Delivery, Held, Preflight, Sink, Target, Verdict } from './sink.ts';
import { takesEntry } from './template.ts';

/** In bytes; a larger file holds something else. */
const LARGEST_SECRET = 4096;

/** `environment` is that of this process; git is found and configured by it. */
export function fileSink(name: string, spec: FileSpec, environment: Environment): Sink {
  return {
    name,
    kind: 'file',
    location: spec.path,
    takesEntry: takesEntry(spec.path),
    verification: 'read-back',
    async preflight(address, mode): Promise<Preflight> {
      const place = placeOf(spec.path, address);
      if (!place.ok) return { ready: false, problem: place.problem };
      const examined = await examinePlace(place.value, mode, environment, taken);
      if (!examined.ok) return { ready: false, problem: examined.problem };
      return { ready: true, target: fileTarget(place.value) };
    },
    async lookUp(address): Promise<Held> {
      const place = placeOf(spec.path, address);
      return place.ok ? heldBy(() => heldAt(place.value)) : { held: 'unknown' };
    },
  };
}

function heldAt({ directory: path, name }: Place): Promise<Checked<Held>> {
  return withDirectory<Held>(path, async (directory) => {
    const found = await readFound(directory, name, LARGEST_SECRET);
    if (found === undefined) return passed({ held: 'nothing' });
    return passed(
      found.bytes === undefined ? { held: 'unknown' } : { held: 'value', fingerprint: fingerprintOfBytes(found.bytes) },
    );
  });
}

function taken({ path }: Place, stats: Stats): Promise<Refused> {
  const what = kindOf(stats);
  const hint = 'Nothing is overwritten. Pass another entry, or move that away first.';
  return Promise.resolve(entryExists(`${path} exists already; it is ${what}.`, hint));
}

function fileTarget(place: Place): Target {
  let delivered: Identity | undefined;
  const takeBack = async () => {
    const identity = delivered;
    if (identity === undefined) return;
    try {
      await withDirectory(place.directory, async (directory) => {
        await removeIfSame(directory, place.name, identity);
        return passed(undefined);
      });
    } catch {
      // Gone already, or out of reach: the key itself is deleted.
    }
  };
  return {
    location: place.path,
    async deliver(secret): Promise<Delivery> {
      const bytes = Buffer.from(openSecret(secret), 'utf8');
      const placed = await attempt(`${place.path} could not be written`, () =>
        withDirectory(place.directory, async (directory) => {
          delivered = await placeNew(directory, place.name, bytes);
          return passed(undefined);
        }),
      );
      if (placed.ok) return { outcome: 'written', warnings: [] };
      await takeBack();
      return failedDelivery(placed);
    },
    async verify(secret): Promise<Verdict> {
      const checked = await attempt(`${place.path} could not be read back`, () => readBack(place, secret));
      if (checked.ok) return { outcome: 'verified', verification: 'read-back' };
      return { outcome: 'mismatch', message: checked.problem.message, hint: checked.problem.hint };
    },
    retract: takeBack,
  };
}

function readBack(place: Place, secret: Secret): Promise<Checked<undefined>> {
  const limit = Buffer.byteLength(openSecret(secret));
  return withDirectory(place.directory, async (directory) => {
    const found = await readFound(directory, place.name, limit);
    return changeProblem(place.path, found, secret) ?? passed(undefined);
  });
}

function changeProblem(path: string, found: FoundFile | undefined, secret: Secret): Refused | undefined {
  if (found === undefined) return notReady(`${path} is gone again.`, FIND_OUT);
  const problem = fileProblem(path, found.stats);
  if (problem !== undefined) return problem;
  const mode = modeOf(found.stats);
  if (mode !== 0o600) return notReady(`${path} has mode 0${mode.toString(8)} instead of 0600.`, FIND_OUT);
  if (found.bytes !== undefined && holdsExactly(found.bytes, secret)) return undefined;
  return notReady(`${path} does not hold exactly the secret that was delivered.`, FIND_OUT);
}

const FIND_OUT = 'Find out what changes files in that directory, or configure another path.';
