// Deletes a key for good, once the caller has given its present name and, where a person can be asked, that person consents.

import { type ModelKey, saysNoSuchKey } from '../atlas/api/keys.ts';
import type { RequestContext } from './request-context.ts';
import { askConsent, describedNow, typedNameOf, type ConsentContext, refuseOtherName } from './consent.ts';
import { explained, findKeyId, getModelKey, type KeyContext } from './find-key.ts';
import { cancelled, outcomeUnknown } from './refusals.ts';
import { failed, ok, type Result, type Failure } from '../failure.ts';
import type { Atlas } from '../atlas/atlas.ts';
import type { Journal } from './journal/journal.ts';
import { describePlace, lookAtKnownPlaces, type KnownPlace } from './secret-places.ts';
import type { ConfiguredSinks } from './sink-choice.ts';

interface DeleteRequest {
  readonly groupId: string;
  /** Absent where the name is to tell: then it must be that of one key only. */
  readonly apiKeyId?: string | undefined;
  /** The name that the key must have at this moment. */
  readonly confirmName: string;
  /** Check everything, change nothing. */
  readonly dryRun: boolean;
}

type KnownDelete = DeleteRequest & { readonly apiKeyId: string };

export interface DeleteContext extends ConsentContext {
  readonly journal: Journal;
  readonly sinks: ConfiguredSinks['sinks'];
}

export interface Deleted {
  readonly outcome: 'deleted' | 'planned';
  /** As it was before; of a deleted one the status is `DELETED`. */
  readonly key: ModelKey;
  /** Where its secret still stands. */
  readonly warnings: readonly string[];
}

export async function deleteKey(
  context: DeleteContext,
  { apiKeyId: given, ...wish }: DeleteRequest,
  call: RequestContext,
): Promise<Result<Deleted>> {
  const { groupId, confirmName } = wish;
  const id = given === undefined ? await findKeyId(context, groupId, confirmName, call) : ok(given);
  if (!id.ok) return id;
  // From here on only the id says which key it is.
  const request = { ...wish, apiKeyId: id.value };
  let found = await findNamed(context, request, call);
  if (!found.ok) return found;
  const places = await placesOfSecret(context, request);
  const warnings = places.map(stillStands);
  if (request.dryRun) return ok({ outcome: 'planned', key: found.value, warnings });
  const described = await describedNow(context, found.value, groupId, call);
  const consent = await askConsent(context, call, {
    message: `Delete this AI model API key of Atlas for good?\nWhatever uses it stops working.\n${described}${places.map(inForm).join('')}`,
    ...typedNameOf(found.value),
  });
  if (!consent.ok) return consent;
  // The person took a while.
  if (consent.value === 'given') found = await findNamed(context, request, call);
  if (!found.ok) return found;
  if (call.signal.aborted) return failed(cancelled);
  call.progress('Deleting the key');
  return deleteAndLook(context, request, { key: found.value, warnings }, call.signal);
}

/** As far as the journal knows: where it is, or may be. */
async function placesOfSecret(
  { journal, sinks }: DeleteContext,
  { groupId, apiKeyId }: KnownDelete,
): Promise<readonly KnownPlace[]> {
  const kept = await journal.read();
  const places = kept.ok ? await lookAtKnownPlaces(sinks, kept.value.intents, groupId, apiKeyId) : [];
  return places.filter(({ holds }) => holds !== 'no');
}

function stillStands(place: KnownPlace): string {
  const where = describePlace(place);
  return place.holds === 'yes'
    ? `Its secret still stands in ${where}: whatever reads it there is refused. A create may use that place again.`
    : `Its secret may still stand in ${where}, which cannot be read.`;
}

function inForm({ sink, holds }: KnownPlace): string {
  return `\nIts secret ${holds === 'yes' ? 'is' : 'may be'} in the sink: ${sink.name}`;
}

async function findNamed(
  context: KeyContext,
  { groupId, apiKeyId, confirmName }: KnownDelete,
  call: RequestContext,
): Promise<Result<ModelKey>> {
  const found = await getModelKey(context, { scope: { groupId }, apiKeyId }, call);
  if (!found.ok) return found;
  const mismatch = refuseOtherName(found.value, confirmName);
  return mismatch ? failed(mismatch) : found;
}

async function deleteAndLook(
  context: KeyContext,
  { groupId, apiKeyId }: KnownDelete,
  { key, warnings }: Pick<Deleted, 'key' | 'warnings'>,
  signal: AbortSignal,
): Promise<Result<Deleted>> {
  const deletion = await deleteForGood(context.atlas, groupId, apiKeyId);
  if (deletion.state === 'deleted') return ok({ outcome: 'deleted', key: { ...key, status: 'DELETED' }, warnings });
  const { failure } = deletion;
  if (deletion.state === 'alive') {
    const refused = await explained(context, failure, { groupId, apiKeyId }, signal);
    return failed({ ...refused, retryable: refused.retryable || failure.maybeCarriedOut === true, apiKeyId });
  }
  const hint = 'Call get_ai_model_api_key: an answer that it is not found means that it is deleted.';
  return failed({ ...outcomeUnknown(failure, 'Whether the key was deleted is not known.', hint), apiKeyId });
}

type Deletion =
  | { readonly state: 'deleted' }
  | { readonly state: 'alive'; readonly failure: Failure }
  /** Atlas may have deleted it, and does not say. */
  | { readonly state: 'unknown'; readonly failure: Failure };

/**
 * A page in place of Atlas's own reply says nothing of the key: the second reply may. A key that Atlas does not find, or of
 * which it did not say what it did, is gone only where a read by its id agrees.
 */
export async function deleteForGood(atlas: Atlas, groupId: string, apiKeyId: string): Promise<Deletion> {
  let deletion = await atlas.deleteKey(groupId, apiKeyId);
  if (!deletion.ok && deletion.failure.maybeCarriedOut && deletion.failure.code !== 'ATLAS_UNAVAILABLE')
    deletion = await atlas.deleteKey(groupId, apiKeyId);
  if (deletion.ok) return { state: 'deleted' };
  const { failure } = deletion;
  if (!failure.maybeCarriedOut && failure.code !== 'ATLAS_NOT_FOUND') return { state: 'alive', failure };
  const now = await atlas.getKey({ groupId }, apiKeyId);
  if (now.ok) return { state: 'alive', failure };
  return saysNoSuchKey(now.failure) ? { state: 'deleted' } : { state: 'unknown', failure };
}
