// Gives a key another name, if no other key of the project has it.

import type { Atlas } from '../atlas/atlas.ts';
import { failed, ok, type Failure, type Result } from '../failure.ts';
import { explained, findKeyId, oneOf, renamedMeanwhile } from './find-key.ts';
import { cancelled, nameInUse, outcomeUnknown, refuseProject, refuseMarkedKey, refuseMarkedName } from './refusals.ts';
import { hasId, isNamed, originalName, type ModelKey } from '../atlas/api/keys.ts';
import type { RequestContext } from './request-context.ts';
import { askConsent, describedNow, typedNameOf, type ConsentContext, refuseOtherName } from './consent.ts';
import { holdsSecretOf, type ConfiguredSinks } from './sink-choice.ts';
import { nonceOf } from './own-key.ts';
import { isUnderWay, type Journal } from './journal/journal.ts';

interface RenameRequest {
  readonly groupId: string;
  /** One of both: the id, or the exact name that only this key has. */
  readonly apiKeyId?: string | undefined;
  readonly currentName?: string | undefined;
  readonly name: string;
}

type KnownRename = RenameRequest & { readonly apiKeyId: string };

export interface RenameContext extends ConsentContext {
  readonly journal: Journal;
  readonly sinks: ConfiguredSinks['sinks'];
}

interface Renamed {
  readonly key: ModelKey;
  readonly previousName: string;
}

export async function renameKey(
  context: RenameContext,
  { apiKeyId: given, currentName, ...wish }: RenameRequest,
  call: RequestContext,
): Promise<Result<Renamed>> {
  const { signal, progress } = call;
  const { groupId, name } = wish;
  if ((given === undefined) === (currentName === undefined)) return failed(oneOf('currentName'));
  const refused = refuseProject(context, groupId) ?? refuseMarkedName('name', name);
  if (refused) return failed(refused);
  progress('Looking whether the name is free');
  const id = given === undefined ? await findKeyId(context, groupId, currentName ?? '', { signal }) : ok(given);
  if (!id.ok) return id;
  // From here on only the id says which key it is.
  const request = { ...wish, apiKeyId: id.value, currentName };
  let found = await findRenamable(context, request, signal);
  if (!found.ok) return found;
  const key = found.value;
  if (context.confirm === 'required' && !isNamed(key, name)) {
    const described = await describedNow(context, key, groupId, call);
    const consent = await askConsent(context, call, {
      message: `Rename this AI model API key of Atlas?\nNew name: ${JSON.stringify(name)}\n${described}`,
      ...typedNameOf(key),
      losesNothing: true,
    });
    if (!consent.ok) return consent;
    // The person took a while, and consented to renaming the key that had this name.
    found = await findRenamable(context, request, signal);
    if (!found.ok) return found;
    const mismatch = refuseOtherName(found.value, originalName(key));
    if (mismatch) return failed(mismatch);
  }
  return sendRename(context, request, found.value, signal);
}

async function sendRename(
  context: RenameContext,
  request: KnownRename,
  key: ModelKey,
  signal: AbortSignal,
): Promise<Result<Renamed>> {
  const { groupId, apiKeyId, name } = request;
  const updated = (now: ModelKey) => ok({ key: now, previousName: key.name });
  if (isNamed(key, name)) return updated(key);
  if (signal.aborted) return failed(cancelled);
  const renamed = await renameOnce(context.atlas, request);
  if (renamed.ok) return updated(renamed.value);
  const { failure } = renamed;
  if (failure.atlas?.status === 409) return failed({ ...nameInUse(), atlas: failure.atlas });
  if (!failure.maybeCarriedOut) return failed(await explained(context, failure, { groupId, apiKeyId }, signal));
  const hint = 'Call get_ai_model_api_key to see; the same call can be made again.';
  const unknown = outcomeUnknown(failure, 'Whether the key was renamed is not known.', hint);
  return failed({ ...unknown, apiKeyId, previousName: key.name });
}

/** Sent once; where the reply is lost, the key itself is asked. */
async function renameOnce(atlas: Atlas, { groupId, apiKeyId, name }: KnownRename): Promise<Result<ModelKey>> {
  const renamed = await atlas.renameKey(groupId, apiKeyId, name);
  if (renamed.ok || !renamed.failure.maybeCarriedOut) return renamed;
  const now = await atlas.getKey({ groupId }, apiKeyId);
  if (!now.ok) return renamed;
  return isNamed(now.value, name) ? now : failed({ ...renamed.failure, maybeCarriedOut: false, retryable: true });
}

/** The key as it is now, or why it cannot have that name. */
async function findRenamable(
  context: RenameContext,
  { groupId, apiKeyId, currentName, name }: KnownRename,
  signal: AbortSignal,
): Promise<Result<ModelKey>> {
  const { atlas } = context;
  const keys = await atlas.listKeys(groupId, signal);
  if (!keys.ok) return failed(await explained(context, keys.failure, { groupId }, signal));
  const namesake = keys.value.find((key) => key.apiKeyId !== apiKeyId && isNamed(key, name));
  if (namesake) return failed(nameInUse(namesake.apiKeyId));
  const listed = keys.value.filter(hasId).find((key) => key.apiKeyId === apiKeyId);
  // A new key may not be listed yet; and a name that told which key is meant is read again, by the id.
  const key = listed && currentName === undefined ? ok(listed) : await atlas.getKey({ groupId }, apiKeyId, signal);
  if (!key.ok) return failed(await explained(context, key.failure, { groupId, apiKeyId }, signal));
  if (currentName !== undefined && !isNamed(key.value, currentName)) return failed(renamedMeanwhile(key.value));
  const refused = await refuseUndelivered(context, key.value);
  return refused ? failed(refused) : key;
}

/** A marked key may be renamed only where somebody has its secret: it is in use, or a sink here holds it. */
async function refuseUndelivered({ journal, sinks }: RenameContext, key: ModelKey): Promise<Failure | undefined> {
  const refused = refuseMarkedKey(key);
  if (!refused || key.lastUsedAt !== null) return undefined;
  const kept = await journal.read();
  if (!kept.ok) return kept.failure;
  const intent = kept.value.intents.find(({ nonce }) => nonce === nonceOf(key));
  if (!intent || isUnderWay(intent)) return refused;
  return (await holdsSecretOf(sinks, intent)) === 'yes' ? undefined : refused;
}
