// The record of every request that arrived, in order. Kept in memory only.

import type { IncomingHttpHeaders } from 'node:http';
import type { Operation } from './operations.ts';
import type { Answered } from './wire.ts';

export interface RecordedRequest {
  /** `unknown` for a path or method that the API does not have. */
  readonly operation: Operation | 'unknown';
  readonly method: string;
  /** With the query, exactly as it was sent. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Parsed where it is JSON, otherwise its text; undefined where there was none. */
  readonly body: unknown;
  /** `none` while, or because, no answer was sent. */
  readonly status: Answered;
  /** Whether the call was executed with success, whatever was answered. */
  readonly carriedOut: boolean;
  /** The number of the connection it came over, from 1. */
  readonly connection: number;
}

export type OpenRecord = { -readonly [Name in keyof RecordedRequest]: RecordedRequest[Name] };

export function parsedBody(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  const text = bytes.toString('utf8');
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
