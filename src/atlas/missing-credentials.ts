// Stands in for credentials that are not configured: the server starts without them, nothing is sent, and every call
// says what to set.

import type { Credentials } from '../config/credentials.ts';
import type { Authenticator } from './authenticator.ts';
import { failed, unusableCredential } from './failure.ts';

type Missing = Extract<Credentials, { kind: 'missing' }>;

/** `wanted` is the setting whose other half is set; what nobody filled in goes before it. */
export function missingCredentials({ wanted, unfilled }: Missing): Authenticator {
  const [message, hint] = unfilled
    ? [
        `${unfilled.setting} ${unfilled.words}.`,
        `The operator puts the value itself into ${unfilled.setting}, or for a secret sets the same name with _FILE (a path) or _COMMAND (a program that prints it) in its place, and restarts this server.`,
      ]
    : ['No credentials for Atlas are configured.', wanted === undefined ? WHAT_TO_SET : otherHalf(wanted)];
  const missing = failed(unusableCredential(message, hint));
  return { remedy: hint, authorize: () => Promise.resolve(missing) };
}

const WHAT_TO_SET =
  'The operator sets MONGODB_ATLAS_CLIENT_ID and MONGODB_ATLAS_CLIENT_SECRET (a service account with the role Project Model Owner) in the environment of this server, and restarts it.';

function otherHalf(wanted: string): string {
  return `The operator sets ${wanted} too (its other half is set) in the environment of this server, and restarts it.`;
}
