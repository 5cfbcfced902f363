// Text from outside: whatever comes in, what goes out can be shown.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cleanName, cleanText } from '../../../src/atlas/api/untrusted-text.ts';
import { Secret } from '../../../src/secret/secret.ts';
import { firstInvisible } from '../../../src/text/text.ts';
import { leaksOf } from '../leaks.ts';

const SECRET = 'canary_0123456789-abcdefghij';
new Secret(SECRET).toString();

const HIDDEN = [
  '\u200b',
  '\u202e',
  '\u2066',
  '\ufeff',
  '\u{e0041}',
  '\ufe0f',
  '\u001b',
  '\u0000',
  '\ud800',
  '\udfff',
  '\ue000',
];
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.oneof(fc.constantFrom(...HIDDEN, '\n', '😀', SECRET), fc.string())).map((parts) => parts.join('')),
);

test.each([
  ['ordinary text stays', 'Köln key – 日本 😀 `a` "b" \\ <c>', 'Köln key – 日本 😀 `a` "b" \\ <c>'],
  ['lines become one', 'a\r\nb\tc\u2029d', 'a b c d'],
  ['hidden characters go', HIDDEN.join('x'), 'xxxxxxxxxx'],
  ['a secret goes', `a ${SECRET} b`, 'a [redacted] b'],
  ['a model key goes that was never known', 'a al-eu-0123456789abcdefghij b', 'a [redacted] b'],
])('%s', (_what, given, expected) => {
  expect(cleanText(given, 100)).toBe(expected);
});

test.each([
  ['12345', 5, '12345'],
  ['123456', 5, '1234…'],
  ['123😀56', 5, '123…'],
])('the cap: %j at %i is %j', (given, longest, expected) => {
  expect(cleanText(given, longest)).toBe(expected);
});

describe('any text (property)', () => {
  test('comes out short, in one line, showable, well-formed and without secrets', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 80 }), (given, longest) => {
        const clean = cleanText(given, longest);
        expect(clean.length).toBeLessThanOrEqual(longest);
        expect(cleanText(clean, longest)).toBe(clean);
        expect(clean).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u);
        expect(leaksOf(clean, SECRET)).toEqual([]);
      }),
    );
  });

  test('that is showable stays as it is', () => {
    fc.assert(
      fc.property(
        text.filter(
          (given) =>
            firstInvisible(given) === undefined &&
            !/\u200d|\ufe0f|[\u{e0000}-\u{e007f}]/u.test(given) &&
            !given.includes(SECRET),
        ),
        (given) => {
          expect(cleanText(given, 10_000)).toBe(given);
        },
      ),
    );
  });
});

describe('a name', () => {
  test.each([
    ['what cannot be seen is shown', 'pr\u3164od\u200b', 'pr\\u{3164}od\\u{200B}'],
    ['what can be stays', 'Köln 日本 👩‍💻 ❤️ 1️⃣', 'Köln 日本 👩‍💻 ❤️ 1️⃣'],
    ['a secret goes', `a ${SECRET}`, 'a [redacted]'],
    ['a secret goes that is cut up', `a ${SECRET.slice(0, 9)}\u200b${SECRET.slice(9)}`, 'a [redacted]'],
    ['a secret goes that is cut up by spaces', `a ${SECRET.slice(0, 9)}\u00ad${SECRET.slice(9)}`, 'a [redacted]'],
  ])('%s', (_what, given, expected) => {
    expect(cleanName(given, 100)).toBe(expected);
  });
  test('is short, shows all that it has, and holds no secret (property)', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 80 }), (given, longest) => {
        const clean = cleanName(given, longest);
        expect(clean.length).toBeLessThanOrEqual(longest);
        expect(leaksOf(clean, SECRET)).toEqual([]);
      }),
    );
  });
});
