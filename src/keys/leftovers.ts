// Keys that say in their own name that they are not delivered: which of them are this machine's, which stand in the way of a
// new key, and what a person is told of them. Pure.

import type { ListedKey } from '../atlas/api/keys.ts';
import type { Failure } from '../failure.ts';
import { nameInUse } from './refusals.ts';
import { isUncommitted, keyOf, type Intent } from './journal/intent.ts';
import { isUnderWay, isUnfinished, type Kept } from './journal/journal.ts';
import { ageOf, isMarkedFor, nonceOf } from './marked-name.ts';

/** As long as that a key that is being delivered by another machine is waited for. */
const YOUNG_MS = 10 * 60 * 1000;

/** What a list says of a key that is not delivered. */
export interface Undelivered {
  /** Since its creation; absent where Atlas does not say. */
  readonly ageSeconds?: number;
  /** Whether the journal of this machine knows the call that made it. */
  readonly knownHere: boolean;
}

/** Undefined for a key that carries no mark. */
export function undeliveredOf(key: ListedKey, kept: Kept | undefined): Undelivered | undefined {
  const nonce = nonceOf(key);
  if (nonce === undefined) return undefined;
  const age = ageOf(key);
  const ageSeconds = age === undefined ? {} : { ageSeconds: Math.max(0, Math.round(age / 1000)) };
  return { ...ageSeconds, knownHere: kept !== undefined && isKnown(nonce, kept) };
}

function isKnown(nonce: string, { intents, unreadable }: Kept): boolean {
  return unreadable.includes(nonce) || intents.some((intent) => intent.nonce === nonce);
}

/** Another machine may be about to give that name to a key of its own. */
export function youngRivalOf(name: string, keys: readonly ListedKey[], kept: Kept): Failure | undefined {
  const rival = keys.find((key) => {
    const age = ageOf(key) ?? Number.POSITIVE_INFINITY;
    return Math.abs(age) < YOUNG_MS && isMarkedFor(key, name) && !isKnown(nonceOf(key) ?? '', kept);
  });
  if (!rival) return undefined;
  return {
    ...nameInUse(),
    message: 'Another machine is delivering a key that is to get this name.',
    hint: 'Call again in ten minutes, or choose another name.',
    retryable: true,
    ...(rival.apiKeyId !== undefined && { apiKeyId: rival.apiKeyId }),
  };
}

/** What a caller is told beside the result: of keys in the list that no call of this machine brings to an end any more. */
export function leftoverWarnings(
  groupId: string,
  keys: readonly ListedKey[],
  { intents, unreadable }: Kept,
): readonly string[] {
  const lost = keys.filter((key) => isLeftover(nonceOf(key), intents)).flatMap(({ apiKeyId }) => apiKeyId ?? []);
  const elsewhere = intents.filter((intent) => isUnfinished(intent) && isTold(intent, groupId, lost)).length;
  return [
    ...(lost.length === 0
      ? []
      : [
          `Keys of earlier calls are alive and not delivered: ${lost.join(', ')}. reconcile_ai_model_api_keys says what is true of them.`,
        ]),
    ...(elsewhere === 0
      ? []
      : [
          `${elsewhere} earlier create(s) or rotation(s) did not come to an end; call reconcile_ai_model_api_keys to see what is true of them.`,
        ]),
    ...(unreadable.length === 0
      ? []
      : [
          `The journal holds ${unreadable.length} file(s) that cannot be read (${unreadable.join(', ')}): look in Atlas for keys with these digits at the end of their name.`,
        ]),
  ];
}

function isLeftover(nonce: string | undefined, intents: readonly Intent[]): boolean {
  return nonce !== undefined && intents.some((intent) => intent.nonce === nonce && !isUnderWay(intent));
}

/** A create whose reply was lost is told of only when its key appears. */
function isTold(intent: Intent, groupId: string, lost: readonly string[]): boolean {
  if (intent.state.step === 'sending' && intent.owner === null) return false;
  return intent.groupId !== groupId || !lost.includes(keyOf(intent) ?? '') || isUncommitted(intent);
}
