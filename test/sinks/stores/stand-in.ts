// A store that is not the real one, over real HTTP: it answers as the documentation of the real one says, counts what it was asked,
// and does wrong what a test asks for.

import { createServer, type IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

export interface Call {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Reply {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What goes wrong with a request: before it is carried out, or when it is answered. */
export type Fault = Reply | 'reset before' | 'reset after' | 'slow' | undefined;

export interface StandIn {
  readonly address: string;
  readonly calls: Call[];
  /** Asked for each request. */
  fault: (call: Call) => Fault;
  /** Done before a request that writes is carried out: what somebody else does meanwhile. */
  meanwhile: (call: Call) => void;
  close(): Promise<void>;
}

/** Longer than a sink of these tests waits. */
const SLOW_MS = 1500;

export async function standIn(answer: (call: Call) => Reply): Promise<StandIn> {
  const server = createServer((request, response) => {
    void read(request).then(async (call) => {
      own.calls.push(call);
      const fault = own.fault(call);
      if (fault === 'reset before') request.socket.destroy();
      if (fault === 'reset before') return;
      if (typeof fault === 'object') {
        send(fault);
        return;
      }
      if (fault === 'slow') await delay(SLOW_MS);
      if (call.method !== 'GET') own.meanwhile(call);
      const reply = answer(call);
      if (fault === 'reset after') request.socket.destroy();
      else send(reply);
    });
    const send = ({ status, body, headers }: Reply) => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(body === undefined ? '' : JSON.stringify(body));
    };
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  const port = typeof bound === 'object' && bound ? bound.port : 0;
  const own: StandIn = {
    address: `http://127.0.0.1:${port}`,
    calls: [],
    fault: () => undefined,
    meanwhile: () => undefined,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return own;
}

async function read(request: IncomingMessage): Promise<Call> {
  const pieces: Buffer[] = [];
  for await (const piece of request) if (piece instanceof Buffer) pieces.push(piece);
  const text = Buffer.concat(pieces).toString('utf8');
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://stand-in');
  const body = recordOf(text === '' ? {} : JSON.parse(text));
  return {
    method: request.method ?? '',
    path: decodeURIComponent(pathname),
    query: searchParams,
    headers: request.headers,
    body,
  };
}

/** The object, or one without members where it is something else. */
export function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

/** The members of the object that are texts. */
export function textsOf(value: unknown): Record<string, string> {
  const texts = Object.entries(recordOf(value)).flatMap(([name, text]) =>
    typeof text === 'string' ? [[name, text] as const] : [],
  );
  return Object.fromEntries(texts);
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
