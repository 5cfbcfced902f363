// Serves one page on 127.0.0.1, on a port of the moment, until a person has answered it or none will, and closes at once then. Who
// may see and answer the page is in page-requests.ts.

import { createServer, type Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { addressOf, answerRequest, newSession, type PageContent, type PageEnd, type Session } from './page-requests.ts';

export interface PageLife {
  readonly lifeMs: number;
  readonly signal: AbortSignal;
  /** Brings the address to the person. Answers a problem, in words, where that failed; must not throw. */
  readonly open: (address: string, taken: AbortSignal) => Promise<string | undefined>;
  /** How long a page that was left may take to come back. In milliseconds. */
  readonly returnMs?: number | undefined;
}

/** A new page of the same browser connects within that time, whatever the machine has to do. */
const RETURN_MS = 4_000;
const LINGER_MS = 30_000;
/** Within this time the last page arrives. */
const LAST_BYTES_MS = 3_000;
const MOST_CONNECTIONS = 32;
const LONGEST_REQUEST_MS = 5_000;

export async function servePage(content: PageContent, life: PageLife): Promise<PageEnd> {
  if (life.signal.aborted) return { by: 'stopped' };
  const server = createServer({ requestTimeout: LONGEST_REQUEST_MS, headersTimeout: LONGEST_REQUEST_MS });
  server.maxConnections = MOST_CONNECTIONS;
  const host = await listen(server);
  if (host === undefined) return { by: 'no browser', message: 'No port of 127.0.0.1 could be opened.' };
  let resolve: (end: PageEnd) => void = () => undefined;
  const promise = new Promise<PageEnd>((settle) => {
    resolve = settle;
  });
  const session = newSession(content, host, resolve);
  server.on('request', (request, response) => {
    answerRequest(session, request, response).catch(() => response.destroy());
  });
  const stop = endInTime(session, life);
  void life.open(addressOf(session), session.taken.signal).then((problem) => {
    // What opened it may end with an error although the page is there.
    if (problem !== undefined && !session.taken.signal.aborted) session.end({ by: 'no browser', message: problem });
  });
  const end = await promise;
  stop();
  session.taken.abort();
  void closeServer(server, session);
  return end;
}

/** Undefined where the system gives no port. */
function listen(server: Server): Promise<string | undefined> {
  return new Promise((resolve) => {
    server.once('error', () => {
      resolve(undefined);
    });
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? `127.0.0.1:${address.port}` : undefined);
    });
  });
}

const LOOK_EVERY_MS = 250;

/** Ends the page when its time is over, when the call stops, and when it was left. */
function endInTime(session: Session, { lifeMs, signal, returnMs = RETURN_MS }: PageLife): () => void {
  const stopped = () => {
    session.end({ by: 'stopped' });
  };
  signal.addEventListener('abort', stopped);
  const timer = setTimeout(() => {
    session.end({ by: session.taken.signal.aborted ? 'silence' : 'not opened' });
  }, lifeMs);
  // Without its script a page has no such connection, and is left in silence.
  let lastSeen: number | undefined;
  const looking = setInterval(() => {
    const now = process.uptime() * 1000;
    if (session.streams.size > 0) lastSeen = now;
    else if (lastSeen !== undefined && now - lastSeen > returnMs) session.end({ by: 'closed' });
  }, LOOK_EVERY_MS);
  return () => {
    signal.removeEventListener('abort', stopped);
    clearTimeout(timer);
    clearInterval(looking);
  };
}

/** Nobody new is let in. Without its script a page hears only by its next click that there was a second client. */
async function closeServer(server: Server, { ended, wasOpen }: Session): Promise<void> {
  if (ended?.by === 'second client' && !wasOpen) await delay(LINGER_MS, undefined, { ref: false });
  server.close();
  await delay(LAST_BYTES_MS, undefined, { ref: false });
  server.closeAllConnections();
}
