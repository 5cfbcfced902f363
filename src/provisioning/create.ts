// Creates a key and delivers its secret: the delivery protocol. Nothing is sent to create before the sink has proved
// ready; afterwards the protocol runs to a true end, whoever asks it to stop.

import { type Atlas, type CreatedKey } from '../atlas/atlas.ts';
import { type AtlasFailure } from '../atlas/failure.ts';
import { type ModelKey } from '../atlas/model-keys.ts';
import { fingerprintOf, type Fingerprint } from '../secret/fingerprint.ts';
import { type Secret } from '../secret/secret.ts';
import { type SinkKind, type Target, type Verification } from '../sinks/sink.ts';
import { chooseDestination, type Destination, type SinkChoice } from './destination.ts';
import { fromAtlas, fromSink, refusal, type Failure, type KeyState } from './failure.ts';

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

/** A receipt, which never holds the secret but from the inline sink. */
export interface DeliveryReceipt {
  readonly sink: string;
  readonly kind: SinkKind;
  readonly location: string;
  readonly entry?: string;
  readonly verification: Verification;
  readonly fingerprint?: Fingerprint;
  /** Only from the inline sink, which the operator must allow. */
  readonly secret?: string;
}

export type CreateOutcome =
  | { readonly outcome: 'delivered'; readonly key: ModelKey; readonly delivery: DeliveryReceipt; readonly warnings: readonly string[] }
  | { readonly outcome: 'planned'; readonly delivery: DeliveryReceipt }
  | { readonly outcome: 'failed'; readonly failure: Failure };

export interface CreateContext extends SinkChoice {
  readonly atlas: Atlas;
  /** Absent where every project may be used. */
  readonly allowedProjects?: readonly string[] | undefined;
}

/** @param signal stops the call before the request to create is sent, and not after */
export async function createKey(context: CreateContext, request: CreateRequest, signal: AbortSignal): Promise<CreateOutcome> {
  if (context.allowedProjects && !context.allowedProjects.includes(request.groupId)) {
    return failure(refusal('PROJECT_NOT_ALLOWED', 'The operator does not allow this project.', `Use one of: ${context.allowedProjects.join(', ')}.`));
  }
  const destination = chooseDestination(context, request);
  if ('code' in destination) return failure(destination);
  const free = await findFreePlace(context.atlas, destination, request, signal);
  if ('code' in free) return failure(free);
  const { sink, address } = destination;
  if (request.dryRun) {
    return { outcome: 'planned', delivery: receipt(destination, { location: free.location, verification: sink.verification }) };
  }
  const preflight = await sink.preflight(address, 'prove');
  if (!preflight.ready) return failure(fromSink(preflight.problem));
  if (signal.aborted) return failure(cancelled);
  return createAndDeliver(context.atlas, destination, preflight.target, request);
}

/** Changes nothing: Atlas is asked for the name, and the sink for the place, side by side. */
async function findFreePlace(
  atlas: Atlas,
  { sink, address }: Destination,
  { groupId, name }: CreateRequest,
  signal: AbortSignal,
): Promise<Target | Failure> {
  const [keys, preflight] = await Promise.all([atlas.listKeys(groupId, signal), sink.preflight(address, 'inspect')]);
  if (!keys.ok) return fromAtlas(keys.failure, 'not_created');
  const namesake = keys.value.find((key) => key.name === name);
  if (namesake) {
    return {
      ...refusal('NAME_IN_USE', 'A key of this name exists in the project.', 'Choose another name. A unique name is what makes a key findable when a reply is lost.'),
      apiKeyId: namesake.apiKeyId,
    };
  }
  return preflight.ready ? preflight.target : fromSink(preflight.problem);
}

async function createAndDeliver(atlas: Atlas, destination: Destination, target: Target, request: CreateRequest): Promise<CreateOutcome> {
  const { groupId, name, cloud, geography } = request;
  const created = await atlas.createKey({ groupId, name, cloud, geography });
  if (!created.ok) return failure(notCreated(created.failure, created.apiKeyId));
  const { key, secret, warnings } = created.value;
  const delivered = await deliver(target, secret);
  if (delivered.outcome === 'failed') return failure(await rollBack(atlas, target, groupId, created.value, delivered));
  return {
    outcome: 'delivered',
    key: { ...key, groupId },
    delivery: receipt(destination, {
      location: target.location,
      verification: delivered.verification,
      fingerprint: fingerprintOf(secret),
      ...(delivered.disclosed !== undefined && { secret: delivered.disclosed }),
    }),
    warnings: [...warnings, ...delivered.warnings],
  };
}

/** Only a definite refusal says that there is no key. */
function notCreated(cause: AtlasFailure, apiKeyId: string | undefined): Failure {
  if (!cause.maybeCarriedOut) return fromAtlas(cause, 'not_created');
  return {
    ...fromAtlas(cause, 'unknown'),
    code: 'ATLAS_OUTCOME_UNKNOWN',
    message: `Whether Atlas made the key is not known. ${cause.message}`,
    hint: 'Look in Atlas for a key of this name that was never used; its secret is lost, so a person deletes it. Then call again.',
    retryable: false,
    ...(apiKeyId !== undefined && { apiKeyId }),
  };
}

type Delivered =
  | { readonly outcome: 'delivered'; readonly verification: Verification; readonly warnings: readonly string[]; readonly disclosed?: string }
  | Undelivered;

interface Undelivered {
  readonly outcome: 'failed';
  readonly message: string;
  readonly hint: string;
}

async function deliver(target: Target, secret: Secret): Promise<Delivered> {
  try {
    const delivery = await target.deliver(secret);
    if (delivery.outcome === 'failed') return delivery;
    const verdict = await target.verify(secret);
    if (verdict.outcome === 'mismatch') return { outcome: 'failed', message: verdict.message, hint: verdict.hint };
    const { warnings, disclosed } = delivery;
    return { outcome: 'delivered', verification: verdict.verification, warnings, ...(disclosed !== undefined && { disclosed }) };
  } catch {
    // A key exists by now: whatever went wrong in a sink must end in a roll-back. The error may quote anything.
    return { outcome: 'failed', message: 'The sink failed in an unforeseen way.', hint: 'Report this as a defect of this server.' };
  }
}

async function rollBack(atlas: Atlas, target: Target, groupId: string, { key }: CreatedKey, cause: Undelivered): Promise<Failure> {
  const deletion = await atlas.deleteKey(groupId, key.apiKeyId);
  if (deletion.ok) await target.retract();
  const keyState: KeyState = deletion.ok ? 'rolled_back' : 'orphaned';
  const ending = deletion.ok
    ? 'The key was deleted again.'
    : `The key could not be deleted again and is alive: ${key.apiKeyId}. A person deletes it in Atlas.`;
  return {
    ...refusal('SINK_WRITE_FAILED', `The secret was not delivered: ${cause.message}`, `${ending} ${cause.hint}`, keyState),
    apiKeyId: key.apiKeyId,
  };
}

function receipt({ sink, address }: Destination, rest: Pick<DeliveryReceipt, 'location' | 'verification' | 'fingerprint' | 'secret'>): DeliveryReceipt {
  return { sink: sink.name, kind: sink.kind, ...(address.entry !== undefined && { entry: address.entry }), ...rest };
}

function failure(cause: Failure): CreateOutcome {
  return { outcome: 'failed', failure: cause };
}

const cancelled = refusal('CANCELLED', 'The call was cancelled before anything was created.', 'Call again if it is still wanted.');
