// How much of a model's context a value takes, without a tokenizer: at most so many tokens, whatever its texts are.

/** Measured with o200k_base: random characters of ASCII come to 1.33 a token at the least, and some scripts to a byte a token. */
const TOKENS_PER_ASCII = 0.75;
/** Quotes, colon and comma around a member, and what its name begins with. */
const TOKENS_PER_MEMBER = 3;
const LETTERS_PER_TOKEN = 3;

/** Of the value as JSON. Names of members are this program's own, and words. */
export function tokensAtMost(value: unknown): number {
  if (typeof value === 'object' && value !== null)
    return Object.entries(value).reduce(
      (sum, [name, member]) => sum + TOKENS_PER_MEMBER + name.length / LETTERS_PER_TOKEN + tokensAtMost(member),
      1,
    );
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  const bytes = new TextEncoder().encode(text).length;
  // A text of ASCII only has as many bytes as characters.
  const others = text.replace(/[ -~]/g, '').length;
  const ascii = text.length - others;
  return ascii * TOKENS_PER_ASCII + (bytes - ascii);
}
