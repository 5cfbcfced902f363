// Knows every secret value of this process and takes it out of a text, in the plain form and in the encodings in which
// values usually travel; what is written to stdout and stderr passes through it. It is the second layer: what is written should not
// contain a secret in the first place.
//
// Ids, outcomes and other words of this server are not free text: they must stay as they are even if a reply called such a
// word a secret. So only a value that has the form of a secret is looked for everywhere.
//
// A reply can also repeat a part of a secret, cut, wrapped, spaced or reversed, which no search for the whole value finds. Such
// runs are searched for among letters and digits only and without regard to case, so that what stands between them hides nothing.

import { Writable } from 'node:stream';

const REDACTED = '[redacted]';

/** Shorter values (an empty or one-letter setting) would blank out ordinary text. */
const SHORTEST = 8;
const SHORTEST_SECRET = 16;
/** From this length on, a text of both cases without a digit is not the name of a member or a setting. */
const LONG = 32;
/** An id of Atlas, a time, a fingerprint. */
const STRUCTURAL = /^[a-z0-9]{24}$|^[0-9]{4}-[0-9]{2}-[0-9]{2}T|^sha256:/;

/** The published shape of a model key, for keys that this process never held (see the API's examples). */
const MODEL_KEY = /(?<![A-Za-z0-9])al-(?:[a-z]{2,}-)?[A-Za-z0-9_-]{20,}/g;

/** The forms of each known value, by the value. */
const known = new Map<string, readonly string[]>();
/** Of those that have the form of a secret. */
const strong = new Map<string, readonly string[]>();
/** The same as a string of JSON spells them. */
const spelled = new Map<string, readonly string[]>();
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
  spelled.set(
    value,
    forms.map((form) => JSON.stringify(form).slice(1, -1)),
  );
  runs.add(value);
}

/** Forgets a value: one that the operator wants shown (the inline sink), or a token that has expired. */
export function disclose(value: string): void {
  known.delete(value);
  strong.delete(value);
  spelled.delete(value);
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
  const text = JSON.stringify(value);
  // Most documents hold no form. A walk through the list of tools would have V8 optimize it, at each start and for 4 MB.
  return formsIn(text, spelled).length === 0 ? text : JSON.stringify(redactStrings(value));
}

type Forms = ReadonlyMap<string, readonly string[]>;

function withoutForms(text: string, values: Forms): string {
  // Longest first, so that none is cut up by a shorter one.
  const found = formsIn(text, values).sort((a, b) => b.length - a.length);
  return found.reduce((clean, form) => clean.replaceAll(form, REDACTED), text);
}

/** One search per form: a single expression of all forms grows without bound, and with it the time to compile it. */
function formsIn(text: string, values: Forms): string[] {
  const found: string[] = [];
  for (const forms of values.values()) {
    for (const form of forms) if (text.includes(form)) found.push(form);
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

/** Eight equal characters are not a coincidence, and nobody can use fewer. */
const RUN = 8;
/** Eight characters of a hexadecimal value occur in other ids by chance. */
const HEXADECIMAL_RUN = 12;
const SYMBOLS = 36;
/** A run is looked up by the number of its first letters. */
const BEGINNING = 4;
const WITHOUT_FIRST = SYMBOLS ** (BEGINNING - 1);
/** Text in which a part may be encoded: base64, base64url, hexadecimal or percent-encoded hexadecimal. */
const ENCODED = /[A-Za-z0-9+/_=%-]{16,}/g;

interface Runs {
  add(value: string): void;
  remove(value: string): void;
  /** Whether the text shares a run of characters with a value. */
  isIn(text: string): boolean;
  /** The text with each such run, and whatever encodes one, replaced. */
  without(text: string, replacement: string): string;
}

function createRuns(): Runs {
  const values = new Set<string>();
  let pieces = new Map<number, Set<string>>();
  let beginnings = new Uint8Array(0);
  const note = (value: string) => {
    const length = /^[0-9a-f-]+$/i.test(value) ? HEXADECIMAL_RUN : RUN;
    const letters = lettersOf(value);
    if (beginnings.length === 0) beginnings = new Uint8Array(SYMBOLS ** BEGINNING);
    for (const order of [letters, Array.from(letters).reverse().join('')]) {
      for (let at = 0; at + length <= order.length; at += 1) {
        const known = pieces.get(length) ?? new Set();
        pieces.set(length, known.add(order.slice(at, at + length)));
        beginnings[Number.parseInt(order.slice(at, at + BEGINNING), SYMBOLS)] = 1;
      }
    }
  };
  const find = (letters: string) => spansIn(letters, pieces, beginnings);
  return {
    add(value) {
      values.add(value);
      note(value);
    },
    remove(value) {
      if (!values.delete(value)) return;
      pieces = new Map();
      beginnings.fill(0);
      for (const left of values) note(left);
    },
    isIn: (text) => find(lettersOf(text)).length > 0,
    without(text, replacement) {
      const spans = find(lettersOf(text));
      const plain = spans.length === 0 ? text : cut(text, spans, replacement);
      return plain.replace(ENCODED, (token) =>
        readings(token).some((reading) => find(lettersOf(reading)).length > 0) ? replacement : token,
      );
    },
  };
}

type Span = readonly [from: number, to: number];

function spansIn(letters: string, pieces: ReadonlyMap<number, ReadonlySet<string>>, beginnings: Uint8Array): Span[] {
  const spans: Span[] = [];
  // Of the letters before `at + BEGINNING`: a search is one step for each letter.
  let beginning = 0;
  for (let at = 1 - BEGINNING; at + RUN <= letters.length; at += 1) {
    const next = symbolOf(letters.charCodeAt(at + BEGINNING - 1));
    beginning = (beginning % WITHOUT_FIRST) * SYMBOLS + next;
    if (at < 0 || beginnings[beginning] !== 1) continue;
    for (const [length, known] of pieces) {
      if (!known.has(letters.slice(at, at + length))) continue;
      const last = spans.at(-1);
      if (last && last[1] >= at) spans[spans.length - 1] = [last[0], Math.max(last[1], at + length)];
      else spans.push([at, at + length]);
    }
  }
  return spans;
}

function lettersOf(text: string): string {
  return text.replace(/[^A-Za-z0-9]+/g, '').toLowerCase();
}

/** The number of a letter or digit; -1 for anything else. */
function symbolOf(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 122 && code < 128 ? lower - 87 : -1;
}

/** @param spans of the text's letters and digits */
function cut(text: string, spans: readonly Span[], replacement: string): string {
  const places: number[] = [];
  for (let at = 0; at < text.length; at += 1) if (symbolOf(text.charCodeAt(at)) >= 0) places.push(at);
  let clean = '';
  let rest = 0;
  for (const [from, to] of spans) {
    clean += text.slice(rest, places[from]) + replacement;
    rest = (places[to - 1] ?? text.length) + 1;
  }
  return clean + text.slice(rest);
}

/** What the text is where it is the encoding of another, from any place in it on. */
function readings(token: string): string[] {
  const hexadecimal = token.replaceAll('%', '');
  const latin1 = (text: string, encoding: 'base64' | 'hex') => Buffer.from(text, encoding).toString('latin1');
  return [
    ...[0, 1, 2, 3].map((start) => latin1(token.slice(start), 'base64')),
    ...(/^[0-9a-f]+$/i.test(hexadecimal) ? [0, 1].map((start) => latin1(hexadecimal.slice(start), 'hex')) : []),
  ];
}

/** How long the end waits for a stream that never called back, in milliseconds. */
const LONGEST_SILENCE_MS = 1_000;

/** A stream that redacts what is written to it. Each write must be one line of JSON, as the SDK's transport does. */
export function redacted(stream: Writable): Writable {
  let unanswered = 0;
  let callsBack = false;
  let whenAnswered: (() => void) | undefined;
  return new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, _encoding, done) {
      unanswered += 1;
      const proceed = once(done);
      const answered = (error?: Error | null) => {
        unanswered -= 1;
        callsBack = true;
        proceed(error);
        if (unanswered === 0) whenAnswered?.();
      };
      const isTaken: unknown = stream.write(`${redactJson(chunk.toString())}\n`, answered);
      // A desktop host that runs this program within itself has a stream of its own here, which may never call back.
      if (isTaken === false) stream.once('drain', proceed);
      else proceed();
    },
    final(done) {
      if (unanswered === 0) done();
      else {
        whenAnswered = once(done);
        if (!callsBack) setTimeout(whenAnswered, LONGEST_SILENCE_MS);
      }
    },
  });
}

function once(done: (error?: Error | null) => void): (error?: Error | null) => void {
  let isDone = false;
  return (error) => {
    if (isDone) return;
    isDone = true;
    done(error);
  };
}

const LEVELS = ['debug', 'info', 'warning', 'error', 'silent'] as const;
type LogLevel = (typeof LEVELS)[number];

/** One line to stderr. Callers pass fixed texts, names and codes, never a value from outside. */
export type Log = (level: Exclude<LogLevel, 'silent'>, message: string) => void;

export function createLog(threshold: LogLevel): Log {
  return (level, message) => {
    if (LEVELS.indexOf(level) >= LEVELS.indexOf(threshold)) say(redact(`atlas-model-keys-mcp ${level}: ${message}`));
  };
}

let isHeard = false;

/** A line to stderr. Node makes that stream when it is first asked for, and most servers have nothing to say when they start. */
export function say(line: string): void {
  // A host that closes stderr must not turn each line into an uncaught error.
  if (!isHeard) process.stderr.on('error', () => undefined);
  isHeard = true;
  process.stderr.write(`${line}\n`);
}

/** Of an unforeseen error only the class may be logged: its message may quote anything. */
export function classOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  // Not the name of its constructor, which is shortened in what ships.
  return /^[$A-Za-z]{1,40}$/.test(error.name) ? error.name : 'Error';
}
