// A key that this server made, and what becomes of it. It is not delivered yet, and says so in its name,
// `<final name>-undelivered-<nonce>`: so a create whose reply was lost is found again by a name that no other call can have made.
// It gets its final name, which commits it, or it is deleted again. Only a key whose name carries the nonce of its call is
// changed, and only one that was never used is deleted; anything else is not touched, and reported.

import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Atlas } from '../atlas/atlas.ts';
import { ok, type Failure, type Result, type KeyState, type FailureAfterCreate } from '../failure.ts';
import { hasId, isNamed, originalName, saysNoSuchKey, type ListedKey, type ModelKey } from '../atlas/api/keys.ts';
import { LONGEST_WAIT_SECONDS } from '../atlas/api/admin-api.ts';
import type { Intent } from './journal/intent.ts';
import { protocolFailure } from '../atlas/api/errors.ts';
import type { Fingerprint } from '../secret/opened-secret.ts';
import type { OpenIntent } from './journal/journal.ts';

/** In code points, as Atlas counts them. */
const LONGEST_NAME = 250;
const MARK = /-undelivered-([0-9a-f]{12})$/;

/** 12 hexadecimal digits: what tells one call from every other, on every machine. */
export function newNonce(): string {
  return randomBytes(6).toString('hex');
}

/** The final name is cut where the whole would be longer than 250 code points. */
export function markedName(finalName: string, nonce: string): string {
  return withSuffix(finalName, `-undelivered-${nonce}`);
}

/** The name with that end, at most 250 code points in all. */
export function withSuffix(name: string, suffix: string): string {
  return `${Array.from(name)
    .slice(0, LONGEST_NAME - suffix.length)
    .join('')}${suffix}`;
}

/** The name with the date of today (UTC), and a count where a key has it already. */
export function datedName(name: string, keys: readonly ListedKey[]): string {
  const date = new Date().toISOString().slice(0, 10);
  for (let count = 1; ; count += 1) {
    const candidate = withSuffix(name, count === 1 ? `-${date}` : `-${date}-${count}`);
    if (!keys.some((key) => isNamed(key, candidate))) return candidate;
  }
}

/** The nonce of a marked name, in whatever Unicode form Atlas writes it; undefined for a name that is not marked. */
export function nonceIn(name: string): string | undefined {
  return MARK.exec(name.normalize('NFKC').toLowerCase())?.[1];
}

/** The nonce of a key that is not delivered, by its name as Atlas has it. */
export function nonceOf(key: ListedKey): string | undefined {
  return nonceIn(originalName(key));
}

/** The name that a marked key is to have in the end; undefined where it is cut, or the key is not marked. */
export function finalNameOf(key: ModelKey): string | undefined {
  const name = originalName(key);
  const nonce = nonceIn(name);
  if (nonce === undefined || Array.from(name).length >= LONGEST_NAME) return undefined;
  return name.slice(0, name.length - `-undelivered-${nonce}`.length);
}

/** A key that this call made. */
interface OwnKey {
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
const RENAME_AFTER_MS = [0, 200, 600, 1_500];

/** @param looksFirst reads the key before it is renamed for the first time, where its id is not certain */
export async function commitName(atlas: Atlas, own: OwnKey, name: string, looksFirst: boolean): Promise<Commit> {
  let failure: Failure | undefined;
  for (const [tried, wait] of RENAME_AFTER_MS.entries()) {
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
  return now.state === 'committed' || now.state === 'gone'
    ? now
    : { state: 'pending', failure: failure ?? protocolFailure('a key that keeps its mark') };
}

/** Atlas documents no code for a name that is taken; these are about the credential, the version or the rate. */
function isAboutName({ atlas }: Failure): boolean {
  return ![401, 402, 403, 406, 410, 429].includes(atlas?.status ?? 0);
}

/** Only after a failure of which Atlas says how long to wait, and that is not too long. */
function secondsToWait({ code, retryAfterSeconds = 0 }: Partial<Failure> = {}): number {
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

type RollBack =
  | { readonly state: 'gone' }
  /** It is alive, or may be. */
  | { readonly state: 'left'; readonly reason: string };

/** Before each look, in milliseconds; after the last one nothing is deleted any more. */
const DELETE_AFTER_MS = [0, 20, 300, 1_000];

/** Gone is only what a read says is gone: a DELETE may be answered before it is carried out, or for another key. */
export async function deleteOwnKey(atlas: Atlas, own: OwnKey): Promise<RollBack> {
  let mayBeDeleted = false;
  let missed = 0;
  let reason = 'Atlas did not say what became of it.';
  for (const [tried, wait] of DELETE_AFTER_MS.entries()) {
    await delay(wait);
    const now = await readKey(atlas, own);
    if (!now.ok) {
      reason = now.failure.message;
      continue;
    }
    if (!now.value) {
      missed += 1;
      // A key of a moment ago may not be shown yet: without a DELETE, only all looks together tell.
      if (mayBeDeleted || missed === DELETE_AFTER_MS.length) return { state: 'gone' };
      continue;
    }
    if (nonceOf(now.value) !== own.nonce) return { state: 'left', reason: 'It does not carry the name of this call.' };
    if (now.value.lastUsedAt !== null) return { state: 'left', reason: 'It is in use, so somebody has its secret.' };
    if (tried === DELETE_AFTER_MS.length - 1) break;
    const deletion = await atlas.deleteKey(own.groupId, now.value.apiKeyId);
    if (!deletion.ok) reason = deletion.failure.message;
    if (!deletion.ok && !deletion.failure.maybeCarriedOut && !saysNoSuchKey(deletion.failure)) break;
    // A DELETE that is repeated after a lost reply is told that the key is not there.
    mayBeDeleted = true;
  }
  return { state: 'left', reason };
}

interface TakenBack {
  readonly keyState: Extract<KeyState, 'rolled_back' | 'orphaned'>;
  /** What a person is told of the key. */
  readonly ending: string;
}

/**
 * @param intent says from now on that the secret is to be in no sink, so that a later look may delete the key too
 * @param fingerprint of a secret that may be in its sink still
 */
export async function deleteUndelivered(
  atlas: Atlas,
  intent: OpenIntent,
  apiKeyId: string,
  fingerprint?: Fingerprint,
): Promise<TakenBack> {
  const undelivered = { step: 'undelivered', apiKeyId, ...(fingerprint !== undefined && { fingerprint }) } as const;
  await intent.record(undelivered);
  const rolledBack = await deleteOwnKey(atlas, ownKey(intent, apiKeyId));
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

/** Atlas does not promise that a list shows a key at once. In milliseconds. */
const LOOK_AFTER_MS = [0, 300, 900];

/** @param signal ends the search; what is not known by then is said to be unknown */
export async function deleteLostCreate(
  atlas: Atlas,
  intent: OpenIntent,
  cause: Failure,
  signal: AbortSignal,
): Promise<FailureAfterCreate> {
  const keys = await findByNonce(atlas, intent, signal);
  const [key, ...others] = keys;
  if (!key || others.length > 0 || key.lastUsedAt !== null) return releaseAsUnknown(intent, cause, keys);
  const { apiKeyId } = key;
  const { keyState, ending } = await deleteUndelivered(atlas, intent, apiKeyId);
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
async function releaseAsUnknown(
  intent: OpenIntent,
  cause: Failure,
  keys: readonly ModelKey[],
): Promise<FailureAfterCreate> {
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
