// Starts a simulated Atlas Admin API over HTTP on the loopback interface. It never reads the environment and never writes to
// disk or to an output. What tests do to it (faults, delays, lagging lists) goes through `intercept`: test/atlas-simulator/.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { refusedReply, type Reply } from './call.ts';
import { understand, type AtlasRequest } from './routes.ts';
import { createWorld, type Rules, type World } from './world.ts';

type Answer = (request: AtlasRequest, response: ServerResponse) => void | Promise<void>;

interface SandboxOptions {
  readonly rules?: Partial<Rules>;
  /** Takes the place of the sandbox's own answer, which is to carry the request out and to send the reply. */
  readonly intercept?: Answer;
}

export interface Sandbox {
  /** All that it knows, its address and credentials among it; whoever has it can change it behind the API's back. */
  readonly world: World;
  /** Ends every connection at once, whatever is in flight. */
  readonly close: () => Promise<void>;
}

/** Announced on every reply and never enforced. */
const RATE_LIMIT = new Map([
  ['ratelimit-limit', '1000'],
  ['ratelimit-remaining', '999'],
]);

/** Listens on a free port, which nobody knows before this returns. */
export async function startSandbox({ rules = {}, intercept = answer }: SandboxOptions = {}): Promise<Sandbox> {
  // Long enough that a client that pauses does not meet a connection that is just being closed.
  const server = createServer({ keepAliveTimeout: 120_000 });
  const world = createWorld(`http://127.0.0.1:${await listen(server)}`, rules);
  server.on('request', (request, response) => {
    void receive(world, intercept, request, response);
  });
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => {
        resolve();
      });
      server.closeAllConnections();
    });
  return { world, close };
}

function answer(request: AtlasRequest, response: ServerResponse): void {
  sendReply(response, request.carryOut());
}

export function sendReply(response: ServerResponse, { status, headers, content }: Reply): void {
  const body = content === undefined ? '' : JSON.stringify(content);
  const length = status === 204 ? {} : { 'content-length': Buffer.byteLength(body) };
  response.writeHead(status, { ...headers, ...length });
  response.end(body);
}

/** Reads the request whole before it is answered. */
async function receive(
  world: World,
  intercept: Answer,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readAll(request);
  if (body === undefined) return;
  response.setHeaders(RATE_LIMIT);
  const { method = 'GET', url: path = '/', headers } = request;
  try {
    await intercept(understand(world, { method, path, headers, body }), response);
  } catch {
    if (!response.headersSent) sendReply(response, refusedReply(500, { errorCode: 'UNEXPECTED_ERROR' }));
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

/** Gives the port. */
function listen(server: Server): Promise<number> {
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
