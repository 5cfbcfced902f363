// The contract of the kinds of credentials. Each knows how to sign a request, and when a 401 is worth a second try.

import { parseJson } from '../text/json.ts';
import { isAboutRole } from './error-reply.ts';
import type { AtlasFailure } from './failure.ts';
import { isObject } from './json.ts';
import type { HttpReply, HttpRequest } from './transport.ts';

export type SignedRequest = Pick<HttpRequest, 'method' | 'path'>;

export type Authorization =
  | {
      readonly ok: true;
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
  | { readonly ok: false; readonly failure: AtlasFailure };

export interface Authenticator {
  /** What a person does when Atlas does not accept the credential. */
  readonly remedy: string;
  /** @param signal ends this caller's wait as CANCELLED; what is under way goes on for the others */
  authorize(request: SignedRequest, signal?: AbortSignal): Promise<Authorization>;
  /** Ends at Atlas what this process began there, as far as that is done within the time limit. */
  close?(): Promise<void>;
}

/** Of OAuth (RFC 6749, section 5.2, and RFC 6750, section 3.1). */
const CREDENTIAL_CODES: readonly unknown[] = ['invalid_client', 'invalid_token'];

/** Whether a 401 may mean that a token has ended: Atlas says so with an empty body, or with a code that is not a role's. */
export function mayBeEnded({ body }: HttpReply): boolean {
  const parsed = parseJson(body ?? '');
  return !(isObject(parsed) && isAboutRole(parsed.errorCode));
}

/** Whether a refusal is about the credential itself for certain: an empty body, or a code that says it. */
export function saysWrongCredential({ body }: HttpReply): boolean {
  if (body === '') return true;
  const parsed = parseJson(body ?? '');
  return isObject(parsed) && CREDENTIAL_CODES.includes(parsed.error);
}

/** The list of a create has just proved the credential, and the POST is sent a second time for no token. */
export function isCreate({ method, path }: SignedRequest): boolean {
  return method === 'POST' && /\/aiModelApiKeys(?:\?|$)/.test(path);
}
