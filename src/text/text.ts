// What several rooms need of plain text: JSON without its errors, numbers of things, the nearest word, and the characters that show
// nothing, hide others, or change how a text is read.

import { distance } from 'fastest-levenshtein';

/** The value, or undefined for what is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The text as a JSON object; undefined where it is not one. */
export function parseObject(text: string | undefined): JsonObject | undefined {
  const parsed = parseJson(text ?? '');
  return isObject(parsed) ? parsed : undefined;
}

/** `1 key`, `2 keys`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** So many of a number that nobody bounds. */
const MOST_LISTED = 10;

/** `a, b and 3 more`. */
export function listed(items: readonly string[], between = ', ', most = MOST_LISTED): string {
  const rest = items.length - most;
  return `${items.slice(0, most).join(between)}${rest > 0 ? ` and ${rest} more` : ''}`;
}

/** Names of projects and keys differ near their beginning. In UTF-16 units. */
const LONGEST_COMPARED = 64;
/** Comparing them takes about 20 ms, during which nothing else happens. Further ones are not compared. */
const MOST_COMPARED = 10_000;

/**
 * The candidates whose text is nearest to the word by Levenshtein's distance, the nearest first, at most `most` of them.
 * Its work is bounded, however many and long the texts are.
 */
export function nearest<Candidate>(
  word: string,
  candidates: readonly Candidate[],
  textOf: (candidate: Candidate) => string,
  most: number,
): readonly Candidate[] {
  const start = word.slice(0, LONGEST_COMPARED);
  return candidates
    .slice(0, MOST_COMPARED)
    .map((candidate) => ({ candidate, slips: distance(start, textOf(candidate).slice(0, LONGEST_COMPARED)) }))
    .sort((one, other) => one.slips - other.slips)
    .slice(0, most)
    .map(({ candidate }) => candidate);
}

/** Within a class of a regular expression: what is drawn as nothing, and is neither a space nor left out by fonts. */
export const BLANK = String.raw`\u{16FE4}\u2800\u{13441}\u{13442}\u{1D159}`;

/**
 * Control, format (bidi, zero-width, tag), private-use and unassigned characters, lone surrogates, line separators, whatever
 * Unicode lets a font leave out (Hangul fillers, variation selectors, U+034F …), blank ones, and spaces but the usual one.
 */
export const INVISIBLE = String.raw`[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}${BLANK}]|(?! )\p{Zs}`;

/** Nearly all text matches, and so needs no further check. */
const PLAIN = /^[ -~]*$/;

let compiled: RegExp | undefined;

/** Within an emoji that Unicode recommends, joiners and selectors stay. Compiled when it is needed: it is a large one. */
function emojiOrInvisible(): RegExp {
  compiled ??= new RegExp(String.raw`\p{RGI_Emoji}|(?<invisible>${INVISIBLE})`, 'gv');
  return compiled;
}

/** The text with each invisible character as `\u{3164}`. */
export function withEscapes(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replace(emojiOrInvisible(), (match: string, invisible: string | undefined) =>
    invisible === undefined ? match : `\\u{${hexOf(invisible)}}`,
  );
}

/** The text without them. */
export function withoutInvisible(text: string): string {
  return PLAIN.test(text) ? text : text.replace(new RegExp(INVISIBLE, 'gv'), '');
}

/** The first of them, such as `U+3164`; undefined where all of the text can be seen. */
export function firstInvisible(text: string): string | undefined {
  if (PLAIN.test(text)) return undefined;
  for (const { groups } of text.matchAll(emojiOrInvisible())) {
    if (groups?.invisible !== undefined) return `U+${hexOf(groups.invisible).padStart(4, '0')}`;
  }
  return undefined;
}

function hexOf(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).toUpperCase();
}
