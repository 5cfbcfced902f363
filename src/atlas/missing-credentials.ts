// Stands in for credentials that are not configured: the server starts without them, nothing is sent, and every call
// says what to set.

import type { Authenticator } from './authenticator.ts';
import { failed } from './failure.ts';

/** @param wanted the setting whose other half is set */
export function missingCredentials(wanted: string | undefined): Authenticator {
  const missing = failed({
    code: 'CREDENTIALS_MISSING',
    message: 'No credentials for Atlas are configured.',
    hint:
      wanted === undefined
        ? 'The operator sets MONGODB_ATLAS_CLIENT_ID and MONGODB_ATLAS_CLIENT_SECRET (a service account with the role Project Model Owner) in the environment of this server, and restarts it.'
        : `The operator sets ${wanted} too (its other half is set) in the environment of this server, and restarts it.`,
    retryable: false,
    maybeCarriedOut: false,
  });
  return {
    setting: wanted ?? 'MONGODB_ATLAS_CLIENT_SECRET',
    authorize: () => Promise.resolve(missing),
    refused: () => false,
  };
}
