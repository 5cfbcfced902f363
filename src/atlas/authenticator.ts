// The contract of the three kinds of credentials. Each knows how to sign a request, and when a 401 is worth a second try.

import type { AtlasFailure } from './failure.ts';
import type { HttpReply, HttpRequest } from './transport.ts';

export type Authorization =
  | {
      readonly ok: true;
      /** The Authorization header; absent where a challenge must come first. */
      readonly header?: string;
    }
  | { readonly ok: false; readonly failure: AtlasFailure };

export interface Authenticator {
  /** The setting to correct when Atlas does not accept the credential. */
  readonly setting: string;
  /** @param signal ends this caller's wait as CANCELLED; what is under way goes on for the others */
  authorize(request: Pick<HttpRequest, 'method' | 'path'>, signal?: AbortSignal): Promise<Authorization>;
  /**
   * Learns from a 401, which is a definite refusal.
   *
   * @param sent the header that was refused
   * @param attempt how often this request was sent before, from 0
   * @returns whether to send the request again
   */
  refused(reply: HttpReply, sent: string | undefined, attempt: number): boolean;
}
