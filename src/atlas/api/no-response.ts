// Failures without a reply: the request never left, or nothing came back.

import type { Failure, FailureAfterSend } from '../../failure.ts';
import type { Exchange, LostReason } from '../../http/transport.ts';

type Loss = Pick<Failure, 'message' | 'hint' | 'retryable'>;

const PROXY_SETTINGS =
  "Check HTTPS_PROXY (a user and a password are part of its URL), or name Atlas's host in NO_PROXY if it can be reached directly.";

/** The same call may succeed later. */
function passing(message: string, hint: string): Loss {
  return { message, hint, retryable: true };
}

const LOSSES: Readonly<Record<LostReason, Loss>> = {
  timeout: passing('Atlas did not answer in time.', 'Try again later; the limit is ATLAS_MODEL_KEYS_TIMEOUT_MS.'),
  cancelled: passing('The call was cancelled while waiting for Atlas.', 'Call again if it is still wanted.'),
  refused: passing('The connection to Atlas was refused.', 'Check MONGODB_ATLAS_BASE_URL and HTTPS_PROXY.'),
  unresolved: passing(
    "Atlas's host name could not be resolved.",
    'Check the network, MONGODB_ATLAS_BASE_URL and HTTPS_PROXY.',
  ),
  tls: {
    message: 'No trusted TLS connection to Atlas could be made.',
    hint: 'A proxy that inspects TLS needs its CA in NODE_EXTRA_CA_CERTS; check also MONGODB_ATLAS_BASE_URL.',
    retryable: false,
  },
  connection: passing(
    'The connection to Atlas broke off.',
    'Try again; check the network and HTTPS_PROXY if it stays so.',
  ),
  proxy_refused: passing('The proxy made no connection to Atlas.', PROXY_SETTINGS),
  proxy_unreachable: passing('The proxy could not be reached.', PROXY_SETTINGS),
  proxy_tls: {
    message: 'The proxy has no certificate that is trusted.',
    hint: `Its CA belongs in NODE_EXTRA_CA_CERTS. ${PROXY_SETTINGS}`,
    retryable: false,
  },
  proxy_closed: passing('The proxy closed the connection to Atlas.', PROXY_SETTINGS),
};

export function noResponseFailure(exchange: Exclude<Exchange, { outcome: 'reply' }>): FailureAfterSend {
  const { outcome, reason } = exchange;
  return {
    code: reason === 'cancelled' ? 'CANCELLED' : 'ATLAS_UNAVAILABLE',
    ...(outcome === 'not_sent' ? notSent(exchange) : LOSSES[reason]),
    maybeCarriedOut: outcome === 'lost',
  };
}

function notSent({ reason, proxyStatus }: Extract<Exchange, { outcome: 'not_sent' }>): Loss {
  if (reason === 'timeout') return noConnectionInTime;
  return proxyStatus === undefined ? LOSSES[reason] : refusedByProxy(proxyStatus);
}

const noConnectionInTime = passing(
  'No connection to Atlas could be made in time.',
  'Check the network, MONGODB_ATLAS_BASE_URL and HTTPS_PROXY; the limit is ATLAS_MODEL_KEYS_TIMEOUT_MS.',
);

/** A status of 500 and more passes; what a proxy does not allow, it does not allow later. */
function refusedByProxy(status: number): Loss {
  const messages: Readonly<Record<number, string>> = {
    407: 'The proxy wants a user name and a password, or does not accept those that it was given (status 407).',
    403: 'The proxy does not allow connections to Atlas (status 403).',
  };
  return {
    message: messages[status] ?? `The proxy made no connection to Atlas: it answered with status ${status}.`,
    hint: PROXY_SETTINGS,
    retryable: status >= 500,
  };
}
