// Asks a person before something is lost for good, by a form of the host or on a page of this server: consent is the name, typed
// by that person. A caller confirms a key by the same name.

import { isNamed, originalName, sameName, type ModelKey } from '../atlas/api/keys.ts';
import type { KeyContext } from './find-key.ts';
import { formerNameOf } from './journal/audit.ts';
import type { Ask, RequestContext, Unseen } from './request-context.ts';
import type { Pages } from '../page/pages.ts';
import { counted } from '../text/text.ts';
import { failed, ok, refusal, type Failure, type Result } from '../failure.ts';

/**
 * `never`: the host's own prompt is trusted. `if-supported`: a host that can ask is made to. `required`: what cannot be
 * asked is not done.
 */
type ConfirmPolicy = 'never' | 'if-supported' | 'required';

/** What the operator says of asking. */
export interface ConsentPolicy {
  readonly confirm: ConfirmPolicy;
  /** `either`, where nothing is said: the form, where the host shows one to a person, else the page. */
  readonly confirmWith?: 'form' | 'page' | 'either' | undefined;
  /** The tools that ask although nothing is lost by them. */
  readonly confirmTools?: readonly string[] | undefined;
  /** Absent where no page can be shown. Only `required` shows any. */
  readonly pages?: Pages | undefined;
}

/** Of a use case that describes to a person the key that it asks about. */
export interface ConsentContext extends KeyContext, ConsentPolicy {
  /** Of the audit log. */
  readonly stateDir: string;
}

export interface ConsentQuestion {
  /** What will happen, and what tells it from other things: one fact a line. */
  readonly message: string;
  /** What is to be typed, such as `name of the key`. */
  readonly what: string;
  /** The only text that is consent. */
  readonly expected: string;
  /** Then a page asks for no text, only for a button: a form needs one, since some hosts accept forms that nobody saw. */
  readonly losesNothing?: true;
  /** The time of the call that a page must leave to a page that follows. In milliseconds. */
  readonly keepsMs?: number;
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
export function described(key: ModelKey, project: string, formerName?: string): string {
  const { apiKeyId, name, maskedSecret, createdAt, lastUsedAt } = key;
  return [
    `Key: ${JSON.stringify(name)}`,
    ...(formerName === undefined || formerName === name
      ? []
      : [`Its name within the last hour: ${JSON.stringify(formerName)}`]),
    `Id: ${apiKeyId}`,
    `Secret: ${maskedSecret ?? 'no mask'}`,
    `Project: ${project}`,
    `Made: ${createdAt === undefined ? 'at an unknown time' : withAge(createdAt)}`,
    `Last used: ${lastUsedAt === null ? 'never' : withAge(lastUsedAt)}`,
  ].join('\n');
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** A time, with what it means today. */
function withAge(time: string): string {
  const days = Math.floor((Date.now() - Date.parse(time)) / DAY_MS);
  if (Number.isNaN(days) || days < 0) return time;
  return `${time} (${days === 0 ? 'less than a day' : counted(days, 'day')} ago)`;
}

/** {@link described} with what is looked up for a person only: the name of the project, and that of the key within the last hour. */
export async function describedNow(
  context: ConsentContext,
  key: ModelKey,
  groupId: string,
  call: RequestContext,
): Promise<string> {
  if (!isAsked(context, call)) return described(key, groupId);
  const former = await formerNameOf(context.stateDir, key.apiKeyId);
  return described(key, await projectInWords(context, groupId, call), former);
}

/** Its name as Atlas has it now, and its id; only the id where the name cannot be seen, or nobody is asked. */
export async function projectInWords(
  context: ConsentPolicy & KeyContext,
  groupId: string,
  call: RequestContext,
): Promise<string> {
  if (!isAsked(context, call)) return groupId;
  const listed = await context.atlas.listProjects(undefined, call.signal);
  const name = listed.ok ? listed.value.find((project) => project.groupId === groupId)?.name : undefined;
  return name === undefined ? groupId : `${JSON.stringify(name)} (${groupId})`;
}

/** Whether a question would reach anybody, as far as that is known before it is asked. */
function isAsked({ confirm, pages }: ConsentPolicy, { ask }: Pick<RequestContext, 'ask'>): boolean {
  return confirm !== 'never' && (ask !== undefined || (confirm === 'required' && pages !== undefined));
}

/** `unasked`: the policy wants no question, or the host cannot put one and need not. */
export async function askConsent(
  { confirm, confirmWith = 'either', pages }: ConsentPolicy,
  call: RequestContext,
  question: ConsentQuestion,
): Promise<Result<'given' | 'unasked'>> {
  if (confirm === 'never') return ok('unasked');
  const form = confirm === 'required' && confirmWith === 'page' ? undefined : call.ask;
  if (!form && confirm === 'if-supported') return ok('unasked');
  const page = confirm === 'required' && confirmWith !== 'form' ? pages : undefined;
  const asked = form ? await askByForm(form, question) : 'no forms';
  if (typeof asked !== 'string') return asked;
  // What the host itself answered was before no person.
  if (page && (asked === 'no forms' || asked === 'at once')) return askOnPage(page, question, call);
  return unavailable(WHY_UNSEEN[asked]);
}

async function askByForm(ask: Ask, { message, what, expected }: ConsentQuestion): Promise<Result<'given'> | Unseen> {
  for (let tries = 1; tries <= MOST_TRIES; tries += 1) {
    const again = tries === 1 ? [] : [`That was not the ${what}. Nothing was changed yet.`];
    const answer = await ask({
      message: [...again, inLines(message), `To go on, type the ${what}:`, expected].join('\n'),
      title: what.charAt(0).toUpperCase() + what.slice(1),
      description: 'Exactly as it is written above; anything else changes nothing',
    });
    if (answer.answer === 'declined') return declined('The person who was asked did not consent.');
    if (answer.answer === 'unavailable') return answer.because;
    if (isTyped(answer.value, expected)) return ok('given');
  }
  return mistyped(what);
}

async function askOnPage(
  pages: Pages,
  { message, what, expected, losesNothing, keepsMs = 0 }: ConsentQuestion,
  call: RequestContext,
): Promise<Result<'given'>> {
  const isRight = (text: string) => isTyped(text, expected);
  const question = { message, keepsMs, ...(losesNothing ? {} : { typed: { what, expected, isRight } }) };
  const answer = await pages.approve(question, call);
  switch (answer.answer) {
    case 'approved':
      return ok('given');
    case 'refused':
      return declined('The person who was asked refused on the page.');
    case 'mistyped':
      return mistyped(what);
    case 'none':
      return unavailable(answer.why);
  }
}

function isTyped(text: string, expected: string): boolean {
  return expected !== '' && sameName(text.trim(), expected.trim());
}

function mistyped(what: string): Result<never> {
  return declined(`The person who was asked did not type the ${what} in ${MOST_TRIES} tries.`);
}

const WHY_UNSEEN: Readonly<Record<Unseen | 'no forms', string>> = {
  'no forms': 'This host offers no forms.',
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
    'Nothing was changed. Call again where a person can answer; or the operator sets ATLAS_MODEL_KEYS_CONFIRM: never (nobody is asked; the prompt of the host is trusted), if-supported (a form wherever the host offers forms) or required (nothing without a person, who answers a form or a page in the browser, as ATLAS_MODEL_KEYS_CONFIRM_WITH says).';
  return failed(refusal('CONFIRMATION_UNAVAILABLE', `A person must consent, and none was seen to. ${why}`, hint));
}
