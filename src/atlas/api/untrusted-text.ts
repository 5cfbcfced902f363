// Reads what Atlas sends: fields, of which it promises none and each counts as absent where it has another form than it must
// have; and text, which is data from outside, never an instruction, and may be hostile.

import { hasModelKey, redactOutside, redactProse, sharesRun } from '../../secret/redaction.ts';
import { BLANK, withEscapes, withoutInvisible, type JsonObject } from '../../text/text.ts';

/** As INVISIBLE of text/text.ts, but for spaces, and within emoji too: in prose nothing is lost with them. */
const UNSHOWABLE = String.raw`[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Default_Ignorable_Code_Point}${BLANK}]`;
/** Nearly all text is, and is told from the rest at once. */
const PLAIN = /^[ -~]*$/;
const LINE_BREAKS = /[\t\n\v\f\r\u0085\u2028\u2029]+/g;

/**
 * A run without spaces that is longer than any word or id, and not longer than a model key in any encoding. A reply to
 * a create that failed may repeat a secret that this process never held, so that it cannot be known by value.
 */
const OPAQUE_RUN = /[A-Za-z0-9+/=_%-]{40,}/g;

/** Of the name of a key, in UTF-16 units. */
const LONGEST_NAME = 250;
const LONGEST_PROSE = 100;
const LONGEST_FORMED = 300;

/** Of a project or an organization. */
export const OBJECT_ID = /^[a-f0-9]{24}$/;
/** The host at which a key works. Only that of a simulated Atlas on this machine has a port. */
export const ENDPOINT = /^(?=.{1,253}$)[a-z0-9-]+(?:\.[a-z0-9-]+)+$|^127\.0\.0\.1:[1-9][0-9]{0,4}$/i;
/** An IP address or a CIDR block. */
export const ADDRESS = /^[0-9A-Fa-f.:]{2,45}(?:\/[0-9]{1,3})?$/;

/** {@link cleanText} for the free text of errors: long opaque runs are taken out as well. */
export function cleanProse(text: string, longest: number): string {
  return shortened(withoutSecrets(redactProse(bounded(text, longest))).replace(OPAQUE_RUN, '[redacted]'), longest);
}

/** The text in one line, without unshowable characters and secrets, at most `longest` UTF-16 units of it. */
export function cleanText(text: string, longest: number): string {
  return shortened(withoutSecrets(bounded(text, longest)), longest);
}

/** {@link cleanText} for a name, by which a person tells one thing from another: what cannot be seen is shown as an escape. */
export function cleanName(name: string, longest = LONGEST_NAME): string {
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
  return text.replace(LINE_BREAKS, ' ').replace(new RegExp(UNSHOWABLE, 'gu'), '');
}

function shortened(text: string, longest: number): string {
  if (text.length <= longest) return text;
  const kept = text.slice(0, longest - 1).replace(/[\uD800-\uDBFF]$/, '');
  // Through bytes: a slice would keep the whole text in memory, for each of 50,000 rows.
  return Buffer.from(`${kept}…`, 'utf16le').toString('utf16le');
}

/** The field as text that is fit to show; undefined where nothing of it is. */
export function textField(object: JsonObject, name: string, longest: number): string | undefined {
  const value = object[name];
  const text = typeof value === 'string' ? cleanText(value, longest) : '';
  return text === '' ? undefined : text;
}

export function listField(object: JsonObject, name: string): readonly unknown[] {
  const value = object[name];
  return Array.isArray(value) ? value : [];
}

/** An id is shown, kept and sent again as it is: what shares a part with a secret is not an id. */
export function idField(row: JsonObject, name: string, form: RegExp): string | undefined {
  const id = row[name];
  if (typeof id !== 'string' || id.length > LONGEST_FORMED || !form.test(id)) return undefined;
  return sharesRun(id) ? undefined : id;
}

/** A name is prose, for reading only; empty where there is none. */
export function nameField(row: JsonObject): string {
  return typeof row.name === 'string' ? cleanName(row.name) : '';
}

/** A whole number of at least `least` that no rounding has changed. */
export function wholeField<Name extends string>(
  row: JsonObject,
  name: Name,
  least: number,
): Partial<Record<Name, number>> {
  const value = row[name];
  const fields: Partial<Record<Name, number>> = {};
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) fields[name] = value;
  return fields;
}

/** @param forms what fields must look like, else they count as absent; `prose` may be any text but an empty one */
export function optionalFields<Name extends string>(
  row: JsonObject,
  forms: Readonly<Record<Name, RegExp | 'prose'>>,
): Partial<Record<Name, string>> {
  const fields: Partial<Record<Name, string>> = {};
  for (const name in forms) {
    const form = forms[name];
    const value = form === 'prose' ? textField(row, name, LONGEST_PROSE) : idField(row, name, form);
    if (value !== undefined) fields[name] = value;
  }
  return fields;
}

/** The date of an HTTP header (RFC 9110, 5.6.7) in milliseconds since the epoch; undefined where the header is absent or unreadable. */
export function httpDate(value: string | undefined): number | undefined {
  const date = value?.endsWith(' GMT') ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : date;
}
