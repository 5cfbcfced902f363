// Takes one request from its arrival to its answer: route, credentials, faults, version, access, handler.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { refuseAccess } from './access.ts';
import { authenticate, type Admission } from './authentication.ts';
import type { Call } from './call.ts';
import type { DigestGuard } from './digest.ts';
import { refusal } from './errors.ts';
import { answerWith } from './fault-answers.ts';
import { hindranceOf, type Hindrances } from './gate.ts';
import type { LateRequests } from './late-requests.ts';
import { mediaType, negotiate, refuseContentType, versionHeaders, type Versions } from './media-types.ts';
import type { Reply } from './reply.ts';
import { shaped } from './reply-shape.ts';
import type { OpenRecord } from './requests.ts';
import { match, type Match, type Route } from './routes.ts';
import { send, whole, type Answer } from './wire.ts';
import { rehearse, type World } from './world.ts';

export interface Machinery {
  readonly world: World;
  readonly digest: DigestGuard;
  readonly hindrances: Hindrances;
  readonly late: LateRequests;
  readonly versions: Versions;
  /** Ends the waiting of delayed requests. */
  readonly closing: AbortSignal;
}

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: Buffer;
  /** Completed here: what was carried out, and what was answered. */
  readonly record: OpenRecord;
}

interface Understood {
  readonly route: Route;
  readonly call: Call;
}

/** Announced on every reply and never enforced: a 429 comes by a fault. */
const RATE_LIMIT = { 'ratelimit-limit': '1000', 'ratelimit-remaining': '999' };

/** Rejects only where the sandbox itself is wrong, or is being closed. */
export async function answer(machinery: Machinery, exchange: Exchange): Promise<void> {
  const understood = understand(machinery, exchange);
  const ready = 'refused' in understood ? whole(understood.refused) : await act(machinery, exchange.record, understood);
  exchange.record.status = send(exchange.response, withRateLimit(ready));
}

/** The call and its sender, or the refusal. Without credentials not even a wrong path is told from a right one. */
function understand(machinery: Machinery, exchange: Exchange): Understood | { readonly refused: Reply } {
  const { request, body, record } = exchange;
  const matched = match(record.method, record.path);
  const admission = admit(machinery, exchange, matched);
  if ('refused' in admission) return admission;
  if (matched.route === undefined) {
    return { refused: refusal(matched.status, { errorCode: 'RESOURCE_NOT_FOUND', detail: 'Cannot find resource.' }) };
  }
  const { route, segments } = matched;
  const [path = '', ...query] = record.path.split('?');
  const call: Call = {
    operation: route.operation,
    path,
    segments,
    query: new URLSearchParams(query.join('?')),
    headers: request.headers,
    body,
    caller: admission.caller,
    version: '',
  };
  return { route, call };
}

function admit({ world, digest }: Machinery, { request, record }: Exchange, matched: Match): Admission {
  if (matched.route?.oauth) return { caller: { kind: 'nobody' } };
  const { authorization } = request.headers;
  return authenticate(world, digest, { authorization, method: record.method, target: record.path });
}

async function act(machinery: Machinery, record: OpenRecord, { route, call }: Understood): Promise<Answer> {
  const { hindrances, late, world, closing } = machinery;
  const { authorization } = call.headers;
  const carryOut = () => {
    const reply = perform(machinery, route, call);
    record.carriedOut = reply.status < 300;
    return reply;
  };
  const early = await hindranceOf(hindrances, call, record);
  if (early?.kind === 'delay') await pause(early.ms, undefined, { signal: closing });
  else if (early !== undefined) {
    if (early.kind === 'late') late.add(carryOut, early.ms);
    return answerWith(early, { normal: () => rehearse(world, () => perform(machinery, route, call)), authorization });
  }
  const reply = carryOut();
  const spoilt = await hindranceOf(hindrances, call, record, reply);
  if (spoilt?.kind === 'delay') await pause(spoilt.ms, undefined, { signal: closing });
  else if (spoilt !== undefined) return answerWith(spoilt, { normal: () => reply, authorization });
  return whole(reply);
}

function perform({ world, versions }: Machinery, route: Route, call: Call): Reply {
  if (route.oauth) return route.handle(world, call);
  const version = negotiate(call.headers.accept, versions, route.span);
  if (typeof version !== 'string') return version;
  const refused =
    refuseAccess(world, call.segments, route.writes) ??
    (route.takesBody ? refuseContentType(call.headers['content-type'], version) : undefined);
  const reply = shaped(refused ?? route.handle(world, { ...call, version }), world.rules.shape);
  const typed = reply.content === undefined ? {} : { 'content-type': `${mediaType(version)};charset=utf-8` };
  return { ...reply, headers: { ...typed, ...versionHeaders(version, versions), ...reply.headers } };
}

/** A fault that names these headers itself has its way. */
function withRateLimit(ready: Answer): Answer {
  if (!('reply' in ready)) return ready;
  return { ...ready, reply: { ...ready.reply, headers: { ...RATE_LIMIT, ...ready.reply.headers } } };
}
