// Says whose secret a place holds, by what the journal and the list of keys know. Pure: who reads the place, and who asks Atlas
// once more for a key that the list lacks, is the caller.

import { hasId, type ListedKey } from '../atlas/api/keys.ts';
import type { Held } from '../sinks/sink.ts';
import { keyOf, type Intent } from './journal/intent.ts';

export type Holder =
  | { readonly is: 'key'; readonly key: ListedKey; readonly by: 'fingerprint' | 'mask' }
  /** Certain only after a read by its id. */
  | { readonly is: 'deleted key'; readonly apiKeyId: string; readonly name: string }
  | { readonly is: 'another value' }
  | { readonly is: 'nothing' }
  | { readonly is: 'unreadable' };

const MASK = /^al-(?:[a-z]{2,}-)?\*+([^*]{4})$/;

/** @param keys all of the project */
export function holderOf(held: Held, groupId: string, keys: readonly ListedKey[], intents: readonly Intent[]): Holder {
  if (held.held !== 'value') return { is: held.held === 'nothing' ? 'nothing' : 'unreadable' };
  const own = intents.filter((intent) => intent.groupId === groupId && 'fingerprint' in intent.state);
  const known = own.findLast(({ state }) => 'fingerprint' in state && state.fingerprint === held.fingerprint);
  const apiKeyId = known && keyOf(known);
  if (known && apiKeyId !== undefined) {
    const key = keys.find((each) => each.apiKeyId === apiKeyId);
    return key ? { is: 'key', key, by: 'fingerprint' } : { is: 'deleted key', apiKeyId, name: known.name };
  }
  // A key's secret is one for life: where its fingerprint is known, a value that only fits the mask is another's.
  const isOpen = (key: ListedKey) => !own.some((intent) => keyOf(intent) === key.apiKeyId);
  const fitting = keys.filter((key) => hasId(key) && isOpen(key) && isSameMask(key.maskedSecret, held.mask));
  const [key, ...others] = fitting;
  return key && others.length === 0 ? { is: 'key', key, by: 'mask' } : { is: 'another value' };
}

function isSameMask(one: string | undefined, other: string | undefined): boolean {
  const ending = MASK.exec(one ?? '')?.[1];
  return ending !== undefined && ending === MASK.exec(other ?? '')?.[1];
}
