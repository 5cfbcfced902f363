// Puts an answer on the socket: whole, half, endless, or not at all.

import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Reply } from '../../src/sandbox/call.ts';
import { sendReply } from '../../src/sandbox/sandbox.ts';

/** A reply that may differ from those of Atlas in its status line and its body. */
export interface WireReply extends Reply {
  /** The phrase in the status line; Node's own where absent. */
  readonly phrase?: string;
  /** Goes out as it is, in place of `content`. */
  readonly raw?: Buffer;
}

export type Answer =
  | { readonly way: 'whole'; readonly reply: WireReply }
  | { readonly way: 'half'; readonly reply: WireReply }
  | { readonly way: 'flood'; readonly reply: WireReply; readonly bytes: number }
  | { readonly way: 'reset' }
  | { readonly way: 'nothing' };

export function whole(reply: WireReply): Answer {
  return { way: 'whole', reply };
}

/** What the record of a request says of its answer: `none` as long as there is none. */
export type Answered = number | 'reset' | 'none';

export function bytesOf({ raw, content }: WireReply): Buffer {
  return raw ?? (content === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(content), 'utf8'));
}

/** Returns what was answered, as soon as it is handed over: not when the other side has read it. */
export function sendAnswer(response: ServerResponse, answer: Answer): Answered {
  if (answer.way === 'nothing' || response.destroyed || response.socket?.destroyed) return 'none';
  if (answer.way === 'reset') {
    response.socket?.resetAndDestroy();
    return 'reset';
  }
  const { reply } = answer;
  switch (answer.way) {
    case 'whole':
      sendWhole(response, reply);
      break;
    case 'half':
      sendHalf(response, reply);
      break;
    case 'flood':
      sendFlood(response, reply, answer.bytes);
      break;
  }
  return reply.status;
}

function sendWhole(response: ServerResponse, reply: WireReply): void {
  if (reply.raw === undefined && reply.phrase === undefined) {
    sendReply(response, reply);
    return;
  }
  const body = bytesOf(reply);
  writeHead(response, reply, reply.status === 204 ? {} : { 'content-length': String(body.length) });
  response.end(body);
}

/** A reply without a body breaks off within its head. */
function sendHalf(response: ServerResponse, reply: WireReply): void {
  const { socket } = response;
  const end = () => socket?.destroy();
  const body = bytesOf(reply);
  if (body.length === 0) {
    socket?.write('HTTP/1.1 2', end);
    return;
  }
  writeHead(response, reply, { 'content-length': String(body.length) });
  response.write(body.subarray(0, Math.floor(body.length / 2)), end);
}

/** Valid JSON to its end: a reader without a limit of its own finds nothing wrong with it. */
function sendFlood(response: ServerResponse, reply: WireReply, bytes: number): void {
  const json = bytesOf(reply).toString('utf8');
  const head = '{"padding":"';
  const tail = json.startsWith('{"') ? `",${json.slice(1)}` : '"}';
  writeHead(response, reply, {});
  const parts = chunksOf(head, Math.max(0, bytes - head.length - Buffer.byteLength(tail)), tail);
  // The reader hanging up is an ordinary end of a flood.
  pipeline(Readable.from(parts), response).catch(() => undefined);
}

function* chunksOf(head: string, padding: number, tail: string): Generator<Buffer> {
  const chunk = Buffer.alloc(65_536, 'x');
  yield Buffer.from(head);
  for (let left = padding; left > 0; left -= chunk.length) yield chunk.subarray(0, Math.min(left, chunk.length));
  yield Buffer.from(tail);
}

function writeHead(response: ServerResponse, reply: WireReply, length: Reply['headers']): void {
  const headers = { ...reply.headers, ...length };
  if (reply.phrase === undefined) response.writeHead(reply.status, headers);
  else response.writeHead(reply.status, reply.phrase, headers);
}
