// Masks as Atlas shows them, and the values that fit.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fits, maskOf } from '../../src/sinks/old-secret.ts';

/** From the published example. */
const SECRET = 'al-jZsluhPMzPM9CFXepRWwMwvpZDDra6tZMgoAZKdodu2';

function fitsMask(value: string, mask: string): boolean {
  const read = maskOf(mask);
  return read !== undefined && fits(value, read);
}

test.each([
  ['al-****odu2', SECRET, true],
  ['al-**odu2', SECRET, true],
  ['al-eu-****odu2', SECRET.replace('al-', 'al-eu-'), true],
  ['al-****odu2', SECRET.replace('al-', 'al-eu-'), true],
  ['al-eu-****odu2', SECRET, false],
  ['al-****odu3', SECRET, false],
  ['al-****odu2', SECRET.replace('al-', 'xl-'), false],
  ['al-****odu2', `${SECRET} `, false],
  ['al-****odu2', `${SECRET}\n`, false],
  ['al-****odu2', `\n${SECRET}`, false],
  ['al-****odu2', SECRET.replace('P', ' '), false],
  ['al-****odu2', SECRET.replace('P', '\n'), false],
  ['al-****odu2', SECRET.replace('P', 'é'), false],
])('%j and %j: %s', (mask, value, expected) => {
  expect(fitsMask(value, mask)).toBe(expected);
});

test.each([
  undefined,
  '',
  'al-',
  'odu2',
  SECRET,
  '****',
  'al-****',
  'al-****u2',
  'al-****du2',
  '****odu2',
  'al-****Kdodu2',
  'ghp_****odu2',
  'al-e-****odu2',
  'al-EU-****odu2',
  'al-**odu2**',
  '**al**odu2',
])('the mask %j tells nothing', (mask) => {
  expect(maskOf(mask)).toBeUndefined();
});

describe('a value that is too short or too long to be a key', () => {
  test.each(['', 'odu2', 'al-odu2', 'alodu2', 'al-****odu2', `al-${'x'.repeat(15)}odu2`, `al-${'x'.repeat(250)}odu2`])(
    '%j does not fit',
    (value) => {
      expect(fitsMask(value, 'al-****odu2')).toBe(false);
    },
  );

  test('and the shortest and the longest that do', () => {
    for (const hidden of [16, 249]) expect(fitsMask(`al-${'x'.repeat(hidden)}odu2`, 'al-****odu2')).toBe(true);
  });
});

test('a secret fits its own mask, and that of another end or beginning does not', () => {
  const word = fc.stringMatching(/^[A-Za-z0-9_-]{20,60}$/);
  const beginning = fc.constantFrom('al-', 'al-eu-', 'al-us-');
  fc.assert(
    fc.property(beginning, word, beginning, word, (first, one, second, other) => {
      const mask = `${first}****${one.slice(-4)}`;
      expect(fitsMask(first + one, mask)).toBe(true);
      const value = second + other;
      expect(fitsMask(value, mask)).toBe(value.startsWith(first) && value.endsWith(one.slice(-4)));
    }),
  );
});
