// Deletes one key, and finds out what became of it where the reply does not say.

import type { Atlas } from '../atlas/atlas.ts';
import type { Failure } from '../failure.ts';
import { saysNoSuchKey } from '../atlas/api/keys.ts';

export type Deletion =
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
