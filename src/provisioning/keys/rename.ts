// Gives a key another name, if no other key of the project has it: a unique name is what makes a lost key findable.

import type { Atlas } from '../../atlas/atlas.ts';
import type { AtlasResult } from '../../atlas/failure.ts';
import { hasId, isNamed, type ModelKey } from '../../atlas/model-keys.ts';
import type { CallControl } from '../call-control.ts';
import { explained } from '../explain.ts';
import { cancelled, journalUnreadable, nameInUse, outcomeUnknown, type Failure } from '../failure.ts';
import { isOpenFor } from '../journal/namesake.ts';
import type { Journal } from '../journal/journal.ts';
import type { KeyContext } from './known-key.ts';
import { refuseProject } from '../policy.ts';
import { failed, type Failed } from '../delivery/receipt.ts';

export interface RenameRequest {
  readonly groupId: string;
  readonly apiKeyId: string;
  readonly name: string;
}

export interface RenameContext extends KeyContext {
  readonly journal: Journal;
}

export interface Renamed {
  readonly outcome: 'updated';
  readonly key: ModelKey;
  readonly previousName: string;
}

export async function renameKey(
  context: RenameContext,
  request: RenameRequest,
  { signal, progress }: CallControl,
): Promise<Renamed | Failed> {
  const { groupId, apiKeyId, name } = request;
  const refused = refuseProject(context, groupId, 'not_applicable');
  if (refused) return failed(refused);
  progress('Looking whether the name is free');
  const key = await findRenamable(context, request, signal);
  if ('code' in key) return failed(key);
  const updated = (now: ModelKey): Renamed => ({ outcome: 'updated', key: now, previousName: key.name });
  if (isNamed(key, name)) return updated(key);
  if (signal.aborted) return failed(cancelled('not_applicable'));
  const renamed = await changeName(context.atlas, request);
  if (renamed.ok) return updated(renamed.value);
  const { failure } = renamed;
  if (!failure.maybeCarriedOut)
    return failed(await explained(context, failure, { groupId, apiKeyId, keyState: 'not_applicable' }, signal));
  const hint = 'Call get_ai_model_api_key to see; the same call can be made again.';
  return failed({
    ...outcomeUnknown(failure, 'not_applicable', 'Whether the key was renamed is not known.', hint),
    apiKeyId,
  });
}

/** Sent once; where the reply is lost, the key itself is asked. */
export async function changeName(
  atlas: Atlas,
  { groupId, apiKeyId, name }: RenameRequest,
): Promise<AtlasResult<ModelKey>> {
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
  const { atlas, journal } = context;
  const [keys, intents] = await Promise.all([atlas.listKeys(groupId, signal), journal.read()]);
  if (!intents) return journalUnreadable('not_applicable');
  if (!keys.ok) return explained(context, keys.failure, { groupId, keyState: 'not_applicable' }, signal);
  const namesake = keys.value.find((key) => key.apiKeyId !== apiKeyId && isNamed(key, name));
  if (namesake) return { ...nameInUse('not_applicable'), ...(hasId(namesake) && { apiKeyId: namesake.apiKeyId }) };
  // A create of that name whose key is not known yet would take this key for its own.
  const awaited = intents.some((intent) => isOpenFor(intent, { groupId, name }));
  if (awaited) return nameInUse('not_applicable');
  const listed = keys.value.filter(hasId).find((key) => key.apiKeyId === apiKeyId);
  if (listed) return listed;
  // A new key may not be listed yet.
  const key = await atlas.getKey({ groupId }, apiKeyId, signal);
  return key.ok
    ? key.value
    : explained(context, key.failure, { groupId, apiKeyId, keyState: 'not_applicable' }, signal);
}
