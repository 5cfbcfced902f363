// Makes text from Atlas fit to show: it is data from outside, never an instruction, and may be hostile.

import { redactOutside } from '../secret/redaction.ts';

/**
 * Control, format (bidi, zero-width, tag), private-use and unassigned characters, lone surrogates, and
 * variation selectors, which can carry a hidden text.
 */
const UNSHOWABLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\u{FE00}-\u{FE0F}\u{E0100}-\u{E01EF}]/gu;
const LINE_BREAKS = /[\t\n\v\f\r\u0085\u2028\u2029]+/g;

/** The text in one line, without unshowable characters and secrets, at most `longest` UTF-16 units of it. */
export function cleanText(text: string, longest: number): string {
  const line = redactOutside(text).replace(LINE_BREAKS, ' ').replace(UNSHOWABLE, '');
  // Again, since a secret may have been cut up by characters that are gone now; and only then made shorter.
  const clean = redactOutside(line);
  return clean.length <= longest ? clean : `${clean.slice(0, longest - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/** Whether the text would pass {@link cleanText} unchanged, but for secrets and length. */
export function isShowable(text: string): boolean {
  return text.replace(UNSHOWABLE, '') === text && text.replace(LINE_BREAKS, ' ') === text;
}
