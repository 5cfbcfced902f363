// Finds out what became of a create whose reply was lost. The secret is gone for good, so the key, if there is one, is
// deleted; it is found by the nonce in its name, which no other call can have made.

import { setTimeout as delay } from 'node:timers/promises';
import type { Atlas } from '../atlas/atlas.ts';
import type { Failure, FailureAfterCreate } from '../failure.ts';
import { hasId, type ModelKey } from '../atlas/api/keys.ts';
import type { OpenIntent } from './journal/journal.ts';
import { nonceOf } from './marked-name.ts';
import { takeBack } from './roll-back.ts';

/** Atlas does not promise that a list shows a key at once. In milliseconds. */
const LOOK_AFTER_MS = [0, 300, 900];

/** @param signal ends the search; what is not known by then is said to be unknown */
export async function resolveLostCreate(
  atlas: Atlas,
  intent: OpenIntent,
  cause: Failure,
  signal: AbortSignal,
): Promise<FailureAfterCreate> {
  const keys = await findByNonce(atlas, intent, signal);
  const [key, ...others] = keys;
  if (!key || others.length > 0 || key.lastUsedAt !== null) return unknown(intent, cause, keys);
  const { apiKeyId } = key;
  const { keyState, ending } = await takeBack(atlas, intent, apiKeyId);
  return {
    ...cause,
    keyState,
    message: `${cause.message} A key was made, and its secret is lost.`,
    hint: `${ending} ${keyState === 'rolled_back' ? 'Call again.' : ''}`.trim(),
    retryable: keyState === 'rolled_back',
    apiKeyId,
  };
}

/** Looks a few times. Empty where no list showed such a key, or none could be read. */
export async function findByNonce(
  atlas: Atlas,
  { groupId, nonce }: Pick<OpenIntent, 'groupId' | 'nonce'>,
  signal: AbortSignal,
): Promise<readonly ModelKey[]> {
  for (const wait of LOOK_AFTER_MS) {
    await delay(wait);
    const keys = await atlas.listKeys(groupId, signal);
    const own = keys.ok ? keys.value.filter(hasId).filter((key) => nonceOf(key) === nonce) : [];
    if (own.length > 0) return own;
    if (signal.aborted) break;
  }
  return [];
}

/** Atlas may still carry it out; a second call makes another name, so that the two cannot be taken for each other. */
async function unknown(intent: OpenIntent, cause: Failure, keys: readonly ModelKey[]): Promise<FailureAfterCreate> {
  await intent.release({ step: 'sending' });
  const ids = keys.map(({ apiKeyId }) => apiKeyId);
  const [only] = ids;
  const hint =
    only === undefined
      ? 'Calling again is safe. Should the key of this call appear later, its name says that it is not delivered, and reconcile_ai_model_api_keys with apply deletes it.'
      : `The key that was made is in use, or there are several of them: ${ids.join(', ')}. A person decides in Atlas whether they are needed.`;
  return {
    ...cause,
    keyState: 'unknown',
    code: 'ATLAS_OUTCOME_UNKNOWN',
    message: `Whether Atlas made the key is not known. ${cause.message}`,
    hint,
    retryable: only === undefined,
    ...(only !== undefined && ids.length === 1 && { apiKeyId: only }),
  };
}
