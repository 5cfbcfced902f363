// The digest's header and its challenge, apart from any server: the vectors of the RFCs, and odd input.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digestHeader, parseChallenge } from '../../../src/atlas/auth/digest.ts';
import { Secret } from '../../../src/secret/secret.ts';

describe('the header', () => {
  const request = { method: 'GET', uri: '/dir/index.html', count: 1 };

  test('answers the example of RFC 2617, section 3.5', () => {
    const header = digestHeader(
      { publicKey: 'Mufasa', privateKey: new Secret('Circle Of Life') },
      {
        realm: 'testrealm@host.com',
        nonce: 'dcd98b7102dd2f0e8b11d0f600bfb0c093',
        opaque: '5ccc069c403ebaf9f0171e9517f40e41',
        stale: false,
      },
      { ...request, cnonce: '0a4f113b' },
    );
    expect(header).toContain('response="6629fae49393a05397450978507c4ef1"');
    expect(header).toContain('opaque="5ccc069c403ebaf9f0171e9517f40e41"');
    expect(header).toMatch(/^Digest username="Mufasa", .*qop=auth, nc=00000001, cnonce="0a4f113b"/);
  });

  test('answers the example of RFC 7616, section 3.9.1, from its challenges', () => {
    const offered = ['SHA-256', 'MD5'].map(
      (algorithm) =>
        `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, ` +
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"',
    );
    const challenge = parseChallenge(offered.join(', '));
    expect(challenge).toBeDefined();
    if (!challenge) return;
    const apiKey = { publicKey: 'Mufasa', privateKey: new Secret('Circle of Life') };
    const header = digestHeader(apiKey, challenge, {
      ...request,
      cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ',
    });
    expect(header).toContain('response="8ca523f5e9506fed4657c9700eebdbec"');
  });

  test('counts in eight hexadecimal digits, and escapes what stands in quotes', () => {
    const apiKey = { publicKey: 'a"b\\c', privateKey: new Secret('private-key') };
    const header = digestHeader(
      apiKey,
      { realm: 'r"r', nonce: 'n', stale: false },
      { ...request, count: 0xabc, cnonce: 'c' },
    );
    expect(header).toContain('nc=00000abc');
    expect(header).toContain(String.raw`username="a\"b\\c", realm="r\"r"`);
    expect(header).not.toContain('opaque');
  });
});

describe('a challenge', () => {
  const plain: ReturnType<typeof parseChallenge> = { realm: 'MMS Public API', nonce: 'n', stale: false };

  test.each<[string, string, ReturnType<typeof parseChallenge>]>([
    [
      "Atlas's own",
      'Digest realm="MMS Public API", domain="", nonce="n", algorithm=MD5, qop="auth", stale=false',
      plain,
    ],
    ['no algorithm', 'Digest realm="MMS Public API", nonce="n", qop="auth"', plain],
    ['other cases', 'dIGEST Realm="MMS Public API",NONCE="n",QOP=auth,algorithm=md5,STALE=FALSE', plain],
    ['spaces around =', 'Digest realm = "MMS Public API" , nonce = n , qop = "auth-int, auth"', plain],
    ['an empty parameter', 'Digest opaque=, realm="MMS Public API", nonce="n", qop="auth"', { ...plain, opaque: '' }],
    ['stale', 'Digest realm="MMS Public API", nonce="n", qop="auth", stale=TRUE', { ...plain, stale: true }],
    [
      'commas, quotes and schemes in quotes',
      String.raw`Digest realm="a, Basic \"b\" \\ nonce=x", nonce="n,n", opaque="=", qop="auth"`,
      { realm: String.raw`a, Basic "b" \ nonce=x`, nonce: 'n,n', opaque: '=', stale: false },
    ],
    [
      'after SHA-256',
      'Digest realm="s", nonce="s", qop="auth", algorithm=SHA-256, Digest realm="MMS Public API", nonce="n", qop="auth"',
      plain,
    ],
    ['after Basic', 'Basic realm="b", Digest realm="MMS Public API", nonce="n", qop="auth"', plain],
    ['before Negotiate', 'Digest realm="MMS Public API", nonce="n", qop="auth", Negotiate YII==', plain],
    ['no qop', 'Digest realm="r", nonce="n"', undefined],
    ['only qop auth-int', 'Digest realm="r", nonce="n", qop="auth-int"', undefined],
    ['no nonce', 'Digest realm="r", qop="auth"', undefined],
    ['no realm', 'Digest nonce="n", qop="auth"', undefined],
    ['only SHA-256', 'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256', undefined],
    ['sessions', 'Digest realm="r", nonce="n", qop="auth", algorithm=MD5-sess', undefined],
    ['only Basic, with the parameters of a digest', 'Basic realm="r", nonce="n", qop="auth"', undefined],
    ['parameters of two schemes', 'Digest realm="r", Basic nonce="n", qop="auth"', undefined],
    ['nothing', '', undefined],
    ['only the name', 'Digest', undefined],
  ])('%s', (_what, header, expected) => {
    expect(parseChallenge(header)).toEqual(expected);
  });

  test('of any form is read or refused, and never throws (property)', () => {
    const part = fc.constantFrom(
      'Digest ',
      'Basic ',
      'realm=',
      'nonce=',
      'qop=',
      'stale=',
      '"',
      '\\',
      ',',
      '=',
      ' ',
      'auth',
      'MD5',
      'n',
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(part, { maxLength: 40 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (header) => {
        const challenge = parseChallenge(header);
        expect(challenge === undefined || typeof challenge.nonce === 'string').toBe(true);
      }),
    );
  });

  test('is read back whatever its realm and nonce are (property)', () => {
    const quoted = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`;
    const visible = fc.string().filter((text) => !/[\r\n\u2028\u2029]/.test(text));
    fc.assert(
      fc.property(visible, visible, (realm, nonce) => {
        const header = `Basic realm="b", Digest realm=${quoted(realm)}, nonce=${quoted(nonce)}, qop="auth"`;
        expect(parseChallenge(header)).toEqual({ realm, nonce, stale: false });
      }),
    );
  });
});
