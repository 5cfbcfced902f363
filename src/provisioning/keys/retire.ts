// What follows once a key's successor is in the sink: the old key goes, if the new secret was verified, and the new one
// takes its name.

import type { Atlas } from '../../atlas/atlas.ts';
import { originalName, type ModelKey } from '../../atlas/model-keys.ts';
import type { Target } from '../../sinks/sink.ts';
import type { CallControl } from '../call-control.ts';
import { deleteForGood, type Deletion } from '../delivery/deletion.ts';
import { fromAtlas, type Failure } from '../failure.ts';
import { concluded, type Issued } from '../delivery/issue.ts';
import { failed, type Delivered, type DeliveryReceipt, type Failed } from '../delivery/receipt.ts';
import { changeName } from './rename.ts';

export interface Rotated {
  readonly outcome: 'rotated';
  readonly key: ModelKey;
  readonly delivery: DeliveryReceipt;
  readonly oldKey: OldKey;
  readonly warnings: readonly string[];
}

export interface OldKey {
  readonly apiKeyId: string;
  readonly name: string;
  readonly state: 'deleted' | 'kept';
}

export interface Retirement {
  readonly old: ModelKey;
  readonly groupId: string;
  readonly keepOld: boolean;
  /** Where the new secret is. */
  readonly target: Pick<Target, 'exchanges'>;
  /** Whether the new key is to have the old one's name at the end. */
  readonly takesName: boolean;
}

export async function retire(
  atlas: Atlas,
  issued: Issued,
  { old, groupId, keepOld, target, takesName }: Retirement,
  { progress }: CallControl,
): Promise<Rotated | Failed> {
  const { delivered, intent } = issued;
  const { key, delivery } = delivered;
  const isExchanged = target.exchanges === 'old secret' && delivery.verification !== 'none';
  if (keepOld || !isExchanged) {
    const kept = rotated(await concluded(issued), old, 'kept');
    return keepOld ? kept : { ...kept, warnings: [...kept.warnings, keptBecause(old, target)] };
  }
  progress('Deleting the old key');
  const { fingerprint } = issued;
  await intent.record({ step: 'retiring', apiKeyId: key.apiKeyId, fingerprint });
  const deletion = await deleteForGood(atlas, groupId, old.apiKeyId);
  if (deletion.state !== 'deleted') {
    await intent.release({ step: 'retiring', apiKeyId: key.apiKeyId, fingerprint });
    return failed(stillThere(delivered, old, deletion));
  }
  if (!takesName) return rotated(await concluded(issued), old, 'deleted');
  progress('Giving the new key the name of the old one');
  const named = await changeName(atlas, { groupId, apiKeyId: key.apiKeyId, name: originalName(old) });
  const end = rotated(await concluded(issued), old, 'deleted');
  if (named.ok) return { ...end, key: { ...key, name: old.name } };
  return { ...end, warnings: [...end.warnings, notNamed(key, named.failure.message)] };
}

function rotated({ key, delivery, warnings }: Delivered, old: ModelKey, state: OldKey['state']): Rotated {
  return { outcome: 'rotated', key, delivery, oldKey: { apiKeyId: old.apiKeyId, name: old.name, state }, warnings };
}

function stillThere(
  { key, delivery }: Delivered,
  { apiKeyId }: ModelKey,
  { state, failure }: Exclude<Deletion, { state: 'deleted' }>,
): Failure {
  const what =
    state === 'alive' ? 'could not be deleted and is alive' : 'may be alive: whether it was deleted is not known';
  const { fingerprint = 'unknown' } = delivery;
  return {
    ...fromAtlas(failure, 'delivered'),
    ...(state === 'unknown' && { code: 'ATLAS_OUTCOME_UNKNOWN' }),
    message: `The new key ${key.apiKeyId} is delivered to ${delivery.location} (${delivery.verification}, fingerprint ${fingerprint}). The old key ${apiKeyId} ${what}. ${failure.message}`,
    hint: `Do not rotate again: call delete_ai_model_api_key for ${apiKeyId}; reconcile_ai_model_api_keys then says what is left to do. ${failure.hint}`,
    retryable: false,
    apiKeyId: key.apiKeyId,
  };
}

/** Why an old key stays although the caller did not ask for that. */
export function keptBecause({ apiKeyId }: ModelKey, { exchanges }: Pick<Target, 'exchanges'>): string {
  const why =
    exchanges === 'nothing'
      ? 'since its secret was not there: whatever uses it has it from elsewhere'
      : 'since this sink did not show both the old secret and the new one';
  return `The old key ${apiKeyId} is kept, ${why}. Call delete_ai_model_api_key for it once the new key is in use.`;
}

function notNamed({ apiKeyId, name }: ModelKey, why: string): string {
  return `The new key ${apiKeyId} is still named ${JSON.stringify(name)}: ${why} update_ai_model_api_key gives it the old name.`;
}
