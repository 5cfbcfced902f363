// The OAuth endpoints of a service account: a token for its id and secret, and the end of a token.

import { dropExpiredTokens, newToken, type Caller } from './authentication.ts';
import type { Call, Handler } from './call.ts';
import { empty, type Reply } from './replies.ts';
import type { World } from './world.ts';

const MOST_LIVE_TOKENS = 100;

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
      return empty(200);
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
