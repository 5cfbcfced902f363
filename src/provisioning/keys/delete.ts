// Deletes a key for good, once its present name and, where that can be asked, a person have said that it is the one.

import type { ModelKey } from '../../atlas/model-keys.ts';
import type { RequestContext } from '../request-context.ts';
import { askConsent, described, typedNameOf, type ConfirmPolicy } from '../consent.ts';
import { deleteForGood } from '../delivery/deletion.ts';
import { explained } from '../explain.ts';
import { cancelled, outcomeUnknown } from '../failure.ts';
import { formerNameOf } from '../journal/audit.ts';
import { getModelKey, refuseOtherName, type KeyContext, type KeyFound } from './known-key.ts';
import { failed, type Failed } from '../delivery/receipt.ts';

export interface DeleteRequest {
  readonly groupId: string;
  readonly apiKeyId: string;
  /** The name that the key must have at this moment. */
  readonly confirmName: string;
  /** Check everything, change nothing. */
  readonly dryRun: boolean;
}

export interface DeleteContext extends KeyContext {
  /** Of the audit log. */
  readonly stateDir: string;
  readonly confirm: ConfirmPolicy;
}

export interface Deleted {
  readonly outcome: 'deleted' | 'planned';
  readonly key: ModelKey;
}

export async function deleteKey(
  context: DeleteContext,
  request: DeleteRequest,
  call: RequestContext,
): Promise<Deleted | Failed> {
  let found = await findNamed(context, request, call);
  if (found.outcome === 'failed') return found;
  if (request.dryRun) return { outcome: 'planned', key: found.key };
  const former = call.ask && (await formerNameOf(context.stateDir, request.apiKeyId));
  const consent = await askConsent(context.confirm, call.ask, {
    message: `Delete this AI model API key of Atlas for good?\nWhatever uses it stops working.\n${described(found.key, request.groupId, former)}`,
    ...typedNameOf(found.key),
    keyState: 'not_applicable',
  });
  if (typeof consent === 'object') return failed(consent);
  // The person took a while.
  if (consent === 'given') found = await findNamed(context, request, call);
  if (found.outcome === 'failed') return found;
  if (call.signal.aborted) return failed(cancelled('not_applicable'));
  call.progress('Deleting the key');
  return remove(context, request, found.key, call.signal);
}

async function findNamed(
  context: KeyContext,
  { groupId, apiKeyId, confirmName }: DeleteRequest,
  call: RequestContext,
): Promise<KeyFound | Failed> {
  const found = await getModelKey(context, { scope: { groupId }, apiKeyId }, call);
  if (found.outcome === 'failed') return found;
  const mismatch = refuseOtherName(found.key, confirmName, 'not_applicable');
  return mismatch ? failed(mismatch) : found;
}

async function remove(
  context: KeyContext,
  { groupId, apiKeyId }: DeleteRequest,
  key: ModelKey,
  signal: AbortSignal,
): Promise<Deleted | Failed> {
  const deletion = await deleteForGood(context.atlas, groupId, apiKeyId);
  if (deletion.state === 'deleted') return { outcome: 'deleted', key };
  const { failure } = deletion;
  if (deletion.state === 'alive') {
    const refused = await explained(context, failure, { groupId, apiKeyId, keyState: 'not_applicable' }, signal);
    return failed({ ...refused, retryable: refused.retryable || failure.maybeCarriedOut, apiKeyId });
  }
  const hint = 'Call get_ai_model_api_key: an answer that it is not found means that it is deleted.';
  return failed({
    ...outcomeUnknown(failure, 'not_applicable', 'Whether the key was deleted is not known.', hint),
    apiKeyId,
  });
}
