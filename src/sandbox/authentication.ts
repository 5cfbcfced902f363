// Who is calling the Admin API: by digest, by bearer token, or nobody, who is challenged.

import type { Caller } from './caller.ts';
import type { DigestGuard } from './digest.ts';
import { refusal } from './errors.ts';
import { empty, withHeaders, type Reply } from './reply.ts';
import { ownerOf } from './tokens.ts';
import type { World } from './world.ts';

export type Admission = { readonly caller: Caller } | { readonly refused: Reply };

export interface Attempt {
  readonly authorization: string | undefined;
  readonly method: string;
  /** Path and query exactly as in the request line. */
  readonly target: string;
}

export function authenticate(world: World, digest: DigestGuard, attempt: Attempt): Admission {
  const authorization = attempt.authorization ?? '';
  if (/^Bearer /i.test(authorization)) {
    const caller = ownerOf(world, authorization.slice('Bearer '.length).trim());
    // No body, no challenge: all that Atlas says about a token that it does not take.
    return caller === undefined ? { refused: empty(401) } : { caller };
  }
  if (!/^Digest /i.test(authorization)) return { refused: challenge(digest, false) };
  const verdict = digest.check(authorization, attempt.method, attempt.target);
  if (verdict !== 'accepted') return { refused: challenge(digest, verdict === 'stale') };
  const { publicKey } = world.credentials;
  return { caller: { kind: 'api_key', name: publicKey, publicKey } };
}

function challenge(digest: DigestGuard, stale: boolean): Reply {
  const reply = refusal(401, { detail: 'You are not authorized for this resource.' });
  return withHeaders(reply, { 'www-authenticate': digest.challenge(stale) });
}
