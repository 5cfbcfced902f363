// The HTTP server: reads each request whole, and puts each reply on the wire.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { refusal, type Reply } from './replies.ts';
import type { HttpRequest } from './routes.ts';

type Answer = (request: HttpRequest, response: ServerResponse) => void | Promise<void>;

interface Listener {
  readonly baseUrl: string;
  /** Nothing is answered before this; nobody knows the port before this either. */
  serve(answer: Answer): void;
  /** Ends every connection at once, whatever is in flight. */
  readonly close: () => Promise<void>;
}

/** Announced on every reply and never enforced. */
const RATE_LIMIT = new Headers({ 'ratelimit-limit': '1000', 'ratelimit-remaining': '999' });

/** Listens on a free port of the loopback interface. */
export async function listen(): Promise<Listener> {
  // Long enough that a client that pauses does not meet a connection that is just being closed.
  const server = createServer({ keepAliveTimeout: 120_000 });
  const port = await bind(server);
  return {
    baseUrl: `http://127.0.0.1:${port}`,
    serve(answer) {
      server.on('request', (request, response) => {
        void receive(answer, request, response);
      });
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

export function sendReply(response: ServerResponse, { status, headers, content }: Reply): void {
  const body = content === undefined ? '' : JSON.stringify(content);
  const length = status === 204 ? {} : { 'content-length': Buffer.byteLength(body) };
  response.writeHead(status, { ...headers, ...length });
  response.end(body);
}

async function receive(answer: Answer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readAll(request);
  if (body === undefined) return;
  response.setHeaders(RATE_LIMIT);
  const { method = 'GET', url: path = '/', headers } = request;
  try {
    await answer({ method, path, headers, body }, response);
  } catch {
    if (!response.headersSent) sendReply(response, refusal(500, { errorCode: 'UNEXPECTED_ERROR' }));
  }
}

/** Undefined where the sender went away before the end. */
async function readAll(request: IncomingMessage): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  try {
    for await (const part of request) if (Buffer.isBuffer(part)) parts.push(part);
  } catch {
    return undefined;
  }
  return Buffer.concat(parts);
}

function bind(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      server.off('error', reject);
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new Error('The sandbox has no port.'));
      else resolve(address.port);
    });
  });
}
