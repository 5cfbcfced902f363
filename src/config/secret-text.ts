// Judges whether a text can be a secret of Atlas, wherever it comes from. Pure, and it never quotes the text.

/** What can stand in an Authorization header (RFC 9110, field values). */
export const VISIBLE = /^[\x21-\x7e]+$/;
/** Read as UTF-8: a byte order mark, if any, and every other character a zero. */
const UTF16 = /^\uFFFD{0,2}(?:(?:[^\0]\0){4}|(?:\0[^\0]){4})/;
/** Redaction could not tell it from the structure of a JSON text around it. */
const STRUCTURE = /["\\,{}]/;
const SECRET_PREFIX = /^(?:al-|mdb_)/i;
const SHORTEST_SECRET = 16;

/** The words to put behind the name of the setting where it cannot be a secret; else undefined. */
export function secretProblem(text: string): string | undefined {
  if (UTF16.test(text)) return 'is in UTF-16, as PowerShell 5 writes it; save it as UTF-8';
  if (!VISIBLE.test(text)) return 'holds a space, a line break or a control character; copy the secret again';
  if (STRUCTURE.test(text)) {
    return 'holds a quotation mark, backslash, comma or brace, which no secret of Atlas does; give only the secret';
  }
  return undefined;
}

/**
 * Whether a name that a person should have made up has the form of a secret. It is compared with no secret, so that no answer
 * reveals one.
 */
export function looksLikeSecret(text: string): boolean {
  if (text.length < SHORTEST_SECRET) return false;
  return SECRET_PREFIX.test(text) || (countOf(/[0-9]/g, text) >= 3 && countOf(/[A-Za-z]/g, text) >= 3);
}

/** In random text about half of the letters are capitals; in a word that a person made up, few are. */
export function hasRandomCapitals(text: string): boolean {
  return text.length >= SHORTEST_SECRET && 3 * countOf(/[A-Z]/g, text) > text.length && /[a-z]/.test(text);
}

function countOf(pattern: RegExp, text: string): number {
  return text.match(pattern)?.length ?? 0;
}
