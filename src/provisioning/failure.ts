// What a call that did not succeed says: one of a closed set of codes, the state of the key, and what to do next.

import { privateMode } from '../files/file-owner.ts';
import type { AtlasErrorCode, AtlasFacts, AtlasFailure } from '../atlas/failure.ts';
import type { SinkProblem } from '../sinks/sink.ts';

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
] as const satisfies readonly (AtlasErrorCode | SinkProblem['code'] | (string & {}))[];

export type ErrorCode = (typeof ERROR_CODES)[number];

/** What became of the key that the call was to create; `not_applicable` where a call creates none. */
export const KEY_STATES = ['not_created', 'delivered', 'rolled_back', 'orphaned', 'unknown', 'not_applicable'] as const;

export type KeyState = (typeof KEY_STATES)[number];

export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  /** What a person or agent does next. */
  readonly hint: string;
  readonly retryable: boolean;
  readonly retryAfterSeconds?: number;
  readonly keyState: KeyState;
  /** The key that is meant, where one is known. */
  readonly apiKeyId?: string;
  readonly atlas?: AtlasFacts;
}

/** A failure that a correction mends and a mere repetition does not. */
export function refusal(code: ErrorCode, message: string, hint: string, keyState: KeyState = 'not_created'): Failure {
  return { code, message, hint, retryable: false, keyState };
}

export function fromAtlas(failure: AtlasFailure, keyState: KeyState): Failure {
  const { code, message, hint, retryable, retryAfterSeconds, atlas } = failure;
  return {
    code,
    message,
    hint,
    retryable,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    keyState,
    ...(atlas && { atlas }),
  };
}

export function fromSink(problem: SinkProblem): Failure {
  return refusal(problem.code, problem.message, problem.hint);
}

export function cancelled(keyState: KeyState): Failure {
  return refusal(
    'CANCELLED',
    'The call was cancelled before anything was changed.',
    'Call again if it is still wanted.',
    keyState,
  );
}

/** @param holder the id of the key that has the name, where Atlas says it */
export function nameInUse(keyState: KeyState, holder?: string): Failure {
  const refused = refusal(
    'NAME_IN_USE',
    'A key of this name exists in the project, or is being created.',
    'Choose another name. A unique name is what makes a key findable when a reply is lost.',
    keyState,
  );
  return { ...refused, ...(holder !== undefined && { apiKeyId: holder }) };
}

/** After a request that Atlas may have carried out, and of which nobody can say whether it did. */
export function outcomeUnknown(failure: AtlasFailure, keyState: KeyState, what: string, hint: string): Failure {
  return {
    ...fromAtlas(failure, keyState),
    code: 'ATLAS_OUTCOME_UNKNOWN',
    message: `${what} ${failure.message}`,
    hint,
    retryable: true,
  };
}

export function journalUnreadable(keyState: KeyState): Failure {
  return refusal(
    'CONFIG_INVALID',
    'The journal cannot be read, so that nothing can be said of unfinished creates.',
    `The operator makes ATLAS_MODEL_KEYS_STATE_DIR a directory of only this user${privateMode()} that can be read, and moves files away from its intents that are no intents.`,
    keyState,
  );
}
