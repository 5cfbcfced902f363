// Judges whether a text can be a secret of Atlas, wherever it comes from. Pure, and it never quotes the text.

/** What can stand in an Authorization header (RFC 9110, field values). */
export const VISIBLE = /^[\x21-\x7e]+$/;
/** Could not be told from the structure of a JSON text around it, where redaction takes it out. */
const STRUCTURE = /["\\,{}]/;

/** What is wrong, to stand behind the name of the setting; undefined where nothing is. */
export function secretProblem(text: string): string | undefined {
  if (!VISIBLE.test(text)) return 'holds a space, a line break or a control character; copy the secret again';
  if (STRUCTURE.test(text)) {
    return 'holds a quotation mark, backslash, comma or brace, which no secret of Atlas does; give the secret alone';
  }
  return undefined;
}
