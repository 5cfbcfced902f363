import fc from 'fast-check';
import { expect, test } from 'vitest';
import { markedName, newNonce, nonceIn, withSuffix } from '../../src/keys/own-key.ts';

const NONCE = '0123456789ab';

test('a marked name says the final name and the nonce, in letters, digits and hyphens', () => {
  expect(markedName('Production key', NONCE)).toBe(`Production key-undelivered-${NONCE}`);
  expect(newNonce()).toMatch(/^[0-9a-f]{12}$/);
  expect(newNonce()).not.toBe(newNonce());
});

test('whatever the final name is, the nonce is found again and the whole has at most 250 code points', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (name) => {
      const marked = markedName(name, NONCE);
      expect(Array.from(marked).length).toBeLessThanOrEqual(250);
      expect(nonceIn(marked)).toBe(NONCE);
    }),
  );
});

test('a name is cut between code points', () => {
  expect(Array.from(withSuffix('😀'.repeat(250), '-x'))).toHaveLength(250);
  expect(withSuffix('😀'.repeat(250), '-x')).toBe(`${'😀'.repeat(248)}-x`);
});

test.each([
  [`a-undelivered-${NONCE}`, NONCE],
  [`A-UNDELIVERED-${NONCE.toUpperCase()}`, NONCE],
  [`a-ｕｎdelivered-０１２３456789ab`, NONCE],
  [`-undelivered-${NONCE}`, NONCE],
  [`a-undelivered-${NONCE}0`, undefined],
  [`a-undelivered-${NONCE.slice(1)}`, undefined],
  [`a-undelivered-${NONCE} `, undefined],
  [`a undelivered-${NONCE}`, undefined],
  ['a-undelivered-', undefined],
  ['a', undefined],
])('%j has the nonce %j', (name, nonce) => {
  expect(nonceIn(name)).toBe(nonce);
});
