import { expect, test } from 'vitest';
import { basicAuthorization, bearerAuthorization, digestHa1 } from '../../src/secret/opened-secret.ts';
import { Secret } from '../../src/secret/secret.ts';

test('basic is raw base64, without percent-encoding the id first', () => {
  expect(basicAuthorization('mdb_sa_id_1', new Secret('mdb_sa_sk_2'))).toBe(
    `Basic ${Buffer.from('mdb_sa_id_1:mdb_sa_sk_2').toString('base64')}`,
  );
});

test('the example of RFC 7617, section 2', () => {
  expect(basicAuthorization('Aladdin', new Secret('open sesame'))).toBe('Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==');
});

test('bearer', () => {
  expect(bearerAuthorization(new Secret('mF_9.B5f-4.1JqM'))).toBe('Bearer mF_9.B5f-4.1JqM');
});

test('H(A1) of the example of RFC 2617, section 3.5', () => {
  expect(digestHa1('Mufasa', 'testrealm@host.com', new Secret('Circle Of Life'))).toBe(
    '939e7578ed9e3c518a452acee763bce9',
  );
});
