// A reply as a value, before it is sent. It knows nothing of sockets.

/** A JSON object. */
export type Json = Readonly<Record<string, unknown>>;

export interface Reply {
  readonly status: number;
  /** The phrase in the status line; Node's own where absent. */
  readonly phrase?: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Goes out as JSON. A reply with neither `content` nor `raw` has no body. */
  readonly content?: Json;
  /** Goes out as it is, in place of `content`. */
  readonly raw?: Buffer;
}

export function success(content: Json, status = 200): Reply {
  return { status, headers: {}, content };
}

export function empty(status: number, headers: Reply['headers'] = {}): Reply {
  return { status, headers, raw: Buffer.alloc(0) };
}

export function bytesOf(reply: Reply): Buffer {
  if (reply.raw !== undefined) return reply.raw;
  return reply.content === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(reply.content), 'utf8');
}

export function withHeaders(reply: Reply, headers: Reply['headers']): Reply {
  return { ...reply, headers: { ...reply.headers, ...headers } };
}

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
