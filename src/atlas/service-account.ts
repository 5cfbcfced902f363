// A service account: OAuth 2.0 client credentials (RFC 6749, section 4.4), one token for all calls, renewed ahead of expiry.

import { basicAuthorization, bearerAuthorization } from '../secret/authorization.ts';
import { Secret } from '../secret/secret.ts';
import { type Authenticator, type Authorization } from './authenticator.ts';
import { errorReplyFailure } from './error-reply.ts';
import { failed, protocolFailure, type AtlasFailure, type AtlasResult } from './failure.ts';
import { isObject, parseJson, type JsonObject } from './json.ts';
import { lostExchangeFailure } from './lost-exchange.ts';
import { type Exchange, type HttpReply, type HttpRequest, type Transport } from './transport.ts';

export interface ServiceAccount {
  readonly clientId: string;
  readonly clientSecret: Secret;
}

interface Token {
  readonly value: Secret;
  /** When to fetch the next one, in milliseconds since the epoch (a monotonic clock would miss a laptop's sleep). */
  readonly renewAt: number;
}

const SETTING = 'MONGODB_ATLAS_CLIENT_SECRET';
const TOKEN_PATH = '/api/oauth/token';
const RENEW_AHEAD_SECONDS = 60;
const ACCESS_TOKEN = /^[\x21-\x7e]{1,8192}$/;

export function serviceAccountAuthenticator(account: ServiceAccount, transport: Transport): Authenticator {
  let current: Token | undefined;
  let fetching: Promise<AtlasResult<Token>> | undefined;

  /** One request, however many callers wait for it. */
  const fetchToken = () => {
    fetching ??= transport
      .send(tokenRequest(account))
      .then(processTokenExchange)
      .finally(() => { fetching = undefined; });
    return fetching;
  };

  return {
    setting: SETTING,
    async authorize(): Promise<Authorization> {
      if (current && Date.now() < current.renewAt) return { ok: true, header: bearerAuthorization(current.value) };
      const fetched = await fetchToken();
      if (!fetched.ok) return fetched;
      current = fetched.value;
      return { ok: true, header: bearerAuthorization(current.value) };
    },
    refused(reply, sent, attempt) {
      if (attempt > 0 || !saysExpired(reply)) return false;
      if (current && bearerAuthorization(current.value) === sent) current = undefined;
      return true;
    },
  };
}

/** Atlas answers a bad or expired token with an empty body; with an error code, it is about a role. */
function saysExpired({ body }: HttpReply): boolean {
  const parsed = parseJson(body ?? '');
  return !(isObject(parsed) && typeof parsed.errorCode === 'string');
}

/** The token request of RFC 6749, section 4.4.2. */
function tokenRequest({ clientId, clientSecret }: ServiceAccount): HttpRequest {
  return {
    method: 'POST',
    path: TOKEN_PATH,
    headers: {
      authorization: basicAuthorization(clientId, clientSecret),
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: 'grant_type=client_credentials',
  };
}

/** The token response of RFC 6749, section 5.1. Fetching a token changes nothing that a caller could regret. */
function processTokenExchange(exchange: Exchange): AtlasResult<Token> {
  if (exchange.outcome !== 'reply') return failed(withoutEffect(lostExchangeFailure(exchange)));
  if (exchange.cut) return failed(withoutEffect(lostExchangeFailure({ outcome: 'lost', reason: exchange.cut })));
  // Not ATLAS_NOT_FOUND, which would say that the key or project of the call is gone.
  if (exchange.status === 404) return failed(withoutEffect(protocolFailure('no token endpoint')));
  if (exchange.status !== 200) {
    return failed(withoutEffect(errorReplyFailure(codeAlone(exchange), { role: 'Organization Member', credentialSetting: SETTING })));
  }
  const body = parseJson(exchange.body ?? '');
  if (!isObject(body) || typeof body.access_token !== 'string' || !ACCESS_TOKEN.test(body.access_token)) {
    return failed(withoutEffect(protocolFailure('a token reply without access_token')));
  }
  const lifetime = typeof body.expires_in === 'number' && body.expires_in > 0 ? body.expires_in : RENEW_AHEAD_SECONDS;
  const ahead = Math.min(RENEW_AHEAD_SECONDS, lifetime / 2);
  return {
    ok: true,
    value: {
      value: new Secret(body.access_token),
      renewAt: Date.now() + (lifetime - ahead) * 1000,
    },
  };
}

/** An error with its code and no other text, which may repeat the client secret, or a token that nobody here knows to redact. */
function codeAlone(reply: HttpReply): HttpReply {
  const body = parseJson(reply.body ?? '');
  const { error, errorCode }: JsonObject = isObject(body) ? body : {};
  return { ...reply, body: JSON.stringify({ error, errorCode }) };
}

function withoutEffect(failure: AtlasFailure): AtlasFailure {
  return { ...failure, maybeCarriedOut: false };
}
