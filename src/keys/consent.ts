// Asks the person at the host before something is lost for good: consent is the name, typed by that person. A caller
// confirms a key by the same name.

import { isNamed, originalName, sameName, type ModelKey } from '../atlas/api/keys.ts';
import type { Ask, Unseen } from './request-context.ts';
import { failed, ok, refusal, type Failure, type Result } from '../failure.ts';

/**
 * `never`: the host's own prompt is trusted. `if-supported`: a host that can ask is made to. `required`: what cannot be
 * asked is not done.
 */
export type ConfirmPolicy = 'never' | 'if-supported' | 'required';

export interface ConsentQuestion {
  /** What will happen, and what tells it from other things: one fact a line. */
  readonly message: string;
  /** What is to be typed, such as `name of the key`. */
  readonly what: string;
  /** The only text that is consent. */
  readonly expected: string;
}

/** Hosts cut each line of a form at the width of a window. */
const LONGEST_LINE = 71;
const LONGEST_TYPED = 64;
const MOST_TRIES = 3;

/** What a person types for a key: its name, or its id where the name cannot be typed as it is shown, or not be seen whole. */
export function typedNameOf(key: ModelKey): Pick<ConsentQuestion, 'what' | 'expected'> {
  const { name, apiKeyId } = key;
  return name === originalName(key) && isTypable(name)
    ? { what: 'name of the key', expected: name }
    : { what: 'id of the key', expected: apiKeyId };
}

/** @param key as Atlas gave it just now */
export function refuseOtherName(key: ModelKey, confirmName: string): Failure | undefined {
  const { expected } = typedNameOf(key);
  if (isNamed(key, confirmName) || confirmName === expected) return undefined;
  return {
    ...refusal(
      'NAME_MISMATCH',
      'confirmName is not the name of this key.',
      `The key ${key.apiKeyId} is confirmed by ${JSON.stringify(expected)}. If that is the key that the user means, call again with this confirmName.`,
    ),
    apiKeyId: key.apiKeyId,
  };
}

/** As a form shows it: whole in one line, and many windows show several spaces as one. */
export function isTypable(text: string): boolean {
  return text.trim() !== '' && text.length <= LONGEST_TYPED && !text.includes('  ');
}

/** What tells the key from others: its name may have been changed a moment ago. */
export function described(key: ModelKey, groupId: string, formerName?: string): string {
  const { apiKeyId, name, maskedSecret, createdAt, lastUsedAt } = key;
  return [
    `Key: ${JSON.stringify(name)}`,
    ...(formerName === undefined || formerName === name
      ? []
      : [`Its name within the last hour: ${JSON.stringify(formerName)}`]),
    `Id: ${apiKeyId}`,
    `Secret: ${maskedSecret ?? 'no mask'}`,
    `Project: ${groupId}`,
    `Made: ${createdAt ?? 'at an unknown time'}`,
    `Last used: ${lastUsedAt ?? 'never'}`,
  ].join('\n');
}

/** `unasked`: the policy wants no question, or the host cannot put one and need not. */
export async function askConsent(
  policy: ConfirmPolicy,
  ask: Ask | undefined,
  { message, what, expected }: ConsentQuestion,
): Promise<Result<'given' | 'unasked'>> {
  if (policy === 'never') return ok('unasked');
  if (!ask) return policy === 'required' ? unavailable('This host offers no forms.') : ok('unasked');
  for (let tries = 1; tries <= MOST_TRIES; tries += 1) {
    const again = tries === 1 ? [] : [`That was not the ${what}. Nothing was changed yet.`];
    const answer = await ask({
      message: [...again, inLines(message), `To go on, type the ${what}:`, expected].join('\n'),
      title: what.charAt(0).toUpperCase() + what.slice(1),
      description: 'Exactly as it is written above; anything else changes nothing',
    });
    if (answer.answer === 'declined') return declined('The person who was asked did not consent.');
    if (answer.answer === 'unavailable') return unavailable(WHY_UNSEEN[answer.because]);
    if (expected !== '' && sameName(answer.value.trim(), expected.trim())) return ok('given');
  }
  return declined(`The person who was asked did not type the ${what} in ${MOST_TRIES} tries.`);
}

const WHY_UNSEEN: Readonly<Record<Unseen, string>> = {
  cancelled: 'The host closed the form without an answer.',
  'at once': 'The host answered the form at once, before anybody could read it.',
  empty: 'The host accepted the form without what a person was to type.',
  silence: 'Nobody answered the form in the time that there is.',
};

/** The text of a form, one fact a line, with no line longer than a window shows. */
export function inLines(text: string): string {
  return text.split('\n').flatMap(wrapped).join('\n');
}

/** The line in pieces that a window shows whole. All but the first are indented: no piece of a name looks like a fact. */
function wrapped(line: string): string[] {
  const pieces: string[] = [];
  for (let rest = line; rest !== '';) {
    const indent = pieces.length === 0 ? '' : '  ';
    const room = LONGEST_LINE - indent.length;
    const space = rest.length <= room ? -1 : rest.lastIndexOf(' ', room);
    const end = rest.length <= room ? rest.length : endOfPiece(rest, space > 0 ? space : room);
    pieces.push(`${indent}${rest.slice(0, end)}`);
    rest = rest.slice(end).trimStart();
  }
  return pieces;
}

/** Never between the halves of one character. */
function endOfPiece(text: string, end: number): number {
  return /[\uD800-\uDBFF]/.test(text.charAt(end - 1)) ? end - 1 : end;
}

function declined(message: string): Result<never> {
  return failed(refusal('DECLINED', message, 'Nothing was changed. Do not call again unless the user asks for it.'));
}

function unavailable(why: string): Result<never> {
  const hint =
    'Nothing was changed. Call again where a person can answer the form; or the operator sets ATLAS_MODEL_KEYS_CONFIRM: never (no form; the prompt of the host is trusted), if-supported (a form wherever the host offers forms) or required (nothing without one).';
  return failed(refusal('CONFIRMATION_UNAVAILABLE', `A person must consent, and none was seen to. ${why}`, hint));
}
