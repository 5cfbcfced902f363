// Failures without a reply: the request never left, or nothing came back.

import type { AtlasFailure } from './failure.ts';
import type { Exchange, LostReason } from './transport.ts';

const MESSAGES: Readonly<Record<LostReason, string>> = {
  timeout: 'Atlas did not answer in time.',
  cancelled: 'The call was cancelled while waiting for Atlas.',
  refused: 'The connection to Atlas was refused.',
  unresolved: "Atlas's host name could not be resolved.",
  tls: 'No trusted TLS connection to Atlas could be made.',
  connection: 'The connection to Atlas broke off.',
};

const HINTS: Readonly<Record<LostReason, string>> = {
  timeout: 'Try again later; the limit is ATLAS_MODEL_KEYS_TIMEOUT_MS.',
  cancelled: 'Call again if it is still wanted.',
  refused: 'Check MONGODB_ATLAS_BASE_URL and HTTPS_PROXY.',
  unresolved: 'Check the network, MONGODB_ATLAS_BASE_URL and HTTPS_PROXY.',
  tls: 'A proxy that inspects TLS needs its CA in NODE_EXTRA_CA_CERTS; check also MONGODB_ATLAS_BASE_URL.',
  connection: 'Try again; check the network and HTTPS_PROXY if it stays so.',
};

export function lostExchangeFailure({ outcome, reason }: Exclude<Exchange, { outcome: 'reply' }>): AtlasFailure {
  return {
    code: reason === 'cancelled' ? 'CANCELLED' : 'ATLAS_UNAVAILABLE',
    message: MESSAGES[reason],
    hint: HINTS[reason],
    retryable: reason !== 'tls',
    maybeCarriedOut: outcome === 'lost',
  };
}
