import { expect, test } from 'vitest';
import { tokensAtMost } from '../../src/text/tokens.ts';

// Counted with o200k_base: random texts of each kind, in bytes a token.
test.each([
  ['letters and digits', 'aQ3xZ9pLmT7vRb2K', 1.33],
  ['a script that the tokenizer does not know', '\u{10000}\u{10005}', 1],
])('%s are not underestimated', (_what, text, bytesPerToken) => {
  const long = text.repeat(100);
  expect(tokensAtMost(long)).toBeGreaterThanOrEqual(Buffer.byteLength(long) / bytesPerToken - 2);
});

test('members count with their names, and numbers and null too', () => {
  expect(tokensAtMost({ apiKeyId: null, count: 12 })).toBeGreaterThan(tokensAtMost({ apiKeyId: null }));
  expect(tokensAtMost([])).toBeGreaterThan(0);
});
