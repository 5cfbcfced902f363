// What stands in the way of a new key: a key that has its name, or a value at its place. Says whose it is and what can be done;
// and lets the secret of a deleted key give way.

import type { ListedKey } from '../atlas/api/keys.ts';
import type { Preflight, PreflightMode, SinkProblem } from '../sinks/sink.ts';
import { failed, ok, refusal, type Failure, type Result } from '../failure.ts';
import { keyOf, type Intent } from './journal/intent.ts';
import type { Kept } from './journal/journal.ts';
import type { KeyContext } from './find-key.ts';
import { fromSink, leftoverWarnings, nameInUse } from './refusals.ts';
import {
  confirmHolder,
  describePlace,
  holderOf,
  lastDeliveredTo,
  lookAtKnownPlaces,
  type Holder,
} from './secret-places.ts';
import type { ConfiguredSinks, SinkChoice } from './sink-choice.ts';

/** What was read of the project and the journal before a key is made. */
export interface Seen {
  readonly groupId: string;
  readonly keys: readonly ListedKey[];
  readonly kept: Kept;
}

/** @param holder the key of the list that has the name */
export async function nameTaken({ sinks }: ConfiguredSinks, holder: ListedKey, seen: Seen): Promise<Failure> {
  const { apiKeyId } = holder;
  const places =
    apiKeyId === undefined ? [] : await lookAtKnownPlaces(sinks, seen.kept.intents, seen.groupId, apiKeyId);
  const uses = places
    .filter(({ holds }) => holds === 'yes')
    .map((place) => `To use it: its secret is in ${describePlace(place)}.`);
  const failure = {
    ...nameInUse(apiKeyId),
    message: `A key of this name exists in the project: ${describeKey(holder)}.`,
    hint: [
      ...(uses.length > 0 ? uses : ['No sink here is known to hold its secret, which Atlas does not show again.']),
      'For a new secret under this name: rotate_ai_model_api_key. For one more key: another name.',
    ].join(' '),
  };
  return withLeftovers(failure, seen);
}

/** Keys that earlier calls left are told of in refusals too. */
export function withLeftovers(failure: Failure, { groupId, keys, kept }: Seen): Failure {
  return { ...failure, hint: [failure.hint, ...leftoverWarnings(groupId, keys, kept)].join(' ') };
}

/** A place that may be written; `dead` says what gives way there. */
export interface ReadyPlace extends Preflight {
  readonly dead?: string;
}

/**
 * A place that a preflight refused. Where it holds the secret of a deleted key, that gives way: the journal knows its fingerprint,
 * the list lacks its key, and Atlas itself says that the key is not there. The sink replaces it only while it is still that same
 * value. Whose secret is there otherwise, the refusal says.
 */
export async function replacesDeadSecret(
  context: KeyContext & ConfiguredSinks,
  choice: SinkChoice,
  problem: SinkProblem,
  seen: Seen,
  { mode, signal }: { readonly mode: PreflightMode; readonly signal: AbortSignal },
): Promise<Result<ReadyPlace>> {
  if (problem.code !== 'SINK_ENTRY_EXISTS') return failed(fromSink(problem));
  const { sink, reference } = choice;
  const held = await sink.lookUp(reference);
  const { groupId, keys, kept } = seen;
  const holder = await confirmHolder(context.atlas, holderOf(held, groupId, keys, kept.intents), groupId, signal);
  if (held.held === 'value' && holder.is === 'deleted key' && isEnded(holder.apiKeyId, kept.intents)) {
    const replaced = { maskedSecret: undefined, fingerprints: [held.fingerprint] };
    const again = await sink.preflight(reference, mode, replaced);
    if (again.ok) return ok({ ...again.value, dead: describeDeleted(holder) });
    if (again.failure.code !== 'SINK_ENTRY_EXISTS') return failed(fromSink(again.failure));
  }
  return failed(withLeftovers(placeTaken(context, choice, problem, holder), seen));
}

/**
 * A place of which the store does not show what it holds. The journal knows what this machine put there last; that gives way once
 * its key is deleted.
 */
export async function judgeUnseen(
  context: KeyContext & ConfiguredSinks,
  choice: SinkChoice,
  preflight: Preflight,
  { groupId, keys, kept: { intents } }: Seen,
  signal: AbortSignal,
): Promise<Result<ReadyPlace>> {
  const last = lastDeliveredTo(choice, intents, preflight.write.place);
  const apiKeyId = last && keyOf(last);
  if (!last || apiKeyId === undefined) return ok(preflight);
  const key = keys.find((each) => each.apiKeyId === apiKeyId);
  const named: Holder = key
    ? { is: 'key', key, by: 'fingerprint' }
    : { is: 'deleted key', apiKeyId, name: last.name, knownSince: last.updatedAt };
  // A key of another project, which may not be allowed, is neither looked at nor named.
  const holder: Holder =
    last.groupId === groupId ? await confirmHolder(context.atlas, named, groupId, signal) : { is: 'unreadable' };
  if (holder.is === 'deleted key') return ok(preflight);
  const message = `The sink ${choice.sink.name} does not show what it holds, and this machine has put a secret there.`;
  const hint = 'Nothing is overwritten that was not seen.';
  return failed(placeTaken(context, choice, { code: 'SINK_ENTRY_EXISTS', message, hint }, holder));
}

/** A place that a rotation cannot use, with whose secret is there. */
export async function placeRefused(
  context: KeyContext & ConfiguredSinks,
  choice: SinkChoice,
  problem: SinkProblem,
  seen: Seen,
  { signal }: { readonly signal: AbortSignal },
): Promise<Failure> {
  if (problem.code !== 'SINK_ENTRY_EXISTS') return fromSink(problem);
  const { groupId, keys, kept } = seen;
  const held = await choice.sink.lookUp(choice.reference);
  const holder = await confirmHolder(context.atlas, holderOf(held, groupId, keys, kept.intents), groupId, signal);
  return withLeftovers(placeTaken(context, choice, problem, holder), seen);
}

/** Whether no call is at that key any more: of one that is, reconcile judges the place. */
function isEnded(apiKeyId: string, intents: readonly Intent[]): boolean {
  return intents.every((intent) => keyOf(intent) !== apiKeyId || intent.state.step === 'ended');
}

/** The refusal of a sink, with whose secret is there, and only the ways that there are. */
function placeTaken(
  { sinks }: ConfiguredSinks,
  { sink }: SinkChoice,
  { message }: SinkProblem,
  holder: Holder,
): Failure {
  const others = [...sinks.keys()].filter((name) => name !== sink.name);
  const ways = [
    ...(sink.takesEntry ? ['pass another entry'] : []),
    ...(others.length > 0 ? [`choose another sink (${others.join(', ')})`] : []),
    ...(holder.is === 'key' ? ['rotate that key (rotate_ai_model_api_key)'] : []),
    'or have the user take that value away first, if nobody needs it',
  ];
  const hint = `Nothing is overwritten. What can be done: ${ways.join(', ')}.`;
  return refusal('SINK_ENTRY_EXISTS', `${message} ${describeHolder(holder)}`.trim(), hint);
}

function describeHolder(holder: Holder): string {
  switch (holder.is) {
    case 'key': {
      const told = holder.by === 'mask' ? 'By its mask it' : 'It';
      return `${told} is the secret of the key ${describeKey(holder.key)}.`;
    }
    case 'deleted key':
      return `It is ${describeDeleted(holder)}.`;
    case 'another value':
      return 'It is not known to be the secret of any key of this project.';
    case 'nothing':
    case 'unreadable':
      return '';
  }
}

function describeDeleted({ apiKeyId, name }: Extract<Holder, { is: 'deleted key' }>): string {
  return `the secret of the deleted key ${apiKeyId} ${JSON.stringify(name)}`;
}

function describeKey({ apiKeyId, name, status, lastUsedAt }: ListedKey): string {
  const use = lastUsedAt === null ? 'never used' : `last used ${lastUsedAt}`;
  return [
    `${apiKeyId ?? 'without an id'} ${JSON.stringify(name)}`,
    ...(status === undefined ? [] : [status, use]),
  ].join(', ');
}
