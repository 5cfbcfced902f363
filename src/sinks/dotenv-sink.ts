// The sink that gives one variable of a .env file its value and keeps everything else in the file. How the
// text is edited is in dotenv-text.ts, and how the file is exchanged in dotenv-file.ts.

import type { DotenvSpec } from '../config/sink-spec.ts';
import { fingerprintOfBytes, holdsExactly } from '../secret/fingerprint.ts';
import { openSecret, type Secret } from '../secret/secret.ts';
import { assign, edited, readDotenv, unassign, type Assigned, type Assignment } from './files/dotenv-file.ts';
import { isVariableName, needsNoQuotes, valueOf } from './files/dotenv-text.ts';
import { modeOf } from './files/file-owner.ts';
import { examinePlace, heldBy, placeOf, type Place } from './files/file-place.ts';
import { attempt, failedDelivery, notReady, passed, type Checked, type Refused } from './files/file-problem.ts';
import type { Environment } from './files/git-ignore.ts';
import { withDirectory } from './files/safe-directory.ts';
import type { Address, Delivery, Held, Preflight, Sink, Target, Verdict } from './sink.ts';
import { expand, takesEntry } from './template.ts';
import { inTurn } from './files/turns.ts';

/** Stands in for the secret in the preflight: every kind of character that a secret may have. */
const STAND_IN = 'al-STAND_in.0~+/=';

/** `environment` is that of this process; git is found and configured by it. */
export function dotenvSink(name: string, spec: DotenvSpec, environment: Environment): Sink {
  return {
    name,
    kind: 'dotenv',
    location: `${spec.path}#${spec.variable}`,
    takesEntry: takesEntry(spec.path, spec.variable),
    verification: 'read-back',
    async preflight(address, mode): Promise<Preflight> {
      const assignment = assignmentOf(spec, address);
      if (!assignment.ok) return { ready: false, problem: assignment.problem };
      const judge = (place: Place) => rehearse(place, assignment.value);
      const examined = await examinePlace(assignment.value.place, mode, environment, judge);
      if (!examined.ok) return { ready: false, problem: examined.problem };
      return { ready: true, target: dotenvTarget(assignment.value) };
    },
    async lookUp(address): Promise<Held> {
      const assignment = assignmentOf(spec, address);
      return assignment.ok ? heldBy(() => heldIn(assignment.value)) : { held: 'unknown' };
    },
  };
}

function assignmentOf(spec: DotenvSpec, address: Address): Checked<Assignment> {
  const place = placeOf(spec.path, address);
  if (!place.ok) return place;
  const variable = expand(spec.variable, address);
  if (isVariableName(variable)) return passed({ place: place.value, variable });
  return notReady(
    `"${variable}" is no name of a variable.`,
    'A variable has only the letters A to Z and a to z, digits and "_", and does not begin with a digit. ' +
      (takesEntry(spec.variable) ? 'Pass another entry.' : 'Configure another variable for this sink.'),
  );
}

function heldIn({ place, variable }: Assignment): Promise<Checked<Held>> {
  return withDirectory(place.directory, async (directory): Promise<Checked<Held>> => {
    const current = await readDotenv(directory, place);
    if (!current.ok) return current;
    const value = current.value && valueOf(current.value.text, variable);
    if (value === undefined || value === '') return passed({ held: 'nothing' });
    return passed({ held: 'value', fingerprint: fingerprintOfBytes(Buffer.from(value, 'utf8')) });
  });
}

/** Edits the existing file with a stand-in for the secret, and writes nothing. */
async function rehearse(place: Place, assignment: Assignment): Promise<Refused | undefined> {
  const rehearsed = await withDirectory(place.directory, async (directory): Promise<Checked<unknown>> => {
    const current = await readDotenv(directory, place);
    if (!current.ok || current.value === undefined) return current;
    return edited(assignment, current.value.text, STAND_IN);
  });
  return rehearsed.ok ? undefined : rehearsed;
}

function dotenvTarget(assignment: Assignment): Target {
  const { path } = assignment.place;
  let delivered: (Assigned & { readonly secret: Secret }) | undefined;
  return {
    location: `${path}#${assignment.variable}`,
    async deliver(secret): Promise<Delivery> {
      const given = await inTurn(path, () => give(assignment, secret));
      if (!given.ok) return failedDelivery(given);
      delivered = { ...given.value, secret };
      return { outcome: 'written', warnings: warningsOf(path, given.value) };
    },
    async verify(secret): Promise<Verdict> {
      const checked = await attempt(`${path} could not be read back`, () => readBack(assignment, secret));
      if (checked.ok) return { outcome: 'verified', verification: 'read-back' };
      return { outcome: 'mismatch', message: checked.problem.message, hint: checked.problem.hint };
    },
    async retract() {
      if (delivered === undefined) return;
      const { secret, ...assigned } = delivered;
      await inTurn(path, () => takeBack(assignment, secret, assigned));
    },
  };
}

async function give(assignment: Assignment, secret: Secret): Promise<Checked<Assigned>> {
  const value = openSecret(secret);
  if (!needsNoQuotes(value)) {
    const message = 'The secret has characters that a .env file cannot hold without quotes.';
    return notReady(message, 'Use a sink of type file.');
  }
  const given = await attempt(`${assignment.place.path} could not be written`, () => assign(assignment, value));
  // It may be in the file all the same, when only the disk failed to confirm it. The file itself stays.
  if (!given.ok && given.problem.code !== 'SINK_ENTRY_EXISTS') {
    await takeBack(assignment, secret, { oldMode: 0o600 });
  }
  return given;
}

async function takeBack(assignment: Assignment, secret: Secret, assigned: Assigned): Promise<void> {
  try {
    await unassign(assignment, openSecret(secret), assigned);
  } catch {
    // Out of reach: the key itself is deleted.
  }
}

function warningsOf(path: string, { oldMode }: Assigned): string[] {
  if (oldMode === undefined || (oldMode & 0o077) === 0) return [];
  return [`Other users could read ${path} (mode 0${oldMode.toString(8)}); its mode is 0600 now.`];
}

function readBack({ place, variable }: Assignment, secret: Secret): Promise<Checked<undefined>> {
  return withDirectory(place.directory, async (directory) => {
    const current = await readDotenv(directory, place);
    if (!current.ok) return current;
    if (current.value === undefined) return notReady(`${place.path} is gone again.`, FIND_OUT);
    const mode = modeOf(current.value.stats);
    if (mode !== 0o600) return notReady(`${place.path} has mode 0${mode.toString(8)} instead of 0600.`, FIND_OUT);
    const value = valueOf(current.value.text, variable);
    if (value !== undefined && holdsExactly(Buffer.from(value, 'utf8'), secret)) return passed(undefined);
    return notReady(`${variable} in ${place.path} is not the secret that was delivered.`, FIND_OUT);
  });
}

const FIND_OUT = 'Find out what changes that file, or configure another path.';
