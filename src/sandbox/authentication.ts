// Who is calling the Admin API, by bearer token or by HTTP digest, and what this caller may do. Whoever brings neither is
// challenged. The digest is that of RFC 7616 as Atlas asks for it: MD5, qop `auth`, the query as part of the `uri`. Also the
// OAuth endpoints of a service account: a token for its id and secret, and the end of a token.

import { createHash, randomBytes, randomInt, randomUUID } from 'node:crypto';
import { refusedReply, reply, type Call, type Handler, type Refused, type Reply } from './call.ts';
import type { World } from './world.ts';

/** What signs in at the sandbox: random for each start. */
export interface Credentials {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly publicKey: string;
  readonly privateKey: string;
  /** A bearer token that is valid at once, as from a person's login. */
  readonly accessToken: string;
}

export interface Caller {
  /** `nobody` only at the OAuth endpoints and where a key is used, which check their own credentials. */
  readonly kind: 'service_account' | 'api_key' | 'person' | 'nobody';
  readonly name: string;
}

const REALM = 'MMS Public API';

/** Enough for any run; the oldest nonce is forgotten, and a client that still holds it is told `stale`. */
const MOST_NONCES = 10_000;

const MOST_LIVE_TOKENS = 100;

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

/** In the forms that Atlas gives them. */
export function newCredentials(): Credentials {
  return {
    clientId: `mdb_sa_id_${randomBytes(12).toString('hex')}`,
    clientSecret: `mdb_sa_sk_${randomBytes(30).toString('base64url')}`,
    publicKey: Array.from({ length: 8 }, () => LETTERS.charAt(randomInt(LETTERS.length))).join(''),
    privateKey: randomUUID(),
    accessToken: newToken(),
  };
}

function newToken(): string {
  return `sandbox-token.${randomBytes(48).toString('base64url')}`;
}

/** Drops the tokens that have expired and gives the others. */
function dropExpiredTokens({ state }: World): World['state']['tokens'] {
  for (const [token, { expiresAt }] of state.tokens) if (expiresAt <= Date.now()) state.tokens.delete(token);
  return state.tokens;
}

interface SignedRequest {
  readonly method: string;
  /** With the query, exactly as in the request line. */
  readonly path: string;
  readonly headers: { readonly authorization?: string | undefined };
}

export function authenticate(world: World, request: SignedRequest): { readonly caller: Caller } | Refused {
  const { authorization = '' } = request.headers;
  if (/^Bearer /i.test(authorization)) {
    const caller = dropExpiredTokens(world).get(authorization.slice('Bearer '.length).trim())?.caller;
    // No body, no challenge: all that Atlas says about a token that it does not take.
    return caller === undefined ? { refused: reply(401) } : { caller };
  }
  if (!/^Digest /i.test(authorization)) return { refused: challenge(world, false) };
  const verdict = checkDigest(world, authorization, request);
  if (verdict !== 'accepted') return { refused: challenge(world, verdict === 'stale') };
  return { caller: { kind: 'api_key', name: world.credentials.publicKey } };
}

/** The project or organization of the path must exist and be the caller's own, and a write needs the role for it. */
export function refuseAccess(
  world: World,
  { groupId, orgId }: Readonly<Record<string, string>>,
  writes: boolean,
): Reply | undefined {
  const scope = (groupId === undefined ? undefined : refuseProject(world, groupId)) ?? refuseOrganization(world, orgId);
  if (scope !== undefined) return scope;
  if (!writes || world.rules.role === 'model_owner') return undefined;
  return refusedReply(401, {
    errorCode: 'USER_UNAUTHORIZED',
    detail: 'The current user is not authorized to perform this action.',
  });
}

function refuseProject(world: World, groupId: string): Reply | undefined {
  const project = world.projects.get(groupId);
  if (project === undefined) {
    const detail = `The group ${groupId} could not be found.`;
    return refusedReply(404, { errorCode: 'GROUP_NOT_FOUND', detail, parameters: [groupId] });
  }
  if (project.orgId === world.organization.id) return undefined;
  const detail = `The credential has no access to the group ${groupId}.`;
  return refusedReply(401, { errorCode: 'USER_CANNOT_ACCESS_GROUP', detail, parameters: [groupId] });
}

function refuseOrganization(world: World, orgId: string | undefined): Reply | undefined {
  if (orgId === undefined || orgId === world.organization.id) return undefined;
  if (orgId !== world.foreignOrganization.id) {
    const detail = `The organization ${orgId} could not be found.`;
    return refusedReply(404, { errorCode: 'ORG_NOT_FOUND', detail, parameters: [orgId] });
  }
  const detail = `The credential has no access to the organization ${orgId}.`;
  return refusedReply(401, { errorCode: 'USER_CANNOT_ACCESS_ORG', detail, parameters: [orgId] });
}

/** With a new nonce. `stale`: the keys were right, the nonce cannot be used (any more). */
function challenge({ nonces }: World, stale: boolean): Reply {
  const nonce = randomBytes(16).toString('base64url');
  nonces.set(nonce, { count: 0, uses: 0 });
  const [oldest] = nonces.keys();
  if (nonces.size > MOST_NONCES && oldest !== undefined) nonces.delete(oldest);
  const { headers, ...rest } = refusedReply(401, { detail: 'You are not authorized for this resource.' });
  const digest = `Digest realm="${REALM}", domain="", nonce="${nonce}", algorithm=MD5, qop="auth", stale=${String(stale)}`;
  return { ...rest, headers: { ...headers, 'www-authenticate': digest } };
}

function checkDigest(world: World, authorization: string, request: SignedRequest): 'accepted' | 'refused' | 'stale' {
  const given = directivesOf(authorization);
  if (!isSigned(given, world.credentials, request)) return 'refused';
  const nonce = given.nonce ?? '';
  const count = Number.parseInt(given.nc ?? '', 16);
  const known = world.nonces.get(nonce);
  // A count that does not increase is a replay. The keys were right, so a new nonce is all that is needed.
  if (known === undefined || count <= known.count || known.uses >= world.rules.nonceUses) return 'stale';
  world.nonces.set(nonce, { count, uses: known.uses + 1 });
  return 'accepted';
}

type Directives = Readonly<Record<string, string>>;

function isSigned(given: Directives, { publicKey, privateKey }: Credentials, { method, path }: SignedRequest): boolean {
  const { username, realm, nonce, uri, qop, nc, cnonce, response, algorithm } = given;
  if (username !== publicKey || realm !== REALM || uri !== path || qop !== 'auth') return false;
  if (algorithm !== undefined && algorithm.toUpperCase() !== 'MD5') return false;
  if (!/^[0-9a-f]{8}$/i.test(nc ?? '') || cnonce === undefined || cnonce === '' || nonce === undefined) return false;
  const ha1 = md5(`${publicKey}:${REALM}:${privateKey}`);
  const ha2 = md5(`${method}:${path}`);
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

export const tokenHandlers = {
  issueToken: (world, call) =>
    asServiceAccount(world, call, (caller, form) => {
      if (form.get('grant_type') !== 'client_credentials') {
        return oauthError(400, 'unsupported_grant_type', 'The grant type must be client_credentials.');
      }
      const live = [...dropExpiredTokens(world).values()].filter((token) => token.caller.kind === 'service_account');
      if (live.length >= MOST_LIVE_TOKENS) {
        return oauthError(403, 'access_denied', `The service account has ${MOST_LIVE_TOKENS} live tokens.`);
      }
      const { tokenLifetimeSeconds } = world.rules;
      const token = newToken();
      world.state.tokens.set(token, { caller, expiresAt: Date.now() + tokenLifetimeSeconds * 1000 });
      return oauthReply(200, { access_token: token, expires_in: tokenLifetimeSeconds, token_type: 'Bearer' });
    }),

  /** A token that is not alive is revoked already (RFC 7009, section 2.2). */
  revokeToken: (world, call) =>
    asServiceAccount(world, call, (_caller, form) => {
      const token = form.get('token');
      if (token === null || token === '') return oauthError(400, 'invalid_request', 'The token is missing.');
      if ((form.get('token_type_hint') ?? 'access_token') !== 'access_token') {
        return oauthError(400, 'unsupported_token_type', 'Only an access_token can be revoked.');
      }
      world.state.tokens.delete(token);
      return reply(200);
    }),
} satisfies Record<string, Handler>;

function asServiceAccount(world: World, call: Call, act: (caller: Caller, form: URLSearchParams) => Reply): Reply {
  const { clientId, clientSecret } = world.credentials;
  // Raw, as Atlas reads it: an id that was percent-encoded first is another id.
  const expected = Buffer.from(`${clientId}:${clientSecret}`, 'utf8').toString('base64');
  const given = /^Basic +(\S+) *$/i.exec(call.headers.authorization ?? '')?.[1];
  if (given?.replace(/=+$/, '') !== expected.replace(/=+$/, '')) {
    return oauthError(401, 'invalid_client', 'The id or the secret of the service account is wrong or has expired.');
  }
  const type = (call.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/x-www-form-urlencoded') {
    return oauthError(400, 'invalid_request', 'The body must be application/x-www-form-urlencoded.');
  }
  const form = new URLSearchParams(call.body.toString('utf8'));
  return act({ kind: 'service_account', name: 'Simulated Service Account' }, form);
}

/** These endpoints have errors of a shape of their own. */
function oauthError(status: number, error: string, description: string): Reply {
  return oauthReply(status, { error, error_description: description });
}

function oauthReply(status: number, content: Record<string, unknown>): Reply {
  return { status, headers: { 'content-type': 'application/json', 'cache-control': 'no-store' }, content };
}
