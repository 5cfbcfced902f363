// The HTTP server: reads a request wholly, records it, has it answered. Numbers the connections, so that
// tests can see which requests shared one.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { refusal } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { match } from './routes.ts';
import { parsedBody, type OpenRecord } from './requests.ts';
import { send, whole } from './wire.ts';

export interface Listener {
  readonly baseUrl: string;
  /** Nothing is answered before this; nobody knows the port before this either. */
  serve(service: Service): void;
  /** Ends every connection at once, whatever is in flight. */
  close(): Promise<void>;
}

export interface Service {
  record(request: OpenRecord): void;
  answer(exchange: Exchange): Promise<void>;
}

/** Listens on a free port of the loopback interface. */
export async function listen(): Promise<Listener> {
  // Long enough that no test meets a connection that was closed under its hands without being told to.
  const server = createServer({ keepAliveTimeout: 120_000 });
  const connections = new Map<Socket, number>();
  let connected = 0;
  server.on('connection', (socket) => {
    connected += 1;
    connections.set(socket, connected);
    socket.once('close', () => connections.delete(socket));
  });
  const port = await bind(server);
  return {
    baseUrl: `http://127.0.0.1:${port}`,
    serve(service) {
      server.on('request', (request, response) => {
        void receive(service, request, response, connections.get(request.socket) ?? 0);
      });
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        for (const socket of connections.keys()) socket.destroy();
      }),
  };
}

async function receive(
  service: Service,
  request: IncomingMessage,
  response: ServerResponse,
  connection: number,
): Promise<void> {
  const body = await readAll(request);
  if (body === undefined) return;
  const { method = 'GET', url: path = '/' } = request;
  const record: OpenRecord = {
    operation: match(method, path).route?.operation ?? 'unknown',
    method,
    path,
    headers: request.headers,
    body: parsedBody(body),
    status: 'none',
    carriedOut: false,
    connection,
  };
  service.record(record);
  try {
    await service.answer({ request, response, body, record });
  } catch {
    if (!response.headersSent) record.status = send(response, whole(refusal(500, { errorCode: 'UNEXPECTED_ERROR' })));
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
