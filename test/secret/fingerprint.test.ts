import { expect, test } from 'vitest';
import { fingerprintOf, fingerprintOfBytes, holdsExactly } from '../../src/secret/opened-secret.ts';
import { Secret } from '../../src/secret/secret.ts';

const secret = new Secret('al-sandbox-fingerprint');

test('is what a person gets from sha256sum', () => {
  // printf %s al-sandbox-fingerprint | sha256sum | cut -c1-12
  expect(fingerprintOf(secret)).toBe('sha256:ee0c1195128b');
  expect(fingerprintOfBytes(Buffer.from('al-sandbox-fingerprint'))).toBe(fingerprintOf(secret));
});

test.each(['al-sandbox-fingerprint\n', 'al-sandbox-fingerprin', '', 'AL-sandbox-fingerprint'])(
  '%j is not exactly the secret',
  (text) => {
    expect(holdsExactly(Buffer.from(text), secret)).toBe(false);
  },
);

test('the very bytes are', () => {
  expect(holdsExactly(Buffer.from('al-sandbox-fingerprint'), secret)).toBe(true);
});
