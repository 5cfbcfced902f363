// What follows once a key's successor is in the sink: the new key gets its name, and the old one is deleted, if its secret was
// replaced by one that was read back. From here on the new key is never deleted.

import type { Atlas } from '../atlas/atlas.ts';
import { failed, ok, type Failure, type FailureAfterCreate, type Result } from '../failure.ts';
import { originalName, sameName, saysNoSuchKey, type ListedKey, type ModelKey } from '../atlas/api/keys.ts';
import type { PreparedWrite, Verification } from '../sinks/sink.ts';
import type { RequestContext } from './request-context.ts';
import type { CreateContext, Issued } from './create-and-deliver.ts';
import { deleteForGood } from './delete.ts';
import { keyUnlessGone } from './find-key.ts';
import type { DeliveryReceipt } from './sink-choice.ts';
import type { Step } from './journal/intent.ts';
import { commitIssued, liveCheckOf, recordDelivered } from './create.ts';
import { protocolFailure } from '../atlas/api/errors.ts';
import { datedName, type Commit } from './own-key.ts';

export interface Rotated {
  readonly outcome: 'rotated';
  readonly key: ModelKey;
  readonly delivery: DeliveryReceipt;
  readonly oldKey: OldKey;
  readonly warnings: readonly string[];
}

interface OldKey {
  readonly apiKeyId: string;
  readonly name: string;
  readonly state: 'deleted' | 'kept';
}

interface Retirement {
  readonly old: ModelKey;
  /** What the new key is to be named. */
  readonly name: string;
  readonly keepOld: boolean;
  /** Whether the caller asked for the old key to stay. */
  readonly isAsked: boolean;
}

export async function retire(
  context: CreateContext,
  issued: Issued,
  { old, name, keepOld, isAsked }: Retirement,
  call: RequestContext,
): Promise<Result<Rotated, FailureAfterCreate>> {
  const { atlas } = context;
  const { progress } = call;
  progress('Giving the new key its name');
  const commit = await commitIssued(atlas, issued, name);
  // What became of the new key, or of its name, is not known: then the old one stays.
  if (commit.state === 'gone' || commit.state === 'pending')
    return recordRotated(issued, { old, commit, state: 'kept' });
  const untested = await liveCheckOf(context, issued, call);
  if (untested.length > 0) {
    const kept = isAsked ? [] : [`The old key ${old.apiKeyId} is kept: delete it once the new one is seen to work.`];
    return commitAndKeepOld(atlas, withWarnings(issued, [...untested, ...kept]), old, commit);
  }
  const others = commit.state === 'taken' ? commit.holders.filter(({ apiKeyId }) => apiKeyId !== old.apiKeyId) : [];
  if (keepOld || !isSeen(issued.delivery.verification) || others.length > 0) {
    const why = others.length > 0 ? [nameLost(name, others)] : isAsked ? [] : [keptBecause(old, issued.write)];
    return commitAndKeepOld(atlas, withWarnings(issued, why), old, commit);
  }
  progress('Deleting the old key');
  const end = await deleteOld(atlas, issued, old);
  if (end.state === 'changed') return commitAndKeepOld(atlas, withWarnings(issued, [end.warning]), old, commit);
  if (end.state !== 'deleted') {
    await issued.intent.release(stepOf('retiring', issued));
    return failed(stillThere(issued, old, end));
  }
  const named = commit.state === 'taken' ? await commitIssued(atlas, issued, name) : commit;
  return recordRotated(issued, { old, commit: named, state: 'deleted' });
}

/** Whether the new secret was seen in the place of the old one: read back there, or put there by a person who said so. */
export function isSeen(verification: Verification): boolean {
  return verification === 'read-back' || verification === 'person';
}

function withWarnings(issued: Issued, warnings: readonly string[]): Issued {
  return { ...issued, warnings: [...issued.warnings, ...warnings] };
}

function stepOf(step: 'delivered' | 'retiring', { key: { apiKeyId }, fingerprint }: Issued): Step {
  return { step, apiKeyId, fingerprint };
}

type OldEnd =
  | { readonly state: 'deleted' }
  | { readonly state: 'changed'; readonly warning: string }
  | { readonly state: 'alive' | 'unknown'; readonly failure: Failure };

/** Read before it is deleted: what a person made of it since the rotation began is left as it is. */
async function deleteOld(atlas: Atlas, issued: Issued, old: ModelKey): Promise<OldEnd> {
  const { groupId } = issued.intent;
  await issued.intent.record(stepOf('retiring', issued));
  const now = await keyUnlessGone(atlas, groupId, old.apiKeyId);
  if (!now.ok) return { state: saysNoSuchKey(now.failure) ? 'unknown' : 'alive', failure: now.failure };
  if (!now.value) return { state: 'deleted' };
  if (sameName(originalName(now.value), originalName(old))) return deleteForGood(atlas, groupId, old.apiKeyId);
  const warning = `The old key ${old.apiKeyId} is kept: somebody renamed it meanwhile to ${JSON.stringify(now.value.name)}.`;
  return { state: 'changed', warning };
}

/** Both keys live. Where the name cannot be had, the new one gets a dated one. */
async function commitAndKeepOld(
  atlas: Atlas,
  issued: Issued,
  old: ModelKey,
  commit: Commit,
): Promise<Result<Rotated, FailureAfterCreate>> {
  if (commit.state !== 'taken') return recordRotated(issued, { old, commit, state: 'kept' });
  const keys = await atlas.listKeys(issued.intent.groupId);
  const name = datedName(originalName(old), keys.ok ? keys.value : commit.holders);
  return recordRotated(issued, { old, commit: await commitIssued(atlas, issued, name), state: 'kept' });
}

/** Writes the end of a rotation into the journal; `state` is what became of the old key. */
async function recordRotated(
  issued: Issued,
  { old, commit, state }: { readonly old: ModelKey; readonly commit: Commit; readonly state: OldKey['state'] },
): Promise<Result<Rotated, FailureAfterCreate>> {
  const { key, intent, delivery } = issued;
  const { apiKeyId } = key;
  const oldKey = { apiKeyId: old.apiKeyId, name: old.name, state };
  if (commit.state === 'committed') {
    const end = await recordDelivered(issued, commit.key);
    return ok({ outcome: 'rotated', key: end.key, delivery, oldKey, warnings: end.warnings });
  }
  if (commit.state === 'gone') {
    await intent.release({ step: 'ended', outcome: 'gone', apiKeyId });
    return failed(newKeyGone(issued, old, state));
  }
  await intent.release(stepOf(state === 'deleted' ? 'retiring' : 'delivered', issued));
  const cause = commit.state === 'pending' ? commit.failure : protocolFailure('a name that stays taken');
  const notNamed = `The new key ${apiKeyId} is delivered, and its name still says that it is not: ${cause.message} reconcile_ai_model_api_keys with apply gives it its name.`;
  if (state === 'kept') return failed(notCommitted(issued, old, cause, notNamed));
  const shown = { ...key, groupId: intent.groupId };
  return ok({ outcome: 'rotated', key: shown, delivery, oldKey, warnings: [...issued.warnings, notNamed] });
}

function newKeyGone(
  { key: { apiKeyId }, delivery }: Issued,
  old: ModelKey,
  state: OldKey['state'],
): FailureAfterCreate {
  const rest = state === 'kept' ? ` The old key ${old.apiKeyId} is alive.` : '';
  return {
    code: 'ATLAS_NOT_FOUND',
    message: `Somebody deleted the new key ${apiKeyId} while it was being delivered.${rest}`,
    hint: `${delivery.location} holds the secret of the deleted key (fingerprint ${delivery.fingerprint ?? 'unknown'}). Create a key for that place.`,
    retryable: false,
    keyState: 'rolled_back',
    apiKeyId,
  };
}

/** The new key may have its name or not: then the old key is not deleted. */
function notCommitted({ key }: Issued, old: ModelKey, cause: Failure, message: string): FailureAfterCreate {
  return {
    ...cause,
    keyState: 'delivered',
    message: `${message} The old key ${old.apiKeyId} is alive.`,
    hint: `Do not rotate again: call reconcile_ai_model_api_keys with apply, then delete_ai_model_api_key for ${old.apiKeyId} once the new key is in use.`,
    retryable: false,
    apiKeyId: key.apiKeyId,
  };
}

function stillThere(
  { key, delivery }: Issued,
  { apiKeyId }: ModelKey,
  { state, failure }: Extract<OldEnd, { state: 'alive' | 'unknown' }>,
): FailureAfterCreate {
  const what =
    state === 'alive' ? 'could not be deleted and is alive' : 'may be alive: whether it was deleted is not known';
  const { fingerprint = 'unknown' } = delivery;
  return {
    ...failure,
    keyState: 'delivered',
    ...(state === 'unknown' && { code: 'ATLAS_OUTCOME_UNKNOWN' }),
    message: `The new key ${key.apiKeyId} is delivered to ${delivery.location} (${delivery.verification}, fingerprint ${fingerprint}). The old key ${apiKeyId} ${what}. ${failure.message}`,
    hint: `Do not rotate again: call delete_ai_model_api_key for ${apiKeyId}; reconcile_ai_model_api_keys then says what is left to do. ${failure.hint}`,
    retryable: false,
    apiKeyId: key.apiKeyId,
  };
}

/** Why an old key stays although the caller did not ask for that. */
export function keptBecause({ apiKeyId }: ModelKey, { overwrites }: Pick<PreparedWrite, 'overwrites'>): string {
  const why =
    overwrites === 'nothing'
      ? 'since its secret was not there: whatever uses it has it from elsewhere'
      : 'since this sink did not show both the old secret and the new one';
  return `The old key ${apiKeyId} is kept, ${why}. Call delete_ai_model_api_key for it once the new key is in use.`;
}

function nameLost(name: string, others: readonly ListedKey[]): string {
  return `The old key is kept, and the new one has a name with the date: the key ${others[0]?.apiKeyId ?? ''} has the name ${JSON.stringify(name)}.`;
}
