// Makes the values of Authorization headers from a Secret, so that nobody else needs to open one.

import { createHash } from 'node:crypto';
import { remember } from './redaction.ts';
import { isCompared, openSecret, type Secret } from './secret.ts';

/** RFC 6750, section 2.1. */
export function bearerAuthorization(token: Secret): string {
  return `Bearer ${openSecret(token)}`;
}

/** RFC 7617. User and password go in raw: Atlas refuses ids that are percent-encoded first (as RFC 6749, 2.3.1 asks). */
export function basicAuthorization(user: string, password: Secret): string {
  const credentials = Buffer.from(`${user}:${openSecret(password)}`, 'utf8').toString('base64');
  // As good as the password, so an echo of it in yet another encoding must be recognised too.
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
