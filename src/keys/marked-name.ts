// The name of a key that is not delivered yet: `<final name>-undelivered-<nonce>`. So a key whose secret nobody has says
// so in its own name, and a create whose reply was lost is found again by a name that no other call can have made.

import { randomBytes } from 'node:crypto';
import { originalName, sameName, type ListedKey, type ModelKey } from '../atlas/api/keys.ts';

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

/** The nonce of a marked name, however Atlas spells the letters; undefined for a name that is not marked. */
export function nonceIn(name: string): string | undefined {
  return MARK.exec(name.normalize('NFKC').toLowerCase())?.[1];
}

/** The nonce of a key that is not delivered, by its name as Atlas has it. */
export function nonceOf(key: ListedKey): string | undefined {
  return nonceIn(originalName(key));
}

/** Whether the key is marked, and is to have that name in the end. */
export function isMarkedFor(key: ListedKey, finalName: string): boolean {
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
export function ageOf({ createdAt }: ListedKey): number | undefined {
  const made = Date.parse(createdAt ?? '');
  return Number.isNaN(made) ? undefined : Date.now() - made;
}
