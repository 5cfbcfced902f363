// An API key: HTTP digest authentication (RFC 7616) with MD5 and qop `auth`, as Atlas asks. A nonce is reused until it is refused.

import { createHash, randomBytes } from 'node:crypto';
import { ok } from '../../failure.ts';
import { digestHa1 } from '../../secret/opened-secret.ts';
import type { Secret } from '../../secret/secret.ts';
import type { HttpReply } from '../../http/transport.ts';
import { isCreate, mayBeEnded, type Authenticator } from './authenticator.ts';
import type { SecretSource } from './secret-source.ts';

interface ApiKey {
  readonly publicKey: string;
  readonly privateKey: Secret;
}

interface DigestChallenge {
  readonly realm: string;
  readonly nonce: string;
  readonly opaque?: string;
  readonly stale: boolean;
}

/** Requests that run at the same time may use up the nonce of one another. */
const MOST_ATTEMPTS = 3;

export function digestAuthenticator(publicKey: string, source: SecretSource): Authenticator {
  let challenge: DigestChallenge | undefined;
  let count = 0;

  /** Whether the request is to be sent again for the nonce of a reply. */
  const learnNonce = (reply: HttpReply, sent: DigestChallenge | undefined, attempt: number) => {
    const next = parseChallenge(reply.headers['www-authenticate'] ?? '');
    if (!next || attempt >= MOST_ATTEMPTS) return false;
    // Another call may have taken this challenge already, and counts on from there.
    if (next.nonce !== challenge?.nonce) {
      challenge = next;
      count = 0;
    }
    // A header that was made from a nonce of an earlier call is worth one more try; one that was fresh is wrong.
    return sent === undefined || next.stale || (attempt === 0 && next.nonce !== sent.nonce);
  };

  return {
    remedy: source.remedy,
    async authorize(request, signal) {
      if (!challenge) {
        return ok({ refused: (reply, attempt) => Promise.resolve(learnNonce(reply, undefined, attempt)) });
      }
      const privateKey = await source.get(signal);
      if (!privateKey.ok) return privateKey;
      // After the wait: nonce and count belong together.
      const used = challenge;
      count += 1;
      const { method, path: uri } = request;
      const cnonce = randomBytes(16).toString('hex');
      return ok({
        header: digestHeader({ publicKey, privateKey: privateKey.value }, used, { method, uri, count, cnonce }),
        async refused(reply, attempt) {
          if (learnNonce(reply, used, attempt)) return true;
          const isWrongKey = mayBeEnded(reply) && attempt < MOST_ATTEMPTS && !isCreate(request);
          return isWrongKey && source.renew(privateKey.value);
        },
      });
    },
  };
}

interface DigestRequest {
  readonly method: string;
  /** Path and query, as sent. */
  readonly uri: string;
  /** The nonce count. */
  readonly count: number;
  readonly cnonce: string;
}

/** The Authorization header of RFC 7616, section 3.4. */
export function digestHeader(
  { publicKey, privateKey }: ApiKey,
  challenge: DigestChallenge,
  request: DigestRequest,
): string {
  const { realm, nonce, opaque } = challenge;
  const nc = request.count.toString(16).padStart(8, '0');
  const ha1 = digestHa1(publicKey, realm, privateKey);
  const ha2 = md5(`${request.method}:${request.uri}`);
  const response = md5(`${ha1}:${nonce}:${nc}:${request.cnonce}:auth:${ha2}`);
  const parts = [
    `username=${quoted(publicKey)}`,
    `realm=${quoted(realm)}`,
    `nonce=${quoted(nonce)}`,
    `uri=${quoted(request.uri)}`,
    'algorithm=MD5',
    'qop=auth',
    `nc=${nc}`,
    `cnonce=${quoted(request.cnonce)}`,
    `response=${quoted(response)}`,
    ...(opaque === undefined ? [] : [`opaque=${quoted(opaque)}`]),
  ];
  return `Digest ${parts.join(', ')}`;
}

/** The first challenge of RFC 7616, section 3.3, that is supported; undefined where none is. */
export function parseChallenge(header: string): DigestChallenge | undefined {
  return digestChallenges(header)
    .map(supportedChallenge)
    .find((challenge) => challenge !== undefined);
}

type Parameters = ReadonlyMap<string, string>;

/** A word without a value begins a challenge, `name=value` belongs to it (RFC 9110, section 11.6.1). */
const SCHEME_OR_PARAMETER = /([\w!#$%&'*+.^`|~-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?/g;

/** The parameters of each digest challenge among all that a reply offers. */
function digestChallenges(header: string): Parameters[] {
  const found: Map<string, string>[] = [];
  let current: Map<string, string> | undefined;
  for (const [, name = '', inQuotes, bare] of header.matchAll(SCHEME_OR_PARAMETER)) {
    const value = inQuotes?.replace(/\\(.)/g, '$1') ?? bare;
    if (value !== undefined) {
      current?.set(name.toLowerCase(), value);
    } else {
      current = name.toLowerCase() === 'digest' ? new Map<string, string>() : undefined;
      if (current) found.push(current);
    }
  }
  return found;
}

function supportedChallenge(parameters: Parameters): DigestChallenge | undefined {
  const realm = parameters.get('realm');
  const nonce = parameters.get('nonce');
  const opaque = parameters.get('opaque');
  const algorithm = parameters.get('algorithm') ?? 'MD5';
  const offered = (parameters.get('qop') ?? '').split(/[\s,]+/);
  if (realm === undefined || nonce === undefined || algorithm.toUpperCase() !== 'MD5' || !offered.includes('auth'))
    return undefined;
  return {
    realm,
    nonce,
    ...(opaque !== undefined && { opaque }),
    stale: parameters.get('stale')?.toLowerCase() === 'true',
  };
}

function quoted(value: string): string {
  return `"${value.replace(/["\\]/g, '\\$&')}"`;
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}
