// Calls of the Atlas Admin API: builds their paths, signs them, chooses the version, and repeats them only after a definite
// refusal, or where repeating changes nothing. It does not know what the calls are for.

import { setTimeout as delay } from 'node:timers/promises';
import { failed, ok, type Failure, type FailureAfterSend, type Result } from '../../failure.ts';
import type { Authenticator } from '../auth/authenticator.ts';
import { noResponseFailure } from '../http/no-response.ts';
import type { HttpReply, HttpRequest, Transport } from '../http/transport.ts';
import { errorReplyFailure } from './errors.ts';
import { httpDate, waitBeforeRepeat } from './retry-timing.ts';
import type { JsonObject } from './untrusted-text.ts';
import type { ApiVersion, VersionChoice } from './version.ts';

/** One call and the reading of its reply, as a value: `keys.ts` and its like make them. */
export interface ApiCall<T> {
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
  readonly refusal?: (version: ApiVersion) => Failure | undefined;
  /** Pure; what is not as documented is a protocol failure. */
  readonly read: (reply: ApiReply) => Result<T, FailureAfterSend>;
}

type UnreadCall = Omit<ApiCall<unknown>, 'read'>;

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
  call<T>(call: ApiCall<T>, signal?: AbortSignal): Promise<Result<T>>;
  close(): Promise<void>;
}

export function createAdminApi(transport: Transport, authenticator: Authenticator, version: VersionChoice): AdminApi {
  return {
    close: () => transport.close(),
    async call(call, signal) {
      const started = performance.now();
      for (let repeats = 0; ; repeats += 1) {
        const result = await callOnce(transport, authenticator, version.for(call), call, signal);
        if (result.ok) return call.read(result.value);
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
  version: ReturnType<VersionChoice['for']>,
  call: UnreadCall,
  signal: AbortSignal | undefined,
): Promise<Result<ApiReply>> {
  for (let refusals = 0; ;) {
    const authorized = await authenticator.authorize(call, signal);
    if (!authorized.ok) return authorized;
    const { header, refused } = authorized.value;
    const spoken = version.current();
    const refusal = call.refusal?.(spoken);
    if (refusal) return failed(refusal);
    const exchange = await transport.send(httpRequest(call, spoken, header), signal);
    if (exchange.outcome !== 'reply') return failed(noResponseFailure(exchange));
    if (exchange.status >= 200 && exchange.status < 300) {
      // A read has lost what it wanted. A change was made all the same, and its own reader judges the half reply.
      if (exchange.cut && call.method === 'GET')
        return failed(noResponseFailure({ outcome: 'lost', reason: exchange.cut }));
      return ok(apiReply(exchange, version.warnings(exchange, spoken)));
    }
    const isWorthwhile = exchange.status === 401 && (await refused(exchange, refusals));
    if (isWorthwhile && mayBeSentAgain(call, header)) {
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
function mayBeSentAgain({ method }: UnreadCall, sent: string | undefined): boolean {
  return method !== 'POST' || sent === undefined || sent.startsWith('Digest ');
}

function apiReply({ status, body, headers }: HttpReply, warnings: readonly string[]): ApiReply {
  const date = httpDate(headers.date);
  return { status, body, warnings, ...(date !== undefined && { date }) };
}

function httpRequest(
  { method, path, body, largestReply }: UnreadCall,
  version: ApiVersion,
  authorization: string | undefined,
): HttpRequest {
  // https://www.mongodb.com/docs/atlas/api/versioned-api-overview/
  const type = `application/vnd.atlas.${version}+json`;
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

/**
 * A path from a template; each value is percent-encoded.
 *
 * @throws RangeError for what encoding cannot keep apart: nothing, `.` and `..` (which URL parsing resolves), lone surrogates
 */
export function apiPath(strings: TemplateStringsArray, ...values: readonly string[]): string {
  const segments = values.map((value) => {
    if (/^\.{0,2}$|\p{Cs}/u.test(value)) throw new RangeError('not a path segment');
    return encodeURIComponent(value);
  });
  return `/api/atlas/v2${String.raw({ raw: strings }, ...segments)}`;
}

export type Scope = { readonly groupId: string } | { readonly orgId: string };

interface ScopePath {
  /** The first segment of the path. */
  readonly collection: 'groups' | 'orgs';
  readonly id: string;
  /** The role with which it can be read. */
  readonly reader: string;
}

export const PROJECT_READER = 'Project Read Only';
const ORGANIZATION_READER = 'Organization Read Only';
/** The role with which keys and limits of a project can be changed. No organization's can. */
export const PROJECT_WRITER = 'Project Model Owner';

export function scopePath(scope: Scope): ScopePath {
  return 'groupId' in scope
    ? { collection: 'groups', id: scope.groupId, reader: PROJECT_READER }
    : { collection: 'orgs', id: scope.orgId, reader: ORGANIZATION_READER };
}
