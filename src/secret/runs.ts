// Finds parts of secrets: a reply can repeat one cut, wrapped, spaced or reversed, which no look for the whole value sees.
//
// Letters and digits only are compared, without regard to case, so that what stands between them hides nothing.

/** Eight characters of a random value are no accident, and of no use to anybody. */
const RUN = 8;
/** Of a value that is hexadecimal, eight occur in other ids by chance. */
const HEXADECIMAL_RUN = 12;
const SYMBOLS = 36;
const DIGRAM = SYMBOLS * SYMBOLS;
/** Text in which a part may be encoded: base64, base64url, hexadecimal or percent-encoded hexadecimal. */
const ENCODED = /[A-Za-z0-9+/_=%-]{16,}/g;

export interface Runs {
  add(value: string): void;
  remove(value: string): void;
  /** Whether the text shares a run of characters with a value. */
  isIn(text: string): boolean;
  /** The text with each such run, and whatever encodes one, replaced. */
  without(text: string, replacement: string): string;
}

export function createRuns(): Runs {
  const values = new Set<string>();
  let pieces = new Map<number, Set<string>>();
  let beginnings = new Uint8Array(0);
  const note = (value: string) => {
    const length = /^[0-9a-f-]+$/i.test(value) ? HEXADECIMAL_RUN : RUN;
    const letters = lettersOf(value);
    if (beginnings.length === 0) beginnings = new Uint8Array(DIGRAM * DIGRAM);
    for (const order of [letters, Array.from(letters).reverse().join('')]) {
      for (let at = 0; at + length <= order.length; at += 1) {
        const known = pieces.get(length) ?? new Set();
        pieces.set(length, known.add(order.slice(at, at + length)));
        beginnings[beginningAt(order, at)] = 1;
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
  for (let at = 0; at + RUN <= letters.length; at += 1) {
    if (beginnings[beginningAt(letters, at)] !== 1) continue;
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

/** The number of the four letters there. */
function beginningAt(letters: string, at: number): number {
  const symbol = (offset: number) => symbolOf(letters.charCodeAt(at + offset));
  return (symbol(0) * SYMBOLS + symbol(1)) * DIGRAM + symbol(2) * SYMBOLS + symbol(3);
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
