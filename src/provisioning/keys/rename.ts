// Gives a key another name, if no other key of the project has it.

import type { Atlas } from '../../atlas/atlas.ts';
import type { AtlasResult } from '../../atlas/failure.ts';
import { hasId, isNamed, originalName, type ModelKey } from '../../atlas/model-keys.ts';
import type { Sink } from '../../sinks/sink.ts';
import type { RequestContext } from '../request-context.ts';
import { askConsent, described, typedNameOf, type ConfirmPolicy } from '../consent.ts';
import { holdsSecretOf } from '../delivery/destination.ts';
import { nonceOf } from '../delivery/marked-name.ts';
import { failed, type Failed } from '../delivery/receipt.ts';
import { explained } from '../explain.ts';
import { cancelled, journalUnreadable, nameInUse, outcomeUnknown, type Failure } from '../failure.ts';
import { isUnderWay, type Journal } from '../journal/journal.ts';
import { refuseMarkedKey, refuseMarkedName, refuseOtherName, type KeyContext } from './known-key.ts';
import { refuseProject } from '../policy.ts';

export interface RenameRequest {
  readonly groupId: string;
  readonly apiKeyId: string;
  readonly name: string;
}

export interface RenameContext extends KeyContext {
  readonly journal: Journal;
  readonly sinks: ReadonlyMap<string, Sink>;
  readonly confirm: ConfirmPolicy;
}

export interface Renamed {
  readonly outcome: 'updated';
  readonly key: ModelKey;
  readonly previousName: string;
}

/** With the name that the key had, where it may have been renamed all the same. */
export type NotRenamed = Failed & { readonly previousName?: string };

export async function renameKey(
  context: RenameContext,
  request: RenameRequest,
  { signal, progress, ask }: RequestContext,
): Promise<Renamed | NotRenamed> {
  const { groupId, name } = request;
  const refused = refuseProject(context, groupId, 'not_applicable') ?? refuseMarkedName('name', name, 'not_applicable');
  if (refused) return failed(refused);
  progress('Looking whether the name is free');
  let key = await findRenamable(context, request, signal);
  if ('code' in key) return failed(key);
  if (context.confirm === 'required' && !isNamed(key, name)) {
    const consent = await askConsent('required', ask, {
      message: `Rename this AI model API key of Atlas?\nNew name: ${JSON.stringify(name)}\n${described(key, groupId)}`,
      ...typedNameOf(key),
      keyState: 'not_applicable',
    });
    if (typeof consent === 'object') return failed(consent);
    // The person took a while, and consented to renaming the key that had this name.
    const asked = key;
    key = await findRenamable(context, request, signal);
    if ('code' in key) return failed(key);
    const mismatch = refuseOtherName(key, originalName(asked), 'not_applicable');
    if (mismatch) return failed(mismatch);
  }
  return carryOut(context, request, key, signal);
}

async function carryOut(
  context: RenameContext,
  request: RenameRequest,
  key: ModelKey,
  signal: AbortSignal,
): Promise<Renamed | NotRenamed> {
  const { groupId, apiKeyId, name } = request;
  const updated = (now: ModelKey): Renamed => ({ outcome: 'updated', key: now, previousName: key.name });
  if (isNamed(key, name)) return updated(key);
  if (signal.aborted) return failed(cancelled('not_applicable'));
  const renamed = await changeName(context.atlas, request);
  if (renamed.ok) return updated(renamed.value);
  const { failure } = renamed;
  if (failure.atlas?.status === 409) return failed({ ...nameInUse('not_applicable'), atlas: failure.atlas });
  if (!failure.maybeCarriedOut)
    return failed(await explained(context, failure, { groupId, apiKeyId, keyState: 'not_applicable' }, signal));
  const hint = 'Call get_ai_model_api_key to see; the same call can be made again.';
  const unknown = outcomeUnknown(failure, 'not_applicable', 'Whether the key was renamed is not known.', hint);
  return { ...failed({ ...unknown, apiKeyId }), previousName: key.name };
}

/** Sent once; where the reply is lost, the key itself is asked. */
async function changeName(atlas: Atlas, { groupId, apiKeyId, name }: RenameRequest): Promise<AtlasResult<ModelKey>> {
  const renamed = await atlas.renameKey(groupId, apiKeyId, name);
  if (renamed.ok || !renamed.failure.maybeCarriedOut) return renamed;
  const now = await atlas.getKey({ groupId }, apiKeyId);
  if (!now.ok) return renamed;
  return isNamed(now.value, name)
    ? now
    : { ok: false, failure: { ...renamed.failure, maybeCarriedOut: false, retryable: true } };
}

/** The key as it is now, or why it cannot have that name. */
async function findRenamable(
  context: RenameContext,
  { groupId, apiKeyId, name }: RenameRequest,
  signal: AbortSignal,
): Promise<ModelKey | Failure> {
  const { atlas } = context;
  const keys = await atlas.listKeys(groupId, signal);
  if (!keys.ok) return explained(context, keys.failure, { groupId, keyState: 'not_applicable' }, signal);
  const namesake = keys.value.find((key) => key.apiKeyId !== apiKeyId && isNamed(key, name));
  if (namesake) return nameInUse('not_applicable', namesake.apiKeyId);
  const listed = keys.value.filter(hasId).find((key) => key.apiKeyId === apiKeyId);
  // A new key may not be listed yet.
  const key: AtlasResult<ModelKey> = listed
    ? { ok: true, value: listed }
    : await atlas.getKey({ groupId }, apiKeyId, signal);
  if (!key.ok) return explained(context, key.failure, { groupId, apiKeyId, keyState: 'not_applicable' }, signal);
  return (await refuseUndelivered(context, key.value)) ?? key.value;
}

/** A marked key gets a name by hand only where somebody has its secret: it is in use, or a sink here holds it. */
async function refuseUndelivered({ journal, sinks }: RenameContext, key: ModelKey): Promise<Failure | undefined> {
  const refused = refuseMarkedKey(key, 'not_applicable');
  if (!refused || key.lastUsedAt !== null) return undefined;
  const kept = await journal.read();
  if (!kept) return journalUnreadable('not_applicable');
  const intent = kept.intents.find(({ nonce }) => nonce === nonceOf(key));
  if (!intent || isUnderWay(intent)) return refused;
  return (await holdsSecretOf(sinks, intent)) === 'yes' ? undefined : refused;
}
