// Knows every secret value of this process and takes it out of a text, in the plain form and in the encodings in which
// values usually travel. The second layer: what is written should be clean before.
//
// Ids, outcomes and other words of this server are no free text: they are never to become something else because a
// reply called such a word a secret. So only a value that has the form of a secret is looked for everywhere.

import { createRuns } from './runs.ts';

const REDACTED = '[redacted]';

/** Shorter values (an empty or one-letter setting) would blank out ordinary text. */
const SHORTEST = 8;
const SHORTEST_SECRET = 16;
/** From this length on, upper and lower case without a digit are no name of a member or a setting. */
const LONG = 32;
/** An id of Atlas, a time, a fingerprint. */
const STRUCTURAL = /^[a-z0-9]{24}$|^[0-9]{4}-[0-9]{2}-[0-9]{2}T|^sha256:/;

/** The published shape of a model key, for keys that this process never held (see the API's examples). */
const MODEL_KEY = /(?<![A-Za-z0-9])al-(?:[a-z]{2,}-)?[A-Za-z0-9_-]{20,}/g;

/** The forms of each known value, by the value. */
const known = new Map<string, readonly string[]>();
/** Of those that have the form of a secret. */
const strong = new Map<string, readonly string[]>();
const runs = createRuns();

/** Whether a value can be a secret, and cannot be a word, an id or a time that this server says of its own. */
export function hasSecretForm(value: string): boolean {
  if (value.length < SHORTEST_SECRET || STRUCTURAL.test(value)) return false;
  if (value.startsWith('al-')) return true;
  return (
    /[A-Za-z]/.test(value) &&
    (/[0-9]/.test(value) || (value.length >= LONG && /[a-z]/.test(value) && /[A-Z]/.test(value)))
  );
}

/** Adds a value to those that are taken out. */
export function remember(value: string): void {
  if (value.length < SHORTEST || known.has(value)) return;
  const forms = formsOf(value);
  known.set(value, forms);
  if (!hasSecretForm(value)) return;
  strong.set(value, forms);
  runs.add(value);
}

/** Takes a value off the list: one that the operator wants shown (the inline sink), or a token that has expired. */
export function disclose(value: string): void {
  known.delete(value);
  strong.delete(value);
  runs.remove(value);
}

export function isRemembered(value: string): boolean {
  return known.has(value);
}

/** The text without any remembered secret, plain or in base64, base64url, hex, URL- or JSON-escaped form. */
export function redact(text: string): string {
  return withoutForms(text, strong);
}

/**
 * {@link redact}, and without whatever shares a run of characters with a secret or looks like a model key: for text that
 * came from outside.
 */
export function redactOutside(text: string): string {
  return runs.without(redact(text).replace(MODEL_KEY, REDACTED), REDACTED);
}

/** {@link redactOutside}, and without values of any form: for the free text of errors. */
export function redactProse(text: string): string {
  return redactOutside(withoutForms(text, known));
}

/** Whether the text has the published shape of a model key in it, whatever the secrets of this process are. */
export function hasModelKey(text: string): boolean {
  return text.search(MODEL_KEY) >= 0;
}

/** Whether the text shares a run of characters with a secret. */
export function sharesRun(text: string): boolean {
  return runs.isIn(text);
}

/**
 * One JSON document, redacted in its strings only, so that it stays JSON whatever a secret looks like. The names of
 * members are this program's own.
 */
export function redactJson(json: string): string {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return redact(json);
  }
  // Most documents hold no form, and one look at all their strings together tells.
  const isClean = formsIn(stringsOf(value).join('\n'), strong).length === 0;
  return JSON.stringify(isClean ? value : redactStrings(value));
}

type Forms = ReadonlyMap<string, readonly string[]>;

function withoutForms(text: string, values: Forms): string {
  // Longest first, so that none is cut up by a shorter one.
  const found = formsIn(text, values).sort((a, b) => b.length - a.length);
  return found.reduce((clean, form) => clean.replaceAll(form, REDACTED), text);
}

/** One look a form: a single expression of all forms grows without bound, and with it the time to compile it. */
function formsIn(text: string, values: Forms): string[] {
  const found: string[] = [];
  for (const forms of values.values()) {
    for (const form of forms) if (text.includes(form)) found.push(form);
  }
  return found;
}

/** Every string of a JSON value but the names of members. */
function stringsOf(value: unknown, found: string[] = []): string[] {
  if (typeof value === 'string') found.push(value);
  else if (typeof value === 'object' && value !== null) {
    for (const member of Object.values(value)) stringsOf(member, found);
  }
  return found;
}

function redactStrings(value: unknown): unknown {
  if (typeof value === 'string') return redact(value);
  if (Array.isArray(value)) return value.map(redactStrings);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, redactStrings(member)]));
}

function formsOf(value: string): string[] {
  const bytes = Buffer.from(value, 'utf8');
  const hex = bytes.toString('hex');
  const forms = [
    value,
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value),
    new URLSearchParams({ v: value }).toString().slice(2),
    hex,
    hex.toUpperCase(),
    ...[0, 1, 2].flatMap((offset) => base64At(bytes, offset)),
  ];
  return [...new Set(forms)];
}

/**
 * The characters that the value always yields when it stands `offset` bytes (modulo 3) into a longer
 * text that is encoded as a whole, such as the `id:secret` of an Authorization header.
 */
function base64At(bytes: Buffer, offset: number): string[] {
  const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
  const first = Math.ceil((offset * 8) / 6);
  const last = Math.floor(((offset + bytes.length) * 8) / 6);
  const inner = encoded.slice(first, last);
  return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')];
}
