// The record of every request that arrived, in order. Kept in memory only.

import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import type { AtlasRequest } from '../../src/sandbox/routes.ts';
import type { Answered } from './wire.ts';

export interface RecordedRequest {
  /** `unknown` for a path or method that the API does not have. */
  readonly operation: AtlasRequest['operation'];
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
  /** The number of the connection it came over, from 1, in the order of their first requests. */
  readonly connection: number;
}

export type OpenRecord = { -readonly [Name in keyof RecordedRequest]: RecordedRequest[Name] };

export interface RequestLog {
  readonly requests: readonly RecordedRequest[];
  /** The record is completed by who answers the request: what was carried out, and what was answered. */
  add(request: AtlasRequest, socket: Socket | null): OpenRecord;
  clear(): void;
}

export function createRequestLog(): RequestLog {
  let requests: RecordedRequest[] = [];
  const connections = new WeakMap<Socket, number>();
  let connected = 0;
  const numberOf = (socket: Socket) => {
    const number = connections.get(socket) ?? (connected += 1);
    connections.set(socket, number);
    return number;
  };
  return {
    get requests() {
      return requests;
    },
    add({ operation, method, path, headers, body }, socket) {
      const sent = { operation, method, path, headers, body: parsedBody(body) };
      const connection = socket === null ? 0 : numberOf(socket);
      const record: OpenRecord = { ...sent, status: 'none', carriedOut: false, connection };
      requests.push(record);
      return record;
    },
    clear() {
      requests = [];
    },
  };
}

function parsedBody(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  const text = bytes.toString('utf8');
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
