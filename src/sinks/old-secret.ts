// What may give way to a new secret: the secret of the key that is replaced, told by its mask. It reads no sink, and
// says why whatever else stands at a place stays there.

import { fits, maskOf } from '../secret/mask.ts';
import { openSecret, Secret } from '../secret/secret.ts';
import { entryExists, type Refused } from './sink-problem.ts';
import type { Replaced } from './sink.ts';

/** As a sink holds it. */
export interface OldSecret {
  readonly secret: Secret;
  /** What ends the line behind it where a person put it there by hand; mostly nothing. */
  readonly lineEnd: string;
}

/** The old secret, where these bytes are nothing else; only then they become a {@link Secret}. */
export function oldSecretIn(bytes: Buffer, { maskedSecret }: Replaced): OldSecret | undefined {
  const mask = maskOf(maskedSecret);
  if (mask === undefined) return undefined;
  const text = bytes.toString('latin1');
  const lineEnd = /\r?\n$/.exec(text)?.[0] ?? '';
  const value = text.slice(0, text.length - lineEnd.length);
  return fits(value, mask) ? { secret: new Secret(value), lineEnd } : undefined;
}

/** The caller wipes them. */
export function bytesOf({ secret, lineEnd }: OldSecret): Buffer {
  return Buffer.from(openSecret(secret) + lineEnd, 'utf8');
}

/** @param what says that the place is taken, as the beginning of a sentence */
export function notTheOldSecret(what: string, { maskedSecret }: Replaced): Refused {
  const reason =
    maskOf(maskedSecret) === undefined
      ? 'and Atlas shows too little of the old secret to tell whether that is it'
      : 'and that is not the secret of the key that is to be replaced';
  return entryExists(
    `${what}, ${reason}.`,
    'Nothing is overwritten, since it may belong to another key. Pass another entry or sink, or take it away first if nobody needs it.',
  );
}

export function changedMeanwhile(what: string): Refused {
  return entryExists(
    `${what} is not what it was when the sink was checked.`,
    'It was not overwritten. Find out what else writes there, then try again.',
  );
}
