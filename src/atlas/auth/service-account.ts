// A service account: OAuth 2.0 client credentials (RFC 6749, section 4.4), one token for all calls, renewed ahead of expiry.

import { failed, ok, type Failure, type Result } from '../../failure.ts';
import { basicAuthorization, bearerAuthorization, revocationForm } from '../../secret/opened-secret.ts';
import { forgetExpired, Secret } from '../../secret/secret.ts';
import { errorReplyFailure, protocolFailure } from '../api/errors.ts';
import { parseObject } from '../../text/text.ts';
import { noResponseFailure } from '../api/no-response.ts';
import type { Exchange, HttpReply, HttpRequest, Transport } from '../../http/transport.ts';
import {
  isCreate,
  mayBeEnded,
  saysWrongCredential,
  type Authenticator,
  type Authorization,
  type SignedRequest,
} from './authenticator.ts';
import { orCancelled, type SecretSource } from './secret-source.ts';

interface Token {
  readonly value: Secret;
  /** When to fetch the next one, in milliseconds since the epoch (a monotonic clock would miss a laptop's sleep). */
  readonly renewAt: number;
  readonly expiresAt: number;
}

const TOKEN_PATH = '/api/oauth/token';
const REVOKE_PATH = '/api/oauth/revoke';
const RENEW_AHEAD_SECONDS = 60;
/** A shorter lifetime is taken for this one: no reply may make every call fetch a token. A 401 brings a new one anyway. */
const SHORTEST_LIFETIME_SECONDS = 60;
/** RFC 6750, section 2.1: `b64token`. */
const ACCESS_TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;
const LONGEST_TOKEN = 4096;
/** How long the process waits at its end until its tokens are revoked. They end by themselves too, within the hour. */
const LONGEST_REVOCATION_MS = 1_000;
/** There are two at most, but where Atlas refuses what it has just given. */
const MOST_REVOKED = 5;

export function serviceAccountAuthenticator(
  clientId: string,
  source: SecretSource,
  transport: Transport,
): Authenticator {
  let current: Token | undefined;
  const tokens = tokenFetcher(clientId, source, transport, (token) => {
    current = token;
  });

  const authorizationBy = (token: Token, request: SignedRequest): Authorization => ({
    header: bearerAuthorization(token.value),
    refused(reply, attempt) {
      if (!mayBeEnded(reply)) return Promise.resolve(false);
      if (current === token) current = undefined;
      return Promise.resolve(attempt === 0 && !isCreate(request));
    },
  });

  return {
    remedy: source.remedy,
    async authorize(request, signal) {
      if (current && Date.now() < current.renewAt) return ok(authorizationBy(current, request));
      const fetched = await orCancelled(tokens.fetchOnce, signal);
      return fetched.ok ? ok(authorizationBy(fetched.value, request)) : fetched;
    },
    close: tokens.revokeAll,
  };
}

/** Fetches tokens one at a time, however many callers wait, and knows which of them are alive. */
function tokenFetcher(clientId: string, source: SecretSource, transport: Transport, onFetched: (token: Token) => void) {
  const alive = liveTokens();
  let fetching: Promise<Result<Token>> | undefined;
  /** The one that Atlas accepted last. */
  let accepted: Secret | undefined;

  /** Once more where the secret is refused and its source has another one. */
  const fetchWith = async (clientSecret: Secret, isFirst: boolean): Promise<Result<Token>> => {
    const exchange = await transport.send(tokenRequest(clientId, clientSecret));
    if (isFirst && refusesClient(exchange) && (await source.renew(clientSecret))) {
      const next = await source.get();
      if (next.ok) return fetchWith(next.value, false);
    }
    const fetched = processTokenExchange(exchange, source.remedy);
    if (!fetched.ok) return fetched;
    accepted = clientSecret;
    alive.add(fetched.value);
    onFetched(fetched.value);
    return fetched;
  };
  /** Kept even where no caller waits any more. */
  const fetchToken = async () => {
    alive.forgetOld();
    const clientSecret = await source.get();
    return clientSecret.ok ? fetchWith(clientSecret.value, true) : clientSecret;
  };
  const fetchOnce = () =>
    (fetching ??= fetchToken().finally(() => {
      fetching = undefined;
    }));
  /** Best effort: what is not revoked ends by itself. */
  const revokeAll = async () => {
    const deadline = AbortSignal.timeout(LONGEST_REVOCATION_MS);
    const pending = fetching;
    if (pending) await orCancelled(() => pending, deadline);
    const clientSecret = accepted;
    if (clientSecret === undefined) return;
    // RFC 7009, section 2.1.
    const request = { ...tokenRequest(clientId, clientSecret), path: REVOKE_PATH };
    const requests = alive.takeNewest().map(({ value }) => ({ ...request, body: revocationForm(value) }));
    await Promise.all(requests.map((request) => transport.send(request, deadline)));
  };
  return { fetchOnce, revokeAll };
}

function liveTokens() {
  let tokens: readonly Token[] = [];
  return {
    add(token: Token) {
      tokens = [...tokens, token];
    },
    /** Before a token is asked for, since it may be an old one over again. */
    forgetOld() {
      const isOld = ({ expiresAt }: Token) => expiresAt <= Date.now();
      for (const { value } of tokens.filter(isOld)) forgetExpired(value);
      tokens = tokens.filter((token) => !isOld(token));
    },
    takeNewest() {
      const taken = tokens.filter(({ expiresAt }) => expiresAt > Date.now()).slice(-MOST_REVOKED);
      tokens = [];
      return taken;
    },
  };
}

/** The token endpoint does not take the secret (RFC 6749, section 5.2, allows 400 as well as 401). */
function refusesClient(exchange: Exchange): boolean {
  return exchange.outcome === 'reply' && [400, 401].includes(exchange.status) && saysWrongCredential(exchange);
}

/** The token request of RFC 6749, section 4.4.2. */
function tokenRequest(clientId: string, clientSecret: Secret): HttpRequest {
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
function processTokenExchange(exchange: Exchange, remedy: string): Result<Token> {
  if (exchange.outcome !== 'reply') return withoutEffect(noResponseFailure(exchange));
  if (exchange.cut) return withoutEffect(noResponseFailure({ outcome: 'lost', reason: exchange.cut }));
  // Not ATLAS_NOT_FOUND, which would say that the key or project of the call is gone.
  if (exchange.status === 404) return withoutEffect(protocolFailure('no token endpoint'));
  if (exchange.status !== 200) {
    const context = { role: 'Organization Member', remedy, oauth: true } as const;
    return withoutEffect(errorReplyFailure(onlyCode(exchange), context));
  }
  const { access_token: token, expires_in: expiresIn } = parseObject(exchange.body) ?? {};
  if (typeof token !== 'string' || token.length > LONGEST_TOKEN || !ACCESS_TOKEN.test(token)) {
    return withoutEffect(protocolFailure('a token reply without access_token'));
  }
  const lifetime = Math.max(SHORTEST_LIFETIME_SECONDS, typeof expiresIn === 'number' ? expiresIn : 0);
  const ahead = Math.min(RENEW_AHEAD_SECONDS, lifetime / 2);
  const now = Date.now();
  return ok({
    value: new Secret(token),
    renewAt: now + (lifetime - ahead) * 1000,
    expiresAt: now + lifetime * 1000,
  });
}

/** An error with its code and no other text, which may repeat the client secret, or a token that nobody here knows to redact. */
function onlyCode(reply: HttpReply): HttpReply {
  if (reply.body === '') return reply;
  const { error, errorCode } = parseObject(reply.body) ?? {};
  return { ...reply, body: JSON.stringify({ error, errorCode }) };
}

function withoutEffect(failure: Failure): Result<never> {
  return failed({ ...failure, maybeCarriedOut: false });
}
