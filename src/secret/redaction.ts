// Knows every secret value of this process and takes it out of a text, in the plain form and in the
// encodings in which values usually travel. The second layer: what is written should be clean before.

const REDACTED = '[redacted]';

/** Shorter values (an empty or one-letter setting) would blank out ordinary text. */
const SHORTEST = 8;

/** The published shape of a model key, for keys that this process never held (see the API's examples). */
const MODEL_KEY = /(?<![A-Za-z0-9])al-(?:[a-z]{2,}-)?[A-Za-z0-9_-]{20,}/g;

/** The forms of each known value, by the value. */
const known = new Map<string, readonly string[]>();

/** Adds a value to those that {@link redact} removes. */
export function remember(value: string): void {
  if (value.length >= SHORTEST && !known.has(value)) known.set(value, formsOf(value));
}

/** Takes a value off the list: one that the operator wants shown (the inline sink), or a token that has expired. */
export function disclose(value: string): void {
  known.delete(value);
}

/** The text without any remembered value, plain or in base64, base64url, hex, URL- or JSON-escaped form. */
export function redact(text: string): string {
  // Longest first, so that none is cut up by a shorter one.
  const found = formsIn(text).sort((a, b) => b.length - a.length);
  return found.reduce((clean, form) => clean.replaceAll(form, REDACTED), text);
}

/** One look a form: a single expression of all forms grows without bound, and with it the time to compile it. */
function formsIn(text: string): string[] {
  const found: string[] = [];
  for (const forms of known.values()) {
    for (const form of forms) if (text.includes(form)) found.push(form);
  }
  return found;
}

/** {@link redact}, and whatever looks like a model key: for text that came from outside. */
export function redactOutside(text: string): string {
  return redact(text).replace(MODEL_KEY, REDACTED);
}

/**
 * One JSON document, redacted in its strings alone, so that it stays JSON whatever a secret looks like. The names of
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
  const isClean = formsIn(stringsOf(value).join('\n')).length === 0;
  return JSON.stringify(isClean ? value : redactStrings(value));
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
