// HTTP digest (RFC 7616) as Atlas asks for it: MD5, qop `auth`, the query part of the `uri`. Checks one pair
// of keys; knows nothing of what the request wants.

import { createHash, randomBytes } from 'node:crypto';

const REALM = 'MMS Public API';

/** Enough for any run; the oldest nonce is forgotten, and a client that still holds it is told `stale`. */
const MOST_NONCES = 10_000;

export interface DigestGuard {
  /** The value of a `WWW-Authenticate` header with a new nonce. */
  challenge(stale: boolean): string;
  /** `stale`: the keys are right, the nonce cannot be used (any more). */
  check(authorization: string, method: string, target: string): 'accepted' | 'refused' | 'stale';
}

interface DigestKeys {
  readonly publicKey: string;
  readonly privateKey: string;
}

export function createDigestGuard(keys: DigestKeys, nonceUses: number): DigestGuard {
  /** Nonce to its highest count and the number of its uses. */
  const nonces = new Map<string, { readonly count: number; readonly uses: number }>();

  return {
    challenge(stale) {
      const nonce = randomBytes(16).toString('base64url');
      nonces.set(nonce, { count: 0, uses: 0 });
      const [oldest] = nonces.keys();
      if (nonces.size > MOST_NONCES && oldest !== undefined) nonces.delete(oldest);
      return `Digest realm="${REALM}", domain="", nonce="${nonce}", algorithm=MD5, qop="auth", stale=${String(stale)}`;
    },

    check(authorization, method, target) {
      const given = directivesOf(authorization);
      if (!isRight(given, keys, method, target)) return 'refused';
      const nonce = given.nonce ?? '';
      const count = Number.parseInt(given.nc ?? '', 16);
      const known = nonces.get(nonce);
      // A count that does not increase is a replay. The keys were right, so a new nonce is all that is needed.
      if (known === undefined || count <= known.count || known.uses >= nonceUses) return 'stale';
      nonces.set(nonce, { count, uses: known.uses + 1 });
      return 'accepted';
    },
  };
}

type Directives = Readonly<Record<string, string>>;

function isRight(given: Directives, keys: DigestKeys, method: string, target: string): boolean {
  const { username, realm, nonce, uri, qop, nc, cnonce, response, algorithm } = given;
  if (username !== keys.publicKey || realm !== REALM || uri !== target || qop !== 'auth') return false;
  if (algorithm !== undefined && algorithm.toUpperCase() !== 'MD5') return false;
  if (!/^[0-9a-f]{8}$/i.test(nc ?? '') || cnonce === undefined || cnonce === '' || nonce === undefined) return false;
  const ha1 = md5(`${keys.publicKey}:${REALM}:${keys.privateKey}`);
  const ha2 = md5(`${method}:${target}`);
  return response === md5([ha1, nonce, nc, cnonce, qop, ha2].join(':'));
}

function directivesOf(authorization: string): Directives {
  const pairs = authorization.slice('Digest '.length).matchAll(/([a-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))/gi);
  return Object.fromEntries(
    Array.from(pairs, ([, name = '', quoted, bare]) => [
      name.toLowerCase(),
      quoted?.replaceAll(/\\(.)/g, '$1') ?? bare ?? '',
    ]),
  );
}

function md5(text: string): string {
  return createHash('md5').update(text, 'utf8').digest('hex');
}
