// The fingerprint by which people and the journal recognise a secret without holding it.

import { createHash, timingSafeEqual } from 'node:crypto';
import { openSecret, type Secret } from './secret.ts';

/** `sha256:` and the first 12 hexadecimal digits of the SHA-256 of the secret's UTF-8 bytes. */
export type Fingerprint = `sha256:${string}`;

export function fingerprintOf(secret: Secret): Fingerprint {
  return fingerprintOfBytes(Buffer.from(openSecret(secret), 'utf8'));
}

/** The fingerprint of what a sink holds. */
export function fingerprintOfBytes(bytes: Uint8Array): Fingerprint {
  return `sha256:${createHash('sha256').update(bytes).digest('hex').slice(0, 12)}`;
}

/** Whether the bytes that a sink gave back are exactly the secret. */
export function holdsExactly(bytes: Uint8Array, secret: Secret): boolean {
  const digest = (data: Uint8Array) => createHash('sha256').update(data).digest();
  return timingSafeEqual(digest(bytes), digest(Buffer.from(openSecret(secret), 'utf8')));
}
