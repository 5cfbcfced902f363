// One HTTP exchange with one origin: sent at most once, bounded in time and size, never redirected.
// It knows nothing of Atlas, and it says whether the request left at all.

import { setFlagsFromString } from 'node:v8';
import type { Dispatcher } from 'undici';
import Pool from 'undici/lib/dispatcher/pool.js';
import type { ProxySettings } from '../config/proxy.ts';
import { systemCode } from '../files/file-problem.ts';
import { goesThroughProxy, isTlsError, ProxyError, tunnelConnector } from './proxy-tunnel.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query, as sent. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** In bytes; {@link LARGEST_REPLY} where absent. */
  readonly largestReply?: number;
}

/** What became of a request. */
export type Exchange =
  | HttpReply
  /** The request never left this machine. `proxyStatus`: what a proxy answered in place of a tunnel. */
  | { readonly outcome: 'not_sent'; readonly reason: LostReason; readonly proxyStatus?: number }
  /** It left (perhaps in part), and no status came back. */
  | { readonly outcome: 'lost'; readonly reason: LostReason };

export interface HttpReply {
  readonly outcome: 'reply';
  readonly status: number;
  /** By lower-case name; of a repeated header the first, but all challenges of WWW-Authenticate. */
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined where the body broke off, or was larger than the request allows. */
  readonly body: string | undefined;
  /** Why the body broke off; absent where it is whole, or was too large. */
  readonly cut?: LostReason;
}

export type LostReason =
  'timeout' | 'cancelled' | 'refused' | 'unresolved' | 'tls' | 'connection' | ProxyError['reason'];

export interface Transport {
  /** @param signal gives up waiting; a request that must not be left half-known is sent without one */
  send(request: HttpRequest, signal?: AbortSignal): Promise<Exchange>;
  close(): Promise<void>;
}

/** In bytes. One key, an error or a token is a few KB; a call that wants a list says so. */
const LARGEST_REPLY = 256 * 1024;
const KEEP_ALIVE_MS = 30_000;

// undici's HTTP parser is WebAssembly, with one function so large that V8 takes some 60 ms of processor time and
// 10 MB to optimise it, and does so while the first reply comes in. As first compiled it parses such replies as well. The
// budget is what may run of it before it is optimised; no other WebAssembly is in this program.
setFlagsFromString('--wasm-tiering-budget=1000000000');
// All of it is compiled at once, by several threads, and not each function when the first reply calls it.
setFlagsFromString('--no-wasm-lazy-compilation');

export interface TransportOptions {
  readonly baseUrl: URL;
  /** Limit for one exchange, connecting included. */
  readonly timeoutMs: number;
  readonly proxy?: ProxySettings;
  readonly tls?: TlsIdentity;
}

/** What TLS needs beside what Node trusts, in PEM. */
export interface TlsIdentity {
  /** Certificate authorities that are trusted in place of the usual ones. */
  readonly ca?: string;
  /** The certificate by which this side is known, and its key. */
  readonly cert?: string;
  readonly key?: string;
  /** The name in the certificate of the other side, where it is not the host. */
  readonly servername?: string;
}

export function createTransport(options: TransportOptions): Transport {
  const { timeoutMs } = options;
  const dispatcher = createDispatcher(options);
  return {
    send: (request, signal) => exchange(dispatcher, request, timeoutMs, signal),
    close: () => dispatcher.destroy(),
  };
}

function createDispatcher({ baseUrl, timeoutMs, proxy, tls }: TransportOptions): Dispatcher {
  return new Pool(baseUrl.origin, {
    keepAliveTimeout: KEEP_ALIVE_MS,
    // One timer of our own bounds the whole exchange.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: isProxied(baseUrl, proxy) ? tunnelConnector(proxy, timeoutMs, tls) : { ...tls, timeout: timeoutMs },
  });
}

/** Plain http is loopback (see the rules of the base URL) and never goes through a proxy. */
function isProxied(baseUrl: URL, proxy: ProxySettings | undefined): proxy is ProxySettings {
  return proxy !== undefined && baseUrl.protocol === 'https:' && goesThroughProxy(baseUrl, proxy.noProxy);
}

function exchange(
  dispatcher: Dispatcher,
  request: HttpRequest,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<Exchange> {
  if (signal?.aborted) return Promise.resolve({ outcome: 'not_sent', reason: 'cancelled' });
  return new Promise((resolve) => {
    const { method, path, headers, body, largestReply = LARGEST_REPLY } = request;
    const receiver = createReceiver(largestReply, (result) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      // undici frees a connection one immediate after the reply; a call made before that would open another.
      queueMicrotask(() => setImmediate(resolve, result));
    });
    const onAbort = () => {
      receiver.giveUp('cancelled');
    };
    const timer = setTimeout(() => {
      receiver.giveUp('timeout');
    }, timeoutMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    dispatcher.dispatch(
      { method, path, headers: { ...headers }, ...(body !== undefined && { body }) },
      receiver.handler,
    );
  });
}

/** Collects one reply of at most `largest` bytes. `settle` is called exactly once. */
function createReceiver(largest: number, settle: (result: Exchange) => void) {
  let controller: Dispatcher.DispatchController | undefined;
  let head: Pick<HttpReply, 'status' | 'headers'> | undefined;
  let settled = false;
  const body = createReplyBody(largest);

  const finish = (result: Exchange) => {
    if (!settled) settle(result);
    settled = true;
  };
  const end = (...[reason, proxyStatus]: Loss) => {
    if (head) finish({ outcome: 'reply', ...head, body: undefined, ...(!body.isTooLarge() && { cut: reason }) });
    else if (controller) finish({ outcome: 'lost', reason });
    else finish(notSent(reason, proxyStatus));
  };
  const giveUp = (reason: LostReason) => {
    end(reason);
    controller?.abort(new Error(reason));
  };
  const handler: Dispatcher.DispatchHandler = {
    // Called before the first byte is written. Settled already, or called again, means: do not write.
    onRequestStart(started) {
      if (settled || controller) started.abort(new Error('not sent'));
      else controller = started;
    },
    onResponseStart(_controller, status, headers) {
      if (status >= 200) head = { status, headers: firstValues(headers) };
    },
    onResponseData(_controller, chunk) {
      if (!body.add(chunk)) giveUp('connection');
    },
    onResponseEnd() {
      if (head) finish({ outcome: 'reply', ...head, body: body.text() });
      else end('connection');
    },
    onResponseError(_controller, error) {
      end(...lossFor(error));
    },
  };
  return { handler, giveUp };
}

function firstValues(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([given, value]) => {
      const name = given.toLowerCase();
      const values = [value].flat();
      return [name, (name === 'www-authenticate' ? values.join(', ') : values[0]) ?? ''];
    }),
  );
}

type Loss = [reason: LostReason, proxyStatus?: number | undefined];

function notSent(reason: LostReason, proxyStatus: number | undefined): Exchange {
  return { outcome: 'not_sent', reason, ...(proxyStatus !== undefined && { proxyStatus }) };
}

function lossFor(error: Error): Loss {
  return error instanceof ProxyError ? [error.reason, error.status] : [reasonFor(error)];
}

/** By the error's code only: messages of HTTP libraries may quote headers. */
function reasonFor(error: Error): LostReason {
  const code = systemCode(error);
  if (code === 'ECONNREFUSED') return 'refused';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'unresolved';
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') return 'timeout';
  return isTlsError(error) ? 'tls' : 'connection';
}

interface ReplyBody {
  /** Answers false, and keeps nothing more, where the body is larger than the limit. */
  add(piece: Uint8Array): boolean;
  isTooLarge(): boolean;
  /** To be asked once, at the end: what was gathered is let go. */
  text(): string;
}

/** Enough for one key, an error or a token. */
const FIRST_SIZE = 4096;

/**
 * Gathers the body of a reply up to a limit. Pieces are copied into one buffer: a body that comes byte by byte must not cost
 * an object, and a whole piece of the network's memory, for each.
 *
 * @param largest in bytes
 */
export function createReplyBody(largest: number): ReplyBody {
  let bytes = Buffer.alloc(0);
  let size = 0;
  let tooLarge = false;
  return {
    add(piece) {
      const needed = size + piece.length;
      tooLarge ||= needed > largest;
      if (tooLarge) {
        bytes = Buffer.alloc(0);
        return false;
      }
      if (needed > bytes.length) {
        const grown = Buffer.alloc(Math.min(largest, Math.max(needed, 2 * bytes.length, FIRST_SIZE)));
        bytes.copy(grown, 0, 0, size);
        bytes = grown;
      }
      bytes.set(piece, size);
      size = needed;
      return true;
    },
    isTooLarge: () => tooLarge,
    text() {
      const text = bytes.toString('utf8', 0, size);
      bytes = Buffer.alloc(0);
      return text;
    },
  };
}
