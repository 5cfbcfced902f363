// Calls of the Atlas Admin API: signs a request, chooses the version, and repeats it only after a definite refusal,
// or where repeating changes nothing. It does not know what the calls are for.

import { setTimeout as delay } from 'node:timers/promises';
import { mediaType, type ApiVersion, type CallVersion, type VersionChoice } from './api-version.ts';
import type { Authenticator } from './authenticator.ts';
import { errorReplyFailure } from './error-reply.ts';
import { failed, type AtlasFailure, type AtlasResult } from './failure.ts';
import { httpDate } from './http-date.ts';
import type { JsonObject } from './json.ts';
import { lostExchangeFailure } from './lost-exchange.ts';
import { waitBeforeRepeat } from './retry-timing.ts';
import type { HttpReply, HttpRequest, Transport } from './transport.ts';

/** One call, as a value: `model-keys.ts` and its like make them and read their replies. */
export interface ApiCall {
  readonly method: HttpRequest['method'];
  /** From {@link apiPath}, with the query. */
  readonly path: string;
  /** The role that allows it, for the advice in an error. */
  readonly role: string;
  /** The JSON body in each version. */
  readonly body?: (version: ApiVersion) => JsonObject;
  /** In bytes, where a reply may be larger than most. */
  readonly largestReply?: number;
  /** Why the call cannot be made in a version, instead of making another call in its place. */
  readonly refusal?: (version: ApiVersion) => AtlasFailure | undefined;
}

export interface ApiReply {
  /** 200 to 299. */
  readonly status: number;
  /** Undefined where it broke off or was too large. */
  readonly body: string | undefined;
  /** Notices for a person, such as a deprecated version. */
  readonly warnings: readonly string[];
  /** Atlas's clock when it answered, in milliseconds since the epoch, where it says. */
  readonly date?: number;
}

export interface AdminApi {
  /** @param signal gives up a call that may be given up; a create is sent without one */
  call(call: ApiCall, signal?: AbortSignal): Promise<AtlasResult<ApiReply>>;
  close(): Promise<void>;
}

export function createAdminApi(transport: Transport, authenticator: Authenticator, version: VersionChoice): AdminApi {
  return {
    close: () => transport.close(),
    async call(call, signal) {
      const started = performance.now();
      for (let repeats = 0; ; repeats += 1) {
        const result = await callOnce(transport, authenticator, version.for(call), call, signal);
        if (result.ok) return result;
        const elapsedMs = performance.now() - started;
        const wait = waitBeforeRepeat({ ...call, failure: result.failure, repeats, elapsedMs }, Math.random());
        if (wait === undefined) return result;
        await waited(wait, signal);
        if (signal?.aborted) return result;
      }
    },
  };
}

/** Ends early where the caller gives up. */
async function waited(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await delay(ms, undefined, { ...(signal && { signal }) }).catch(() => undefined);
}

async function callOnce(
  transport: Transport,
  authenticator: Authenticator,
  version: CallVersion,
  call: ApiCall,
  signal: AbortSignal | undefined,
): Promise<AtlasResult<ApiReply>> {
  for (let refusals = 0; ;) {
    const authorization = await authenticator.authorize(call, signal);
    if (!authorization.ok) return authorization;
    const spoken = version.current();
    const refusal = call.refusal?.(spoken);
    if (refusal) return failed(refusal);
    const exchange = await transport.send(httpRequest(call, spoken, authorization.header), signal);
    if (exchange.outcome !== 'reply') return failed(lostExchangeFailure(exchange));
    if (exchange.status >= 200 && exchange.status < 300) {
      // A read has lost what it wanted. A change was made all the same, and its own reader judges the half reply.
      if (exchange.cut && call.method === 'GET')
        return failed(lostExchangeFailure({ outcome: 'lost', reason: exchange.cut }));
      return { ok: true, value: apiReply(exchange, version.warnings(exchange, spoken)) };
    }
    const refused = exchange.status === 401 && (await authorization.refused(exchange, refusals));
    if (refused && mayBeSentAgain(call, authorization.header)) {
      refusals += 1;
    } else if (!version.refused(exchange, spoken)) {
      return failed(errorReplyFailure(exchange, { role: call.role, remedy: authenticator.remedy }));
    }
  }
}

/**
 * After a 401. A challenge for a digest is a definite refusal. What refuses a bearer token has no error code, and so may be
 * a page over a key that was made: a create is never sent again for it.
 */
function mayBeSentAgain({ method }: ApiCall, sent: string | undefined): boolean {
  return method !== 'POST' || sent === undefined || sent.startsWith('Digest ');
}

function apiReply({ status, body, headers }: HttpReply, warnings: readonly string[]): ApiReply {
  const date = httpDate(headers.date);
  return { status, body, warnings, ...(date !== undefined && { date }) };
}

function httpRequest(
  { method, path, body, largestReply }: ApiCall,
  version: ApiVersion,
  authorization: string | undefined,
): HttpRequest {
  const type = mediaType(version);
  return {
    method,
    path,
    headers: {
      accept: type,
      'user-agent': 'atlas-model-keys-mcp',
      ...(authorization !== undefined && { authorization }),
      ...(body && { 'content-type': type }),
    },
    ...(body && { body: JSON.stringify(body(version)) }),
    ...(largestReply !== undefined && { largestReply }),
  };
}
