// Which calls of this machine stand in each other's way, and how many there may be. Pure: it judges what the journal keeps.

import { sameName } from '../../atlas/api/keys.ts';
import { refusal, type Failure } from '../../failure.ts';
import { isUncommitted, type Intent, type Plan } from './intent.ts';

export const HOUR_MS = 60 * 60 * 1000;

/** Why the plan cannot be begun beside those intents. */
export function findRival(
  plan: Plan,
  intents: readonly Intent[],
  { since, isOnePlace }: { readonly since: number; readonly isOnePlace: boolean },
  isUnderWay: (intent: Intent) => boolean,
): Failure | undefined {
  for (const other of intents) {
    if (other.groupId !== plan.groupId && !(isOnePlace && isOfPlace(other, plan))) continue;
    if (isOfName(other, plan)) {
      if (isUnderWay(other) || isBetween(other.updatedAt, since)) return underWay;
      if (isUncommitted(other)) return uncommitted;
    }
    if (isUnderWay(other) && isOfOldKey(other, plan)) return underWay;
    // One that has ended since the place was looked at may have put its secret there.
    if (isOnePlace && isOfPlace(other, plan) && (isUnderWay(other) || isBetween(other.updatedAt, since)))
      return placeInUse;
  }
  return undefined;
}

/** A time in the future is a clock that was wrong, and says nothing. */
function isBetween(time: string, since: number): boolean {
  const at = Date.parse(time);
  return at > since && at <= Date.now();
}

function isOfName({ groupId, name }: Intent, plan: Plan): boolean {
  return groupId === plan.groupId && sameName(name, plan.name);
}

function isOfOldKey({ replaces }: Intent, plan: Plan): boolean {
  return replaces !== undefined && replaces.apiKeyId === plan.replaces?.apiKeyId;
}

function isOfPlace({ groupId, sink, entry, place }: Intent, plan: Plan): boolean {
  if (place !== undefined && place === plan.place) return true;
  return sink === plan.sink && entry === plan.entry && (groupId === plan.groupId || entry === undefined);
}

/** Whether a call counts for the limit of an hour: each does, what was refused too. */
export function isSpent({ openedAt }: Pick<Intent, 'openedAt'>): boolean {
  const age = Date.now() - Date.parse(openedAt);
  return age >= 0 && age < HOUR_MS;
}

const underWay: Failure = {
  ...refusal(
    'NAME_IN_USE',
    'Another call on this machine is creating a key of this name right now.',
    'Wait for it and call again, or choose another name.',
  ),
  retryable: true,
};

const uncommitted = refusal(
  'NAME_IN_USE',
  'An earlier call on this machine has made a key that is to get this name, and did not come to its end.',
  'Call reconcile_ai_model_api_keys: it says what is true of that key, and with apply brings it to its end.',
);

const placeInUse: Failure = {
  ...refusal(
    'SINK_ENTRY_EXISTS',
    'Another call on this machine is delivering a secret to this place right now.',
    'Wait for it and call again, or choose another entry or sink.',
  ),
  retryable: true,
};

export function quotaExceeded(maxPerHour: number, spent: readonly Pick<Intent, 'openedAt'>[]): Failure {
  const oldest = Math.min(Date.now(), ...spent.map(({ openedAt }) => Date.parse(openedAt)));
  return {
    ...refusal(
      'QUOTA_EXCEEDED',
      `The operator allows ${maxPerHour} creates and rotations an hour on this machine, refused ones included, and they are used up.`,
      'Nothing was created. Call again later, or the operator raises ATLAS_MODEL_KEYS_MAX_CREATES_PER_HOUR.',
    ),
    retryable: true,
    retryAfterSeconds: Math.ceil((oldest + HOUR_MS - Date.now()) / 1000),
  };
}
