// The sink that gives one variable of a .env file its value and keeps everything else in the file. It overwrites only
// the secret of a key that is replaced. How the text is edited is in dotenv-text.ts, and how the file is replaced in
// dotenv-file.ts.

import { failed, ok, type Result } from '../../failure.ts';
import type { DotenvSpec } from '../../config/sink-spec.ts';
import { modeOf, shellWord } from '../../files/file-problem.ts';
import { placeKey } from '../../files/names.ts';
import type { Environment } from '../../programs/child-environment.ts';
import { fingerprintOfBytes, holdsExactly, type Fingerprint } from '../../secret/opened-secret.ts';
import { openSecret, type Secret } from '../../secret/secret.ts';
import { preflightFile, heldBy, serializedAt, locationOf, filePathOf, sweeperOf } from '../file-path.ts';
import { heldValue, notTheOldSecret, oldSecretIn, secretIn } from '../old-secret.ts';
import {
  attempt,
  failedDelivery,
  failedReplace,
  ifInReach,
  inDirectory,
  notReady,
  expand,
  takesEntry,
  takesProject,
  type SecretReference,
  type Delivery,
  type FoundSecret,
  type Held,
  type Preflight,
  type Replaced,
  type Sink,
  type PreparedWrite,
  type Verdict,
  type SinkProblem,
} from '../sink.ts';
import { misreaders, seeingReaders } from './agreement.ts';
import {
  assign,
  edited,
  inWords,
  isForDirenv,
  isHeld,
  readDotenv,
  unassign,
  type Assigned,
  type Assignment,
  type Variable,
} from './dotenv-file.ts';
import { isVariableName, needsNoQuotes } from './dotenv-text.ts';
import { withEndpoint } from './endpoint-line.ts';
import { valueOf } from './node-reader.ts';

/** Stands in for the secret in the preflight: every kind of character that a secret may have. */
const STAND_IN = 'al-STAND_in.0~+/=';

/** `environment` is that of this process; git is found and configured by it. */
export function dotenvSink(name: string, spec: DotenvSpec, environment: Environment): Sink {
  return {
    name,
    kind: 'dotenv',
    location: `${spec.path}#${spec.variable}`,
    takesEntry: takesEntry(spec.path, spec.variable),
    takesProject: takesProject(spec.path, spec.variable),
    ...(takesEntry(spec.variable) && { entryForm: 'variable' }),
    mayWriteForMs: 0,
    verification: 'read-back',
    keepsEndpoint: spec.endpointVariable !== undefined,
    async preflight(address, mode, replaced): Promise<Result<Preflight, SinkProblem>> {
      const assignment = assignmentOf(spec, address, environment);
      if (!assignment.ok) return assignment;
      const judge = () => rehearse(assignment.value, replaced);
      const rehearsed = await preflightFile(assignment.value.place, mode, environment, judge);
      if (!rehearsed.ok) return rehearsed;
      const { judged, warnings, access } = rehearsed.value;
      return ok({ write: dotenvWrite(assignment.value, judged?.old, access), warnings });
    },
    placeOf: (address) => Promise.resolve(placeIn(assignmentOf(spec, address, environment))),
    async lookUp(address): Promise<Held> {
      const assignment = assignmentOf(spec, address, environment);
      return assignment.ok ? heldBy(() => heldIn(assignment.value)) : { held: 'unknown' };
    },
    async readSecret(address, key): Promise<FoundSecret> {
      const assignment = assignmentOf(spec, address, environment);
      return assignment.ok ? heldBy(() => secretAt(assignment.value, key)) : { held: 'unknown' };
    },
    async withdraw(address, fingerprint) {
      const assignment = assignmentOf(spec, address, environment);
      if (!assignment.ok) return;
      const { place } = assignment.value;
      await ifInReach(() => serializedAt(place, () => unassignIfFingerprint(assignment.value, fingerprint)));
    },
    ...sweeperOf(spec.path),
  };
}

function placeIn(assignment: Result<Assignment, SinkProblem>): string | undefined {
  return assignment.ok ? placeKeyOf(assignment.value) : undefined;
}

function placeKeyOf({ place, variable }: Assignment): string {
  return `${placeKey(place.path)}#${variable}`;
}

/** Of the secret, and the variable that gets the endpoint, if one does. */
type Assignments = Assignment & { readonly endpoint: Variable | undefined };

function assignmentOf(
  spec: DotenvSpec,
  address: SecretReference,
  environment: Environment,
): Result<Assignments, SinkProblem> {
  const place = filePathOf(spec.path, address);
  if (!place.ok) return place;
  const variable = expand(spec.variable, address);
  const beside = spec.endpointVariable === undefined ? undefined : expand(spec.endpointVariable, address);
  const wrong = [variable, beside ?? variable].find((name) => !isVariableName(name));
  const endpoint = beside === undefined ? undefined : { place: place.value, variable: beside };
  if (wrong === undefined) return ok({ place: place.value, variable, environment, endpoint });
  return failed(
    notReady(
      `"${wrong}" is not a variable name.`,
      'A variable has only the letters A to Z and a to z, digits and "_", and does not begin with a digit. ' +
        (takesEntry(spec.variable, spec.endpointVariable ?? '')
          ? 'Pass another entry.'
          : 'Configure another variable for this sink.'),
    ),
  );
}

function heldIn({ place, variable }: Assignment): Promise<Result<Held, SinkProblem>> {
  return inDirectory(place.directory, async (directory): Promise<Result<Held, SinkProblem>> => {
    const current = await readDotenv(directory, place);
    if (!current.ok) return current;
    const value = current.value && valueOf(current.value.text, variable);
    if (value === undefined || value === '') return ok({ held: 'nothing' });
    return ok(heldValue(Buffer.from(value, 'utf8')));
  });
}

function secretAt({ place, variable }: Assignment, key: Replaced): Promise<Result<FoundSecret, SinkProblem>> {
  return inDirectory<FoundSecret>(place.directory, async (directory): Promise<Result<FoundSecret, SinkProblem>> => {
    const current = await readDotenv(directory, place);
    if (!current.ok) return current;
    const value = current.value && valueOf(current.value.text, variable);
    return ok(value === undefined || value === '' ? { held: 'nothing' } : secretIn(Buffer.from(value, 'utf8'), key));
  });
}

/** What gives way, if anything. */
interface Rehearsed {
  readonly old?: Secret;
}

/** Edits the existing file with a stand-in for the secret, and writes nothing. */
async function rehearse(
  assignment: Assignment,
  replaced: Replaced | undefined,
): Promise<Result<Rehearsed, SinkProblem>> {
  const { place } = assignment;
  return inDirectory<Rehearsed>(place.directory, async (directory) => {
    const current = await readDotenv(directory, place);
    if (!current.ok) return current;
    if (current.value === undefined) return ok({});
    const { text } = current.value;
    const found = replaced ? findOld(assignment, text, replaced) : ok<Rehearsed>({});
    if (!found.ok) return found;
    const edit = edited(assignment, text, STAND_IN, found.value.old);
    return edit.ok ? found : edit;
  });
}

/** Answers without one where the variable is free. */
function findOld({ place, variable }: Assignment, text: string, replaced: Replaced): Result<Rehearsed, SinkProblem> {
  const value = valueOf(text, variable);
  if (value === undefined || value.trim() === '') return ok({});
  const old = oldSecretIn(Buffer.from(value, 'utf8'), replaced);
  // A value of several lines could not be written back without quotes.
  if (old?.lineEnd === '') return ok({ old: old.secret });
  return failed(notTheOldSecret(`${variable} has a value in ${place.path} already`, replaced));
}

function dotenvWrite(assignment: Assignments, old: Secret | undefined, access: readonly string[]): PreparedWrite {
  const { path } = assignment.place;
  let delivered: (Assigned & { readonly secret: Secret; readonly nonce: string | undefined }) | undefined;
  return {
    get location() {
      return `${locationOf(path)}#${assignment.variable}`;
    },
    place: placeKeyOf(assignment),
    overwrites: old ? 'old secret' : 'nothing',
    canRetract: true,
    async deliver(secret, call): Promise<Delivery> {
      const nonce = call?.nonce;
      const note = (assigned: Assigned) => {
        delivered = { ...assigned, secret, nonce };
      };
      const besides = assignment.endpoint && withEndpoint(assignment.endpoint, call?.endpoint);
      const given = await serializedAt(assignment.place, () =>
        assignOrUndo({ ...assignment, nonce, besides }, secret, old, note),
      );
      if (given.ok) return { outcome: 'written', warnings: [...access, ...warningsFor(assignment, given.value)] };
      if (old === undefined) {
        delivered = undefined;
        return failedDelivery(given.failure);
      }
      return failedReplace(given.failure, path, () => isHeld(assignment, openSecret(secret)));
    },
    async verify(secret): Promise<Verdict> {
      const isNew = delivered?.old === undefined && delivered?.oldMode === undefined;
      const checked = await attempt(`${path} could not be read back`, () => readBack(assignment, secret, isNew));
      if (checked.ok) return { outcome: 'verified', verification: 'read-back' };
      return { outcome: 'mismatch', message: checked.failure.message, hint: checked.failure.hint };
    },
    async retract() {
      if (delivered === undefined) return 'out';
      const { secret, nonce, ...assigned } = delivered;
      await serializedAt(assignment.place, () => unassignIfInReach({ ...assignment, nonce }, secret, assigned));
      return 'unknown';
    },
  };
}

/** What a person must know of the line, the file and who reads it. */
function warningsFor({ place, variable }: Assignment, { access, dropped, blind, beside }: Assigned): string[] {
  const warnings = [...access, ...(beside?.warnings ?? [])];
  const name = `${variable} in ${place.path}`;
  if (dropped.length > 0) {
    warnings.push(
      `The line of ${name} had ${inWords(dropped)}; it is ${variable}=VALUE now, as all readers understand it.`,
    );
  }
  if (blind.length > 0) {
    warnings.push(
      `${name} was read back by the rules of ${inWords(seeingReaders(blind))}. ` +
        `Not for ${inWords(blind)}, because of "export", line ends or other lines of the file.`,
    );
  }
  if (isForDirenv(place)) {
    warnings.push(
      `direnv does not load ${place.path} until it is allowed again: direnv allow ${shellWord(place.path)}`,
    );
  }
  return warnings;
}

async function assignOrUndo(
  assignment: Assignment,
  secret: Secret,
  old: Secret | undefined,
  note: (assigned: Assigned) => void,
): Promise<Result<Assigned, SinkProblem>> {
  const value = openSecret(secret);
  if (!needsNoQuotes(value)) {
    const message = 'The secret has characters that a .env file cannot hold without quotes.';
    return failed(notReady(message, 'Use a sink of type file.'));
  }
  let tried: Assigned | undefined;
  const noteTried = (assigned: Assigned) => {
    tried = assigned;
    note(assigned);
  };
  const given = await attempt(`${assignment.place.path} could not be written`, () =>
    assign(assignment, value, old, noteTried),
  );
  // It may be in the file all the same, when only the disk failed to confirm it. The file itself stays.
  if (!given.ok && given.failure.code !== 'SINK_ENTRY_EXISTS' && tried !== undefined) {
    await unassignIfInReach(assignment, secret, { oldMode: 0o600, ...tried });
  }
  return given;
}

/** The file itself stays. */
async function unassignIfFingerprint(assignment: Assignment, fingerprint: Fingerprint): Promise<void> {
  const { place, variable } = assignment;
  const read = await inDirectory(place.directory, (directory) => readDotenv(directory, place));
  const value = read.ok && read.value ? valueOf(read.value.text, variable) : undefined;
  if (value === undefined || fingerprintOfBytes(Buffer.from(value, 'utf8')) !== fingerprint) return;
  const written = { oldMode: 0o600, access: [], dropped: [], blind: [], trace: { lead: '' } } as const;
  await unassign(assignment, value, written);
}

function unassignIfInReach(assignment: Assignment, secret: Secret, assigned: Assigned): Promise<void> {
  return ifInReach(() => unassign(assignment, openSecret(secret), assigned));
}

function readBack(
  { place, variable }: Assignment,
  secret: Secret,
  isNew: boolean,
): Promise<Result<undefined, SinkProblem>> {
  return inDirectory(place.directory, async (directory) => {
    const current = await readDotenv(directory, place);
    if (!current.ok) return current;
    if (current.value === undefined) return failed(notReady(`${place.path} is gone again.`, FIND_OUT));
    const mode = modeOf(current.value.stats);
    // A file that was there keeps the group that reads it.
    if ((mode & 0o077 & ~(isNew ? 0 : 0o040)) !== 0) {
      return failed(notReady(`${place.path} has mode 0${mode.toString(8)} instead of 0600.`, FIND_OUT));
    }
    const value = valueOf(current.value.text, variable);
    if (value === undefined || !holdsExactly(Buffer.from(value, 'utf8'), secret)) {
      return failed(notReady(`${variable} in ${place.path} is not the secret that was delivered.`, FIND_OUT));
    }
    const wrong = misreaders(current.value.text, variable, value);
    if (wrong.length === 0) return ok(undefined);
    return failed(notReady(`${variable} in ${place.path} is not the secret for ${inWords(wrong)}.`, FIND_OUT));
  });
}

const FIND_OUT = 'Find out what changes that file, or configure another path.';
