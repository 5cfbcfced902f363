// One call as its handler sees it: routed, its sender known, its access checked.

import type { IncomingHttpHeaders } from 'node:http';
import type { Caller } from './authentication.ts';
import { isJson, refusal, type Json, type Refused, type Reply } from './replies.ts';
import type { World } from './world.ts';

export interface Call {
  /** The path without the query, as it was sent. */
  readonly path: string;
  /** The variable parts of the path, decoded. */
  readonly segments: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly caller: Caller;
  /** The version that `Accept` asked for; empty for what is not of the Admin API. */
  readonly version: string;
}

export type Handler = (world: World, call: Call) => Reply;

export function segment(call: Call, name: string): string {
  return call.segments[name] ?? '';
}

/** Whether the reply has the shape of the preview: no cloud, geography or endpoint anywhere. */
export function isPreview(call: Call): boolean {
  return call.version === 'preview';
}

/** The body as a JSON object. */
export function readJson(call: Call): { readonly body: Json } | Refused {
  let body: unknown;
  try {
    body = JSON.parse(call.body.toString('utf8'));
  } catch {
    body = undefined;
  }
  if (isJson(body)) return { body };
  return { refused: refusal(400, { errorCode: 'VALIDATION_ERROR', detail: 'The body is not a JSON object.' }) };
}
