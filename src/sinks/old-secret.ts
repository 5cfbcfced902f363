// What may give way to a new secret: the secret of the key that is replaced, told by its fingerprint, or by the mask by which
// Atlas shows it, such as `al-****odu2`. It reads no sink, and says why whatever else stands at a place stays there.

import { fingerprintOfBytes } from '../secret/opened-secret.ts';
import { Secret, openSecret } from '../secret/secret.ts';
import { entryExists, type FoundSecret, type Held, type Replaced, type SinkProblem } from './sink.ts';

/** As a sink holds it. */
export interface OldSecret {
  readonly secret: Secret;
  /** What ends the line behind it where a person put it there by hand; mostly nothing. */
  readonly lineEnd: string;
}

/** The old secret, where these bytes are nothing else; only then they become a {@link Secret}. */
export function oldSecretIn(bytes: Buffer, replaced: Replaced): OldSecret | undefined {
  const text = bytes.toString('latin1');
  const lineEnd = /\r?\n$/.exec(text)?.[0] ?? '';
  const value = text.slice(0, text.length - lineEnd.length);
  return isOld(value, replaced) ? { secret: new Secret(value), lineEnd } : undefined;
}

/** Whether a value that is not shown may give way: the journal knows what was put there last, and where that was. */
export function isLastAt(replaced: Replaced | undefined, place: string): boolean {
  return replaced?.isLastHere === true && (replaced.place ?? place) === place;
}

/** The caller wipes them. */
export function bytesOf({ secret, lineEnd }: OldSecret): Buffer {
  return Buffer.from(openSecret(secret) + lineEnd, 'utf8');
}

/** What a look says of a value: its fingerprint, and the mask that Atlas would give it. The caller wipes the bytes. */
export function heldValue(bytes: Buffer): Held {
  const text = bytes.toString('latin1');
  const value = text.replace(/\r?\n$/, '');
  const unended = value === text ? undefined : fingerprintOfBytes(Buffer.from(value, 'latin1'));
  const mask = fits(value, { beginning: 'al-', ending: value.slice(-4) }) ? `al-****${value.slice(-4)}` : undefined;
  return {
    held: 'value',
    fingerprint: fingerprintOfBytes(bytes),
    ...(unended !== undefined && { unendedFingerprint: unended }),
    ...(mask !== undefined && { mask }),
  };
}

/** The secret of that key, where the bytes are it; they are wiped. */
export function secretIn(bytes: Buffer, key: Replaced): FoundSecret {
  const found = oldSecretIn(bytes, key);
  bytes.fill(0);
  return found ? { held: 'secret', secret: found.secret } : { held: 'another value' };
}

/** A key's secret never changes: where its fingerprint is known, a value that only fits the mask is another's. */
function isOld(value: string, { maskedSecret, fingerprints = [], others = [] }: Replaced): boolean {
  const fingerprint = fingerprintOfBytes(Buffer.from(value, 'latin1'));
  if (others.includes(fingerprint)) return false;
  if (fingerprints.length > 0) return isSecretOfKey(value) && fingerprints.includes(fingerprint);
  const mask = maskOf(maskedSecret);
  return mask !== undefined && fits(value, mask);
}

/** @param what says that the place is taken, as the beginning of a sentence */
export function notTheOldSecret(what: string, { maskedSecret, fingerprints = [] }: Replaced): SinkProblem {
  const byMask = fingerprints.length === 0;
  const cannotTell = byMask && maskOf(maskedSecret) === undefined;
  const reason = cannotTell
    ? 'and Atlas shows too little of the old secret to tell whether that is it'
    : 'and that is not the secret of the key that is to be replaced';
  const problem = entryExists(
    `${what}, ${reason}.`,
    'Nothing is overwritten, since it may belong to another key. Pass another entry or sink, or take it away first if nobody needs it.',
  );
  return { ...problem, ...(byMask && !cannotTell && { isRefusedLook: true }) };
}

export function changedMeanwhile(what: string): SinkProblem {
  return entryExists(
    `${what} is not what it was when the sink was checked.`,
    'It was not overwritten. Find out what else writes there, then try again.',
  );
}

interface Mask {
  readonly beginning: string;
  readonly ending: string;
}

/** In characters. Of the secrets that Atlas publishes as examples, a mask hides 36. */
const FEWEST_HIDDEN = 16;
const LONGEST_SECRET = 256;
const FORM = /^(al-(?:[a-z]{2,}-)?)\*+([^*]{4})$/;

/**
 * Undefined where there is no mask, or one that shows too little to tell one key's secret from another's. So does a mask of
 * another form: tokens of other services may end in the same four characters.
 */
export function maskOf(text: string | undefined): Mask | undefined {
  const [, beginning, ending] = FORM.exec(text ?? '') ?? [];
  return beginning === undefined || ending === undefined ? undefined : { beginning, ending };
}

/** Whether a value has the form of a key's secret, without anything that a file or a command could have added. */
function isSecretOfKey(value: string): boolean {
  return value.length <= LONGEST_SECRET && /^[A-Za-z0-9_.~+/=-]+$/.test(value);
}

/** Whether a value may be the secret that is shown so: what is visible must fit, and the value look like a key. */
export function fits(value: string, { beginning, ending }: Mask): boolean {
  const hidden = value.length - beginning.length - ending.length;
  return hidden >= FEWEST_HIDDEN && isSecretOfKey(value) && value.startsWith(beginning) && value.endsWith(ending);
}
