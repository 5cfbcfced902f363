// The name of a key that takes another's place, for the time that both are alive.

import { isNamed, sameName, type ListedKey } from '../../atlas/model-keys.ts';
import type { Intent } from '../journal/intent.ts';

const LONGEST_NAME = 250;

/**
 * The name with the date of today (UTC), and a count where it is taken: by a key, or by a create that the journal knows,
 * whose key may still appear.
 */
export function nameForSuccessor(name: string, keys: readonly ListedKey[], intents: readonly Intent[]): string {
  const date = new Date().toISOString().slice(0, 10);
  for (let count = 1; ; count += 1) {
    const candidate = withSuffix(name, count === 1 ? `-${date}` : `-${date}-${count}`);
    const isTaken =
      keys.some((key) => isNamed(key, candidate)) || intents.some((intent) => sameName(intent.name, candidate));
    if (!isTaken) return candidate;
  }
}

function withSuffix(name: string, suffix: string): string {
  const kept = name.slice(0, LONGEST_NAME - suffix.length).replace(/[\uD800-\uDBFF]$/, '');
  return `${kept}${suffix}`;
}
