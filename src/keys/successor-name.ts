// The name of a key that takes another's place where both are to live.

import { isNamed, type ListedKey } from '../atlas/api/keys.ts';
import { withSuffix } from './marked-name.ts';

/** The name with the date of today (UTC), and a count where a key has it already. */
export function datedName(name: string, keys: readonly ListedKey[]): string {
  const date = new Date().toISOString().slice(0, 10);
  for (let count = 1; ; count += 1) {
    const candidate = withSuffix(name, count === 1 ? `-${date}` : `-${date}-${count}`);
    if (!keys.some((key) => isNamed(key, candidate))) return candidate;
  }
}
