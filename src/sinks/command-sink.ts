// The sink that hands a secret to a program on its standard input (pass, age, secret-tool, vault, …).
// What the program says is never shown, not even in an error: it may be the secret. What its place holds is told by
// command-look.ts.

import { basename } from 'node:path';
import { failed, ok, type Result } from '../failure.ts';
import { templatesOf, type CommandSpec } from '../config/command-spec.ts';
import type { Environment } from '../programs/child-environment.ts';
import {
  describeEnd,
  feedProgram,
  readProgram,
  programInWords,
  UNFIT,
  type Program,
  type ProgramEnd,
} from '../programs/child-process.ts';
import { findExecutable } from '../programs/executable.ts';
import { fingerprintOfBytes, holdsExactly, holdsInSomeForm, type Fingerprint } from '../secret/opened-secret.ts';
import { openSecret, type Secret } from '../secret/secret.ts';
import { faultByProof, look, valueBy, type Lookers, type Seen } from './command-look.ts';
import { hasEndpoint, inputFor } from './command-input.ts';
import { hintsFor, notFree, unprovenPlace, unreadablePlace, unseenValue } from './command-problems.ts';
import { openCommands, type Commands } from './command-programs.ts';
import { inTurn } from './command-turn.ts';
import { changedMeanwhile, heldValue, isLastAt, notTheOldSecret, oldSecretIn, secretIn } from './old-secret.ts';
import {
  failedDelivery,
  takesEntry,
  takesProject,
  type SecretReference,
  type Delivery,
  type DeliveryCall,
  type FoundSecret,
  type Held,
  type Preflight,
  type Replaced,
  type Retraction,
  type Sink,
  type PreparedWrite,
  type Verdict,
  type SinkProblem,
} from './sink.ts';

/**
 * `environment` is that of this process, from which the programs get a short list. A preflight looks for the programs,
 * judges their files, and runs those that look or prove, which must change nothing; so `inspect` and `prove` are the same.
 */
export function commandSink(name: string, spec: CommandSpec, environment: Environment, stateDir?: string): Sink {
  const location = spec.preset?.uri ?? `command ${basename(spec.argv[0])}`;
  const { exists, verify, remove, timeoutMs } = spec;
  const open = (reference: SecretReference) => openCommands({ name, location, stateDir, spec }, reference, environment);
  const seenAt = async (reference: SecretReference): Promise<Seen | undefined> => {
    const commands = await open(reference);
    return commands.ok ? look(commands.value.lookers) : undefined;
  };
  return {
    name,
    kind: 'command',
    location,
    takesProject: takesProject(...templatesOf(spec)),
    takesEntry: takesEntry(...templatesOf(spec)),
    mayWriteForMs: timeoutMs,
    verification: verify ? 'read-back' : exists ? 'metadata' : 'none',
    keepsEndpoint: hasEndpoint(spec.input),
    async preflight(reference, _mode, replaced): Promise<Result<Preflight, SinkProblem>> {
      const commands = await open(reference);
      if (!commands.ok) return commands;
      const place = judgePlace(commands.value, replaced, await look(commands.value.lookers));
      if (!place.ok) return place;
      const fault = await faultByProof(commands.value.prove);
      if (fault) return failed(unprovenPlace(name, fault, spec.preset));
      const warnings = unseenWarnings(commands.value, place.value, replaced);
      return ok({ write: commandWrite(commands.value, place.value, replaced), warnings });
    },
    placeOf: async (reference) => placeIn(await open(reference)),
    lookUp: async (reference) => heldBy(await seenAt(reference)),
    readSecret: async (reference, key) => secretBy(await seenAt(reference), key),
    ...(remove && {
      async withdraw(reference, fingerprint) {
        const commands = await open(reference);
        if (commands.ok) await inTurn(commands.value, () => removeIfHeld(commands.value, fingerprint));
      },
    }),
  };
}

function placeIn(commands: Result<Commands, SinkProblem>): string | undefined {
  return commands.ok ? commands.value.place : undefined;
}

/** What may be written over. */
type Place =
  | { readonly holds: 'nothing' }
  | { readonly holds: 'old secret'; readonly secret: Secret }
  /** It is shown that there is a value, and not which. */
  | { readonly holds: 'something' }
  /** No program can look. */
  | { readonly holds: 'unknown' };

function judgePlace(
  { name, lookers, preset, place }: Commands,
  replaced: Replaced | undefined,
  seen: Seen | undefined,
): Result<Place, SinkProblem> {
  if (seen === undefined) return ok({ holds: 'unknown' });
  switch (seen.is) {
    case 'nothing':
      return ok({ holds: 'nothing' });
    case 'unreadable':
      return failed(unreadablePlace(name, seen, preset ?? lookers.rules.absent));
    case 'something':
      if (isLastAt(replaced, place)) return ok({ holds: 'something' });
      return failed(replaced ? unseenValue(name, seen.by) : notFree(name, seen.by, 'finds'));
    case 'value': {
      const old = replaced && oldSecretIn(seen.bytes, replaced);
      seen.bytes.fill(0);
      if (old?.lineEnd === '') return ok({ holds: 'old secret', secret: old.secret });
      if (!replaced) return failed(notFree(name, seen.by, 'prints'));
      const what = `${programInWords(seen.by)} prints something already, so the place of sink "${name}" is taken`;
      return failed(notTheOldSecret(what, replaced));
    }
  }
}

/** What a delivery did, as far as {@link takeBack} must know. */
interface Given {
  readonly secret: Secret;
  readonly endpoint: string | undefined;
  /**
   * Where nothing can look, the secret is taken not to be there: the program was never started, or failed in a rotation, where
   * a doubt would keep both keys alive.
   */
  readonly isOutIfUnseen: boolean;
  /** It was stopped, or ended by a signal: what it has asked others for may still be done. */
  readonly wasStopped: boolean;
}

function commandWrite(commands: Commands, place: Place, replaced: Replaced | undefined): PreparedWrite {
  const { location, lookers, remove } = commands;
  let given: Given | undefined;
  return {
    location,
    place: commands.place,
    overwrites: place.holds === 'something' ? 'unknown' : place.holds,
    canRetract: lookers.verify !== undefined && (place.holds === 'old secret' || remove !== undefined),
    async deliver(secret, call = {}) {
      const turn = await inTurn(commands, () => give(commands, place, replaced, { secret, call }));
      if (!turn.ok) return failedDelivery(turn.failure);
      given = turn.value.given;
      return turn.value.delivery;
    },
    async verify(secret): Promise<Verdict> {
      const verdict = await verdictOn(lookers, secret);
      if (verdict.outcome === 'verified') return verdict;
      return { ...verdict, hint: hintsFor(commands.name, replaced !== undefined).verify };
    },
    async retract(): Promise<Retraction> {
      const last = given;
      if (!last) return 'out';
      const turn = await inTurn(commands, () => takeBack(commands, place, last));
      return turn.ok ? turn.value : 'unknown';
    },
  };
}

interface Giving {
  readonly delivery: Delivery;
  /** Absent where no program was to be run. */
  readonly given?: Given;
}

async function give(
  commands: Commands,
  place: Place,
  replaced: Replaced | undefined,
  { secret, call }: { readonly secret: Secret; readonly call: DeliveryCall },
): Promise<Giving> {
  const { name, location, lookers } = commands;
  const still = judgePlace(commands, replaced, await look(lookers));
  if (!still.ok) return { delivery: failedDelivery(still.failure) };
  if (still.value.holds !== place.holds) return { delivery: failedDelivery(changedMeanwhile(location)) };
  const { endpoint } = call;
  const { writer, end } = await write(commands, place, replaced, { secret, endpoint });
  const hasRefused = end.by === 'no start' || (end.by === 'exit' && !(end.code === 0 && end.tookInput));
  const wasStopped = end.by !== 'exit' && end.by !== 'no start';
  const isOutIfUnseen = end.by === 'no start' || (hasRefused && replaced !== undefined);
  const given = { secret, endpoint, isOutIfUnseen, wasStopped };
  if (end.by === 'exit' && !hasRefused)
    return { delivery: { outcome: 'written', warnings: endpointWarnings(commands, call) }, given };
  const hints = hintsFor(name, replaced !== undefined);
  // Only a program that was not stopped has said what it did; one that was stopped may have kept the secret.
  const hint = end.by === 'no start' ? hints.start : hints.delivery;
  const outcome = hasRefused ? 'failed' : 'uncertain';
  return { delivery: { outcome, message: describeEnd(writer, end), hint }, given };
}

async function write(
  { create, replace, input, reference, place: at }: Commands,
  { holds }: Pick<Place, 'holds'>,
  replaced: Replaced | undefined,
  value: { readonly secret: Secret; readonly endpoint: string | undefined },
) {
  const isReplacing = holds === 'old secret' || (holds !== 'nothing' && isLastAt(replaced, at));
  const writer = isReplacing ? replace : create;
  const bytes = inputFor(input, reference, openSecret(value.secret), value.endpoint);
  // A person may have been asked meanwhile: what gets the secret is judged again.
  const isFit = findExecutable(writer.path, '').ok;
  const end: ProgramEnd = isFit ? await feedProgram(writer, bytes) : { by: 'no start', code: UNFIT };
  bytes.fill(0);
  return { writer, end };
}

/** In a rotation the journal has said what is there. */
function unseenWarnings({ location }: Commands, { holds }: Place, replaced: Replaced | undefined): readonly string[] {
  if (holds !== 'unknown' || replaced) return [];
  return [`No program of ${location} can look at what is there: whatever it is gives way.`];
}

function endpointWarnings({ input, location }: Commands, { endpoint }: DeliveryCall): readonly string[] {
  if (endpoint !== undefined || !hasEndpoint(input)) return [];
  return [`${location} got no endpoint: Atlas names none for this key to which secrets may be sent.`];
}

type VerdictWithoutHint =
  Extract<Verdict, { outcome: 'verified' }> | Omit<Exclude<Verdict, { outcome: 'verified' }>, 'hint'>;

async function verdictOn({ exists, verify, rules }: Lookers, secret: Secret): Promise<VerdictWithoutHint> {
  if (verify) {
    const end = await readProgram(verify);
    const seen = valueBy(verify, end, rules);
    // One that ended well and printed nothing has not printed the secret.
    if (seen.is === 'unreadable' && !(end.by === 'exit' && end.code === 0)) return verdictOfUnread(seen);
    const isSame = seen.is === 'value' && holdsExactly(seen.bytes, secret);
    if (seen.is === 'value') seen.bytes.fill(0);
    if (isSame) return { outcome: 'verified', verification: 'read-back' };
    const other = `${programInWords(verify)} printed something else than the secret that was delivered.`;
    const message = end.by === 'exit' && end.code !== 0 ? describeEnd(verify, end) : other;
    return { outcome: 'mismatch', message };
  }
  const seen = exists && (await look({ exists, verify, rules }));
  if (!seen) return { outcome: 'verified', verification: 'none' };
  if (seen.is === 'something') return { outcome: 'verified', verification: 'metadata' };
  if (seen.is === 'unreadable') return verdictOfUnread(seen);
  return { outcome: 'mismatch', message: `${programInWords(exists)} finds nothing there.` };
}

function verdictOfUnread({ message, code }: Extract<Seen, { is: 'unreadable' }>): VerdictWithoutHint {
  const said = code === undefined ? message : `${message} Whether that says that nothing is there is not known.`;
  return { outcome: 'unreadable', message: said };
}

function secretBy(seen: Seen | undefined, key: Replaced): FoundSecret {
  if (seen?.is === 'nothing') return { held: 'nothing' };
  return seen?.is === 'value' ? secretIn(seen.bytes, key) : { held: 'unknown' };
}

function heldBy(seen: Seen | undefined): Held {
  if (seen === undefined || seen.is === 'unreadable') return { held: 'unknown' };
  if (seen.is !== 'value') return { held: seen.is };
  const held = heldValue(seen.bytes);
  seen.bytes.fill(0);
  return held;
}

/** Nothing is removed or replaced but the secret that was delivered, seen there in that moment. */
async function takeBack(
  commands: Commands,
  place: Place,
  { secret, endpoint, isOutIfUnseen, wasStopped }: Given,
): Promise<Retraction> {
  const { lookers, remove } = commands;
  const before = await secretSeen(lookers, secret);
  if (before === undefined) return isOutIfUnseen ? 'out' : 'unknown';
  if (before === 'something') return place.holds === 'nothing' ? 'held' : 'unknown';
  if (before !== 'held') return before === 'out' && wasStopped ? 'may be held' : before;
  if (place.holds === 'old secret') await write(commands, place, undefined, { secret: place.secret, endpoint });
  else if (remove) await readAndDrop(remove);
  const after = await secretSeen(lookers, secret);
  return after === undefined || after === 'something' ? 'unknown' : after;
}

/** Undefined where no program can look. */
async function secretSeen(lookers: Lookers, secret: Secret): Promise<Retraction | 'something' | undefined> {
  const seen = await look(lookers);
  if (seen?.is !== 'value') return seen && SEEN[seen.is];
  const isHeld = holdsExactly(seen.bytes, secret);
  const isInOtherForm = holdsInSomeForm(seen.bytes, secret);
  seen.bytes.fill(0);
  return isHeld ? 'held' : isInOtherForm ? 'may be held' : 'out';
}

const SEEN = { nothing: 'out', something: 'something', unreadable: 'unknown' } as const;

async function removeIfHeld({ lookers, remove }: Commands, fingerprint: Fingerprint): Promise<void> {
  const seen = await look(lookers);
  if (seen?.is !== 'value' || !remove) return;
  const isIt = fingerprintOfBytes(seen.bytes) === fingerprint;
  seen.bytes.fill(0);
  if (isIt) await readAndDrop(remove);
}

async function readAndDrop(program: Program): Promise<void> {
  const end = await readProgram(program);
  if (end.by === 'exit') end.output.fill(0);
}
