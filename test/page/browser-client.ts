// A page served for a test, and a browser by hand: plain HTTP, with the headers that a test wants. Nothing here expects anything.

import { request, type IncomingHttpHeaders } from 'node:http';
import { onTestFinished } from 'vitest';
import { servePage, type PageLife } from '../../src/page/page-server.ts';
import type { PageContent, PageEnd } from '../../src/page/page-requests.ts';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Rejects where nobody listens any more. */
export function ask(url: string, { method = 'GET', headers = {}, body }: Asked = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const { statusCode: status = 0, headers: received } = response;
        resolve({ status, headers: received, body: Buffer.concat(chunks).toString() });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** What a browser holds that has brought the token. */
export interface Client {
  /** Of the page. */
  readonly url: string;
  readonly origin: string;
  readonly cookie: string;
  view(headers?: Readonly<Record<string, string>>): Promise<Reply>;
  press(fields: Readonly<Record<string, string>>, headers?: Readonly<Record<string, string>>): Promise<Reply>;
  /** Opens the connection that a page with its script holds; `close` leaves the page. */
  stay(): { readonly told: Promise<string>; readonly close: () => void };
}

/** Brings the token, as a browser does that was led there by a file. */
export async function enter(address: string): Promise<Client> {
  const taken = await ask(address, { headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' } });
  const { origin } = new URL(address);
  const [setCookie = ''] = taken.headers['set-cookie'] ?? [];
  return clientAt(origin, `${origin}${taken.headers.location ?? '/none/'}`, setCookie.split(';')[0] ?? '');
}

export function clientAt(origin: string, url: string, cookie: string): Client {
  return {
    ...{ url, origin, cookie },
    view: (headers = {}) => ask(url, { headers: { cookie, ...headers } }),
    press: (fields, headers = {}) =>
      ask(url, {
        method: 'POST',
        headers: { cookie, origin, 'content-type': 'application/x-www-form-urlencoded', ...headers },
        body: new URLSearchParams(fields).toString(),
      }),
    stay() {
      let close: () => void = () => undefined;
      const told = new Promise<string>((resolve) => {
        const sent = request(`${url}events`, { headers: { cookie }, agent: false }, (response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => (text += chunk.toString()));
          response.on('close', () => {
            resolve(text);
          });
          response.on('error', () => undefined);
        });
        sent.on('error', () => {
          resolve('');
        });
        sent.end();
        close = () => sent.destroy();
      });
      return { told, close };
    },
  };
}

/** A page that is served until the test ends, and its address. */
export async function serve(content: PageContent, life: Partial<PageLife> = {}) {
  const stop = new AbortController();
  onTestFinished(() => {
    stop.abort();
  });
  let opened: (address: string) => void = () => undefined;
  const address = new Promise<string>((resolve) => (opened = resolve));
  const ended: Promise<PageEnd> = servePage(content, {
    lifeMs: 20_000,
    signal: stop.signal,
    open(given) {
      opened(given);
      return Promise.resolve(undefined);
    },
    ...life,
  });
  return { address: await address, ended, stop };
}
