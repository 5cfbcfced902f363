// An access token that the operator brings. It cannot be renewed here.

import { bearerAuthorization } from '../secret/authorization.ts';
import type { Secret } from '../secret/secret.ts';
import type { Authenticator } from './authenticator.ts';

export function bearerAuthenticator(token: Secret): Authenticator {
  return {
    setting: 'MONGODB_ATLAS_ACCESS_TOKEN',
    authorize: () => Promise.resolve({ ok: true, header: bearerAuthorization(token) }),
    refused: () => false,
  };
}
