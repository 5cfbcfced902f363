// Replaces a key: makes a new one, writes its secret over the old one, and only then deletes the old key. Until the new
// secret is verified in the sink the old key is alive, and its secret is where it was.

import { hasId, isNamed, originalName, type ListedKey, type ModelKey, type NewKey } from '../atlas/api/keys.ts';
import { cleanText } from '../atlas/api/untrusted-text.ts';
import { PROJECT_WRITER } from '../atlas/api/admin-api.ts';
import type { Replaced } from '../sinks/sink.ts';
import type { RequestContext } from './request-context.ts';
import { askConsent, describedNow, typedNameOf, type ConsentContext, refuseOtherName } from './consent.ts';
import {
  chooseSink,
  timeForReveal,
  type SinkChoice,
  type ConfiguredSinks,
  receipt,
  type DeliveryReceipt,
} from './sink-choice.ts';
import { explained, getKeyNamed, keyNamed } from './find-key.ts';
import {
  cancelled,
  fromSink,
  nameInUse,
  refuseProject,
  leftoverWarnings,
  refuseMarkedKey,
  refuseMarkedName,
} from './refusals.ts';
import { failed, ok, refusal, type Failure, type Result } from '../failure.ts';
import { isDelivered, isOfKey, keyOf, openRotationOf, type Intent } from './journal/intent.ts';
import { datedName, newNonce } from './own-key.ts';
import { lastDeliveredTo, replacedBy, searchOldSecret } from './secret-places.ts';
import { placeRefused, type Seen } from './taken.ts';
import { createAndDeliver, type CreateContext, type PreparedCreate } from './create-and-deliver.ts';
import { isSeen, keptBecause, retire, type Rotated } from './retire.ts';

export interface RotateRequest {
  readonly groupId: string;
  /** Absent where the name is to tell: then it must be that of one key only. */
  readonly apiKeyId?: string | undefined;
  /** The name that the key must have at this moment. */
  readonly confirmName: string;
  readonly sink?: string | undefined;
  readonly entry?: string | undefined;
  /** Absent where the new key is to have the old one's name. */
  readonly newName?: string | undefined;
  readonly keepOld: boolean;
  /** Refuses beforehand a rotation after which the old key could not be deleted. */
  readonly mustRetire?: boolean;
  /** Check everything, change nothing. */
  readonly dryRun: boolean;
}

type KnownRotation = RotateRequest & { readonly apiKeyId: string };

export type RotateContext = CreateContext & ConsentContext;

export interface RotationPlanned {
  readonly outcome: 'planned';
  /** The key that there would be, at the end. */
  readonly key: NewKey;
  readonly delivery: DeliveryReceipt;
  readonly oldKey: { readonly apiKeyId: string; readonly name: string };
  readonly warnings: readonly string[];
}

export async function rotateKey(
  context: RotateContext,
  request: RotateRequest,
  call: RequestContext,
): Promise<Result<Rotated | RotationPlanned>> {
  const refused = refuseProject(context, request.groupId) ?? refuseMarkedName('newName', request.newName ?? '');
  if (refused) return failed(refused);
  let found = await examine(context, request, call);
  if (!found.ok) return found;
  const { old, write, choice } = found.value;
  if (request.dryRun) return ok(planned(request, found.value));
  const described = await describedNow(context, old, request.groupId, call);
  const consent = await askConsent(context, call, {
    message: `Rotate this AI model API key of Atlas?\nA new key takes its place in:\n${write.location}\nThe old key is ${keepsOld(request, found.value) ? 'kept' : 'deleted'}.\n${described}`,
    ...typedNameOf(old),
    ...timeForReveal(choice),
  });
  if (!consent.ok) return consent;
  // The person took a while.
  if (consent.value === 'given') {
    const { sink, reference } = choice;
    found = await examine(
      context,
      { ...request, apiKeyId: old.apiKeyId, sink: sink.name, entry: reference.entry },
      call,
    );
  }
  return found.ok ? createAndRetire(context, request, found.value, call) : found;
}

/** A rotation that may begin; the new key has the scope of the old one. */
interface Rotation extends PreparedCreate {
  readonly old: ModelKey;
  readonly replaced: Replaced;
  readonly warnings: readonly string[];
}

/** Looks at the key, the names of its project and the place of its secret. Changes nothing but the quota. */
async function examine(context: RotateContext, wish: RotateRequest, call: RequestContext): Promise<Result<Rotation>> {
  const { groupId } = wish;
  const looked = Date.now();
  call.progress('Looking at the key and the sink');
  const [keys, kept] = await Promise.all([
    context.atlas.listKeys(groupId, call.signal, PROJECT_WRITER),
    context.journal.read(),
  ]);
  if (!kept.ok) return kept;
  if (!keys.ok) return failed(await explained(context, keys.failure, { groupId }, call.signal));
  const { intents } = kept.value;
  const found = await oldKeyIn(context, keys.value, wish, call.signal);
  if (!found.ok) return found;
  const old = found.value;
  const { apiKeyId } = old;
  const request = { ...wish, apiKeyId };
  const refused =
    refuseOtherName(old, request.confirmName) ?? refuseMarkedKey(old) ?? rotationUnfinished(intents, apiKeyId);
  if (refused) return failed(refused);
  const seen = { groupId, keys: keys.value, kept: kept.value };
  const chosen = await choosePlace(context, request, { ...seen, old, looked }, call);
  if (!chosen.ok) return chosen;
  const choice = chosen.value;
  const replaced = { ...replacedBy(groupId, old, intents), ...lastAt(choice, intents, apiKeyId) };
  const preflight = await choice.sink.preflight(choice.reference, 'inspect', replaced);
  if (!preflight.ok) {
    const { isRefusedLook } = preflight.failure;
    const spent = isRefusedLook ? await recordLook(context, request, choice, looked) : undefined;
    return failed(spent ?? (await placeRefused(context, choice, preflight.failure, seen, call)));
  }
  const { write, warnings: ofPlace = [] } = preflight.value;
  const unfit = refuseWrite(request, intents, { choice, write });
  if (unfit) return failed(unfit);
  const name = finalName(request, old, keys.value, keepsOld(request, { choice, write }));
  const taker = keys.value.find((key) => key.apiKeyId !== apiKeyId && isNamed(key, name));
  if (taker && request.newName !== undefined) return failed(nameInUse(taker.apiKeyId));
  const warnings = [...(request.dryRun ? ofPlace : []), ...leftoverWarnings(groupId, keys.value, kept.value)];
  return ok({ ...successorOf(old, groupId, name), choice, write, looked, seen: keys.value, old, replaced, warnings });
}

/** Fixed before the new key is made: the old one's name where that is free in the end. */
function finalName({ newName }: RotateRequest, old: ModelKey, keys: readonly ListedKey[], staysOld: boolean): string {
  if (newName !== undefined && !(staysOld && isNamed(old, newName))) return newName;
  return staysOld || old.name === '' ? datedName(originalName(old), keys) : originalName(old);
}

/** A refused look may say something about the value in the sink, so it counts as a rotation for the hourly limit. */
async function recordLook(
  { journal, maxCreatesPerHour: maxPerHour }: RotateContext,
  { groupId, apiKeyId, keepOld }: KnownRotation,
  { sink, reference: { entry } }: SinkChoice,
  since: number,
): Promise<Failure | undefined> {
  const nonce = newNonce();
  const replaces = { apiKeyId, keepOld };
  const plan = { groupId, name: `look ${nonce}`, nonce, sink: sink.name, entry, replaces };
  const opened = await journal.open(plan, { since, maxPerHour, isOnePlace: false });
  if (!opened.ok) return opened.failure;
  await opened.value.release({ step: 'ended', outcome: 'not_created' });
  return undefined;
}

function lastAt(choice: SinkChoice, intents: readonly Intent[], apiKeyId: string): Partial<Replaced> {
  const last = lastDeliveredTo(choice, intents);
  const isLastHere = last !== undefined && isOfKey(last, choice.reference.groupId, apiKeyId);
  return {
    isLastHere: isLastHere && last.place !== undefined,
    place: last?.place,
    version: last?.version ?? 'unknown',
  };
}

/** Where the caller says, else where the old secret is, else as a create chooses. */
async function choosePlace(
  context: RotateContext,
  request: KnownRotation,
  seen: Seen & { readonly old: ModelKey; readonly looked: number },
  call: RequestContext,
): Promise<Result<SinkChoice>> {
  const { old, keys, kept, looked } = seen;
  const { groupId, sink, entry } = request;
  const known = placeKnown(request, kept.intents, context.sinks);
  const search = { groupId, old, keys, intents: kept.intents, known, entry };
  const { place, refusedAt } = sink === undefined ? await searchOldSecret(context, search) : { place: known };
  const chosen = await chooseSink(context, { ...place, name: old.name }, call.ask);
  // A look at the place that is used counts when its preflight refuses it.
  const isCounted = refusedAt === undefined || (chosen.ok && isSamePlace(chosen.value, refusedAt));
  const limited = isCounted ? undefined : await recordLook(context, request, refusedAt, looked);
  return limited ? failed(limited) : chosen;
}

function isSamePlace(one: SinkChoice, other: SinkChoice): boolean {
  return one.sink.name === other.sink.name && one.reference.entry === other.reference.entry;
}

/** By its id, else by its name where that is the name of one key only, now too. It is read again by its id before it is deleted. */
async function oldKeyIn(
  context: RotateContext,
  keys: readonly ListedKey[],
  { groupId, apiKeyId, confirmName }: RotateRequest,
  signal: AbortSignal,
): Promise<Result<ModelKey>> {
  if (apiKeyId === undefined) {
    const named = keyNamed(context, keys, confirmName);
    return named.ok
      ? getKeyNamed(context, { groupId, apiKeyId: named.value.apiKeyId, name: confirmName }, { signal })
      : named;
  }
  const old = keys.filter(hasId).find((key) => key.apiKeyId === apiKeyId);
  return old ? ok(old) : failed(await notListed(context, { groupId, apiKeyId }, signal));
}

/** A key that no list of the project shows may be new, or its id may be a name. */
async function notListed(
  context: RotateContext,
  { groupId, apiKeyId }: Pick<KnownRotation, 'groupId' | 'apiKeyId'>,
  signal: AbortSignal,
): Promise<Failure> {
  const key = await context.atlas.getKey({ groupId }, apiKeyId, signal);
  if (!key.ok) return explained(context, key.failure, { groupId, apiKeyId }, signal);
  return {
    code: 'ATLAS_NOT_FOUND',
    message: 'The key is not in the list of its project yet.',
    hint: 'Atlas may show a new key late. Call again in a minute.',
    retryable: true,
    apiKeyId,
  };
}

function rotationUnfinished(intents: readonly Intent[], apiKeyId: string): Failure | undefined {
  const open = openRotationOf(intents, apiKeyId);
  if (!open) return undefined;
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

/** A sink that cannot be read overwrites whatever it holds; the journal may know that it is the secret of another key. */
function placeOfAnother(
  intents: readonly Intent[],
  { choice, write }: Pick<Rotation, 'choice' | 'write'>,
  { groupId, apiKeyId }: KnownRotation,
): Failure | undefined {
  const last = write.overwrites === 'unknown' ? lastDeliveredTo(choice, intents, write.place) : undefined;
  if (!last || keyOf(last) === apiKeyId) return undefined;
  return refusal(
    'SINK_ENTRY_EXISTS',
    `The sink ${choice.sink.name} has got the secret of another key there${last.groupId === groupId ? `: ${keyOf(last) ?? ''}` : ''}.`,
    'Nothing is overwritten. Pass the entry that holds the secret of the key to rotate, or another one.',
  );
}

/** Where this machine delivered the key's secret, if it did so lately and the caller names no other place. */
function placeKnown(
  { groupId, apiKeyId, sink, entry }: KnownRotation,
  intents: readonly Intent[],
  sinks: ConfiguredSinks['sinks'],
): Pick<RotateRequest, 'groupId' | 'sink' | 'entry'> {
  if (entry !== undefined) return { groupId, sink, entry };
  const delivered = intents.findLast((intent) => isOfKey(intent, groupId, apiKeyId) && isDelivered(intent));
  // The operator may have changed the sink since.
  const isGood = sinks.get(delivered?.sink ?? '')?.takesEntry === (delivered?.entry !== undefined);
  const isMeant = isGood && (sink === undefined || sink === delivered?.sink);
  return { groupId, ...(isMeant ? { sink: delivered?.sink, entry: delivered?.entry } : { sink }) };
}

function planned(request: RotateRequest, { key, name, choice, write, old, warnings }: Rotation): RotationPlanned {
  const { location, verification = choice.sink.verification } = write;
  const isKept = keepsOld(request, { choice, write }) && !request.keepOld;
  return {
    outcome: 'planned',
    key: { ...key, name },
    delivery: receipt(choice, { location, verification }),
    oldKey: { apiKeyId: old.apiKeyId, name: old.name },
    warnings: [...warnings, ...(isKept ? [keptBecause(old, write)] : [])],
  };
}

/** The sink proves that it is ready, then the new key is made; the old one is deleted once its successor is delivered. */
async function createAndRetire(
  context: RotateContext,
  request: RotateRequest,
  rotation: Rotation,
  call: RequestContext,
): Promise<Result<Rotated>> {
  const { key, choice, old, replaced, warnings } = rotation;
  const preflight = await choice.sink.preflight(choice.reference, 'prove', replaced);
  if (!preflight.ok) return failed(fromSink(preflight.failure));
  if (call.signal.aborted) return failed(cancelled);
  const { write } = preflight.value;
  const unretired = refuseToKeep(request, { choice, write });
  if (unretired) return failed(unretired);
  const keepOld = keepsOld(request, { choice, write });
  const replaces = { apiKeyId: old.apiKeyId, keepOld };
  const issued = await createAndDeliver(context, { ...rotation, write, replaces }, call);
  if (!issued.ok) {
    const { failure } = issued;
    return failed({ ...failure, hint: `${failure.hint} The old key ${old.apiKeyId} is alive.` });
  }
  const told = { ...issued.value, warnings: [...issued.value.warnings, ...warnings] };
  return retire(context, told, { old, name: key.name, keepOld, isAsked: request.keepOld }, call);
}

/** An old key is deleted only where the sink had its secret, and has been seen to hold the new one instead. */
function keepsOld({ keepOld }: RotateRequest, { choice, write }: Pick<Rotation, 'choice' | 'write'>): boolean {
  const { verification = choice.sink.verification } = write;
  return keepOld || write.overwrites !== 'old secret' || !isSeen(verification);
}

function refuseWrite(
  request: KnownRotation,
  intents: readonly Intent[],
  { choice, write }: Pick<Rotation, 'choice' | 'write'>,
): Failure | undefined {
  return placeOfAnother(intents, { choice, write }, request) ?? refuseToKeep(request, { choice, write });
}

/** Whoever rotates again and again would make a key each time. */
function refuseToKeep(request: RotateRequest, rotation: Pick<Rotation, 'choice' | 'write'>): Failure | undefined {
  if (request.mustRetire !== true || !keepsOld(request, rotation)) return undefined;
  const why =
    rotation.write.overwrites === 'nothing'
      ? 'its secret is not in the place where the new one would go'
      : 'this sink cannot show the old secret and the new one';
  const hint = 'Name the sink and entry that hold its secret, in a sink that can be read back; or rotate it by hand.';
  return refusal('SINK_NOT_READY', `The old key could not be deleted after a rotation: ${why}.`, hint);
}

/** The scope of a key cannot be changed, so its successor gets the same. */
function successorOf(
  { cloud = 'ANY', geography = 'ANY' }: ModelKey,
  groupId: string,
  name: string,
): Pick<PreparedCreate, 'key' | 'name'> {
  return { key: { groupId, name, cloud, geography }, name: cleanText(name, name.length) };
}
