// A store that is not the real one, over real HTTP: it answers as the documentation of the real one says, counts what it was asked,
// and does wrong what a test asks for.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import type { Server as AnyServer } from 'node:net';

export interface Call {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: Readonly<Record<string, unknown>>;
  /** The body as it came. */
  readonly text: string;
}

export interface Reply {
  readonly status: number;
  readonly body?: unknown;
  /** In the place of a body in JSON. */
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * What goes wrong with a request: before it is carried out, or when it is answered. A lie is a yes of which nothing is kept. While
 * nothing is answered the sender waits: a request that is held is never carried out, a slow one once the sender has gone.
 */
export type Fault =
  Reply | 'reset before' | 'reset after' | 'slow' | 'hold' | 'hold reply' | 'lie' | BodyFault | undefined;
type BodyFault = 'slow body' | 'cut body' | 'large body' | 'gzip body';

export interface StandIn {
  readonly address: string;
  /** Another address of the same, by which it is another place for a sink. */
  readonly alsoAt: () => Promise<string>;
  readonly calls: Call[];
  /** Asked for each request. */
  fault: (call: Call) => Fault;
  /** Of every reply. */
  replyHeaders: () => Readonly<Record<string, string>>;
  /** Done before a request that writes is carried out: what somebody else does meanwhile. */
  meanwhile: (call: Call) => void | Promise<void>;
  /** What a slow request waits for, after its sender has gone. */
  later: () => Promise<void>;
  /** Done after it was carried out, and before it is answered. */
  afterwards: (call: Call) => void | Promise<void>;
  /** So many reads find what it held then. */
  late: { reads: number; readonly states: StandIn['states'] };
  /** What it holds. */
  states: readonly Map<string, unknown>[];
  close(): Promise<void>;
}

export async function standIn(answer: (call: Call) => Reply | Promise<Reply>): Promise<StandIn> {
  const servers: Server[] = [];
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    void read(request).then(async (call) => {
      own.calls.push(call);
      const fault = own.fault(call);
      if (fault === 'reset before') request.socket.destroy();
      if (fault === 'reset before') return;
      if (typeof fault === 'object') {
        await send(response, withHeaders(fault));
        return;
      }
      if (fault === 'slow' || fault === 'hold') await once(response, 'close');
      if (fault === 'hold') return;
      if (fault === 'slow') await own.later();
      if (call.method !== 'GET') await own.meanwhile(call);
      const before = structuredClone(own.states);
      const isLate = own.late.reads > 0 && isRead(call);
      if (isLate) own.late.reads -= 1;
      if (isLate) for (const [index, state] of own.states.entries()) exchange(state, own.late.states[index]);
      const reply = await answer(call);
      if (isLate || fault === 'lie') for (const [index, state] of own.states.entries()) exchange(state, before[index]);
      await own.afterwards(call);
      if (fault === 'hold reply') await once(response, 'close');
      if (fault === 'reset after') request.socket.destroy();
      else await send(response, withHeaders(reply), fault);
    });
  };
  const withHeaders = (reply: Reply) => ({ ...reply, headers: { ...own.replyHeaders(), ...reply.headers } });
  const alsoAt = async () => {
    const server = createServer(listener);
    servers.push(server);
    return `http://127.0.0.1:${await portOf(server)}`;
  };
  const own: StandIn = {
    address: await alsoAt(),
    alsoAt,
    calls: [],
    fault: () => undefined,
    replyHeaders: () => ({}),
    meanwhile: () => undefined,
    later: () => Promise.resolve(),
    afterwards: () => undefined,
    late: { reads: 0, states: [] },
    states: [],
    async close() {
      for (const server of servers) server.closeAllConnections();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
  return own;
}

/** AWS is asked by POST too. */
export function isRead({ method, headers }: Call): boolean {
  return method === 'GET' || /\.(?:Get|Describe)/.test(String(headers['x-amz-target']));
}

function exchange(state: Map<string, unknown>, before: ReadonlyMap<string, unknown> = new Map()): void {
  state.clear();
  for (const [name, value] of before) state.set(name, value);
}

/** More than any sink takes. */
const LARGE = 3 * 1024 * 1024;

async function send(response: ServerResponse, { status, body, text, headers }: Reply, fault?: Fault): Promise<void> {
  const padded = fault === 'large body' ? { ...recordOf(body), padding: 'x'.repeat(LARGE) } : body;
  const plain = Buffer.from(text ?? (padded === undefined ? '' : JSON.stringify(padded)), 'utf8');
  const bytes = fault === 'gzip body' ? gzipSync(plain) : plain;
  const encoding = fault === 'gzip body' ? { 'content-encoding': 'gzip' } : {};
  const isWhole = status === 204 || (fault !== 'slow body' && fault !== 'cut body');
  const length = status === 204 ? {} : { 'content-length': Math.max(bytes.length, isWhole ? 0 : 2) };
  response.writeHead(status, { 'content-type': 'application/json', ...headers, ...length, ...encoding });
  if (isWhole) return void response.end(status === 204 ? undefined : bytes);
  response.write(bytes.subarray(0, Math.max(1, bytes.length / 2)));
  if (fault === 'slow body') await once(response, 'close');
  response.destroy();
}

/** Where the server listens from now on. */
export async function portOf(server: AnyServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  return typeof bound === 'object' && bound ? bound.port : 0;
}

async function read(request: IncomingMessage): Promise<Call> {
  const pieces: Buffer[] = [];
  for await (const piece of request) if (piece instanceof Buffer) pieces.push(piece);
  const text = Buffer.concat(pieces).toString('utf8');
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://stand-in');
  const body = recordOf(text.startsWith('{') ? JSON.parse(text) : {});
  return {
    method: request.method ?? '',
    path: decodeURIComponent(pathname),
    query: searchParams,
    headers: request.headers,
    body,
    text,
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
