// A TLS server with a certificate of its own, and a proxy that knows CONNECT. Each records what reaches it.

import { execFileSync, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { listening } from './connection.ts';

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

export interface Recorded {
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
}

export async function tlsServerFor(folder: string): Promise<{ port: string; requests: readonly Recorded[] }> {
  const requests: Recorded[] = [];
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => readFileSync(join(folder, name)));
  const server = createTlsServer({ key, cert }, ({ url = '', headers }, response) => {
    requests.push({ target: url, headers });
    response.end('through');
  });
  onTestFinished(() => {
    server.closeAllConnections();
  });
  return { port: (await listening(server)).port, requests };
}

export interface Proxy {
  readonly port: string;
  readonly tunnels: readonly Recorded[];
  /** Requests that were not CONNECT: there should be none. */
  readonly requests: readonly Recorded[];
}

/** Whatever name is asked for, the tunnel ends at this port of the loopback interface. Another status: no tunnel. */
export async function proxyFor(port: string, status = 200): Promise<Proxy> {
  const [tunnels, requests]: [Recorded[], Recorded[]] = [[], []];
  const server = createServer(({ url = '', headers }, response) => {
    requests.push({ target: url, headers });
    response.end('not through');
  });
  server.on('connect', ({ url = '', headers }, client) => {
    tunnels.push({ target: url, headers });
    client.on('error', () => undefined);
    if (status !== 200) {
      client.end(`HTTP/1.1 ${status} No\r\nProxy-Authenticate: Basic\r\n\r\n`);
      return;
    }
    const upstream = connect(Number(port), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.pipe(client).pipe(upstream);
    });
    upstream.on('error', () => client.destroy());
    client.on('close', () => upstream.destroy());
  });
  onTestFinished(() => {
    server.closeAllConnections();
  });
  return { port: (await listening(server)).port, tunnels, requests };
}
