// Asks the person at the host before something is lost for good: consent is the name, typed by that person.

import { sameName, type ModelKey } from '../atlas/model-keys.ts';
import type { Ask } from './call-control.ts';
import { refusal, type Failure, type KeyState } from './failure.ts';

/**
 * `never`: the host's own prompt is trusted. `if-supported`: a host that can ask is made to. `required`: what cannot be
 * asked is not done.
 */
export type ConfirmPolicy = 'never' | 'if-supported' | 'required';

export interface ConsentQuestion {
  /** What will happen, in one sentence. */
  readonly message: string;
  /** What is to be typed, such as `name of the key`. */
  readonly what: string;
  /** The only text that is consent. */
  readonly expected: string;
  readonly keyState: KeyState;
}

/** What a person types for a key: its name, or its id where it has no name that can be typed. */
export function typedNameOf({ name, apiKeyId }: ModelKey): Pick<ConsentQuestion, 'what' | 'expected'> {
  return name.trim() === ''
    ? { what: 'id of the key', expected: apiKeyId }
    : { what: 'name of the key', expected: name };
}

/** What tells the key from others: its name alone may have been changed a moment ago. */
export function described({ apiKeyId, maskedSecret, createdAt, lastUsedAt }: ModelKey, groupId: string): string {
  const used = lastUsedAt === null ? 'never used' : `last used ${lastUsedAt}`;
  return `Key ${apiKeyId} (${maskedSecret ?? 'no mask'}) of project ${groupId}, made ${createdAt ?? 'at an unknown time'}, ${used}.`;
}

/** `unasked`: the policy wants no question, or the host cannot put one and need not. */
export async function askConsent(
  policy: ConfirmPolicy,
  ask: Ask | undefined,
  { message, what, expected, keyState }: ConsentQuestion,
): Promise<'given' | 'unasked' | Failure> {
  if (policy === 'never') return 'unasked';
  if (!ask) return policy === 'required' ? unavailable(keyState) : 'unasked';
  const answer = await ask({
    message: `${message}\nTo go on, type the ${what}:\n${expected}`,
    title: what.charAt(0).toUpperCase() + what.slice(1),
    description: 'Exactly as it is written above; anything else changes nothing',
  });
  switch (answer.answer) {
    case 'given':
      return expected !== '' && sameName(answer.value.trim(), expected.trim()) ? 'given' : declined(keyState);
    case 'declined':
      return declined(keyState);
    case 'unavailable':
      return unavailable(keyState);
  }
}

function declined(keyState: KeyState): Failure {
  return refusal(
    'DECLINED',
    'The person who was asked did not consent.',
    'Nothing was changed. Do not call again unless the user asks for it.',
    keyState,
  );
}

function unavailable(keyState: KeyState): Failure {
  return refusal(
    'CONFIRMATION_UNAVAILABLE',
    'A person must consent, and this host did not bring an answer.',
    'Nothing was changed. Call again when somebody can answer the form, or the operator sets ATLAS_MODEL_KEYS_CONFIRM.',
    keyState,
  );
}
