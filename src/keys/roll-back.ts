// Takes back a key that this call made: it must carry the call's nonce and must never have been used. Anything else is left
// alone, and reported.

import { setTimeout as delay } from 'node:timers/promises';
import type { Atlas } from '../atlas/atlas.ts';
import { saysNoSuchKey } from '../atlas/api/keys.ts';
import type { Fingerprint } from '../secret/fingerprint.ts';
import type { KeyState } from '../failure.ts';
import type { OpenIntent } from './journal/journal.ts';
import { ownKey, readKey, type OwnKey } from './commit.ts';
import { nonceOf } from './marked-name.ts';

export type RollBack =
  | { readonly state: 'gone' }
  /** It is alive, or may be. */
  | { readonly state: 'left'; readonly reason: string };

/** Before each look, in milliseconds; after the last one nothing is deleted any more. */
const WAIT_MS = [0, 20, 300, 1_000];

/** Gone is only what a read says is gone: a DELETE may be answered before it is carried out, or for another key. */
export async function rollBackKey(atlas: Atlas, own: OwnKey): Promise<RollBack> {
  let mayBeDeleted = false;
  let missed = 0;
  let reason = 'Atlas did not say what became of it.';
  for (const [tried, wait] of WAIT_MS.entries()) {
    await delay(wait);
    const now = await readKey(atlas, own);
    if (!now.ok) {
      reason = now.failure.message;
      continue;
    }
    if (!now.value) {
      missed += 1;
      // A key of a moment ago may not be shown yet: without a DELETE, only all looks together tell.
      if (mayBeDeleted || missed === WAIT_MS.length) return { state: 'gone' };
      continue;
    }
    if (nonceOf(now.value) !== own.nonce) return { state: 'left', reason: 'It does not carry the name of this call.' };
    if (now.value.lastUsedAt !== null) return { state: 'left', reason: 'It is in use, so somebody has its secret.' };
    if (tried === WAIT_MS.length - 1) break;
    const deletion = await atlas.deleteKey(own.groupId, now.value.apiKeyId);
    if (!deletion.ok) reason = deletion.failure.message;
    if (!deletion.ok && !deletion.failure.maybeCarriedOut && !saysNoSuchKey(deletion.failure)) break;
    // A DELETE that is repeated after a lost reply is told that the key is not there.
    mayBeDeleted = true;
  }
  return { state: 'left', reason };
}

export interface TakenBack {
  readonly keyState: Extract<KeyState, 'rolled_back' | 'orphaned'>;
  /** What a person is told of the key. */
  readonly ending: string;
}

/**
 * @param intent says from now on that the secret is to be in no sink, so that a later look may delete the key too
 * @param fingerprint of a secret that may be in its sink still
 */
export async function takeBack(
  atlas: Atlas,
  intent: OpenIntent,
  apiKeyId: string,
  fingerprint?: Fingerprint,
): Promise<TakenBack> {
  const undelivered = { step: 'undelivered', apiKeyId, ...(fingerprint !== undefined && { fingerprint }) } as const;
  await intent.record(undelivered);
  const rolledBack = await rollBackKey(atlas, ownKey(intent, apiKeyId));
  if (rolledBack.state === 'gone') {
    await intent.release({ step: 'ended', outcome: 'rolled_back', apiKeyId });
    return { keyState: 'rolled_back', ending: 'The key was deleted again.' };
  }
  await intent.release(undelivered);
  return {
    keyState: 'orphaned',
    ending: `The key could not be deleted again and is alive: ${apiKeyId}. ${rolledBack.reason} reconcile_ai_model_api_keys with apply deletes it if nobody uses it, or a person in Atlas.`,
  };
}
