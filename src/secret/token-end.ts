// Reads from an access token when it ends, where it is a JWT that says so. Nothing else of it is looked at, and nothing is
// verified: that is for whoever takes the token.

import { openSecret, type Secret } from './secret.ts';

/** In milliseconds since the epoch: the claim `exp` of RFC 7519, section 4.1.4. Undefined where there is none. */
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
