// Real servers, and connections to them by src/atlas as it ships, for its tests. Each ends with its test.

import {
  createServer as createHttpServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { expect, onTestFinished } from 'vitest';
import type { ApiReply } from '../../src/atlas/api/admin-api.ts';
import type { Atlas } from '../../src/atlas/atlas.ts';
import type { Failure, Result } from '../../src/failure.ts';
import type { CreatedKey, NewKey } from '../../src/atlas/api/keys.ts';
import type { Position } from '../../src/atlas/api/pages.ts';
import type { Transport, TransportOptions } from '../../src/http/transport.ts';
import type { Credentials } from '../../src/config/credentials.ts';
import { FIRST_PROJECT } from '../../src/sandbox/first-project.ts';
import type { Simulator } from '../atlas-simulator/simulator.ts';
import { Secret } from '../../src/secret/secret.ts';
import { createAtlas, createTransport } from './shipped-atlas.ts';

export { sandboxFor } from '../atlas-simulator/sandbox-for.ts';

export const PROJECT = FIRST_PROJECT;
export const NEW_KEY: NewKey = { groupId: PROJECT, name: 'Production key', cloud: 'ANY', geography: 'ANY' };

export type Settings = Partial<Parameters<typeof createAtlas>[0]>;

export function connect(to: Simulator | URL, credentials: Credentials, settings: Settings = {}): Atlas {
  const baseUrl = to instanceof URL ? to : new URL(to.baseUrl);
  const atlas = createAtlas({ baseUrl, credentials, apiVersion: 'auto', timeoutMs: 10_000, ...settings });
  onTestFinished(() => atlas.close());
  return atlas;
}

/** With the access token of the sandbox: nothing but the calls themselves is sent. */
export function connectByToken(sandbox: Simulator, settings?: Settings): Atlas {
  return connect(sandbox, tokenOf(sandbox.credentials.accessToken), settings);
}

export function tokenOf(token: string): Credentials {
  return { kind: 'token', token: new Secret(token) };
}

/** For an origin that does not check it. */
export const TOKEN = tokenOf('a-token-of-the-test');

/** A reply of 200 with this body, as a call reads it. */
export function replyWith(body: unknown): ApiReply {
  return { status: 200, body: typeof body === 'string' ? body : JSON.stringify(body), warnings: [] };
}

export function serviceAccountOf({ credentials: { clientId, clientSecret } }: Simulator): Credentials {
  return { kind: 'service-account', clientId, clientSecret: new Secret(clientSecret) };
}

export function apiKeyOf({ credentials: { publicKey, privateKey } }: Simulator): Credentials {
  return { kind: 'api-key', publicKey, privateKey: new Secret(privateKey) };
}

export function transportTo(baseUrl: URL, options: Partial<TransportOptions> = {}): Transport {
  const transport = createTransport({ baseUrl, timeoutMs: 10_000, ...options });
  onTestFinished(() => transport.close());
  return transport;
}

/** Where the row of that number is in a list of full pages. */
export function rowAt(number: number): Position {
  const page = Math.floor(number / 500);
  return { page: page + 1, skip: number - page * 500, before: page * 500 };
}

export interface Arrival {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Origin {
  readonly url: URL;
  /** Every request that arrived wholly, in order. */
  readonly arrivals: readonly Arrival[];
}

/** An HTTP server that is not Atlas, for replies that the sandbox cannot give. */
export async function originFor(
  answer: (response: ServerResponse, arrival: Arrival, count: number) => void,
): Promise<Origin> {
  const arrivals: Arrival[] = [];
  const server = createHttpServer((request, response) => {
    void readAll(request).then((body) => {
      const arrival = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body };
      arrivals.push(arrival);
      answer(response, arrival, arrivals.length);
    });
  });
  onTestFinished(() => {
    server.closeAllConnections();
  });
  return { url: await listening(server), arrivals };
}

/** An origin that gives one and the same reply. */
export function originOf(
  status: number,
  body: unknown,
  headers: Record<string, string | string[]> = {},
): Promise<Origin> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return originFor((response) => response.writeHead(status, headers).end(text));
}

/** A TCP server, for what is not HTTP any more. `received` counts the heads of requests. */
export async function tcpFor(
  answer: (socket: Socket, count: number) => void,
): Promise<{ url: URL; received: () => number }> {
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      const heads = data.toString('latin1').match(/^[A-Z]+ \/\S* HTTP\/1\.1\r$/gm) ?? [];
      heads.forEach(() => {
        count += 1;
        answer(socket, count);
      });
    });
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  return { url: await listening(server), received: () => count };
}

/** A port of this machine where nobody listens. */
export async function closedPort(): Promise<URL> {
  const server = createTcpServer();
  const url = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  return url;
}

export async function listening(server: Server): Promise<URL> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port.');
  return new URL(`http://127.0.0.1:${address.port}`);
}

/** With `maybeCarriedOut` in any case: absent, it means that nothing was carried out. */
export function failureOf(result: Result<unknown>): Failure {
  if (result.ok) throw new Error('The call succeeded.');
  return { maybeCarriedOut: false, ...result.failure };
}

export function valueOf<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`The call failed: ${JSON.stringify(result.failure)}`);
  return result.value;
}

/** What arrived at the sandbox and what it answered, such as `create_key 201`. */
export function log(sandbox: Simulator): string[] {
  return sandbox.requests.map(({ operation, status }) => `${operation} ${status}`);
}

async function readAll(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) if (Buffer.isBuffer(part)) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}

/** Of a create whose reply has all that it should. */
export function wholeOf(created: Result<CreatedKey>): Required<CreatedKey> {
  const { key, secret, warnings } = valueOf(created);
  return key && secret ? { key, secret, warnings } : expect.fail('The reply has no key, or no secret.');
}
