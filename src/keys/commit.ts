// Commits a delivered key: it gets its final name. Only a key whose name carries this call's nonce is renamed; what a
// person has renamed meanwhile is left as it is.

import { setTimeout as delay } from 'node:timers/promises';
import type { Atlas } from '../atlas/atlas.ts';
import { ok, type Failure, type Result } from '../failure.ts';
import { hasId, isNamed, originalName, saysNoSuchKey, type ListedKey, type ModelKey } from '../atlas/api/keys.ts';
import { LONGEST_WAIT_SECONDS } from '../atlas/api/retry-timing.ts';
import type { Intent } from './journal/intent.ts';
import { nonceOf } from './marked-name.ts';
import { protocolFailure } from '../atlas/api/errors.ts';

/** A key that this call made. */
export interface OwnKey {
  readonly groupId: string;
  readonly apiKeyId: string;
  readonly nonce: string;
}

export function ownKey({ groupId, nonce }: Pick<Intent, 'groupId' | 'nonce'>, apiKeyId: string): OwnKey {
  return { groupId, apiKeyId, nonce };
}

export type Commit =
  /** The key carries no mark. Its name is the final one, or what a person made of it. */
  | { readonly state: 'committed'; readonly key: ModelKey }
  /** Atlas refuses the name, and other keys have it. */
  | { readonly state: 'taken'; readonly holders: readonly ListedKey[] }
  | { readonly state: 'gone' }
  /** It may still carry the mark; a later look can commit it. */
  | { readonly state: 'pending'; readonly failure: Failure };

/** Before each try, in milliseconds. */
const WAIT_MS = [0, 200, 600, 1_500];

/** @param looksFirst reads the key before it is renamed for the first time, where its id is not certain */
export async function commitName(atlas: Atlas, own: OwnKey, name: string, looksFirst: boolean): Promise<Commit> {
  let failure: Failure = protocolFailure('a key that keeps its mark');
  for (const [tried, wait] of WAIT_MS.entries()) {
    await delay(Math.max(wait, secondsToWait(failure) * 1000));
    if (tried > 0 || looksFirst) {
      const now = await readOwn(atlas, own);
      // Nothing says yet that the id is that of this call's key: without the mark it is another's.
      if (tried === 0 && now.state === 'committed')
        return { state: 'pending', failure: protocolFailure('another key') };
      if (now.state !== 'marked') {
        if (now.state !== 'unread') return now;
        failure = now.failure;
        continue;
      }
    }
    const renamed = await atlas.renameKey(own.groupId, own.apiKeyId, name);
    if (renamed.ok && isUnmarked(renamed.value)) return { state: 'committed', key: renamed.value };
    if (renamed.ok) continue;
    failure = renamed.failure;
    if (failure.maybeCarriedOut || saysNoSuchKey(failure) || secondsToWait(failure) > 0) continue;
    const holders = isAboutName(failure) ? await holdersOf(atlas, own, name) : [];
    return holders.length > 0 ? { state: 'taken', holders } : { state: 'pending', failure };
  }
  // The last request may have been carried out.
  const now = await readOwn(atlas, own);
  return now.state === 'committed' || now.state === 'gone' ? now : { state: 'pending', failure };
}

/** Atlas documents no code for a name that is taken; these are about the credential, the version or the rate. */
function isAboutName({ atlas }: Failure): boolean {
  return ![401, 402, 403, 406, 410, 429].includes(atlas?.status ?? 0);
}

/** Only where Atlas says how long, and that is not too long. */
function secondsToWait({ code, retryAfterSeconds = 0 }: Failure): number {
  return code === 'ATLAS_RATE_LIMITED' && retryAfterSeconds <= LONGEST_WAIT_SECONDS ? retryAfterSeconds : 0;
}

type Own =
  | { readonly state: 'marked' }
  | { readonly state: 'unread'; readonly failure: Failure }
  | Extract<Commit, { state: 'committed' | 'gone' | 'pending' }>;

async function readOwn(atlas: Atlas, own: OwnKey): Promise<Own> {
  const now = await readKey(atlas, own);
  if (!now.ok) return { state: 'unread', failure: now.failure };
  if (!now.value) return { state: 'gone' };
  if (isUnmarked(now.value)) return { state: 'committed', key: now.value };
  const nonce = nonceOf(now.value);
  if (nonce === undefined) return { state: 'unread', failure: protocolFailure('a key without a name') };
  return nonce === own.nonce ? { state: 'marked' } : { state: 'pending', failure: protocolFailure('another key') };
}

/** A reply without a name says nothing of the mark. */
function isUnmarked(key: ModelKey): boolean {
  return originalName(key) !== '' && nonceOf(key) === undefined;
}

/** Undefined, for a key that is gone, only where a read by id and a list agree: Atlas does not promise that either shows a new key at once. */
export async function readKey(atlas: Atlas, own: OwnKey): Promise<Result<ModelKey | undefined>> {
  const now = await atlas.getKey({ groupId: own.groupId }, own.apiKeyId);
  if (now.ok || !saysNoSuchKey(now.failure)) return now;
  const keys = await atlas.listKeys(own.groupId);
  return ok(keys.ok ? keys.value.filter(hasId).find((key) => isOwn(key, own)) : undefined);
}

function isOwn(key: ModelKey, { apiKeyId, nonce }: OwnKey): boolean {
  return key.apiKeyId === apiKeyId || nonceOf(key) === nonce;
}

/** Empty where no list says so. */
async function holdersOf(atlas: Atlas, { groupId, apiKeyId }: OwnKey, name: string): Promise<readonly ListedKey[]> {
  const keys = await atlas.listKeys(groupId);
  return keys.ok ? keys.value.filter((key) => key.apiKeyId !== apiKeyId && isNamed(key, name)) : [];
}
