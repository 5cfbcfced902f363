// Calls of the Atlas Admin API: signs a request, chooses the version, and repeats it only after a definite refusal,
// or where repeating changes nothing. It does not know what the calls are for.

import { setTimeout as delay } from 'node:timers/promises';
import { mediaType, type ApiVersion, type VersionChoice } from './api-version.ts';
import type { Authenticator } from './authenticator.ts';
import { errorReplyFailure } from './error-reply.ts';
import { failed, type AtlasFailure, type AtlasResult } from './failure.ts';
import { httpDate } from './http-date.ts';
import type { JsonObject } from './json.ts';
import { lostExchangeFailure } from './lost-exchange.ts';
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

/** Waits before a read or a delete is repeated, in milliseconds; each is lengthened at random by up to half of this. */
const REPEAT_AFTER_MS = [200, 600];
/** Atlas's rate limit is waited for as long as this, in seconds, and no longer. */
const LONGEST_RATE_WAIT = 5;
/** What Atlas means where it does not say how long to wait, in seconds. */
const USUAL_RATE_WAIT = 1;
/** A failure that took longer than this is not worth a caller's time again. */
const REPEAT_WITHIN_MS = 5_000;

export function createAdminApi(transport: Transport, authenticator: Authenticator, version: VersionChoice): AdminApi {
  return {
    close: () => transport.close(),
    async call(call, signal) {
      const started = performance.now();
      for (let repeated = 0; ; repeated += 1) {
        const result = await callOnce(transport, authenticator, version, call, signal);
        const backoff = REPEAT_AFTER_MS[repeated];
        const late = performance.now() - started > REPEAT_WITHIN_MS;
        const wait = result.ok ? undefined : waitBeforeRepeat(call, result.failure);
        if (backoff === undefined || late || wait === undefined) return result;
        await waited(Math.max(wait, backoff) + (Math.random() * backoff) / 2, signal);
        if (signal?.aborted) return result;
      }
    },
  };
}

/**
 * At least how many milliseconds to wait before a call is repeated; undefined where it is not. Reads and deletes may be
 * repeated; a create or a change never is, but after a definite refusal (see below).
 */
function waitBeforeRepeat({ method }: ApiCall, failure: AtlasFailure): number | undefined {
  if (method !== 'GET' && method !== 'DELETE') return undefined;
  if (failure.code === 'ATLAS_UNAVAILABLE') return 0;
  const { retryAfterSeconds = USUAL_RATE_WAIT, atlas } = failure;
  return atlas?.status === 429 && retryAfterSeconds <= LONGEST_RATE_WAIT ? retryAfterSeconds * 1000 : undefined;
}

/** Ends early where the caller gives up. */
async function waited(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await delay(ms, undefined, { ...(signal && { signal }) }).catch(() => undefined);
}

async function callOnce(
  transport: Transport,
  authenticator: Authenticator,
  version: VersionChoice,
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
      return { ok: true, value: apiReply(exchange, version) };
    }
    if (exchange.status === 401 && (await authorization.refused(exchange, refusals))) {
      refusals += 1;
    } else if (!version.refused(exchange, spoken)) {
      return failed(errorReplyFailure(exchange, { role: call.role, remedy: authenticator.remedy }));
    }
  }
}

function apiReply(reply: HttpReply, version: VersionChoice): ApiReply {
  const { status, body, headers } = reply;
  const date = httpDate(headers.date);
  return { status, body, warnings: version.warnings(reply), ...(date !== undefined && { date }) };
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
