// Tells which keys of a name can be those of a create whose key's id is not known. The rule by which keys may be
// deleted, and so in one place.

import { isNamed, sameName, type ModelKey } from '../../atlas/model-keys.ts';
import type { Intent } from './intent.ts';

/** The id of an intent's key, where it is known. */
export function keyOf({ state }: Intent): string | undefined {
  return 'apiKeyId' in state ? state.apiKeyId : undefined;
}

/** Whether this machine knows that the secret of the intent's key reached its sink. */
export function isDelivered({ state }: Intent): boolean {
  return state.step === 'retiring' || (state.step === 'ended' && state.outcome === 'delivered');
}

/** Whether this intent has not ended, and its key has that name or is to have it. */
export function isOpenFor(intent: Intent, { groupId, name }: Pick<Intent, 'groupId' | 'name'>): boolean {
  if (intent.state.step === 'ended' || intent.groupId !== groupId) return false;
  return sameName(intent.name, name) || (intent.replaces !== undefined && sameName(intent.replaces.finalName, name));
}

/** A rotation of that key which has not ended. */
export function openRotationOf(intents: readonly Intent[], apiKeyId: string): Intent | undefined {
  return intents.find(({ state, replaces }) => state.step !== 'ended' && replaces?.apiKeyId === apiKeyId);
}

/** The keys of that name which no other intent of this machine knows as its own. */
export function unclaimedNamesakes(
  keys: readonly ModelKey[],
  intents: readonly Intent[],
  { id, name }: Pick<Intent, 'id' | 'name'>,
): readonly ModelKey[] {
  const claimed = new Set(intents.filter((other) => other.id !== id).map(keyOf));
  return keys.filter((key) => isNamed(key, name) && !claimed.has(key.apiKeyId));
}
