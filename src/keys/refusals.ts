// Refusals and failures that several use cases give: which projects the operator allows, and which undelivered keys keep a new key
// from its name. What became of a key is said by who knows it, else by the tool.

import { refusal, type Failure } from '../failure.ts';
import type { SinkProblem } from '../sinks/sink.ts';
import { originalName, sameName, type ListedKey, type ModelKey } from '../atlas/api/keys.ts';
import { isUncommitted, keyOf, type Intent } from './journal/intent.ts';
import { isUnderWay, isUnfinished, type Kept } from './journal/journal.ts';
import { markedName, nonceIn, nonceOf } from './own-key.ts';

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

export interface ProjectPolicy {
  /** Absent where every project may be used. */
  readonly allowedProjects?: readonly string[] | undefined;
}

export function isAllowed({ allowedProjects }: ProjectPolicy, groupId: string | undefined): boolean {
  return allowedProjects === undefined || (groupId !== undefined && allowedProjects.includes(groupId));
}

export function refuseProject(policy: ProjectPolicy, groupId: string): Failure | undefined {
  if (isAllowed(policy, groupId)) return undefined;
  return refusal(
    'PROJECT_NOT_ALLOWED',
    'The operator does not allow this project.',
    `Use one of: ${(policy.allowedProjects ?? []).join(', ')}.`,
  );
}

/** A new name may not look like that of a key which is not delivered. */
export function refuseMarkedName(parameter: string, name: string): Failure | undefined {
  if (nonceIn(name) === undefined) return undefined;
  return refusal(
    'INVALID_INPUT',
    `${parameter}: must not end as the name of a key that is not delivered does (-undelivered- and 12 hexadecimal digits).`,
    'Choose another name: this server finds undelivered keys by that end.',
  );
}

/** Nobody has the secret of such a key but the call that made it. */
export function refuseMarkedKey(key: ModelKey): Failure | undefined {
  if (nonceOf(key) === undefined) return undefined;
  return {
    ...refusal(
      'NAME_MISMATCH',
      `The key ${key.apiKeyId} is not delivered, as its name says.`,
      'Call reconcile_ai_model_api_keys: it says what is true of the key, and with apply finishes or deletes it. A key that nobody needs is deleted by delete_ai_model_api_key.',
    ),
    apiKeyId: key.apiKeyId,
  };
}

/** Whether the key is marked, and is to have that name in the end. */
function isMarkedFor(key: ListedKey, finalName: string): boolean {
  const nonce = nonceOf(key);
  return nonce !== undefined && sameName(originalName(key), markedName(finalName, nonce));
}

/** How old the key is by its own account, in milliseconds; undefined where Atlas does not say. */
function ageOf({ createdAt }: ListedKey): number | undefined {
  const made = Date.parse(createdAt ?? '');
  return Number.isNaN(made) ? undefined : Date.now() - made;
}

/** How long a key that another machine may be delivering keeps its name from others. */
const YOUNG_MS = 10 * 60 * 1000;

/** What a list says of a key that is not delivered. */
export interface Undelivered {
  /** Since its creation; absent where Atlas does not say. */
  readonly ageSeconds?: number;
  /** Whether the journal of this machine knows the call that made it. */
  readonly knownHere: boolean;
}

/** Undefined for a key that carries no mark. */
export function undeliveredOf(key: ListedKey, kept: Kept | undefined): Undelivered | undefined {
  const nonce = nonceOf(key);
  if (nonce === undefined) return undefined;
  const age = ageOf(key);
  const ageSeconds = age === undefined ? {} : { ageSeconds: Math.max(0, Math.round(age / 1000)) };
  return { ...ageSeconds, knownHere: kept !== undefined && isKnown(nonce, kept) };
}

function isKnown(nonce: string, { intents, unreadable }: Kept): boolean {
  return unreadable.includes(nonce) || intents.some((intent) => intent.nonce === nonce);
}

/** Another machine may be about to give that name to a key of its own. */
export function youngRivalOf(name: string, keys: readonly ListedKey[], kept: Kept): Failure | undefined {
  const rival = keys.find((key) => {
    const age = ageOf(key) ?? Number.POSITIVE_INFINITY;
    return Math.abs(age) < YOUNG_MS && isMarkedFor(key, name) && !isKnown(nonceOf(key) ?? '', kept);
  });
  if (!rival) return undefined;
  return {
    ...nameInUse(),
    message: 'Another machine is delivering a key that is to get this name.',
    hint: 'Call again in ten minutes, or choose another name.',
    retryable: true,
    ...(rival.apiKeyId !== undefined && { apiKeyId: rival.apiKeyId }),
  };
}

/** A call of this journal that made a key which is to get the name, and was not finished. */
export function leftoverOfName(name: string, groupId: string, { intents }: Kept): Failure | undefined {
  const leftover = intents.find(
    (intent) =>
      isUnfinished(intent) && isUncommitted(intent) && intent.groupId === groupId && sameName(intent.name, name),
  );
  if (!leftover) return undefined;
  const apiKeyId = keyOf(leftover);
  return {
    ...nameInUse(apiKeyId),
    message: `An earlier call on this machine made the key ${apiKeyId ?? ''}, which is to get this name, and was not finished.`,
    hint: 'Call reconcile_ai_model_api_keys: it says what is true of that key, and with apply finishes or deletes it.',
  };
}

/** What a caller is told beside the result: of keys in the list that no call of this machine finishes any more. */
export function leftoverWarnings(
  groupId: string,
  keys: readonly ListedKey[],
  { intents, unreadable }: Kept,
): readonly string[] {
  const lost = keys.filter((key) => isLeftover(nonceOf(key), intents)).flatMap(({ apiKeyId }) => apiKeyId ?? []);
  const elsewhere = intents.filter((intent) => isUnfinished(intent) && isTold(intent, groupId, lost)).length;
  return [
    ...(lost.length === 0
      ? []
      : [
          `Keys of earlier calls are alive and not delivered: ${lost.join(', ')}. reconcile_ai_model_api_keys says what is true of them.`,
        ]),
    ...(elsewhere === 0
      ? []
      : [
          `${elsewhere} earlier create(s) or rotation(s) were not finished; call reconcile_ai_model_api_keys to see what is true of them.`,
        ]),
    ...(unreadable.length === 0
      ? []
      : [
          `The journal holds ${unreadable.length} file(s) that cannot be read (${unreadable.join(', ')}): look in Atlas for keys with these digits at the end of their name.`,
        ]),
  ];
}

function isLeftover(nonce: string | undefined, intents: readonly Intent[]): boolean {
  return nonce !== undefined && intents.some((intent) => intent.nonce === nonce && !isUnderWay(intent));
}

/** A create whose reply was lost is told of only when its key appears. */
function isTold(intent: Intent, groupId: string, lost: readonly string[]): boolean {
  if (intent.state.step === 'sending' && intent.owner === null) return false;
  return intent.groupId !== groupId || !lost.includes(keyOf(intent) ?? '') || isUncommitted(intent);
}
