// What a failed call to Atlas comes to: a code of the public set, and what a person should do.

/** Facts from Atlas's reply, cleaned and capped. Nothing else of a reply is passed on. */
export interface AtlasFacts {
  readonly status: number;
  readonly errorCode?: string;
  readonly reason?: string;
  readonly detail?: string;
  readonly parameters?: readonly (string | number)[];
  readonly fields?: readonly { readonly field: string; readonly description: string }[];
}

export type AtlasErrorCode =
  | 'CREDENTIALS_MISSING'
  | 'ATLAS_UNAUTHENTICATED'
  | 'ATLAS_FORBIDDEN'
  | 'ATLAS_IP_NOT_ALLOWED'
  | 'ATLAS_NOT_FOUND'
  | 'ATLAS_RATE_LIMITED'
  | 'ATLAS_REJECTED'
  | 'ATLAS_UNAVAILABLE'
  | 'ATLAS_PROTOCOL'
  | 'INVALID_INPUT'
  | 'CANCELLED';

export interface AtlasFailure {
  readonly code: AtlasErrorCode;
  readonly message: string;
  readonly hint: string;
  /** Whether the same call may well succeed later. */
  readonly retryable: boolean;
  readonly retryAfterSeconds?: number;
  /** Whether Atlas may have carried the request out: false only where it certainly did not. */
  readonly maybeCarriedOut: boolean;
  readonly atlas?: AtlasFacts;
}

export type AtlasResult<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: AtlasFailure };

export function failed(failure: AtlasFailure): { readonly ok: false; readonly failure: AtlasFailure } {
  return { ok: false, failure };
}

/** A success status whose body is not what the API documents. */
export function protocolFailure(what: string): AtlasFailure {
  return {
    code: 'ATLAS_PROTOCOL',
    message: `Atlas answered in a form that this server does not know: ${what}.`,
    hint: 'Check MONGODB_ATLAS_BASE_URL, and whether a proxy answers in place of Atlas.',
    retryable: false,
    maybeCarriedOut: true,
  };
}

/** A credential that is configured and cannot be had. Nothing was sent. */
export function unusableCredential(message: string, hint: string, retryable = false): AtlasFailure {
  return { code: 'CREDENTIALS_MISSING', message, hint, retryable, maybeCarriedOut: false };
}
