// Uses a key once, to see whether it works: one request for the embedding of one word, at the key's own endpoint. The secret goes
// only to hosts that the operator allows. Of the reply nothing is passed on but its status and a short code: it may quote the secret.

import { failed, ok, refusal, type Result } from '../../failure.ts';
import { bearerAuthorization } from '../../secret/opened-secret.ts';
import type { Secret } from '../../secret/secret.ts';
import { createTransport, type Exchange, type TransportOptions } from '../../http/transport.ts';
import { parseObject } from '../../text/text.ts';
import { idField, listField } from './untrusted-text.ts';

export interface Endpoints extends TransportOptions {
  /** Host names, or `*.` and a domain for what is below it. */
  readonly endpointHosts?: readonly string[] | undefined;
}

export interface KeyUse {
  /** As Atlas names it. */
  readonly endpoint: string;
  readonly secret: Secret;
  readonly model: string;
}

/** What became of the use of a key. */
export interface KeyUsed {
  /** `unknown`: a host answered, and its answer says nothing of the key. */
  readonly works: 'yes' | 'refused' | 'rate-limited' | 'unreachable' | 'unknown';
  /** Of HTTP, where there was a reply. */
  readonly status?: number;
  /** A word of the reply, in capitals. */
  readonly errorCode?: string;
}

/** Nobody waits longer for one embedding. In milliseconds. */
const LONGEST_MS = 10_000;
const LOOPBACK = '127.0.0.1';
const HOST = /^(?=.{1,253}(?::|$))[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::[1-9][0-9]{0,4})?$/;
/** No model key has this form. */
const ERROR_CODE = /^[A-Z][A-Z0-9_]{1,39}$/;

/**
 * Where a key can be used; undefined where the operator does not let its secret be sent there. The form is strict, since URL
 * parsing itself takes `mongodb.com@evil.example`, `evil.example/.mongodb.com` and numbers for hosts. It is https, but for a
 * simulated Atlas that is itself reached without on this machine.
 */
export function endpointUrl(endpoint: string, { baseUrl, endpointHosts = [] }: Endpoints): URL | undefined {
  if (!HOST.test(endpoint)) return undefined;
  const [host = '', port] = endpoint.split(':');
  if (port !== undefined && host !== LOOPBACK) return undefined;
  const scheme = port !== undefined && baseUrl.protocol === 'http:' ? 'http' : 'https';
  const url = URL.canParse(`${scheme}://${endpoint}`) ? new URL(`${scheme}://${endpoint}`) : undefined;
  if (url?.host !== endpoint) return undefined;
  return endpointHosts.some((pattern) => isWithin(host, pattern)) ? url : undefined;
}

function isWithin(host: string, pattern: string): boolean {
  if (!pattern.startsWith('*.')) return host === pattern;
  return host.length >= pattern.length && host.endsWith(pattern.slice(1));
}

/** Sent once. Fails only where nothing was sent, since the endpoint is not one that the operator allows. */
export async function useKey(settings: Endpoints, use: KeyUse, signal?: AbortSignal): Promise<Result<KeyUsed>> {
  const url = endpointUrl(use.endpoint, settings);
  if (!url) return failed(notAllowed);
  const timeoutMs = Math.min(settings.timeoutMs, LONGEST_MS);
  const transport = createTransport({ ...settings, baseUrl: url, timeoutMs });
  try {
    return ok(readUsed(await transport.send(embeddingRequest(use), signal)));
  } finally {
    await transport.close();
  }
}

const notAllowed = refusal(
  'ATLAS_PROTOCOL',
  'The secret was not sent: Atlas names an endpoint for this key to which the operator does not let secrets be sent.',
  'If that host is right, the operator adds it to ATLAS_MODEL_KEYS_ENDPOINT_HOSTS.',
);

/** https://www.mongodb.com/docs/voyageai/ (text embeddings). */
function embeddingRequest({ secret, model }: KeyUse) {
  return {
    method: 'POST',
    path: '/v1/embeddings',
    headers: {
      authorization: bearerAuthorization(secret),
      accept: 'application/json',
      'content-type': 'application/json',
      'user-agent': 'atlas-model-keys-mcp',
    },
    body: JSON.stringify({ input: ['test'], model }),
  } as const;
}

function readUsed(exchange: Exchange): KeyUsed {
  if (exchange.outcome !== 'reply') return { works: exchange.reason === 'cancelled' ? 'unknown' : 'unreachable' };
  const { status } = exchange;
  const body = parseObject(exchange.body) ?? {};
  if (status >= 200 && status < 300) return { works: listField(body, 'data').length > 0 ? 'yes' : 'unknown', status };
  const errorCode = idField(body, 'errorCode', ERROR_CODE) ?? idField(body, 'code', ERROR_CODE);
  return { works: verdictOn(status), status, ...(errorCode !== undefined && { errorCode }) };
}

function verdictOn(status: number): KeyUsed['works'] {
  if ([401, 402, 403].includes(status)) return 'refused';
  if (status === 429) return 'rate-limited';
  return status >= 500 || status === 408 ? 'unreachable' : 'unknown';
}
