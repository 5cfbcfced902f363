// Knows every secret value of this process and takes it out of a text, in the plain form and in the
// encodings in which values usually travel. The second layer: what is written should be clean before.

const REDACTED = '[redacted]';

/** Shorter values (an empty or one-letter setting) would blank out ordinary text. */
const SHORTEST = 8;

/** The published shape of a model key, for keys that this process never held (see the API's examples). */
const MODEL_KEY = /(?<![A-Za-z0-9])al-(?:[a-z]{2,}-)?[A-Za-z0-9_-]{20,}/g;

const known = new Map<string, readonly string[]>();
/** The forms of all known values, longest first, so that none is cut up by a shorter one. */
let forms: readonly string[] = [];

/** Adds a value to those that {@link redact} removes. */
export function remember(value: string): void {
  if (value.length < SHORTEST || known.has(value)) return;
  known.set(value, formsOf(value));
  collectForms();
}

/** Takes a value off the list: one that the operator wants shown (the inline sink), or a token that has expired. */
export function disclose(value: string): void {
  if (known.delete(value)) collectForms();
}

function collectForms(): void {
  forms = [...new Set([...known.values()].flat())].sort((a, b) => b.length - a.length);
}

/** The text without any remembered value, plain or in base64, base64url, hex, URL- or JSON-escaped form. */
export function redact(text: string): string {
  let clean = text;
  // One pass a form: a single expression of all forms grows without bound, and with it the time to compile it.
  for (const form of forms) {
    if (clean.includes(form)) clean = clean.replaceAll(form, REDACTED);
  }
  return clean;
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
  return JSON.stringify(redactStrings(value));
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
  return [
    value,
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value),
    new URLSearchParams({ v: value }).toString().slice(2),
    hex,
    hex.toUpperCase(),
    ...[0, 1, 2].flatMap((offset) => base64At(bytes, offset)),
  ];
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
