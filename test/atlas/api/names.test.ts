// Comparing names: by what Atlas sent, not only by what is shown of it.

import { expect, test } from 'vitest';
import { scopeDifference } from '../../../src/atlas/api/keys.ts';
import { connect, originOf, PROJECT, TOKEN, valueOf } from '../connection.ts';
import { isNamed } from '../shipped-atlas.ts';

/** A key with that name, as a list gives it. */
async function listed(name: unknown) {
  const { url } = await originOf(200, { results: [{ apiKeyId: 'id', name }] });
  const [key] = valueOf(await connect(url, TOKEN).listKeys(PROJECT));
  if (!key) throw new Error('The list is empty.');
  return key;
}

const LIKE_A_SECRET = 'al-0123456789abcdefghijABCDEFGHIJ';

test.each([
  ['an ordinary name', 'Production key'],
  ['what redaction takes out', LIKE_A_SECRET],
  ['what cleaning takes out', 'a\u202eb'],
  ['what is cut', 'x'.repeat(300)],
])('%s is found by itself', async (_what, name) => {
  const key = await listed(name);
  expect(isNamed(key, name)).toBe(true);
  expect(isNamed(key, key.name)).toBe(true);
  expect(isNamed(key, `${name}x`)).toBe(false);
});

test('another spelling of the same text is the same name', async () => {
  expect(isNamed(await listed('Schl\u00fcssel'), 'Schlu\u0308ssel')).toBe(true);
  expect(isNamed(await listed('Schlussel'), 'Schl\u00fcssel')).toBe(false);
});

test.each([undefined, null, 7, ['n']])('no name (%j) is none', async (name) => {
  expect(isNamed(await listed(name), 'n')).toBe(false);
});

test('the name as it was sent is in no field', async () => {
  const key = await listed(LIKE_A_SECRET);
  expect(JSON.stringify({ ...key })).not.toContain('0123456789');
  expect(isNamed({ ...key }, LIKE_A_SECRET)).toBe(false);
});

test.each([
  [
    { cloud: 'ANY', geography: 'ANY' },
    { cloud: 'ANY', geography: 'ANY' },
  ],
  [
    { cloud: 'any', geography: 'EU' },
    { cloud: 'ANY', geography: 'eu' },
  ],
  [{ cloud: 'ANY', geography: 'eu' }, {}],
])('the scope %j is what a reply of %j says', (asked, got) => {
  expect(scopeDifference(asked, got)).toBeUndefined();
});

test.each([
  [{ cloud: 'ANY', geography: 'eu' }, { cloud: 'ANY', geography: 'ANY' }, /geography "eu" was asked for.*says "ANY"/],
  [{ cloud: 'ANY', geography: 'ANY' }, { geography: 'us' }, /geography "ANY" was asked for.*says "us"/],
  [{ cloud: 'aws', geography: 'eu' }, { cloud: 'gcp', geography: 'us' }, /cloud "aws".*geography "eu"/],
])('the scope %j is not what a reply of %j says', (asked, got, warning) => {
  expect(scopeDifference(asked, got)).toMatch(warning);
});
