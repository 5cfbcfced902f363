// Issues a key: from the journal's first line to a secret that is verified in a sink, or to a true account of why it is
// in none. Steps 3 to 7 of the delivery protocol, for a create and for a rotation.

import { setTimeout as delay } from 'node:timers/promises';
import type { Atlas, CreateReply } from '../../atlas/atlas.ts';
import { protocolFailure } from '../../atlas/failure.ts';
import type { NewKey } from '../../atlas/model-keys.ts';
import { fingerprintOf, type Fingerprint } from '../../secret/fingerprint.ts';
import type { Target } from '../../sinks/sink.ts';
import type { CallControl } from '../call-control.ts';
import { handOver } from './created-key.ts';
import { abortedAfter } from './deadline.ts';
import type { Destination } from './destination.ts';
import { fromAtlas } from '../failure.ts';
import type { Plan } from '../journal/intent.ts';
import type { Journal, OpenIntent } from '../journal/journal.ts';
import { resolveLostCreate } from './lost-create.ts';
import { failed, type Delivered, type Failed } from './receipt.ts';

/** Once the caller has gone or the server stops, the end must come within 10 seconds. In milliseconds. */
const LONGEST_REPLY_MS = 3_000;
const LONGEST_SEARCH_MS = 6_000;
/** Waiting for Atlas's rate limit: longer than that, and the caller is told to come again. */
const LONGEST_WAIT_SECONDS = 20;
const MOST_WAITS = 2;

export interface IssueContext {
  readonly atlas: Atlas;
  readonly journal: Journal;
  /** Creates and rotations of this machine together. */
  readonly maxCreatesPerHour: number;
}

/** A key that may be created: its name is free, and its sink has proved ready. */
export interface Prepared {
  readonly key: NewKey;
  readonly destination: Destination;
  readonly target: Target;
  /** What it is to end in, where it is a rotation. */
  readonly replaces?: Plan['replaces'];
  /** When the project's keys were looked at, in milliseconds since the epoch. */
  readonly looked: number;
  /** The ids of the keys that there were. */
  readonly seen: ReadonlySet<string>;
}

/** A key whose secret is in the sink. The journal does not know yet that this is the end. */
export interface Issued {
  readonly outcome: 'issued';
  readonly delivered: Delivered;
  readonly fingerprint: Fingerprint;
  readonly intent: OpenIntent;
}

/** From here on everything is in the journal, and comes to a true end. */
export async function issueKey(context: IssueContext, prepared: Prepared, call: CallControl): Promise<Issued | Failed> {
  const { atlas, journal, maxCreatesPerHour } = context;
  const { key, destination, target, looked, seen } = prepared;
  const plan = planOf(prepared);
  const intent = await journal.open(plan, { since: looked, maxPerHour: maxCreatesPerHour });
  if ('code' in intent) return failed(intent);
  call.progress('Creating the key');
  const created = notSeenBefore(await createOnce(atlas, key, call), seen);
  if (created.ok) {
    call.progress('Delivering the secret');
    const outcome = await handOver(atlas, {
      destination,
      target,
      created: created.value,
      intent,
      rotates: prepared.replaces !== undefined,
    });
    if (outcome.outcome === 'failed') return outcome;
    const warnings = [...outcome.warnings, ...unfinishedWarning(intent.unfinished)];
    const fingerprint = fingerprintOf(created.value.secret);
    return { outcome: 'issued', delivered: { ...outcome, warnings }, fingerprint, intent };
  }
  const { failure: cause, apiKeyId } = created;
  if (cause.maybeCarriedOut) {
    call.progress('Looking what became of the key');
    const limit = abortedAfter(call.signal, LONGEST_SEARCH_MS);
    return failed(await resolveLostCreate(atlas, journal, { plan, intent, cause, seen, apiKeyId }, limit));
  }
  await intent.release({ step: 'ended', outcome: 'not_created' });
  return failed(fromAtlas(cause, 'not_created'));
}

/** Writes the end of a delivered key into the journal. */
export async function concluded({ delivered, intent }: Issued): Promise<Delivered> {
  const { apiKeyId } = delivered.key;
  const noted = await intent.release({ step: 'ended', outcome: 'delivered', apiKeyId });
  return noted ? delivered : { ...delivered, warnings: [...delivered.warnings, NOT_NOTED] };
}

function planOf({ key: { groupId, name }, destination: { sink, address }, replaces }: Prepared): Plan {
  const { entry } = address;
  return { groupId, name, sink: sink.name, ...(entry !== undefined && { entry }), ...(replaces && { replaces }) };
}

/** A reply that names a key which was there before is not about this create; that key must not be taken back for it. */
function notSeenBefore(reply: CreateReply, seen: ReadonlySet<string>): CreateReply {
  const apiKeyId = reply.ok ? reply.value.key.apiKeyId : reply.apiKeyId;
  if (apiKeyId === undefined || !seen.has(apiKeyId)) return reply;
  return { ok: false, failure: protocolFailure('a created key with the id of an older one') };
}

/** Sent again only where Atlas has definitely refused it, because of its rate, and says when. */
async function createOnce(atlas: Atlas, key: NewKey, { signal, progress }: CallControl): Promise<CreateReply> {
  for (let waits = 0; ; waits += 1) {
    const reply = await atlas.createKey(key, abortedAfter(signal, LONGEST_REPLY_MS));
    if (reply.ok || reply.failure.code !== 'ATLAS_RATE_LIMITED' || reply.failure.maybeCarriedOut) return reply;
    const seconds = reply.failure.retryAfterSeconds ?? Number.POSITIVE_INFINITY;
    if (seconds > LONGEST_WAIT_SECONDS || waits >= MOST_WAITS || !(await waited(seconds, signal, progress)))
      return reply;
  }
}

/** Answers false where the caller did not want to wait so long. */
async function waited(seconds: number, signal: AbortSignal, progress: CallControl['progress']): Promise<boolean> {
  for (let left = seconds; left > 0; left -= 1) {
    progress(`Atlas limits the rate of requests: trying again in ${left} s`);
    await delay(1000, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return false;
  }
  return !signal.aborted;
}

function unfinishedWarning(unfinished: number): string[] {
  if (unfinished === 0) return [];
  return [
    `${unfinished} earlier create(s) or rotation(s) did not come to an end; call reconcile_ai_model_api_keys to see what is true of them.`,
  ];
}

const NOT_NOTED =
  'The journal could not be written at the end; reconcile_ai_model_api_keys may report this key, and will find it delivered.';
