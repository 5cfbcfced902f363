// The opaque holder of a secret value. It does not know what the value is for, and it never prints it. Every start loads it, so
// that it needs no hash (opened-secret.ts has what does).
//
// Lint cannot see `String(secret)` or `JSON.stringify(secret)`, so the class itself answers every
// conversion with a mask.

import { inspect } from 'node:util';
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
export function isCompared(secret: Secret): boolean {
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
