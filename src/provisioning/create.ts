// Creates a key and delivers its secret: the delivery protocol. Nothing is sent to create before the sink has proved
// ready; afterwards the protocol runs to a true end, whoever asks it to stop.

import { setTimeout as delay } from 'node:timers/promises';
import { type Atlas, type CreateReply } from '../atlas/atlas.ts';
import { protocolFailure } from '../atlas/failure.ts';
import { isNamed, type NewKey } from '../atlas/model-keys.ts';
import { type Target } from '../sinks/sink.ts';
import { type CallControl } from './call-control.ts';
import { handOver } from './created-key.ts';
import { abortedAfter } from './deadline.ts';
import { chooseDestination, type Destination, type SinkChoice } from './destination.ts';
import { fromAtlas, fromSink, refusal, type Failure } from './failure.ts';
import { type Intent, type Plan } from './intent.ts';
import { isUnfinished, type Journal } from './journal.ts';
import { resolveLostCreate } from './lost-create.ts';
import { failed, receipt, type CreateOutcome } from './receipt.ts';

/** Once the caller has gone or the server stops, the end must come within 10 seconds. In milliseconds. */
const LONGEST_REPLY_MS = 3_000;
const LONGEST_SEARCH_MS = 6_000;
/** Waiting for Atlas's rate limit: longer than that, and the caller is told to come again. */
const LONGEST_WAIT_SECONDS = 20;
const MOST_WAITS = 2;

export interface CreateRequest {
  readonly groupId: string;
  readonly name: string;
  readonly cloud: string;
  readonly geography: string;
  readonly sink?: string | undefined;
  readonly entry?: string | undefined;
  /** Check everything, change nothing. */
  readonly dryRun: boolean;
}

export interface CreateContext extends SinkChoice {
  readonly atlas: Atlas;
  readonly journal: Journal;
  /** Absent where every project may be used. */
  readonly allowedProjects?: readonly string[] | undefined;
}

export async function createKey(
  context: CreateContext,
  request: CreateRequest,
  call: CallControl,
): Promise<CreateOutcome> {
  const { signal } = call;
  if (context.allowedProjects && !context.allowedProjects.includes(request.groupId)) {
    return failed(
      refusal(
        'PROJECT_NOT_ALLOWED',
        'The operator does not allow this project.',
        `Use one of: ${context.allowedProjects.join(', ')}.`,
      ),
    );
  }
  const destination = chooseDestination(context, request);
  if ('code' in destination) return failed(destination);
  const looked = Date.now();
  const free = await findFreePlace(context.atlas, destination, request, signal);
  if ('code' in free) return failed(free);
  const { sink, address } = destination;
  if (request.dryRun) {
    const { location } = free.target;
    return { outcome: 'planned', delivery: receipt(destination, { location, verification: sink.verification }) };
  }
  const preflight = await sink.preflight(address, 'prove');
  if (!preflight.ready) return failed(fromSink(preflight.problem));
  if (signal.aborted) return failed(cancelled);
  return createAndDeliver(context, { destination, target: preflight.target, request, looked, seen: free.seen }, call);
}

/** Changes nothing: Atlas is asked for the name, and the sink for the place, side by side. */
async function findFreePlace(
  atlas: Atlas,
  { sink, address }: Destination,
  { groupId, name }: CreateRequest,
  signal: AbortSignal,
): Promise<{ readonly target: Target; readonly seen: ReadonlySet<string> } | Failure> {
  const [keys, preflight] = await Promise.all([atlas.listKeys(groupId, signal), sink.preflight(address, 'inspect')]);
  if (!keys.ok) return fromAtlas(keys.failure, 'not_created');
  const namesake = keys.value.find((key) => isNamed(key, name));
  if (namesake) {
    return {
      ...refusal(
        'NAME_IN_USE',
        'A key of this name exists in the project.',
        'Choose another name. A unique name is what makes a key findable when a reply is lost.',
      ),
      apiKeyId: namesake.apiKeyId,
    };
  }
  if (!preflight.ready) return fromSink(preflight.problem);
  return { target: preflight.target, seen: new Set(keys.value.map(({ apiKeyId }) => apiKeyId)) };
}

/** A create that may be sent. */
interface Prepared {
  readonly destination: Destination;
  readonly target: Target;
  readonly request: CreateRequest;
  /** When the project's keys were looked at, in milliseconds since the epoch. */
  readonly looked: number;
  /** The ids of the keys that there were. */
  readonly seen: ReadonlySet<string>;
}

/** From here on everything is in the journal, and comes to a true end. */
async function createAndDeliver(context: CreateContext, prepared: Prepared, call: CallControl): Promise<CreateOutcome> {
  const { atlas, journal } = context;
  const { destination, target, request, looked, seen } = prepared;
  const { groupId, name, cloud, geography } = request;
  const { entry } = destination.address;
  const plan: Plan = { groupId, name, sink: destination.sink.name, ...(entry !== undefined && { entry }) };
  const unfinished = ((await journal.read()) ?? []).filter(isUnfinished);
  const intent = await journal.open(plan, looked);
  if ('code' in intent) return failed(intent);
  const created = notSeenBefore(await createOnce(atlas, { groupId, name, cloud, geography }, call), seen);
  if (created.ok) {
    const outcome = await handOver(atlas, { destination, target, created: created.value, intent });
    if (outcome.outcome === 'failed') return outcome;
    return { ...outcome, warnings: [...outcome.warnings, ...unfinishedWarning(unfinished)] };
  }
  const { failure: cause, apiKeyId } = created;
  if (cause.maybeCarriedOut) {
    const limit = abortedAfter(call.signal, LONGEST_SEARCH_MS);
    return failed(await resolveLostCreate(atlas, journal, { plan, intent, cause, apiKeyId }, limit));
  }
  await intent.release({ step: 'ended', outcome: 'not_created' });
  return failed(fromAtlas(cause, 'not_created'));
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

function unfinishedWarning(unfinished: readonly Intent[]): string[] {
  if (unfinished.length === 0) return [];
  return [
    `${unfinished.length} earlier create(s) did not come to an end; call reconcile_ai_model_api_keys to see what is true of them.`,
  ];
}

const cancelled = refusal(
  'CANCELLED',
  'The call was cancelled before anything was created.',
  'Call again if it is still wanted.',
);
