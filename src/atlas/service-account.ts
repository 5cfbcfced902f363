// A service account: OAuth 2.0 client credentials (RFC 6749, section 4.4), one token for all calls, renewed ahead of expiry.

import { basicAuthorization, bearerAuthorization } from '../secret/authorization.ts';
import { forgetExpired, Secret } from '../secret/secret.ts';
import type { Authenticator, Authorization } from './authenticator.ts';
import { errorReplyFailure } from './error-reply.ts';
import { failed, protocolFailure, type AtlasFailure, type AtlasResult } from './failure.ts';
import { parseJson } from '../text/json.ts';
import { isObject, type JsonObject } from './json.ts';
import { lostExchangeFailure } from './lost-exchange.ts';
import type { Exchange, HttpReply, HttpRequest, Transport } from './transport.ts';

export interface ServiceAccount {
  readonly clientId: string;
  readonly clientSecret: Secret;
}

interface Token {
  readonly value: Secret;
  /** When to fetch the next one, in milliseconds since the epoch (a monotonic clock would miss a laptop's sleep). */
  readonly renewAt: number;
  readonly expiresAt: number;
}

const SETTING = 'MONGODB_ATLAS_CLIENT_SECRET';
const TOKEN_PATH = '/api/oauth/token';
const RENEW_AHEAD_SECONDS = 60;
/** A shorter lifetime is taken for this one: no reply may make every call fetch a token. A 401 brings a new one anyway. */
const SHORTEST_LIFETIME_SECONDS = 60;
/** RFC 6750, section 2.1: `b64token`. */
const ACCESS_TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;
const LONGEST_TOKEN = 4096;

export function serviceAccountAuthenticator(account: ServiceAccount, transport: Transport): Authenticator {
  let current: Token | undefined;
  let given: readonly Token[] = [];
  let fetching: Promise<AtlasResult<Token>> | undefined;

  /** Before a token is asked for, since it may be an old one over again. */
  const forgetOld = () => {
    const isOld = ({ expiresAt }: Token) => expiresAt <= Date.now();
    for (const { value } of given.filter(isOld)) forgetExpired(value);
    given = given.filter((token) => !isOld(token));
  };

  /** One request, however many callers wait for it, and kept even where none does any more. */
  const fetchToken = () => {
    if (fetching) return fetching;
    forgetOld();
    fetching = transport
      .send(tokenRequest(account))
      .then(processTokenExchange)
      .then((fetched) => {
        if (!fetched.ok) return fetched;
        current = fetched.value;
        given = [...given, current];
        return fetched;
      })
      .finally(() => {
        fetching = undefined;
      });
    return fetching;
  };

  return {
    setting: SETTING,
    async authorize(_request, signal): Promise<Authorization> {
      if (current && Date.now() < current.renewAt) return { ok: true, header: bearerAuthorization(current.value) };
      const fetched = signal?.aborted ? cancelled : await orCancelled(fetchToken(), signal);
      return fetched.ok ? { ok: true, header: bearerAuthorization(fetched.value.value) } : fetched;
    },
    refused(reply, sent, attempt) {
      if (attempt > 0 || !saysExpired(reply)) return false;
      if (current && bearerAuthorization(current.value) === sent) current = undefined;
      return true;
    },
  };
}

const cancelled = failed(lostExchangeFailure({ outcome: 'not_sent', reason: 'cancelled' }));

/** What comes first: the result, or the caller's leaving. */
function orCancelled<T>(pending: Promise<AtlasResult<T>>, signal: AbortSignal | undefined): Promise<AtlasResult<T>> {
  if (!signal) return pending;
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      resolve(cancelled);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    void pending.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', onAbort);
    });
  });
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
    return failed(
      withoutEffect(
        errorReplyFailure(codeAlone(exchange), {
          role: 'Organization Member',
          credentialSetting: SETTING,
          oauth: true,
        }),
      ),
    );
  }
  const body = parseJson(exchange.body ?? '');
  const { access_token: token, expires_in: expiresIn }: JsonObject = isObject(body) ? body : {};
  if (typeof token !== 'string' || token.length > LONGEST_TOKEN || !ACCESS_TOKEN.test(token)) {
    return failed(withoutEffect(protocolFailure('a token reply without access_token')));
  }
  const lifetime = Math.max(SHORTEST_LIFETIME_SECONDS, typeof expiresIn === 'number' ? expiresIn : 0);
  const ahead = Math.min(RENEW_AHEAD_SECONDS, lifetime / 2);
  const now = Date.now();
  return {
    ok: true,
    value: {
      value: new Secret(token),
      renewAt: now + (lifetime - ahead) * 1000,
      expiresAt: now + lifetime * 1000,
    },
  };
}

/** An error with its code and no other text, which may repeat the client secret, or a token that nobody here knows to redact. */
function codeAlone(reply: HttpReply): HttpReply {
  if (reply.body === '') return reply;
  const body = parseJson(reply.body ?? '');
  const { error, errorCode }: JsonObject = isObject(body) ? body : {};
  return { ...reply, body: JSON.stringify({ error, errorCode }) };
}

function withoutEffect(failure: AtlasFailure): AtlasFailure {
  return { ...failure, maybeCarriedOut: false };
}
