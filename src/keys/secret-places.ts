// Says whose secret a place holds, by what the journal and the list of keys know; and in which places the secret of a key is, by
// the journal and a look. It changes nothing.

import type { Atlas } from '../atlas/atlas.ts';
import { hasId, saysNoSuchKey, type ListedKey, type ModelKey } from '../atlas/api/keys.ts';
import { isPlace, expand, type Held, type Replaced } from '../sinks/sink.ts';
import { keyUnlessGone } from './find-key.ts';
import { isDelivered, isOfKey, keyOf, type Intent } from './journal/intent.ts';
import {
  chooseSink,
  holdsSecretOf,
  isHeldBy,
  referenceOf,
  type ConfiguredSinks,
  type SinkChoice,
} from './sink-choice.ts';

export type Holder =
  | { readonly is: 'key'; readonly key: ListedKey; readonly by: 'fingerprint' | 'mask' }
  /** Certain only after a read by its id. */
  | { readonly is: 'deleted key'; readonly apiKeyId: string; readonly name: string; readonly knownSince: string }
  | { readonly is: 'another value' }
  | { readonly is: 'nothing' }
  | { readonly is: 'unreadable' };

const MASK = /^al-(?:[a-z]{2,}-)?\*+([^*]{4})$/;

/** What the journal knows of a value that is held there. */
export function knownOf(held: Held, intents: readonly Intent[]): readonly Intent[] {
  return intents.filter(({ state }) => 'fingerprint' in state && isHeldBy(held, state.fingerprint));
}

/**
 * @param keys all of the project
 * @param intents all of the journal: a secret that it knows of another project's key is not one of this project, whatever its mask
 */
export function holderOf(held: Held, groupId: string, keys: readonly ListedKey[], intents: readonly Intent[]): Holder {
  if (held.held !== 'value') return { is: held.held === 'nothing' ? 'nothing' : 'unreadable' };
  const own = intents.filter((intent) => intent.groupId === groupId && 'fingerprint' in intent.state);
  const known = knownOf(held, intents);
  const listed = keys.find(({ apiKeyId }) => known.some((intent) => isOfKey(intent, groupId, apiKeyId)));
  if (listed) return { is: 'key', key: listed, by: 'fingerprint' };
  const last = known.at(-1);
  if (last) return unlistedHolder(last, groupId, keys, known);
  // A key's secret never changes: where its fingerprint is known, a value that only fits the mask is another's.
  const isOpen = (key: ListedKey) => !own.some((intent) => keyOf(intent) === key.apiKeyId);
  const fitting = keys.filter((key) => hasId(key) && isOpen(key) && isSameMask(key.maskedSecret, held.mask));
  const [key, ...others] = fitting;
  return key && others.length === 0 ? { is: 'key', key, by: 'mask' } : { is: 'another value' };
}

/** @param last what the journal knows of the value last, `known` all that it does */
function unlistedHolder(last: Intent, groupId: string, keys: readonly ListedKey[], known: readonly Intent[]): Holder {
  const { name, updatedAt: knownSince } = last;
  const apiKeyId = keyOf(last);
  // No two keys have one secret: of whose it is then, nothing is certain.
  if (apiKeyId === undefined || !known.every((intent) => isOfKey(intent, groupId, apiKeyId)))
    return { is: 'another value' };
  // A row without an id may be that of this key.
  return keys.every(hasId) ? { is: 'deleted key', apiKeyId, name, knownSince } : unlisted(apiKeyId, name);
}

function isSameMask(one: string | undefined, other: string | undefined): boolean {
  const ending = MASK.exec(one ?? '')?.[1];
  return ending !== undefined && ending === MASK.exec(other ?? '')?.[1];
}

/** Whose secret it is, is known all the same. */
function unlisted(apiKeyId: string, name: string): Holder {
  return { is: 'key', key: { apiKeyId, name, lastUsedAt: null }, by: 'fingerprint' };
}

/** For so long a read may not show a new key either. In milliseconds. */
const SHOWN_LATE_MS = 2 * 60 * 1000;

/** A list may be behind: only a read by its id, answered by Atlas itself, says that a key is deleted; of a new one, several. */
export async function confirmHolder(
  atlas: Atlas,
  holder: Holder,
  groupId: string,
  signal: AbortSignal,
): Promise<Holder> {
  if (holder.is !== 'deleted key') return holder;
  const { apiKeyId, name, knownSince } = holder;
  const isOld = Date.now() - Date.parse(knownSince) > SHOWN_LATE_MS;
  const now = isOld
    ? await atlas.getKey({ groupId }, apiKeyId, signal)
    : await keyUnlessGone(atlas, groupId, apiKeyId, signal);
  if (now.ok ? now.value === undefined : isOld && saysNoSuchKey(now.failure)) return holder;
  return now.ok && now.value ? { is: 'key', key: now.value, by: 'fingerprint' } : unlisted(apiKeyId, name);
}

/** The secret that may be overwritten: known by its fingerprint where this machine delivered it, else by the mask. */
export function replacedBy(
  groupId: string,
  { apiKeyId, maskedSecret }: ModelKey,
  intents: readonly Intent[],
): Replaced {
  const isOwn = (intent: Intent) => isOfKey(intent, groupId, apiKeyId);
  const known = (those: readonly Intent[]) =>
    those.flatMap(({ state }) => ('fingerprint' in state ? (state.fingerprint ?? []) : []));
  return {
    maskedSecret,
    fingerprints: known(intents.filter((intent) => isOwn(intent) && isDelivered(intent))),
    others: known(intents.filter((intent) => !isOwn(intent))),
  };
}

/** Where this machine put the secret of a key, the last one first. */
export function placesGiven(
  sinks: ConfiguredSinks['sinks'],
  intents: readonly Intent[],
  groupId: string,
  apiKeyId: string,
): readonly (SinkChoice & { readonly intent: Intent })[] {
  const places = new Map<string, SinkChoice & { readonly intent: Intent }>();
  for (const intent of intents.toReversed()) {
    const sink = sinks.get(intent.sink);
    const id = JSON.stringify([intent.sink, intent.entry]);
    if (!isOfKey(intent, groupId, apiKeyId) || !isDelivered(intent) || places.has(id)) continue;
    // The operator may have changed the sink since.
    if (sink?.takesEntry !== (intent.entry !== undefined)) continue;
    places.set(id, { sink, reference: referenceOf(intent), intent });
  }
  return [...places.values()];
}

/** {@link placesGiven}, but for the result of a tool, which is not a place that can be looked at. */
export function placesOfSecret(...given: Parameters<typeof placesGiven>): ReturnType<typeof placesGiven> {
  return placesGiven(...given).filter(({ sink }) => isPlace(sink));
}

/**
 * The last call of which the journal knows that it put a secret into that place: all that there is to know of a store that does
 * not show what it holds.
 *
 * @param at the place of a prepared write, which other sinks may lead to
 */
export function lastDeliveredTo(
  { sink, reference }: SinkChoice,
  intents: readonly Intent[],
  at?: string,
): Intent | undefined {
  const isHere = ({ sink: name, groupId, entry, place }: Intent) =>
    (at !== undefined && place === at) ||
    (name === sink.name && entry === reference.entry && (groupId === reference.groupId || !sink.takesProject));
  return intents.findLast((intent) => isDelivered(intent) && isHere(intent));
}

export interface KnownPlace extends SinkChoice {
  readonly holds: 'yes' | 'no' | 'unknown';
}

/** {@link placesOfSecret}, and whether it is there now. */
export async function lookAtKnownPlaces(
  sinks: ConfiguredSinks['sinks'],
  intents: readonly Intent[],
  groupId: string,
  apiKeyId: string,
): Promise<readonly KnownPlace[]> {
  const places = placesOfSecret(sinks, intents, groupId, apiKeyId);
  return Promise.all(
    places.map(async ({ intent, ...place }) => ({ ...place, holds: await holdsSecretOf(sinks, intent) })),
  );
}

/** For people: the sink, the path or program, and the entry. */
export function describePlace({ sink, reference }: SinkChoice): string {
  const entry = reference.entry === undefined ? '' : `, entry ${reference.entry}`;
  return `the sink ${sink.name}${entry} (${expand(sink.location, reference)})`;
}

interface OldSecretSearch {
  readonly groupId: string;
  /** The key whose secret is looked for. */
  readonly old: ModelKey;
  /** All keys of its project. */
  readonly keys: readonly ListedKey[];
  readonly intents: readonly Intent[];
  /** Where the journal says that it was put. */
  readonly known: Place;
  /** That the caller named. */
  readonly entry?: string | undefined;
}

interface Place {
  readonly groupId: string;
  readonly sink?: string | undefined;
  readonly entry?: string | undefined;
}

/**
 * Among several sinks, the only one that holds the secret: by its fingerprint, else by its mask; what the journal knows where no
 * other is found, or the secret may still be there. `refusedAt` is a place whose value was compared with the mask and is not it:
 * each such answer rules out a guess, so their number is to be limited.
 */
export async function searchOldSecret(
  { sinks }: ConfiguredSinks,
  { groupId, old, keys, intents, known, entry = known.entry }: OldSecretSearch,
): Promise<{ readonly place: Place; readonly refusedAt?: SinkChoice }> {
  if (sinks.size < 2) return { place: known };
  const places = known.sink === undefined ? [] : await lookAtKnownPlaces(sinks, intents, groupId, old.apiKeyId);
  const there = places.find(({ holds }) => holds === 'yes') ?? places.find(({ holds }) => holds === 'unknown');
  if (there) return { place: { ...there.reference, sink: there.sink.name } };
  const holding: { readonly choice: SinkChoice; readonly by: 'fingerprint' | 'mask' }[] = [];
  let refusedAt: SinkChoice | undefined;
  for (const sink of [...sinks.values()].filter(isPlace)) {
    const wish = { groupId, name: old.name, sink: sink.name, ...(sink.takesEntry && { entry }) };
    const choice = await chooseSink({ sinks }, wish, undefined);
    if (!choice.ok) continue;
    const held = await sink.lookUp(choice.value.reference);
    const holder = holderOf(held, groupId, keys, intents);
    if (holder.is === 'key' && holder.key.apiKeyId === old.apiKeyId)
      holding.push({ choice: choice.value, by: holder.by });
    else if (held.held === 'value' && held.mask !== undefined) refusedAt ??= choice.value;
  }
  const byFingerprint = holding.filter(({ by }) => by === 'fingerprint');
  const [found, ...others] = byFingerprint.length > 0 ? byFingerprint : holding;
  if (found && others.length === 0) {
    const { sink, reference } = found.choice;
    return { place: { groupId, sink: sink.name, entry: reference.entry } };
  }
  const isKnown = intents.some((intent) => isOfKey(intent, groupId, old.apiKeyId) && isDelivered(intent));
  return { place: known, ...(refusedAt && !isKnown && { refusedAt }) };
}
