// What others need of an opened Secret: the fingerprint by which people and the journal recognise it without holding it, and what
// Atlas's authentication sends of it: headers, the form that revokes a token, and when a token expires. So `src/atlas` opens
// none.

import { createHash, timingSafeEqual } from 'node:crypto';
import { remember } from './redaction.ts';
import { isCompared, openSecret, type Secret } from './secret.ts';

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

/** Whether it is in them as it is, in UTF-16 or in base64, whatever stands around it. */
export function holdsInSomeForm(bytes: Buffer, secret: Secret): boolean {
  const plain = Buffer.from(openSecret(secret), 'utf8');
  const wide = Buffer.from(openSecret(secret), 'utf16le');
  const forms = [plain, wide, Buffer.from(wide).swap16(), Buffer.from(plain.toString('base64'))];
  const isFound = forms.some((form) => bytes.includes(form));
  for (const form of forms) form.fill(0);
  return isFound;
}

/** RFC 6750, section 2.1. */
export function bearerAuthorization(token: Secret): string {
  return `Bearer ${openSecret(token)}`;
}

/** RFC 7617. User and password go in raw: Atlas refuses ids that are percent-encoded first (as RFC 6749, 2.3.1 asks). */
export function basicAuthorization(user: string, password: Secret): string {
  const credentials = Buffer.from(`${user}:${openSecret(password)}`, 'utf8').toString('base64');
  // It is worth as much as the password, so that an echo of it in another encoding must be recognised too.
  if (isCompared(password)) remember(credentials);
  return `Basic ${credentials}`;
}

/** H(A1) of RFC 7616, section 3.4.2, with MD5: what a digest response is made from. */
export function digestHa1(user: string, realm: string, password: Secret): string {
  return createHash('md5')
    .update(`${user}:${realm}:${openSecret(password)}`)
    .digest('hex');
}

/** The form that revokes an access token (RFC 7009, section 2.1). */
export function revocationForm(token: Secret): string {
  return new URLSearchParams({ token: openSecret(token), token_type_hint: 'access_token' }).toString();
}

/**
 * When an access token expires, in milliseconds since the epoch: the claim `exp` of RFC 7519, section 4.1.4. Undefined where the
 * token is not a JWT or has no such claim. Nothing is verified: the API that takes the token does that.
 */
export function tokenEnd(token: Secret): number | undefined {
  const [, payload, signature] = openSecret(token).split('.');
  if (payload === undefined || signature === undefined) return undefined;
  let claims: unknown;
  try {
    claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof claims !== 'object' || claims === null || !('exp' in claims)) return undefined;
  return typeof claims.exp === 'number' && Number.isFinite(claims.exp) ? claims.exp * 1000 : undefined;
}
