// Connections to Atlas through a proxy: CONNECT (RFC 9110, section 9.3.6), then TLS with Atlas inside the tunnel. The proxy's
// answer is kept as a status only: its page and its headers are text from outside.

import { request as httpRequest } from 'node:http';
import { isIP, type Socket } from 'node:net';
import type { buildConnector } from 'undici';
import buildTlsConnector from 'undici/lib/core/connect.js';
import type { ProxySettings } from '../config/proxy.ts';
import { systemCode } from '../files/file-problem.ts';
import { basicAuthorization } from '../secret/opened-secret.ts';

/** What kept a connection from being made. Never with a cause: errors of HTTP may quote headers, such as the proxy's login. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError';
  readonly reason: ProxyReason;
  /** What the proxy answered to CONNECT. */
  readonly status: number | undefined;

  constructor(reason: ProxyReason, status?: number) {
    super(reason);
    this.reason = reason;
    this.status = status;
  }
}

type ProxyReason =
  /** It answered CONNECT with another status than 2xx. */
  | 'proxy_refused'
  | 'proxy_unreachable'
  /** It speaks TLS, with a certificate that is not trusted. */
  | 'proxy_tls'
  /** It ended the connection, before the tunnel was open or in the TLS handshake with Atlas. */
  | 'proxy_closed';

/** Opens tunnels as undici opens connections. Each try makes one connection to the proxy. */
export function tunnelConnector(
  proxy: ProxySettings,
  timeoutMs: number,
  tls: buildConnector.BuildOptions = {},
): buildConnector.connector {
  const connectTls = buildTlsConnector({ ...tls, timeout: timeoutMs });
  return (options, connected) => {
    const { host = options.hostname, port } = options;
    openTunnel(proxy, port ? host : `${host}:443`, timeoutMs).then(
      (httpSocket) => {
        connectTls({ ...options, httpSocket }, (...[error, socket]) => {
          if (socket) connected(null, socket);
          else connected(inTunnel(error), null);
        });
      },
      (error: unknown) => {
        connected(error instanceof ProxyError ? error : new ProxyError('proxy_closed'), null);
      },
    );
  };
}

function openTunnel(proxy: ProxySettings, authority: string, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const tunnel = requestFor(new URL(proxy.url))({ ...connectRequest(proxy, authority), timeout: timeoutMs });
    tunnel.on('connect', ({ statusCode = 0 }, socket: Socket, head) => {
      if (statusCode >= 200 && statusCode < 300) {
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
        return;
      }
      socket.on('error', () => undefined).destroy();
      reject(new ProxyError('proxy_refused', statusCode));
    });
    tunnel.on('timeout', () => tunnel.destroy(new ProxyError('proxy_unreachable')));
    tunnel.on('error', (error) => {
      reject(error instanceof ProxyError ? error : new ProxyError(reasonOf(error)));
    });
    tunnel.end();
  });
}

/** Loaded only for a proxy that speaks TLS itself: it takes some 10 ms. */
function requestFor({ protocol }: URL): typeof httpRequest {
  return protocol === 'https:' ? process.getBuiltinModule('node:https').request : httpRequest;
}

function connectRequest({ url, login }: ProxySettings, authority: string) {
  const { hostname, port, protocol } = new URL(url);
  // Of an IPv6 address without the brackets.
  const host = hostname.replace(/^\[|\]$/g, '');
  return {
    host,
    port: port || (protocol === 'https:' ? 443 : 80),
    method: 'CONNECT',
    path: authority,
    agent: false,
    // Otherwise Node.js would take that of the header `host`, which is Atlas's, for the name in the proxy's certificate.
    servername: isIP(host) === 0 ? host : '',
    headers: {
      host: authority,
      ...(login && { 'proxy-authorization': basicAuthorization(login.user, login.password) }),
    },
  };
}

/** What ends after the connection was made is the proxy's own doing. */
function reasonOf(error: Error): ProxyReason {
  if (isTlsError(error)) return 'proxy_tls';
  return isBreak(error) ? 'proxy_closed' : 'proxy_unreachable';
}

/** An error of TLS is about Atlas's certificate, or about that of a proxy which puts its own in between. */
function inTunnel(error: Error | null): Error {
  return error && !isBreak(error) ? error : new ProxyError('proxy_closed');
}

function isBreak(error: Error): boolean {
  const code = systemCode(error) ?? '';
  return code === 'ECONNRESET' || code === 'EPIPE' || code.startsWith('HPE_');
}

/** By the code only: messages of such errors may quote headers. */
export function isTlsError(error: Error): boolean {
  return /^(?:ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/.test(systemCode(error) ?? '');
}

/**
 * Whether NO_PROXY leaves this host to the proxy. An entry is a host, which stands for its subdomains too, perhaps with a
 * port; `*` stands for all.
 */
export function goesThroughProxy({ hostname, port }: URL, noProxy: string): boolean {
  const entries = noProxy.toLowerCase().split(/[,\s]+/);
  return !entries.some((entry) => {
    if (entry === '*') return true;
    const [, host = `[${entry}]`, ofPort] = /^\*?\.?(\[.*\]|[^:]*)(?::(\d+))?$/.exec(entry) ?? [];
    if (host === '' || (ofPort !== undefined && ofPort !== (port || '443'))) return false;
    return hostname === host || hostname.endsWith(`.${host}`);
  });
}
