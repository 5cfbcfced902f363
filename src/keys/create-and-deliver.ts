// Makes a key and delivers its secret: from the journal's first line to a secret that is verified in a sink, or to a failure
// that says why it is in none. Steps 3 to 5 of the delivery protocol, for a create and for a rotation. The key still has its
// marked name afterwards.

import { setTimeout as delay } from 'node:timers/promises';
import type { Atlas } from '../atlas/atlas.ts';
import { failed, ok, refusal, type Failure, type FailureAfterCreate, type KeyState, type Result } from '../failure.ts';
import { cancelled } from './refusals.ts';
import type { KeyUseContext } from './live-check.ts';
import { scopeDifference, type CreatedKey, type ListedKey, type ModelKey, type NewKey } from '../atlas/api/keys.ts';
import { LONGEST_WAIT_SECONDS } from '../atlas/api/admin-api.ts';
import { leftOpenWarnings } from '../files/safe-directory.ts';
import { fingerprintOf, type Fingerprint } from '../secret/opened-secret.ts';
import type { Secret } from '../secret/secret.ts';
import {
  isPlace,
  type Delivery,
  type DeliveryCall,
  type PreparedWrite,
  type Retraction,
  type Verdict,
} from '../sinks/sink.ts';
import type { RequestContext } from './request-context.ts';
import { described } from './consent.ts';
import type { Plan } from './journal/intent.ts';
import type { Journal, OpenIntent } from './journal/journal.ts';
import { holdsSecret, type ConfiguredSinks, type SinkChoice, receipt, type DeliveryReceipt } from './sink-choice.ts';
import { findByNonce, deleteLostCreate, deleteUndelivered, markedName, newNonce, nonceOf } from './own-key.ts';
import { protocolFailure } from '../atlas/api/errors.ts';

/** Once the caller has gone or the server stops, a call must end within 10 seconds. In milliseconds. */
const LONGEST_REPLY_MS = 3_000;
const LONGEST_SEARCH_MS = 6_000;
/** For Atlas's rate limit. */
const MOST_WAITS = 2;

export interface CreateContext extends KeyUseContext, ConfiguredSinks {
  readonly journal: Journal;
  /** Creates and rotations of this machine together. */
  readonly maxCreatesPerHour: number;
}

/** A key that may be created: its name is free, and its sink has proved ready. */
export interface PreparedCreate {
  /** With the name that it is to have in the end, as Atlas is to get it. */
  readonly key: NewKey;
  /** That name as it may be kept and shown. */
  readonly name: string;
  readonly choice: SinkChoice;
  readonly write: PreparedWrite;
  /** In a rotation: the old key. */
  readonly replaces?: Plan['replaces'];
  /** When the project's keys were looked at, in milliseconds since the epoch. */
  readonly looked: number;
  /** The keys that there were. */
  readonly seen: readonly ListedKey[];
}

/** A key whose secret is in the sink, and whose name does not say so yet. */
export interface Issued {
  readonly key: ModelKey;
  /** For the test of the key. */
  readonly secret: Secret;
  readonly delivery: DeliveryReceipt;
  readonly warnings: readonly string[];
  readonly fingerprint: Fingerprint;
  readonly intent: OpenIntent;
  readonly choice: SinkChoice;
  readonly write: PreparedWrite;
  /** Whether its id was taken only from the reply, and is to be looked at before the key is changed. */
  readonly isUnsure: boolean;
}

/** From here on the journal has every step, and the answer says what became of the key. */
export async function createAndDeliver(
  context: CreateContext,
  prepared: PreparedCreate,
  call: RequestContext,
): Promise<Result<Issued, FailureAfterCreate>> {
  const { atlas, journal, maxCreatesPerHour: maxPerHour } = context;
  const plan = planOf(prepared);
  const isOnePlace = isPlace(prepared.choice.sink);
  const opened = await journal.open(plan, { since: prepared.looked, maxPerHour, isOnePlace });
  if (!opened.ok) return notCreated(opened.failure);
  const intent = opened.value;
  if (call.signal.aborted) {
    await intent.release({ step: 'ended', outcome: 'not_created' });
    return notCreated(cancelled);
  }
  call.progress('Creating the key');
  const key = { ...prepared.key, name: markedName(prepared.key.name, plan.nonce) };
  const reply = await createOnce(atlas, key, call);
  if (!reply.ok && !reply.failure.maybeCarriedOut) {
    await intent.release({ step: 'ended', outcome: 'not_created' });
    return notCreated(reply.failure);
  }
  const limit = abortedAfter(call.signal, LONGEST_SEARCH_MS);
  const made = reply.ok ? await identify(atlas, intent, reply.value, prepared.seen, limit) : undefined;
  if (made?.secret === undefined) {
    call.progress('Looking what became of the key');
    const cause = reply.ok ? protocolFailure('a created key without a secret or an id') : reply.failure;
    return failed(await deleteLostCreate(atlas, intent, cause, limit));
  }
  call.progress('Delivering the secret');
  return handOver(atlas, prepared, intent, { ...made, secret: made.secret }, call);
}

function notCreated(failure: Failure): Result<never, FailureAfterCreate> {
  return failed({ ...failure, keyState: 'not_created' });
}

function planOf({
  key: { groupId },
  name,
  choice: { sink, reference },
  write: { place },
  replaces,
}: PreparedCreate): Plan {
  return { groupId, name, nonce: newNonce(), sink: sink.name, entry: reference.entry, place, replaces };
}

/** Sent again only where Atlas has definitely refused it, because of its rate, and says when. */
async function createOnce(
  atlas: Atlas,
  key: NewKey,
  { signal, progress }: RequestContext,
): Promise<Result<CreatedKey>> {
  for (let waits = 0; ; waits += 1) {
    const reply = await atlas.createKey(key, abortedAfter(signal, LONGEST_REPLY_MS));
    if (reply.ok || reply.failure.code !== 'ATLAS_RATE_LIMITED' || reply.failure.maybeCarriedOut) return reply;
    const seconds = reply.failure.retryAfterSeconds ?? Number.POSITIVE_INFINITY;
    if (seconds > LONGEST_WAIT_SECONDS || waits >= MOST_WAITS || !(await waited(seconds, signal, progress)))
      return reply;
  }
}

/** Answers false where the caller did not want to wait so long. */
async function waited(seconds: number, signal: AbortSignal, progress: RequestContext['progress']): Promise<boolean> {
  for (let left = seconds; left > 0; left -= 1) {
    progress(`Atlas limits the rate of requests: trying again in ${left} s`);
    await delay(1000, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return false;
  }
  return !signal.aborted;
}

interface Made extends Pick<CreatedKey, 'secret' | 'warnings'> {
  readonly key: ModelKey;
  readonly isUnsure: boolean;
}

/**
 * Which key a reply is about. One that was there before is not the one that was made; one without an id, or of another name,
 * is looked for by its nonce. Undefined where nobody can tell.
 */
async function identify(
  atlas: Atlas,
  intent: OpenIntent,
  { key, secret, warnings }: CreatedKey,
  seen: readonly ListedKey[],
  signal: AbortSignal,
): Promise<Made | undefined> {
  const isNew = key !== undefined && seen.every(({ apiKeyId }) => apiKeyId !== key.apiKeyId);
  const rest = { ...(secret && { secret }), warnings };
  if (isNew && nonceOf(key) === intent.nonce) return { key, ...rest, isUnsure: false };
  const own = await findByNonce(atlas, intent, signal);
  const [found, ...others] = own;
  if (found && others.length === 0) return { key: found, ...rest, isUnsure: false };
  return isNew && own.length === 0 && key.name === '' ? { key, ...rest, isUnsure: true } : undefined;
}

/** The journal learns the id, the sink gets the secret, and a key whose secret is in no sink is deleted again. */
async function handOver(
  atlas: Atlas,
  prepared: PreparedCreate,
  intent: OpenIntent,
  { key, secret, warnings, isUnsure }: Made & { readonly secret: Secret },
  call: RequestContext,
): Promise<Result<Issued, FailureAfterCreate>> {
  const { choice, write } = prepared;
  const { apiKeyId } = key;
  const fingerprint = fingerprintOf(secret);
  // What the journal does not know is not delivered: a key that it knows as being sent may be deleted later.
  const known = await intent.record({ step: 'created', apiKeyId, fingerprint });
  const isEndpointKept = choice.sink.keepsEndpoint === true && key.endpoint !== undefined;
  const endpoint = isEndpointKept ? await atlas.endpointBase(key.endpoint) : undefined;
  const delivering = deliveryOf(prepared, intent, key, { endpoint, page: call });
  const outcome = known ? await deliver(write, secret, delivering) : journalLost;
  if (outcome.outcome === 'delivered') {
    await intent.record({ step: 'delivered', apiKeyId, fingerprint }, outcome.version);
    const { verification, disclosed } = outcome;
    const delivery = receipt(choice, {
      location: write.location,
      verification,
      fingerprint,
      ...(disclosed !== undefined && { secret: disclosed }),
    });
    const issued = { key, secret, delivery, fingerprint, intent, choice, write, isUnsure };
    const difference = scopeDifference(prepared.key, key);
    const scope = difference === undefined ? [] : [difference];
    // A directory of the journal or the audit log may have been made meanwhile.
    const told = new Set([...warnings, ...scope, ...outcome.warnings, ...leftOpenWarnings()]);
    return ok({ ...issued, warnings: [...told] });
  }
  return failed(await undelivered(atlas, prepared, intent, { apiKeyId, fingerprint, outcome }));
}

interface Undelivered {
  readonly apiKeyId: string;
  readonly fingerprint: Fingerprint;
  readonly outcome: Exclude<DeliveryOutcome, { outcome: 'delivered' }>;
}

/** Deletes the key again, where its secret may not stay in the place of another one. */
async function undelivered(
  atlas: Atlas,
  { choice, write, replaces }: PreparedCreate,
  intent: OpenIntent,
  { apiKeyId, fingerprint, outcome }: Undelivered,
): Promise<FailureAfterCreate> {
  const left = outcome.outcome === 'failed' ? await takeOutSecret(choice, write, fingerprint) : 'unknown';
  // Where an old secret was overwritten, a new one that may still be there must not become the secret of a deleted key.
  if (outcome.outcome === 'failed' && (left === 'out' || !replaces)) {
    const stays = left === 'out' ? undefined : fingerprint;
    const { keyState, ending } = await deleteUndelivered(atlas, intent, apiKeyId, stays);
    const told = [ending, ...deadSecretWords(write.location, fingerprint, left)].join(' ');
    return { ...writeFailure(outcome, told, keyState), apiKeyId };
  }
  await intent.release({ step: 'created', apiKeyId, fingerprint });
  const ending = `The key ${apiKeyId} is alive. ${checkWords(choice, write.location, fingerprint)}`;
  return { ...writeFailure(outcome, ending, 'unknown'), apiKeyId };
}

/** What a person is told who receives the secret: the name is the final one. */
function deliveryOf(
  { name, replaces }: PreparedCreate,
  { groupId, nonce }: OpenIntent,
  key: ModelKey,
  { endpoint, page }: Pick<DeliveryCall, 'endpoint' | 'page'>,
): DeliveryCall {
  const old = replaces && [`Takes the place of: the key ${replaces.apiKeyId}`];
  const about = () => [described({ ...key, name }, groupId), ...(old ?? [])].join('\n');
  return { nonce, about, endpoint, deletesOld: replaces?.keepOld === false, page };
}

/** Takes the secret out of the sink, and answers where it is now: a look counts for more than what the sink says. */
export async function takeOutSecret(
  choice: SinkChoice,
  write: PreparedWrite,
  fingerprint: Fingerprint,
): Promise<Exclude<Retraction, 'may be held'>> {
  let left: Retraction = 'unknown';
  try {
    left = await write.retract();
  } catch {
    // What throws says nothing of where the secret is.
  }
  if (left === 'may be held') return 'unknown';
  const held = !isPlace(choice.sink) ? 'unknown' : await holdsSecret(choice, fingerprint, write.place);
  if (held === 'unknown') return left;
  // A sink may be wrong, and so may a look that lags behind.
  if (held === 'yes') return left === 'out' ? 'unknown' : 'held';
  return 'out';
}

/** What a person must know of the secret of a key that is deleted. */
export function deadSecretWords(location: string, fingerprint: Fingerprint, left: Retraction): readonly string[] {
  if (left === 'out') return [];
  const verb = left === 'held' ? 'still holds' : 'may still hold';
  return [`${location} ${verb} the secret of that key (fingerprint ${fingerprint}): take it away there.`];
}

/** What a person does where it is not known whether a secret arrived. */
function checkWords({ sink }: SinkChoice, location: string, fingerprint: Fingerprint): string {
  if (sink.verification === 'metadata')
    return `${location} shows nobody what it holds: take that value away there, create a key for that place, then delete this one.`;
  return `Check whether ${location} holds a secret with the fingerprint ${fingerprint}; if not, delete the key.`;
}

function writeFailure(
  { message, hint }: { readonly message: string; readonly hint: string },
  ending: string,
  keyState: KeyState,
): FailureAfterCreate {
  const what =
    keyState === 'unknown' ? 'Whether the secret was delivered is not known' : 'The secret was not delivered';
  return { ...refusal('SINK_WRITE_FAILED', `${what}: ${message}`, `${ending} ${hint}`), keyState };
}

const journalLost: DeliveryOutcome = {
  outcome: 'failed',
  message: 'the journal could not be written any more.',
  hint: 'Make room on the disk of ATLAS_MODEL_KEYS_STATE_DIR, then call again.',
};

type DeliveryOutcome =
  | (Pick<Extract<Delivery, { outcome: 'written' }>, 'warnings' | 'disclosed'> &
      Pick<Extract<Verdict, { outcome: 'verified' }>, 'verification' | 'version'> & { readonly outcome: 'delivered' })
  /** `failed`: the secret is certainly not in the sink. `uncertain`: it may be, and nobody can tell. */
  | Exclude<Delivery, { outcome: 'written' }>;

/** What can be read back is read back, whatever the delivery itself said. */
async function deliver(write: PreparedWrite, secret: Secret, call: DeliveryCall): Promise<DeliveryOutcome> {
  try {
    const delivery = await write.deliver(secret, call);
    if (delivery.outcome === 'failed') return delivery;
    const verdict = await write.verify(secret);
    if (verdict.outcome !== 'verified') {
      const outcome = verdict.outcome === 'mismatch' ? 'failed' : 'uncertain';
      if (delivery.outcome === 'written') return { ...verdict, outcome };
      // Why it was in doubt says more than what was seen afterwards.
      const hint = verdict.hint === delivery.hint ? verdict.hint : `${delivery.hint} ${verdict.hint}`;
      return { outcome, message: `${delivery.message} ${verdict.message}`, hint };
    }
    if (delivery.outcome === 'written') return { ...delivery, ...verdict, outcome: 'delivered' };
    // That there is something does not say that it is this secret.
    if (verdict.verification !== 'read-back') return delivery;
    return {
      ...verdict,
      outcome: 'delivered',
      warnings: [`The secret is in the sink, but: ${delivery.message}`],
    };
  } catch {
    // A key exists by now: whatever went wrong in a sink must end in a roll-back. The error may quote anything.
    return {
      outcome: 'failed',
      message: 'The sink failed in an unforeseen way.',
      hint: 'Report this as a defect of this server.',
    };
  }
}

/** Aborted `ms` milliseconds after `signal` was: what is under way gets that long to end. */
function abortedAfter(signal: AbortSignal, ms: number): AbortSignal {
  const controller = new AbortController();
  const begin = () => {
    setTimeout(() => {
      controller.abort();
    }, ms).unref();
  };
  if (signal.aborted) begin();
  else signal.addEventListener('abort', begin, { once: true });
  return controller.signal;
}
