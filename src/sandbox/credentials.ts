// Makes the random credentials of one sandbox, in the forms that Atlas gives them.

import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import type { Credentials } from './caller.ts';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

export function newCredentials(): Credentials {
  return {
    clientId: `mdb_sa_id_${randomBytes(12).toString('hex')}`,
    clientSecret: newClientSecret(),
    publicKey: Array.from({ length: 8 }, () => LETTERS.charAt(randomInt(LETTERS.length))).join(''),
    privateKey: randomUUID(),
    accessToken: newToken(),
  };
}

export function newClientSecret(): string {
  return `mdb_sa_sk_${randomBytes(30).toString('base64url')}`;
}

export function newToken(): string {
  return `sandbox-token.${randomBytes(48).toString('base64url')}`;
}
