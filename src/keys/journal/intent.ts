// What the journal keeps of one create or rotation: which process owns it, which step it has reached, and which other calls of
// this machine it excludes. journal.ts reads and writes it. Of a reply it holds only ids of the right form and fingerprints,
// so that nothing in it is redacted.

import type { Fingerprint } from '../../secret/opened-secret.ts';
import { parseOwner, type ProcessOwner } from '../../files/process-owner.ts';
import { sameName } from '../../atlas/api/keys.ts';
import { isObject, parseObject } from '../../text/text.ts';
import { refusal, type Failure } from '../../failure.ts';

/** How far a create has come. Each step is on the disk before the next is begun. */
export type Step =
  /** The request to create may have been sent. Nothing was delivered. Without an owner: its reply was lost. */
  | { readonly step: 'sending' }
  /** The key exists. Its secret may have been delivered. */
  | { readonly step: 'created'; readonly apiKeyId: string; readonly fingerprint: Fingerprint }
  /** The key exists, and its secret is to be in no sink; with a fingerprint it may be there still, and is taken out. */
  | { readonly step: 'undelivered'; readonly apiKeyId: string; readonly fingerprint?: Fingerprint }
  /** The secret is verified in the sink; the key gets its final name. */
  | { readonly step: 'delivered'; readonly apiKeyId: string; readonly fingerprint: Fingerprint }
  /** As `delivered`; and the key that this one replaces is being deleted. */
  | { readonly step: 'retiring'; readonly apiKeyId: string; readonly fingerprint: Fingerprint }
  /** With the fingerprint of a secret that was delivered. */
  | {
      readonly step: 'ended';
      readonly outcome: Ending;
      readonly apiKeyId?: string;
      readonly fingerprint?: Fingerprint;
    };

/** `not_found`: the reply was lost, and no key was seen afterwards. One may still appear, if the request was slow. */
export type Ending = 'delivered' | 'rolled_back' | 'not_created' | 'not_found' | 'gone';

/** What a rotation is to end in. */
interface Replacement {
  /** The key whose place the new one takes. */
  readonly apiKeyId: string;
  /** Whether the old key is to stay. */
  readonly keepOld: boolean;
}

export interface Plan {
  readonly groupId: string;
  /** That the key is to have in the end. */
  readonly name: string;
  /** In the name that the key has until then: 12 hexadecimal digits. */
  readonly nonce: string;
  readonly sink: string;
  readonly entry?: string | undefined;
  /** The same for every sink whose path leads there; absent where the sink has no path. */
  readonly place?: string | undefined;
  /** In a rotation. */
  readonly replaces?: Replacement | undefined;
}

export interface Intent extends Plan {
  /** Null where the process has said that it does no more about it. */
  readonly owner: ProcessOwner | null;
  /** ISO 8601. */
  readonly openedAt: string;
  readonly updatedAt: string;
  readonly state: Step;
  /** Of the version that a store which has versions gave the delivered secret. */
  readonly version?: Fingerprint | undefined;
}

const STEPS = ['sending', 'created', 'undelivered', 'delivered', 'retiring', 'ended'];
const NONCE = /^[0-9a-f]{12}$/;

/** A process that takes over what another has left. */
interface Claim {
  readonly owner: ProcessOwner;
  readonly at: string;
  /** How many lines there were. It counts only where no other line came in between. */
  readonly after: number;
}

/** An intent as its file says it, and how many lines that are. */
interface ParsedIntent {
  readonly intent: Intent;
  readonly lines: number;
}

/**
 * Each step was written as a line, and the last whole one counts: a process that was killed, or had no room on the disk,
 * while it wrote one had begun nothing yet of what that was to say. Undefined for what is not an intent of that nonce.
 */
export function parseIntent(nonce: string, text: string): ParsedIntent | undefined {
  const lines = text.split('\n').slice(0, -1);
  let intent: Intent | undefined;
  for (const [index, line] of lines.entries()) {
    const value = parseObject(line);
    if (isIntent(value?.intent) && value.intent.nonce === nonce) intent = value.intent;
    const claim = claimIn(value?.claim);
    if (intent && claim?.after === index) intent = { ...intent, owner: claim.owner, updatedAt: claim.at };
  }
  return intent && { intent, lines: lines.length };
}

/** A line of its file, without the end of the line. */
export function serializeIntent(intent: Intent): string {
  return JSON.stringify({ version: 2, intent });
}

export function serializeClaim(claim: Claim): string {
  return JSON.stringify({ version: 2, claim });
}

function claimIn(value: unknown): Claim | undefined {
  if (!isObject(value)) return undefined;
  const { at, after } = value;
  const owner = parseOwner(JSON.stringify(value.owner ?? null));
  if (owner === undefined || typeof at !== 'string' || typeof after !== 'number') return undefined;
  return { owner, at, after };
}

/** Enough to tell a file of this program from any other; a file that the same user has forged is out of reach. */
function isIntent(value: unknown): value is Intent {
  if (!isObject(value)) return false;
  const { groupId, nonce, owner, state } = value;
  if (typeof groupId !== 'string' || !/^[a-f0-9]{24}$/.test(groupId)) return false;
  if (typeof nonce !== 'string' || !NONCE.test(nonce)) return false;
  if (!['name', 'sink', 'openedAt', 'updatedAt'].every((field) => typeof value[field] === 'string')) return false;
  if (owner !== null && !(isObject(owner) && 'pid' in owner)) return false;
  if ('version' in value && typeof value.version !== 'string') return false;
  if ('place' in value && typeof value.place !== 'string') return false;
  if ('replaces' in value && !isReplacement(value.replaces)) return false;
  return isObject(state) && STEPS.includes(String(state.step));
}

function isReplacement(value: unknown): value is Replacement {
  return isObject(value) && typeof value.apiKeyId === 'string' && typeof value.keepOld === 'boolean';
}

/** The id of an intent's key, where it is known. */
export function keyOf({ state }: Intent): string | undefined {
  return 'apiKeyId' in state ? state.apiKeyId : undefined;
}

/** Whether it is about that key: only of its own project, whatever ids Atlas gives elsewhere. */
export function isOfKey(intent: Intent, groupId: string, apiKeyId: string | undefined): boolean {
  return apiKeyId !== undefined && intent.groupId === groupId && keyOf(intent) === apiKeyId;
}

/** Whether this machine knows that the secret of the intent's key reached its sink. */
export function isDelivered({ state }: Intent): boolean {
  return (
    state.step === 'delivered' || state.step === 'retiring' || (state.step === 'ended' && state.outcome === 'delivered')
  );
}

/** Whether a secret may be in its sink although the key does not have its final name yet. */
export function isUncommitted({ state }: Intent): boolean {
  return state.step === 'created' || state.step === 'delivered' || state.step === 'retiring';
}

/** A rotation of that key which has not ended. */
export function openRotationOf(intents: readonly Intent[], apiKeyId: string): Intent | undefined {
  return intents.find(({ state, replaces }) => state.step !== 'ended' && replaces?.apiKeyId === apiKeyId);
}

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
  'An earlier call on this machine has made a key that is to get this name, and was not finished.',
  'Call reconcile_ai_model_api_keys: it says what is true of that key, and with apply finishes or deletes it.',
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
