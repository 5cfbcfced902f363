// A TLS server with a certificate of its own, and a proxy that knows CONNECT. Each records what reaches it.

import { execFileSync, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, request as httpRequest, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Duplex } from 'node:stream';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { listening } from '../connection.ts';

export const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

/** The name in the certificate, which no resolver knows; the loopback address is in it too, `localhost` is not. */
export const NAME = 'atlas.test';

/** The path of a folder that is not there yet. */
export function temporaryFolder(): string {
  return join(tmpdir(), `atlas-tls-${randomUUID()}`);
}

/** Makes the folder, and in it a self-signed certificate: `cert.pem` and `key.pem`. */
export function makeCertificate(folder: string): void {
  mkdirSync(folder, { mode: 0o700 });
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${NAME}`],
      ...['-addext', `subjectAltName=DNS:${NAME},IP:127.0.0.1`, '-keyout', 'key.pem', '-out', 'cert.pem'],
    ],
    { cwd: folder, stdio: 'ignore' },
  );
}

/** The path of a folder that has one during the tests of this file or `describe`. */
export function certificateFolder(): string {
  const folder = temporaryFolder();
  beforeAll(() => {
    makeCertificate(folder);
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

export interface Recorded {
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
}

export async function tlsServerFor(folder: string): Promise<{ port: string; requests: readonly Recorded[] }> {
  const requests: Recorded[] = [];
  const port = await tlsListening(folder, ({ url = '', headers }, response) => {
    requests.push({ target: url, headers });
    response.end('through');
  });
  return { port, requests };
}

/** The port of a TLS server that passes each request on to an HTTP server of this machine. */
export function tlsGatewayFor(folder: string, baseUrl: string): Promise<string> {
  return tlsListening(folder, (request, response) => {
    const { method, url = '', headers } = request;
    const onward = httpRequest(new URL(url, baseUrl), { method, headers, agent: false }, (reply) => {
      response.writeHead(reply.statusCode ?? 0, reply.headers);
      reply.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
}

/** @param onHandshake is given each connection that was accepted */
export async function tlsListening(
  folder: string,
  answer: RequestListener,
  onHandshake?: (socket: Duplex) => void,
): Promise<string> {
  const server = createTlsServer(certificateIn(folder), answer);
  if (onHandshake) server.on('secureConnection', onHandshake);
  onTestFinished(() => {
    server.closeAllConnections();
  });
  return (await listening(server)).port;
}

function certificateIn(folder: string) {
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => readFileSync(join(folder, name)));
  return { key, cert };
}

export interface Proxy {
  readonly port: string;
  readonly tunnels: readonly Recorded[];
  /** Requests that were not CONNECT: there should be none. */
  readonly requests: readonly Recorded[];
  /** Connections, whatever came over them. */
  readonly connections: () => number;
}

/**
 * What the proxy does with CONNECT: opens the tunnel, refuses it with this status, closes the connection without an answer,
 * closes it after it has said that the tunnel is open, or never answers.
 */
export type Tunnelling = 'open' | number | 'close' | 'close when open' | 'stall';

/**
 * Whatever name is asked for, the tunnel ends at this port of the loopback interface.
 *
 * @param folder with a certificate, for a proxy that speaks TLS itself
 */
export async function proxyFor(port: string, tunnelling: Tunnelling = 'open', folder?: string): Promise<Proxy> {
  const [tunnels, requests]: [Recorded[], Recorded[]] = [[], []];
  let connections = 0;
  const answer: RequestListener = ({ url = '', headers }, response) => {
    requests.push({ target: url, headers });
    response.end('not through');
  };
  const server = folder === undefined ? createServer(answer) : createTlsServer(certificateIn(folder), answer);
  server.on('connection', () => {
    connections += 1;
  });
  server.on('connect', ({ url = '', headers }, client) => {
    tunnels.push({ target: url, headers });
    client.on('error', () => undefined);
    if (tunnelling === 'open') openTunnel(client, port);
    else if (tunnelling === 'close') client.destroy();
    else if (tunnelling === 'close when open') client.end(ESTABLISHED);
    else if (tunnelling !== 'stall')
      client.end(
        `HTTP/1.1 ${tunnelling} No\r\nProxy-Authenticate: Basic\r\n\r\n<h1>${headers['proxy-authorization']}</h1>`,
      );
  });
  onTestFinished(() => {
    server.closeAllConnections();
  });
  return { port: (await listening(server)).port, tunnels, requests, connections: () => connections };
}

const ESTABLISHED = 'HTTP/1.1 200 Connection established\r\n\r\n';

function openTunnel(client: Duplex, port: string): void {
  const upstream = connect(Number(port), '127.0.0.1', () => {
    client.write(ESTABLISHED);
    upstream.pipe(client).pipe(upstream);
  });
  upstream.on('error', () => client.destroy());
  client.on('close', () => upstream.destroy());
}
