// When a call is repeated, and how long to wait before that. Pure: it waits for nothing and reads no clock.

import type { Failure } from '../../failure.ts';
import type { HttpRequest } from '../http/transport.ts';

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
  const repeatable = (method === 'GET' || method === 'DELETE') && mayPass(failure);
  if (backoff === undefined || !repeatable || elapsedMs > REPEAT_WITHIN_MS) return undefined;
  const seconds = failure.retryAfterSeconds ?? (isRateLimit(failure) ? USUAL_RATE_WAIT : undefined);
  if (seconds === undefined) return backoff * (1 + random / 2);
  if (seconds > LONGEST_WAIT_SECONDS) return undefined;
  return Math.max(seconds * 1000, SHORTEST_WAIT_MS, backoff) * (1 + random * MOST_ADDED);
}

function mayPass(failure: Failure): boolean {
  return failure.retryable && (failure.code === 'ATLAS_UNAVAILABLE' || isRateLimit(failure));
}

/** Not the limit of live tokens, which lasts an hour. */
function isRateLimit({ atlas }: Failure): boolean {
  return atlas?.status === 429;
}

/** The header Retry-After: seconds, or an HTTP date (RFC 9110, section 10.2.3). Undefined when absent or unreadable. */
export function retryAfterSeconds(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^[0-9]{1,6}$/.test(value)) return Number(value);
  const date = httpDate(value);
  return date === undefined ? undefined : Math.max(0, Math.ceil((date - now) / 1000));
}

/** The date of an HTTP header (RFC 9110, 5.6.7) in milliseconds since the epoch; undefined where the header is absent or unreadable. */
export function httpDate(value: string | undefined): number | undefined {
  const date = value?.endsWith(' GMT') ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : date;
}
