// The contract of the kinds of credentials, each of which knows how to sign a request and when a 401 is worth a second try; and
// the two simplest kinds: an access token that somebody else fetched, and none at all.

import type { Credentials } from '../../config/credentials.ts';
import { ok, type Result } from '../../failure.ts';
import { bearerAuthorization } from '../../secret/opened-secret.ts';
import { isAboutRole } from '../api/errors.ts';
import { parseObject } from '../../text/text.ts';
import type { HttpReply, HttpRequest } from '../../http/transport.ts';
import { unusable, type SecretSource } from './secret-source.ts';

export type SignedRequest = Pick<HttpRequest, 'method' | 'path'>;

export interface Authorization {
  /** The Authorization header; absent where a challenge must come first. */
  readonly header?: string;
  /**
   * Learns from a 401 to the request that had this header, which is a definite refusal.
   *
   * @param attempt how often this request was sent before, from 0
   * @returns whether to send the request again
   */
  readonly refused: (reply: HttpReply, attempt: number) => Promise<boolean>;
}

export interface Authenticator {
  /** What a person does when Atlas does not accept the credential. */
  readonly remedy: string;
  /** @param signal ends this caller's wait as CANCELLED; what is under way goes on for the others */
  authorize(request: SignedRequest, signal?: AbortSignal): Promise<Result<Authorization>>;
  /** Ends at Atlas what this process began there, as far as that is done within the time limit. */
  close?(): Promise<void>;
}

/** Of OAuth (RFC 6749, section 5.2, and RFC 6750, section 3.1). */
const CREDENTIAL_CODES: readonly unknown[] = ['invalid_client', 'invalid_token'];

/** Whether a 401 may mean that a token has ended: Atlas says so with an empty body, or with a code that is not a role's. */
export function mayBeEnded({ body }: HttpReply): boolean {
  return !isAboutRole(parseObject(body)?.errorCode);
}

/** Whether a refusal is about the credential itself for certain: an empty body, or a code that says it. */
export function saysWrongCredential({ body }: HttpReply): boolean {
  return body === '' || CREDENTIAL_CODES.includes(parseObject(body)?.error);
}

/** The list of a create has just proved the credential, and the POST is sent a second time for no token. */
export function isCreate({ method, path }: SignedRequest): boolean {
  return method === 'POST' && /\/aiModelApiKeys(?:\?|$)/.test(path);
}

/** An access token that somebody else fetched: the operator, a program, or the Atlas CLI. It is never revoked here. */
export function bearerAuthenticator(source: SecretSource): Authenticator {
  return {
    remedy: source.remedy,
    async authorize(request, signal) {
      const token = await source.get(signal);
      if (!token.ok) return token;
      return ok({
        header: bearerAuthorization(token.value),
        refused: async (reply, attempt) =>
          attempt === 0 && !isCreate(request) && saysWrongCredential(reply) && source.renew(token.value),
      });
    },
  };
}

/**
 * Stands in for credentials that are not configured: the server starts without them, nothing is sent, and every call says
 * what to set. `wanted` is the setting whose other half is set; what nobody filled in goes before it.
 */
export function missingCredentials({ wanted, unfilled }: Extract<Credentials, { kind: 'missing' }>): Authenticator {
  const [message, hint] = unfilled
    ? [
        `${unfilled.setting} ${unfilled.words}.`,
        `The operator puts the value itself into ${unfilled.setting}, or for a secret sets the same name with _FILE (a path) or _COMMAND (a program that prints it) in its place, and restarts this server.`,
      ]
    : ['No credentials for Atlas are configured.', wanted === undefined ? WHAT_TO_SET : otherHalf(wanted)];
  return { remedy: hint, authorize: () => Promise.resolve(unusable(message, hint)) };
}

const WHAT_TO_SET =
  'The operator sets MONGODB_ATLAS_CLIENT_ID and MONGODB_ATLAS_CLIENT_SECRET (a service account with the role Project Model Owner) in the environment of this server, and restarts it.';

function otherHalf(wanted: string): string {
  return `The operator sets ${wanted} too (its other half is set) in the environment of this server, and restarts it.`;
}
