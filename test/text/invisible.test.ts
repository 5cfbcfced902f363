// What cannot be seen of a text, and what only looks as if it could not.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { firstInvisible, withEscapes, withoutInvisible } from '../../src/text/text.ts';

const INVISIBLE = [
  ...[0x00ad, 0x034f, 0x061c, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x180b, 0x180c, 0x180d, 0x180e, 0x180f, 0x200b, 0x200c],
  ...[0x200d, 0x200e, 0x200f, 0x2028, 0x202a, 0x202e, 0x2060, 0x2064, 0x2066, 0x206f, 0x2800, 0x3164, 0xfe00, 0xfe0f],
  ...[0xfeff, 0xffa0, 0xfff0, 0x1bca0, 0x1d159, 0x1d173, 0xe0001, 0xe0041, 0xe007f, 0xe0100, 0xe01ef, 0xe0fff],
  ...[
    0x00, 0x09, 0x0a, 0x1b, 0x7f, 0x9b, 0xa0, 0x1680, 0x2003, 0x202f, 0x205f, 0x3000, 0x13441, 0x13442, 0x16fe4, 0xe000,
    0xd800, 0xdfff, 0x0378,
  ],
];

test.each(INVISIBLE)('U+%s is shown and found', (code) => {
  const hex = code.toString(16).toUpperCase();
  const name = `pr${String.fromCodePoint(code)}od`;
  expect(withEscapes(name)).toBe(`pr\\u{${hex}}od`);
  expect(withoutInvisible(name)).toBe('prod');
  expect(firstInvisible(name)).toBe(`U+${hex.padStart(4, '0')}`);
});

test.each(['👩‍💻', '❤️', '1️⃣', '🏳️‍🌈', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', '👨‍👩‍👧‍👦', 'naïve', '日本', 'עברית', 'ไทย', 'हिन्दी', 'e\u0301', ' -~'])(
  '%s stays',
  (text) => {
    expect(withEscapes(`a${text}b`)).toBe(`a${text}b`);
    expect(firstInvisible(`a${text}b`)).toBeUndefined();
  },
);

test.each([
  ['a joiner that joins nothing', 'a\u200d💻', 'U+200D'],
  ['a selector behind a letter', 'a\ufe0f', 'U+FE0F'],
  ['tags behind a flag that is none of a country', '🏴\u{e0068}\u{e0069}\u{e007f}', 'U+E0068'],
  ['selectors in a row behind an emoji', '❤️\ufe0f\ufe0f', 'U+FE0F'],
])('%s is found', (_what, text, found) => {
  expect(firstInvisible(text)).toBe(found);
});

test('what has escapes has nothing invisible any more (property)', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(firstInvisible(withEscapes(text))).toBeUndefined();
      if (firstInvisible(text) === undefined) expect(withEscapes(text)).toBe(text);
    }),
  );
});
