// Gives a key a successor: a new key, its secret in the place of the old one, and only then the end of the old key. Until
// the new secret is verified in the sink the old key lives, and its secret is where it was.

import { hasId, isNamed, type ModelKey } from '../../atlas/model-keys.ts';
import type { Target } from '../../sinks/sink.ts';
import type { CallControl } from '../call-control.ts';
import { askConsent, described, typedNameOf, type ConfirmPolicy } from '../consent.ts';
import { chooseDestination, type Destination, type SinkChoice } from '../delivery/destination.ts';
import { explained } from '../explain.ts';
import { cancelled, fromSink, journalUnreadable, nameInUse, refusal, type Failure } from '../failure.ts';
import type { Intent } from '../journal/intent.ts';
import { issueKey, type IssueContext } from '../delivery/issue.ts';
import { refuseOtherName } from './known-key.ts';
import { isDelivered, keyOf, openRotationOf } from '../journal/namesake.ts';
import { refuseProject, type ProjectPolicy } from '../policy.ts';
import { failed, receipt, type DeliveryReceipt, type Failed } from '../delivery/receipt.ts';
import { keptBecause, retire, type Rotated } from './retire.ts';
import { nameForSuccessor } from './successor-name.ts';

export interface RotateRequest {
  readonly groupId: string;
  readonly apiKeyId: string;
  /** The name that the key must have at this moment. */
  readonly confirmName: string;
  readonly sink?: string | undefined;
  readonly entry?: string | undefined;
  /** Absent where the new key is to have the old one's name. */
  readonly newName?: string | undefined;
  readonly keepOld: boolean;
  /** Check everything, change nothing. */
  readonly dryRun: boolean;
}

export interface RotateContext extends SinkChoice, IssueContext, ProjectPolicy {
  readonly confirm: ConfirmPolicy;
}

export interface RotationPlanned {
  readonly outcome: 'planned';
  /** The key that there would be, at the end. */
  readonly key: { readonly name: string; readonly groupId: string; readonly cloud: string; readonly geography: string };
  readonly delivery: DeliveryReceipt;
  readonly oldKey: { readonly apiKeyId: string; readonly name: string };
  readonly warnings: readonly string[];
}

export type RotateOutcome = Rotated | RotationPlanned | Failed;

export async function rotateKey(
  context: RotateContext,
  request: RotateRequest,
  call: CallControl,
): Promise<RotateOutcome> {
  const refused = refuseProject(context, request.groupId, 'not_created');
  if (refused) return failed(refused);
  let found = await examine(context, request, call);
  if ('code' in found) return failed(found);
  if (request.dryRun) return planned(request, found);
  const consent = await askConsent(context.confirm, call.ask, {
    message: `Rotate this AI model API key of Atlas? A new key takes its place in ${found.target.location}, and the old key is ${keepsOld(request, found) ? 'kept' : 'deleted'}.\n${described(found.old, request.groupId)}`,
    ...typedNameOf(found.old),
    keyState: 'not_created',
  });
  if (typeof consent === 'object') return failed(consent);
  // The person took a while.
  if (consent === 'given') {
    const { sink, address } = found.destination;
    found = await examine(context, { ...request, sink: sink.name, entry: address.entry }, call);
  }
  if ('code' in found) return failed(found);
  return carryOut(context, request, found, call);
}

/** A rotation that may begin. */
interface Rotation {
  readonly old: ModelKey;
  /** What the new key is named until the old one is gone. */
  readonly name: string;
  readonly destination: Destination;
  readonly target: Target;
  readonly looked: number;
  readonly seen: ReadonlySet<string>;
}

/** Looks at the key, the names of its project and the place of its secret. Changes nothing. */
async function examine(context: RotateContext, request: RotateRequest, call: CallControl): Promise<Rotation | Failure> {
  const { groupId, apiKeyId, newName } = request;
  const looked = Date.now();
  call.progress('Looking at the key and the sink');
  const [keys, intents] = await Promise.all([context.atlas.listKeys(groupId, call.signal), context.journal.read()]);
  if (!intents) return journalUnreadable('not_created');
  if (!keys.ok) return explained(context, keys.failure, { groupId, keyState: 'not_created' }, call.signal);
  const old = keys.value.filter(hasId).find((key) => key.apiKeyId === apiKeyId);
  if (!old) return notListed(context, request, call.signal);
  const mismatch = refuseOtherName(old, request.confirmName, 'not_created');
  if (mismatch) return mismatch;
  const open = openRotationOf(intents, apiKeyId);
  if (open) return rotationUnfinished(open);
  const namesake = newName === undefined ? undefined : keys.value.find((key) => isNamed(key, newName));
  if (namesake && namesake.apiKeyId !== apiKeyId)
    return { ...nameInUse('not_created'), ...(hasId(namesake) && { apiKeyId: namesake.apiKeyId }) };
  const destination = await chooseDestination(
    context,
    { ...placeKnown(request, intents, context.sinks), name: old.name },
    call.ask,
  );
  if ('code' in destination) return destination;
  const preflight = await destination.sink.preflight(destination.address, 'inspect', maskOf(old));
  if (!preflight.ready) return fromSink(preflight.problem);
  const taken = preflight.target.exchanges === 'unknown' && placeOfAnother(intents, destination, apiKeyId);
  if (taken) return taken;
  const name = namesake || newName === undefined ? nameForSuccessor(old.name, keys.value, intents) : newName;
  const seen = new Set(keys.value.filter(hasId).map((key) => key.apiKeyId));
  return { old, name, destination, target: preflight.target, looked, seen };
}

function maskOf({ maskedSecret }: ModelKey) {
  return { maskedSecret };
}

/** A key that no list of the project shows may be new, or its id may be a name. */
async function notListed(
  context: RotateContext,
  { groupId, apiKeyId }: RotateRequest,
  signal: AbortSignal,
): Promise<Failure> {
  const asked = { groupId, apiKeyId, keyState: 'not_created' } as const;
  const key = await context.atlas.getKey({ groupId }, apiKeyId, signal);
  if (!key.ok) return explained(context, key.failure, asked, signal);
  return {
    code: 'ATLAS_NOT_FOUND',
    message: 'The key is not in the list of its project yet.',
    hint: 'Atlas may show a new key late. Call again in a minute.',
    retryable: true,
    keyState: 'not_created',
    apiKeyId,
  };
}

function rotationUnfinished(open: Intent): Failure {
  const successor = keyOf(open);
  return {
    ...refusal(
      'NAME_IN_USE',
      `An earlier rotation of this key has not ended${successor === undefined ? '' : `; its new key is ${successor}`}.`,
      'Call reconcile_ai_model_api_keys: it says what is true of it, and what to do.',
    ),
    ...(successor !== undefined && { apiKeyId: successor }),
  };
}

/** A sink that cannot be read would take the secret over whatever it holds: the journal may know that it is another's. */
function placeOfAnother(
  intents: readonly Intent[],
  { sink, address: { groupId, entry } }: Destination,
  apiKeyId: string,
): Failure | undefined {
  const last = intents.findLast(
    (intent) =>
      isDelivered(intent) && intent.sink === sink.name && intent.groupId === groupId && intent.entry === entry,
  );
  if (!last || keyOf(last) === apiKeyId) return undefined;
  return refusal(
    'SINK_ENTRY_EXISTS',
    `The sink ${sink.name} has got the secret of another key there: ${keyOf(last) ?? ''}.`,
    'Nothing is overwritten. Pass the entry that holds the secret of the key to rotate, or another one.',
  );
}

/** Where this machine delivered the key's secret, if it did so lately and the caller names no other place. */
function placeKnown(
  { groupId, apiKeyId, sink, entry }: RotateRequest,
  intents: readonly Intent[],
  sinks: SinkChoice['sinks'],
): Pick<RotateRequest, 'groupId' | 'sink' | 'entry'> {
  if (entry !== undefined) return { groupId, sink, entry };
  const delivered = intents.findLast((intent) => keyOf(intent) === apiKeyId && isDelivered(intent));
  // The operator may have changed the sink since.
  const isGood = sinks.get(delivered?.sink ?? '')?.takesEntry === (delivered?.entry !== undefined);
  const isMeant = isGood && (sink === undefined || sink === delivered?.sink);
  return { groupId, ...(isMeant ? { sink: delivered?.sink, entry: delivered?.entry } : { sink }) };
}

function planned(request: RotateRequest, { old, name, destination, target }: Rotation): RotationPlanned {
  const { location } = target;
  const { verification } = destination.sink;
  return {
    outcome: 'planned',
    key: {
      name: (keepsOld(request, { destination, target }) ? undefined : nameBack(request, old, name)) ?? name,
      groupId: request.groupId,
      ...scopeOf(old),
    },
    delivery: receipt(destination, { location, verification }),
    oldKey: { apiKeyId: old.apiKeyId, name: old.name },
    warnings: keepsOld(request, { destination, target }) && !request.keepOld ? [keptBecause(old, target)] : [],
  };
}

async function carryOut(
  context: RotateContext,
  request: RotateRequest,
  { old, name, destination, looked, seen }: Rotation,
  call: CallControl,
): Promise<Rotated | Failed> {
  const { groupId, keepOld } = request;
  const preflight = await destination.sink.preflight(destination.address, 'prove', maskOf(old));
  if (!preflight.ready) return failed(fromSink(preflight.problem));
  if (call.signal.aborted) return failed(cancelled('not_created'));
  const { target } = preflight;
  const key = { groupId, name, ...scopeOf(old) };
  const finalName = nameBack(request, old, name) ?? name;
  const replaces = { apiKeyId: old.apiKeyId, finalName, keepOld };
  const issued = await issueKey(context, { key, destination, target, replaces, looked, seen }, call);
  if (issued.outcome === 'failed') {
    const { failure } = issued;
    return failed({ ...failure, hint: `${failure.hint} The old key ${old.apiKeyId} is alive.` });
  }
  return retire(context.atlas, issued, { old, groupId, keepOld, target, takesName: finalName !== name }, call);
}

/** An old key goes only where its secret was, and where the new one was seen in its place. */
function keepsOld(
  { keepOld }: RotateRequest,
  { destination, target }: Pick<Rotation, 'destination' | 'target'>,
): boolean {
  return keepOld || target.exchanges !== 'old secret' || destination.sink.verification === 'none';
}

/** The name that the new key takes over from the old one; undefined where it has the one that was asked for. */
function nameBack({ newName }: RotateRequest, old: ModelKey, name: string): string | undefined {
  return name === newName || old.name === '' ? undefined : old.name;
}

/** The scope of a key is fixed for life, so its successor gets the same. */
function scopeOf({ cloud = 'ANY', geography = 'ANY' }: ModelKey): {
  readonly cloud: string;
  readonly geography: string;
} {
  return { cloud, geography };
}
