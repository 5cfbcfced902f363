// Who may see and answer a page on 127.0.0.1: the one browser that has brought the token, and nobody else.
//
// The token stands in a file of this user only. Whoever brings it first gets a cookie, which is bound to a path that nobody can
// guess; from then on both are needed. A browser that has the path without the cookie, or brings the token again, is a second
// client: that ends the page, since nobody can tell which of the two is the person. Whoever knows neither (a scan of the ports)
// gets a 404 and ends nothing.
//
// A GET never changes anything but the token, and that not when a browser fetches ahead. A POST needs the page's own Origin.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { CONTENT_POLICY, documentOf, saying, SCRIPT, type Page, type Words } from './page-html.ts';

export interface PageContent {
  /** The page as it is now. Changes nothing. */
  view(): Page;
  /** What a button does. Where there is an answer, the page is the last one. */
  press(fields: URLSearchParams): { readonly page: Page; readonly answer?: PageAnswer };
}

/** What a person did. `mistyped`: too often something else than what was to be typed. */
type PageAnswer = 'yes' | 'no' | 'mistyped';

/** `not opened`: no browser has brought the token. `closed`: the page was left, and not opened again. */
type Unanswered = 'not opened' | 'silence' | 'closed' | 'second client' | 'stopped';

export type PageEnd =
  | { readonly by: 'answer'; readonly answer: PageAnswer }
  | { readonly by: Unanswered }
  /** The page could not be brought to the person; why, for people. */
  | { readonly by: 'no browser'; readonly message: string };

export interface Session {
  readonly content: PageContent;
  /** `127.0.0.1` and the port. */
  readonly host: string;
  readonly token: string;
  /** The one folder of all addresses of this page. */
  readonly folder: string;
  readonly cookie: string;
  readonly taken: AbortController;
  /** The pages that are open, each by the connection that tells it of the end. */
  readonly streams: Set<ServerResponse>;
  ended?: PageEnd;
  /** Whether a page was open when it ended. */
  wasOpen: boolean;
  /** Only the first end counts. */
  readonly end: (end: PageEnd) => void;
}

export function newSession(content: PageContent, host: string, onEnd: (end: PageEnd) => void): Session {
  const session: Session = {
    content,
    host,
    token: secretWord(),
    folder: secretWord(),
    cookie: secretWord(),
    taken: new AbortController(),
    streams: new Set(),
    wasOpen: false,
    end(end) {
      if (session.ended) return;
      session.ended = end;
      session.wasOpen = session.streams.size > 0;
      for (const stream of session.streams) stream.end(endEvent(end.by));
      onEnd(end);
    },
  };
  return session;
}

/** For the file that only this user can read. */
export function addressOf({ host, token }: Session): string {
  return `http://${host}/open/${token}`;
}

function secretWord(): string {
  return randomBytes(32).toString('base64url');
}

/** In constant time, whatever their lengths. */
function isSame(given: string, secret: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(secret));
}

const COOKIE = 'atlas_model_keys';
const LONGEST_BODY = 4_096;
const ADDRESS = /^\/([A-Za-z0-9_-]{1,64})\/([A-Za-z0-9_.-]{0,64})$/;

/** What is sent; `events` stays open until the page ends. */
interface Reply {
  readonly status: number;
  readonly type: 'text/html' | 'text/plain' | 'text/javascript' | 'text/event-stream';
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly isLast?: boolean;
}

export async function answerRequest(
  session: Session,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { status, type, text, headers, isLast = false } = await replyTo(session, request);
  const connection = isLast ? { connection: 'close' } : {};
  response.writeHead(status, { ...HEADERS, ...connection, ...headers, 'content-type': `${type}; charset=utf-8` });
  if (type === 'text/event-stream' && !session.ended) openStream(session, response, text);
  else response.end(session.ended && type === 'text/event-stream' ? endEvent(session.ended.by) : text);
}

async function replyTo(session: Session, request: IncomingMessage): Promise<Reply> {
  // Whatever name leads to 127.0.0.1, this page has none (DNS rebinding).
  if (request.headers.host !== session.host) return refusing(403);
  const [, folder = '', name = ''] = ADDRESS.exec(request.url ?? '') ?? [];
  if (folder === 'open' && isSame(name, session.token)) return takeToken(session, request);
  if (!isSame(folder, session.folder)) return refusing(404);
  if (!isSame(cookieOf(request), session.cookie)) return refusingSecond(session);
  if (isFromElsewhere(request)) return refusing(403);
  switch (`${request.method ?? ''} ${name}`) {
    case 'GET ':
      return showing(viewOf(session));
    case 'GET page.js':
      return { status: 200, type: 'text/javascript', text: SCRIPT };
    case 'GET events':
      return { status: 200, type: 'text/event-stream', text: 'retry: 1000\n\n' };
    case 'POST ':
      return press(session, request);
    default:
      return refusing(name === '' ? 405 : 404);
  }
}

function takeToken(session: Session, request: IncomingMessage): Reply {
  if (request.method !== 'GET') return refusing(405);
  if (isFetchedAhead(request)) return refusing(503);
  // Used up. The same browser has no cookie for this path either: its page is still open, in the other tab.
  if (session.taken.signal.aborted) return refusingSecond(session);
  session.taken.abort();
  // Lax, since the way here begins in a file. The path keeps it from other programs on 127.0.0.1: cookies know no ports.
  const cookie = `${COOKIE}=${session.cookie}; Path=/${session.folder}/; HttpOnly; SameSite=Lax`;
  const headers = { location: `/${session.folder}/`, 'set-cookie': cookie };
  return { status: 303, type: 'text/plain', text: '', headers };
}

/** @see https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Sec-Purpose */
function isFetchedAhead({ headers }: IncomingMessage): boolean {
  return ['sec-purpose', 'purpose', 'x-purpose', 'x-moz'].some((name) =>
    /prefetch|prerender|preview/i.test(String(headers[name] ?? '')),
  );
}

function cookieOf({ headers }: IncomingMessage): string {
  const pairs = (headers.cookie ?? '').split(';').map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1) ?? '';
}

/** What a page of somebody else made the browser send. All browsers of today say it; of a POST the Origin is asked too. */
function isFromElsewhere({ headers, method }: IncomingMessage): boolean {
  const { origin, 'sec-fetch-site': site = 'same-origin', 'sec-fetch-mode': mode } = headers;
  const own = `http://${headers.host ?? ''}`;
  if (method !== 'GET') return origin !== own || site !== 'same-origin';
  if (origin !== undefined && origin !== own) return true;
  return mode !== undefined && mode !== 'navigate' && site !== 'same-origin';
}

function refusingSecond(session: Session): Reply {
  session.end({ by: 'second client' });
  return showing(saying(...endWords('second client')), 403);
}

function viewOf({ content, ended }: Session): Page {
  return ended ? saying(...endWords(ended.by)) : content.view();
}

function endWords(by: PageEnd['by']): Words {
  const nothing = 'Nothing more can be approved here, and no secret is shown any more.';
  switch (by) {
    case 'second client':
      return [
        'Somebody else opened this page',
        'A second browser or program came with the address of this page, so it was ended. If that was not you, another program of this machine can read your files.',
        nothing,
      ];
    case 'silence':
    case 'not opened':
      return ['The time for this page is over', nothing];
    case 'answer':
      return ['This page was answered', 'The chat says what became of the call. You can close this page.'];
    case 'closed':
    case 'stopped':
    case 'no browser':
      return ['This page has ended', nothing];
  }
}

async function press(session: Session, request: IncomingMessage): Promise<Reply> {
  if (!/^application\/x-www-form-urlencoded(?:;|$)/i.test(request.headers['content-type'] ?? '')) return refusing(415);
  const body = await bodyOf(request);
  if (body === undefined) return refusing(413);
  // It may have ended while the body came.
  if (session.ended) return showing(saying(...endWords(session.ended.by)));
  const { page, answer } = session.content.press(new URLSearchParams(body));
  if (answer !== undefined) session.end({ by: 'answer', answer });
  return showing(page);
}

/** Undefined where it is longer than any form of these pages. */
async function bodyOf(request: AsyncIterable<Uint8Array>): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > LONGEST_BODY) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function endEvent(by: PageEnd['by']): string {
  return `event: ended\ndata: ${JSON.stringify(endWords(by))}\n\n`;
}

function openStream({ streams }: Session, response: ServerResponse, text: string): void {
  response.write(text);
  streams.add(response);
  response.on('close', () => streams.delete(response));
}

/** Of the referrer only the page itself gets something: with `no-referrer` browsers send no Origin with a form. */
const HEADERS = {
  'content-security-policy': CONTENT_POLICY,
  'cache-control': 'no-store',
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'x-robots-tag': 'noindex',
} as const;

function showing(page: Page, status = 200): Reply {
  return { status, type: 'text/html', text: documentOf(page), isLast: page.isLast === true };
}

function refusing(status: number): Reply {
  return { status, type: 'text/plain', text: 'Not for you, or not here.\n', isLast: true };
}
