// Calls of the Atlas Admin API: builds their paths, signs them, chooses the version, and repeats them only after a definite
// refusal, or where repeating changes nothing. It does not know what the calls are for.
// Source: https://www.mongodb.com/docs/atlas/api/versioned-api-overview/

import { setTimeout as delay } from 'node:timers/promises';
import { failed, ok, type Failure, type FailureAfterSend, type Result } from '../../failure.ts';
import type { Authenticator } from '../auth/authenticator.ts';
import { noResponseFailure } from './no-response.ts';
import type { HttpReply, HttpRequest, Transport } from '../../http/transport.ts';
import { errorReplyFailure, refusesVersion } from './errors.ts';
import type { JsonObject } from '../../text/text.ts';
import { httpDate } from './untrusted-text.ts';

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
      const started = process.uptime() * 1000;
      for (let repeats = 0; ; repeats += 1) {
        const result = await callOnce(transport, authenticator, version.for(call), call, signal);
        if (result.ok) return call.read(result.value);
        const elapsedMs = process.uptime() * 1000 - started;
        const wait = waitBeforeRepeat({ ...call, failure: result.failure, repeats, elapsedMs }, Math.random());
        if (wait === undefined) return result;
        // Ends early where the caller gives up.
        await delay(wait, undefined, { ...(signal && { signal }) }).catch(() => undefined);
        if (signal?.aborted) return result;
      }
    },
  };
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
      const { status, body, headers } = exchange;
      const date = httpDate(headers.date);
      return ok({ status, body, warnings: version.warnings(exchange, spoken), ...(date !== undefined && { date }) });
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

/** `2025-03-12` has cloud, geography and endpoint; `preview` (January 2026) has only the name. */
export type ApiVersion = '2025-03-12' | 'preview';

const DATED: ApiVersion = '2025-03-12';

export interface VersionChoice {
  for(call: VersionedCall): CallVersion;
}

type VersionedCall = Pick<UnreadCall, 'method' | 'path' | 'refusal'>;

/** The version in which one call is sent. */
interface CallVersion {
  current(): ApiVersion;
  /** Learns from a reply, for the calls of this kind, and says whether to send the request again, in another version. */
  refused(reply: HttpReply, sent: ApiVersion): boolean;
  /** What a person should know of the version that was sent. */
  warnings(reply: HttpReply, sent: ApiVersion): readonly string[];
}

/**
 * The preview is spoken only where Atlas refuses the dated version, by its own error code, and only for that kind of call,
 * until Atlas refuses the preview.
 */
export function chooseVersion(setting: 'auto' | ApiVersion): VersionChoice {
  const inPreview = new Set<string>();
  return {
    for(call) {
      const kind = kindOf(call);
      const tried = new Set<ApiVersion>();
      const current = (): ApiVersion => {
        if (kind === undefined) return DATED;
        if (setting === 'preview') return 'preview';
        // What the preview cannot do is asked of the dated version each time, which may be there again.
        const needsDated = call.refusal?.('preview') !== undefined && !tried.has(DATED);
        return inPreview.has(kind) && !needsDated ? 'preview' : DATED;
      };
      return {
        current,
        refused(reply, sent) {
          if (setting !== 'auto' || kind === undefined || !refusesVersion(reply)) return false;
          tried.add(sent);
          if (sent === 'preview') inPreview.delete(kind);
          else inPreview.add(kind);
          return !tried.has(current());
        },
        warnings: (reply, sent) => [
          ...(setting === 'auto' && sent === 'preview' ? [FELL_BACK] : []),
          ...deprecationWarnings(reply, sent),
        ],
      };
    },
  };
}

const FELL_BACK =
  'Atlas does not speak API version 2025-03-12; the preview was used, which knows no cloud or geography.';

/**
 * The method, and the path without its ids: such as `GET groups aiModelApiKeys`. Undefined for what the preview does not have,
 * which is everything except the calls of AI models: those exist in version 2023-01-01, to which a later date resolves.
 */
function kindOf({ method, path }: VersionedCall): string | undefined {
  const [, , , , ...segments] = (path.split('?')[0] ?? '').split('/');
  // What is not at an even place is an id.
  const names = segments.filter((_segment, index) => index % 2 === 0);
  const depth = segments.length;
  return names.some((name) => name.startsWith('aiModel')) ? [method, depth, ...names].join(' ') : undefined;
}

/** The Deprecation header (RFC 9745) and the Sunset header (RFC 8594). */
function deprecationWarnings({ headers }: HttpReply, version: ApiVersion): string[] {
  const { deprecation, sunset } = headers;
  if (deprecation === undefined && sunset === undefined) return [];
  const date = Date.parse(sunset ?? '');
  const until = Number.isNaN(date) ? '' : ` and will end on ${new Date(date).toISOString().slice(0, 10)}`;
  return [`Atlas marks API version ${version} as deprecated${until}; update this server.`];
}

/** Waits before the first and the second repeat where Atlas names none, in milliseconds; up to half is added at random. */
const BACKOFF_MS = [200, 600];
/** What Atlas means by a 429 that does not say how long to wait, in seconds. */
const USUAL_RATE_WAIT = 1;
/** Where Atlas says how long to wait, it is waited for as long as this and no longer; the caller may come again. */
export const LONGEST_WAIT_SECONDS = 20;
const SHORTEST_WAIT_MS = 500;
/** Of what Atlas asks for. */
const MOST_ADDED = 0.2;
/** A failure that comes later than this is not worth a caller's time again. */
const REPEAT_WITHIN_MS = 5_000;

interface FailedTry {
  readonly method: HttpRequest['method'];
  readonly failure: Failure;
  /** How often the call was repeated before. */
  readonly repeats: number;
  /** Since the call began. */
  readonly elapsedMs: number;
}

/**
 * How many milliseconds to wait before a call is repeated; undefined where it is not. Only reads and deletes are repeated:
 * a create or a change is sent again only after a definite refusal, which admin-api.ts judges.
 *
 * @param random from 0 to 1
 */
export function waitBeforeRepeat(
  { method, failure, repeats, elapsedMs }: FailedTry,
  random: number,
): number | undefined {
  const backoff = BACKOFF_MS[repeats];
  // Not the limit of live tokens, which lasts an hour.
  const isRateLimit = failure.atlas?.status === 429;
  const mayPass = failure.retryable && (failure.code === 'ATLAS_UNAVAILABLE' || isRateLimit);
  const repeatable = (method === 'GET' || method === 'DELETE') && mayPass;
  if (backoff === undefined || !repeatable || elapsedMs > REPEAT_WITHIN_MS) return undefined;
  const seconds = failure.retryAfterSeconds ?? (isRateLimit ? USUAL_RATE_WAIT : undefined);
  if (seconds === undefined) return backoff * (1 + random / 2);
  if (seconds > LONGEST_WAIT_SECONDS) return undefined;
  return Math.max(seconds * 1000, SHORTEST_WAIT_MS, backoff) * (1 + random * MOST_ADDED);
}
