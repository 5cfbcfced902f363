// Takes a key back that was just created and that nobody can have used: the journal first, then Atlas.

import type { Atlas } from '../../atlas/atlas.ts';
import { deleteForGood } from './deletion.ts';
import type { OpenIntent } from '../journal/journal.ts';

export interface RollBack {
  readonly keyState: 'rolled_back' | 'orphaned';
  /** What a person is told of the key. */
  readonly ending: string;
}

/** @param intent says from now on that the secret is in no sink, so that a later look may delete the key too */
export async function rollBack(atlas: Atlas, intent: OpenIntent, groupId: string, apiKeyId: string): Promise<RollBack> {
  await intent.record({ step: 'undelivered', apiKeyId });
  const deletion = await deleteForGood(atlas, groupId, apiKeyId);
  if (deletion.state === 'deleted') {
    await intent.release({ step: 'ended', outcome: 'rolled_back', apiKeyId });
    return { keyState: 'rolled_back', ending: 'The key was deleted again.' };
  }
  await intent.release({ step: 'undelivered', apiKeyId });
  return {
    keyState: 'orphaned',
    ending: `The key could not be deleted again and is alive: ${apiKeyId}. reconcile_ai_model_api_keys with apply deletes it, or a person in Atlas.`,
  };
}
