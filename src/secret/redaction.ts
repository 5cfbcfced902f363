// Knows every secret value of this process and takes it out of a text, in the plain form and in the
// encodings in which values usually travel. The second layer: what is written should be clean before.

const REDACTED = '[redacted]';

/** Shorter values (an empty or one-letter setting) would blank out ordinary text. */
const SHORTEST = 8;

/** The published shape of a model key, for keys that this process never held (see the API's examples). */
const MODEL_KEY = /al-(?:[a-z]{2,}-)?[A-Za-z0-9_-]{20,}/g;

const known = new Map<string, readonly string[]>();
let pattern: RegExp | undefined;

/** Adds a value to those that {@link redact} removes. */
export function remember(value: string): void {
  if (value.length < SHORTEST || known.has(value)) return;
  known.set(value, encodingsOf(value));
  pattern = undefined;
}

/** Takes a value off the list again: only for a secret that the operator wants shown (the inline sink). */
export function disclose(value: string): void {
  known.delete(value);
  pattern = undefined;
}

/** The text without any remembered value, plain or in base64, base64url, hex, URL- or JSON-escaped form. */
export function redact(text: string): string {
  if (known.size === 0) return text;
  pattern ??= new RegExp([...known.values()].flat().sort(longestFirst).map(escapeForRegExp).join('|'), 'g');
  return text.replace(pattern, REDACTED);
}

/** {@link redact}, and whatever looks like a model key: for text that came from outside. */
export function redactOutside(text: string): string {
  return redact(text).replace(MODEL_KEY, REDACTED);
}

function encodingsOf(value: string): string[] {
  const bytes = Buffer.from(value, 'utf8');
  const hex = bytes.toString('hex');
  return [
    ...new Set([
      value,
      JSON.stringify(value).slice(1, -1),
      encodeURIComponent(value),
      new URLSearchParams({ v: value }).toString().slice(2),
      hex,
      hex.toUpperCase(),
      ...[0, 1, 2].flatMap((offset) => base64At(bytes, offset)),
    ]),
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

function longestFirst(a: string, b: string): number {
  return b.length - a.length;
}

function escapeForRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
