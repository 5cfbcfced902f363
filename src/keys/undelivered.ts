// Keys that are not delivered yet say so in their name, `<final name>-undelivered-<nonce>`: so a create whose reply was lost
// is found again by a name that no other call can have made. This file makes and reads such names, says which keys this
// machine made and which keep a new key from its name, and what a person is told about them. It reads no file and no network.

import { randomBytes } from 'node:crypto';
import { isNamed, originalName, sameName, type ListedKey, type ModelKey } from '../atlas/api/keys.ts';
import { refusal, type Failure } from '../failure.ts';
import { nameInUse } from './refusals.ts';
import { isUncommitted, keyOf, type Intent } from './journal/intent.ts';
import { isUnderWay, isUnfinished, type Kept } from './journal/journal.ts';

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

/** A new name may not look like that of a key which is not delivered. */
export function refuseMarkedName(parameter: string, name: string): Failure | undefined {
  if (nonceIn(name) === undefined) return undefined;
  return refusal(
    'INVALID_INPUT',
    `${parameter}: must not end as the name of a key that is not delivered does (-undelivered- and 12 hexadecimal digits).`,
    'Choose another name: this server finds undelivered keys by that end.',
  );
}

/** Nobody has the secret of such a key but the call that made it. */
export function refuseMarkedKey(key: ModelKey): Failure | undefined {
  if (nonceOf(key) === undefined) return undefined;
  return {
    ...refusal(
      'NAME_MISMATCH',
      `The key ${key.apiKeyId} is not delivered, as its name says.`,
      'Call reconcile_ai_model_api_keys: it says what is true of the key, and brings it to its end. A key that nobody needs is deleted by delete_ai_model_api_key.',
    ),
    apiKeyId: key.apiKeyId,
  };
}

/** Whether the key is marked, and is to have that name in the end. */
function isMarkedFor(key: ListedKey, finalName: string): boolean {
  const nonce = nonceOf(key);
  return nonce !== undefined && sameName(originalName(key), markedName(finalName, nonce));
}

/** The name that a marked key is to have in the end; undefined where it is cut, or the key is not marked. */
export function finalNameOf(key: ModelKey): string | undefined {
  const name = originalName(key);
  const nonce = nonceIn(name);
  if (nonce === undefined || Array.from(name).length >= LONGEST_NAME) return undefined;
  return name.slice(0, name.length - `-undelivered-${nonce}`.length);
}

/** How old the key is by its own account, in milliseconds; undefined where Atlas does not say. */
function ageOf({ createdAt }: ListedKey): number | undefined {
  const made = Date.parse(createdAt ?? '');
  return Number.isNaN(made) ? undefined : Date.now() - made;
}

/** How long a key that another machine may be delivering keeps its name from others. */
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
