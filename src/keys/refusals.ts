// Refusals and failures that several use cases give. What became of a key is said by who knows it, else by the tool.

import { refusal, type Failure } from '../failure.ts';
import { privateMode } from '../files/file-owner.ts';
import type { SinkProblem } from '../sinks/sink.ts';

export function fromSink({ code, message, hint }: SinkProblem): Failure {
  return refusal(code, message, hint);
}

export const cancelled = refusal(
  'CANCELLED',
  'The call was cancelled before anything was changed.',
  'Call again if it is still wanted.',
);

/** @param holder the id of the key that has the name, where Atlas says it */
export function nameInUse(holder?: string): Failure {
  const refused = refusal(
    'NAME_IN_USE',
    'A key of this name exists in the project, or is being created.',
    'Choose another name. A unique name is what makes a key findable when a reply is lost.',
  );
  return { ...refused, ...(holder !== undefined && { apiKeyId: holder }) };
}

/** After a request that Atlas may have carried out, and of which nobody can say whether it did. */
export function outcomeUnknown(failure: Failure, what: string, hint: string): Failure {
  return {
    ...failure,
    code: 'ATLAS_OUTCOME_UNKNOWN',
    message: `${what} ${failure.message}`,
    hint,
    retryable: true,
  };
}

export function journalUnreadable(): Failure {
  return refusal(
    'CONFIG_INVALID',
    'The journal cannot be read, so that nothing can be said of unfinished creates.',
    `The operator makes ATLAS_MODEL_KEYS_STATE_DIR a directory that belongs only to this user${privateMode()} and can be read, and moves files away from its intents that are no intents.`,
  );
}
