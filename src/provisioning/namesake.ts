// Tells which keys of a name can be those of a create whose key's id is not known. The rule by which keys may be
// deleted, and so in one place.

import { isNamed, type ModelKey } from '../atlas/model-keys.ts';
import { type Intent } from './intent.ts';

/** The id of an intent's key, where it is known. */
export function keyOf({ state }: Intent): string | undefined {
  return 'apiKeyId' in state ? state.apiKeyId : undefined;
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
