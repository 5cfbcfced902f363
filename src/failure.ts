// The one form of failing: a result is a value or a failure, and a failure says one of a closed set of codes, what became of
// the key, and what to do next. Every folder may import it; it imports none.

/** What can fail: outcomes are values, and nothing is thrown. */
export type Result<T, E = Failure> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: E };

export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

export function failed<E>(failure: E): { readonly ok: false; readonly failure: E } {
  return { ok: false, failure };
}

/** Public and closed: hosts and agents decide by these. */
export const ERROR_CODES = [
  'INVALID_INPUT',
  'CONFIG_INVALID',
  'CREDENTIALS_MISSING',
  'ATLAS_UNAUTHENTICATED',
  'ATLAS_FORBIDDEN',
  'ATLAS_IP_NOT_ALLOWED',
  'ATLAS_NOT_FOUND',
  'ATLAS_RATE_LIMITED',
  'ATLAS_REJECTED',
  'ATLAS_UNAVAILABLE',
  'ATLAS_OUTCOME_UNKNOWN',
  'ATLAS_PROTOCOL',
  'NAME_IN_USE',
  'NAME_MISMATCH',
  'SINK_UNKNOWN',
  'SINK_NOT_READY',
  'SINK_ENTRY_EXISTS',
  'SINK_WRITE_FAILED',
  'PROJECT_NOT_ALLOWED',
  'READ_ONLY',
  'QUOTA_EXCEEDED',
  'DECLINED',
  'CONFIRMATION_UNAVAILABLE',
  'CANCELLED',
  'INTERNAL',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** What became of the key that the call was to create; `not_applicable` where a call creates none. */
export const KEY_STATES = ['not_created', 'delivered', 'rolled_back', 'orphaned', 'unknown', 'not_applicable'] as const;

export type KeyState = (typeof KEY_STATES)[number];

/** Facts from Atlas's reply, cleaned and capped. Nothing else of a reply is passed on. */
export interface AtlasFacts {
  readonly status: number;
  readonly errorCode?: string;
  readonly reason?: string;
  readonly detail?: string;
  readonly parameters?: readonly (string | number)[];
  readonly fields?: readonly { readonly field: string; readonly description: string }[];
}

export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  /** What a person or agent does next. */
  readonly hint: string;
  /** Whether the same call may well succeed later. */
  readonly retryable: boolean;
  readonly retryAfterSeconds?: number;
  /** Absent in a refusal before a create was sent: the tool then says what its refusals say (`keyStateOfRefusal`). */
  readonly keyState?: KeyState;
  /** The key that is meant, where one is known. */
  readonly apiKeyId?: string;
  readonly atlas?: AtlasFacts;
  /** Whether Atlas may have carried the request out. Absent: nothing was carried out for certain. */
  readonly maybeCarriedOut?: boolean;
  /** For the audit log: the name before, of a key that may have been renamed all the same. */
  readonly previousName?: string;
}

/** Once a request was sent, a failure must say whether it may have been carried out: absent would mean that it was not. */
export interface FailureAfterSend extends Failure {
  readonly maybeCarriedOut: boolean;
}

/** Once a create was sent, every failure must say what became of the key: absent would mean that it was not created. */
export interface FailureAfterCreate extends Failure {
  readonly keyState: KeyState;
}

/** A failure that ends with a correction, and not if the same call is repeated. */
export function refusal(code: ErrorCode, message: string, hint: string): Failure {
  return { code, message, hint, retryable: false };
}
