// Finds the creates and rotations that never came to an end, says of each what is true now at Atlas and in the sink, and, when asked
// to, deletes the keys that are certainly theirs and were never used. Two processes doing so at once do no harm.

import type { Atlas } from '../atlas/atlas.ts';
import type { AtlasFailure } from '../atlas/failure.ts';
import { hasId, isNamed, sameName, saysNoSuchKey, type ModelKey } from '../atlas/model-keys.ts';
import type { Address, Held, Sink } from '../sinks/sink.ts';
import { deleteForGood } from './delivery/deletion.ts';
import { journalUnreadable, type Failure } from './failure.ts';
import type { Intent, Step } from './journal/intent.ts';
import { isUnderWay, isUnfinished, type Journal } from './journal/journal.ts';
import { keyOf, unclaimedNamesakes } from './journal/namesake.ts';
import { isAllowed, type ProjectPolicy } from './policy.ts';

/**
 * `under_way`: its process is still at it. `delivered`: the sink holds the secret. `orphan`: the key is alive, was never
 * used, and its secret is in no sink. `deleted`: it was such an orphan, until now. `gone`: no such key is alive.
 */
export type Finding = 'under_way' | 'delivered' | 'orphan' | 'deleted' | 'gone' | 'unknown';

export interface Reconciled {
  readonly groupId: string;
  readonly name: string;
  readonly sink: string;
  readonly entry?: string;
  readonly openedAt: string;
  readonly finding: Finding;
  readonly apiKeyIds: readonly string[];
  /** What a person should know or do. */
  readonly advice: string;
}

export interface ReconcileContext extends ProjectPolicy {
  readonly atlas: Atlas;
  readonly journal: Journal;
  readonly sinks: ReadonlyMap<string, Sink>;
}

/** A request that was slow may still be carried out after its sender has gone. In milliseconds. */
const SETTLED_AFTER_MS = 60_000;
const CLOCKS_DIFFER_MS = 10 * 60 * 1000;
const LATEST_MS = 60 * 60 * 1000;
/** How long a key may still appear for a create whose reply was lost and which no list showed. */
const WATCHED_MS = 24 * 60 * 60 * 1000;

/** @param apply delete orphans and close what is settled; otherwise nothing is changed, at Atlas or in the journal */
export async function reconcile(
  context: ReconcileContext,
  apply: boolean,
  signal: AbortSignal,
): Promise<readonly Reconciled[] | Failure> {
  const intents = await context.journal.read();
  if (!intents) return journalUnreadable('not_applicable');
  const findings: Reconciled[] = [];
  for (const intent of intents) {
    if (signal.aborted) break;
    if (isUnderWay(intent))
      findings.push(report(intent, 'under_way', [], 'Its process is still at it; look again later.'));
    else if (isUnfinished(intent)) findings.push(await examine(context, intent, apply, signal));
    else if (isWatched(intent)) findings.push(...(await latecomer(context, intent, apply, signal)));
  }
  return findings;
}

function isWatched({ state, updatedAt }: Intent): boolean {
  return state.step === 'ended' && state.outcome === 'not_found' && Date.now() - Date.parse(updatedAt) < WATCHED_MS;
}

/** Silent as long as no key has appeared. */
async function latecomer(
  context: ReconcileContext,
  intent: Intent,
  apply: boolean,
  signal: AbortSignal,
): Promise<Reconciled[]> {
  const found = await examine(context, intent, apply, signal);
  return found.finding === 'gone' || found.apiKeyIds.length === 0 ? [] : [found];
}

async function examine(
  context: ReconcileContext,
  intent: Intent,
  apply: boolean,
  signal: AbortSignal,
): Promise<Reconciled> {
  if (!isAllowed(context, intent.groupId)) {
    return report(intent, 'unknown', [], 'The operator does not allow this project any more.');
  }
  const keys = await context.atlas.listKeys(intent.groupId, signal);
  if (!keys.ok) return report(intent, 'unknown', [], `${keys.failure.message} ${keys.failure.hint}`);
  // Read after the list: whoever made a key that it shows had an intent in the journal before.
  const intents = await context.journal.read();
  if (!intents) return report(intent, 'unknown', [], journalUnreadable('not_applicable').message);
  if (keyOf(intent) === undefined && intents.some((other) => isRival(other, intent)))
    return report(intent, 'unknown', [], 'Another call is creating a key of this name right now; look again later.');
  const listed = keys.value.filter(hasId);
  if (keyOf(intent) === undefined && keys.value.some((key) => !hasId(key) && isNamed(key, intent.name)))
    return report(intent, 'unknown', [], 'Atlas lists a key of this name without its id; look again later.');
  const candidates = await candidatesOf(context.atlas, intent, { keys: listed, intents, signal });
  if ('code' in candidates) return report(intent, 'unknown', [], `${candidates.message} ${candidates.hint}`);
  const { replaces } = intent;
  const old = replaces && listed.find(({ apiKeyId }) => apiKeyId === replaces.apiKeyId);
  return judge(context, intent, { candidates, old }, apply);
}

/** Another create of the name, which is under way: a key whose id the journal does not know yet may be its own. */
function isRival(other: Intent, { id, groupId, name }: Intent): boolean {
  return (
    other.id !== id &&
    other.groupId === groupId &&
    sameName(other.name, name) &&
    isUnderWay(other) &&
    keyOf(other) === undefined
  );
}

async function judge(
  context: ReconcileContext,
  intent: Intent,
  { candidates, old }: { readonly candidates: readonly ModelKey[]; readonly old: ModelKey | undefined },
  apply: boolean,
): Promise<Reconciled> {
  const [candidate, ...others] = candidates;
  const unknown = (advice: string) => report(intent, 'unknown', idsOf(candidates), advice);
  if (!candidate) return none(context, intent, old, apply);
  if (others.length > 0) return unknown('Several keys have this name. A person decides in Atlas which are needed.');
  if (intent.state.step === 'retiring') return delivered(context, intent, { candidate, old }, apply);
  const held = intent.state.step === 'created' ? await heldBy(context.sinks, intent) : 'nothing';
  if (held === 'the secret') return delivered(context, intent, { candidate, old }, apply);
  if (keyOf(intent) === undefined && !isOfItsTime(candidate, intent)) {
    return unknown(
      "The key was made at another time, so it may be somebody else's. A person decides in Atlas whether it is needed.",
    );
  }
  if (candidate.lastUsedAt !== null) {
    return unknown('The key is in use, so somebody has its secret. It is left alone.');
  }
  if (held === 'unknown') {
    return unknown(
      'The sink cannot be read, so the secret may be in it. A person looks there, and deletes the key in Atlas if not.',
    );
  }
  return orphan(context, intent, candidate, apply);
}

/** Whether a key that is known by its name alone can be the create's: clocks differ, and a request may be slow. */
function isOfItsTime({ createdAt }: ModelKey, { openedAt }: Intent): boolean {
  const made = Date.parse(createdAt ?? '');
  return made > Date.parse(openedAt) - CLOCKS_DIFFER_MS && made < Date.parse(openedAt) + LATEST_MS;
}

/** The very key where its id is known; otherwise those of the name which no other intent knows as its own. */
async function candidatesOf(
  atlas: Atlas,
  intent: Intent,
  known: { readonly keys: readonly ModelKey[]; readonly intents: readonly Intent[]; readonly signal: AbortSignal },
): Promise<readonly ModelKey[] | AtlasFailure> {
  const apiKeyId = keyOf(intent);
  if (apiKeyId === undefined) return unclaimedNamesakes(known.keys, known.intents, intent);
  const listed = known.keys.filter((key) => key.apiKeyId === apiKeyId);
  if (listed.length > 0) return listed;
  // Atlas does not promise that a list shows a new key.
  const key = await atlas.getKey({ groupId: intent.groupId }, apiKeyId, known.signal);
  if (key.ok) return [key.value];
  return saysNoSuchKey(key.failure) ? [] : key.failure;
}

async function heldBy(sinks: ReadonlyMap<string, Sink>, intent: Intent): Promise<'the secret' | 'nothing' | 'unknown'> {
  const sink = sinks.get(intent.sink);
  if (!sink || intent.state.step !== 'created') return 'unknown';
  const address: Address = { groupId: intent.groupId, ...(intent.entry !== undefined && { entry: intent.entry }) };
  const held: Held = await sink.lookUp(address);
  if (held.held === 'value') return held.fingerprint === intent.state.fingerprint ? 'the secret' : 'nothing';
  return held.held;
}

async function none(
  { journal }: ReconcileContext,
  intent: Intent,
  old: ModelKey | undefined,
  apply: boolean,
): Promise<Reconciled> {
  const isSettled = keyOf(intent) !== undefined || Date.now() - Date.parse(intent.updatedAt) > SETTLED_AFTER_MS;
  if (!isSettled)
    return report(
      intent,
      'unknown',
      [],
      'No such key is alive. The request was sent a moment ago and may still be carried out: look again in a minute.',
    );
  // A key whose id nobody knows may still appear, and is watched for.
  const outcome = keyOf(intent) === undefined ? 'not_found' : 'gone';
  if (intent.state.step !== 'ended') await close(journal, intent, { step: 'ended', outcome }, apply);
  const rest = old
    ? `The key that it was to replace, ${old.apiKeyId}, is alive; look whether the sink still holds its secret.`
    : 'Nothing is left to do.';
  return report(intent, 'gone', [], `No such key is alive. ${rest}`);
}

async function delivered(
  { journal }: ReconcileContext,
  intent: Intent,
  { candidate, old }: { readonly candidate: ModelKey; readonly old: ModelKey | undefined },
  apply: boolean,
): Promise<Reconciled> {
  const { apiKeyId } = candidate;
  await close(journal, intent, { step: 'ended', outcome: 'delivered', apiKeyId }, apply);
  const { replaces } = intent;
  const isLeft = old !== undefined && replaces?.keepOld === false;
  const todo = [
    ...(isLeft
      ? [`The key that it replaces, ${old.apiKeyId}, is still alive: delete_ai_model_api_key deletes it.`]
      : []),
    ...(replaces && !isNamed(candidate, replaces.finalName)
      ? [
          `It is to be named ${JSON.stringify(replaces.finalName)}: update_ai_model_api_key does that${isLeft ? ' afterwards' : ''}.`,
        ]
      : []),
  ];
  const advice = ['The sink has got the secret. The key can be used.', ...todo].join(' ');
  return report(intent, 'delivered', [apiKeyId, ...(isLeft ? [old.apiKeyId] : [])], advice);
}

async function orphan(
  { atlas, journal }: ReconcileContext,
  intent: Intent,
  { apiKeyId }: ModelKey,
  apply: boolean,
): Promise<Reconciled> {
  if (!apply)
    return report(
      intent,
      'orphan',
      [apiKeyId],
      'The key is alive, was never used, and nobody has its secret. Call again with apply to delete it.',
    );
  const deletion = await deleteForGood(atlas, intent.groupId, apiKeyId);
  if (deletion.state !== 'deleted')
    return report(
      intent,
      'orphan',
      [apiKeyId],
      `It could not be deleted: ${deletion.failure.message} ${deletion.failure.hint}`,
    );
  await close(journal, intent, { step: 'ended', outcome: 'rolled_back', apiKeyId }, apply);
  return report(intent, 'deleted', [apiKeyId], 'The key was deleted. Nothing is left to do.');
}

async function close(journal: Journal, intent: Intent, state: Step, apply: boolean): Promise<void> {
  if (apply) await journal.settle(intent, state);
}

function report(
  { groupId, name, sink, entry, openedAt }: Intent,
  finding: Finding,
  apiKeyIds: readonly string[],
  advice: string,
): Reconciled {
  return { groupId, name, sink, ...(entry !== undefined && { entry }), openedAt, finding, apiKeyIds, advice };
}

function idsOf(keys: readonly ModelKey[]): string[] {
  return keys.map(({ apiKeyId }) => apiKeyId);
}
