// The opaque holder of a secret value, which never prints it, and what others need of an opened one: the fingerprint by which
// people and the journal recognise it, and the headers with which Atlas's authentication sends it. So `src/atlas` opens none.
//
// Lint cannot see `String(secret)` or `JSON.stringify(secret)`, so the class itself answers every
// conversion with a mask.

import { inspect } from 'node:util';
import { createHash, timingSafeEqual } from 'node:crypto';
import { disclose, isRemembered, remember } from './redaction.ts';

const MASK = '[secret]';

let reveal: (secret: Secret) => string;

/** A secret value (a model key, a token, a client secret). Every conversion to text yields a mask. */
export class Secret {
  readonly #value: string;

  /**
   * Makes the value known to redaction, so that no later text contains it. A password that a person chose can be guessed:
   * with `isCompared: false` no text is compared with it, since each answer would confirm or deny a guess.
   */
  constructor(value: string, { isCompared = true }: { readonly isCompared?: boolean } = {}) {
    this.#value = value;
    if (isCompared) remember(value);
  }

  static {
    reveal = (secret) => secret.#value;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [Symbol.toPrimitive](): string {
    return MASK;
  }

  [inspect.custom](): string {
    return MASK;
  }
}

/**
 * The value itself. Only `src/sinks` and `src/secret` may import this function; the lint
 * configuration and `test/architecture.test.ts` hold everybody else to it.
 */
export function openSecret(secret: Secret): string {
  return reveal(secret);
}

/** Whether texts are compared with the value. */
function isCompared(secret: Secret): boolean {
  return isRemembered(reveal(secret));
}

/** Lets redaction forget a value that is not a secret any more: an access token that has expired. */
export function forgetExpired(secret: Secret): void {
  disclose(reveal(secret));
}

/** Whether both hold the same value. Neither is a guess of somebody else's, so the time that it takes tells nothing. */
export function isSameSecret(one: Secret, other: Secret): boolean {
  return reveal(one) === reveal(other);
}

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
