// An access token that somebody else fetched: the operator, a program, or the Atlas CLI. It is never revoked here.

import { bearerAuthorization } from '../secret/authorization.ts';
import { isCreate, saysWrongCredential, type Authenticator } from './authenticator.ts';
import type { SecretSource } from './secret-source.ts';

export function bearerAuthenticator(source: SecretSource): Authenticator {
  return {
    remedy: source.remedy,
    async authorize(request, signal) {
      const token = await source.get(signal);
      if (!token.ok) return token;
      return {
        ok: true,
        header: bearerAuthorization(token.value),
        refused: async (reply, attempt) =>
          attempt === 0 && !isCreate(request) && saysWrongCredential(reply) && source.renew(token.value),
      };
    },
  };
}
