// Makes text from Atlas fit to show: it is data from outside, never an instruction, and may be hostile.

import { hasModelKey, redactOutside, redactProse } from '../secret/redaction.ts';
import { BLANK, withEscapes, withoutInvisible } from '../text/invisible.ts';

/** As in text/invisible.ts, but for spaces, and within emoji too: in prose nothing is lost with them. */
const UNSHOWABLE = new RegExp(
  String.raw`[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Default_Ignorable_Code_Point}${BLANK}]`,
  'gu',
);
/** Nearly all text is, and is told from the rest at once. */
const PLAIN = /^[ -~]*$/;
const LINE_BREAKS = /[\t\n\v\f\r\u0085\u2028\u2029]+/g;

/**
 * A run without spaces that is longer than any word or id, and not longer than a model key in any encoding. A reply to
 * a create that failed may repeat a secret that this process never held, so that it cannot be known by value.
 */
const OPAQUE_RUN = /[A-Za-z0-9+/=_%-]{40,}/g;

/** {@link cleanText} for the free text of errors: long opaque runs are taken out as well. */
export function cleanProse(text: string, longest: number): string {
  return shortened(withoutSecrets(redactProse(bounded(text, longest))).replace(OPAQUE_RUN, '[redacted]'), longest);
}

/** The text in one line, without unshowable characters and secrets, at most `longest` UTF-16 units of it. */
export function cleanText(text: string, longest: number): string {
  return shortened(withoutSecrets(bounded(text, longest)), longest);
}

/** {@link cleanText} for a name, by which a person tells one thing from another: what cannot be seen is shown as an escape. */
export function cleanName(name: string, longest: number): string {
  const isClean = [name, withoutInvisible(name)].every((text) => redactOutside(text) === text);
  return isClean ? shortened(withEscapes(name), longest) : cleanText(name, longest);
}

/** By its shape only: an answer that compared it with a secret would judge a guess. */
export function looksLikeModelKey(text: string): boolean {
  return hasModelKey(text);
}

/** Again where something went, since a secret may be cut up by what went; and before the text is made shorter. */
function withoutSecrets(text: string): string {
  const clean = redactOutside(text);
  const line = oneLine(clean);
  return line === clean ? line : redactOutside(line);
}

/** Nothing that far behind is shown, however much goes before it; a text of 1 MB need not be looked through. */
function bounded(text: string, longest: number): string {
  return text.slice(0, 4 * longest + 1_000);
}

function oneLine(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replace(LINE_BREAKS, ' ').replace(UNSHOWABLE, '');
}

function shortened(text: string, longest: number): string {
  if (text.length <= longest) return text;
  const kept = text.slice(0, longest - 1).replace(/[\uD800-\uDBFF]$/, '');
  // Through bytes: a slice would keep the whole text in memory, for each of 50,000 rows.
  return Buffer.from(`${kept}…`, 'utf16le').toString('utf16le');
}
