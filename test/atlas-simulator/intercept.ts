// Takes a request past the gate and the faults to its answer.

import { setTimeout as pause } from 'node:timers/promises';
import type { AtlasRequest } from '../../src/sandbox/routes.ts';
import { answerWith } from './fault-answers.ts';
import type { Fault, FaultQueue } from './faults.ts';
import { stepOf, type Gate } from './gate.ts';
import type { KeyHistory } from './key-history.ts';
import type { LateRequests } from './late-requests.ts';
import { shaped, type Shape } from './reply-shape.ts';
import type { OpenRecord } from './request-log.ts';
import { whole, type Answer } from './wire.ts';

export interface Hindrances {
  readonly history: KeyHistory;
  readonly shape: Shape;
  readonly faults: FaultQueue;
  gate: Gate | undefined;
  readonly late: LateRequests;
  /** Ends the waiting of delayed requests. */
  readonly closing: AbortSignal;
}

/** Notes in the record whether the request was carried out. Rejects only when the simulator is being closed. */
export async function answerOf(hindrances: Hindrances, request: AtlasRequest, record: OpenRecord): Promise<Answer> {
  if (!request.isAdmitted) return whole(request.carryOut());
  const { late, closing, history, shape } = hindrances;
  const { authorization } = request.headers;
  const isApart = ['token', 'revoke', 'embed'].includes(request.operation);
  const perform = () => (isApart ? request.carryOut() : shaped(history.carryOut(request), shape));
  const carryOut = () => {
    const reply = perform();
    record.carriedOut = reply.status < 300;
    return reply;
  };
  const early = await hindranceOf(hindrances, request, record);
  if (early?.kind === 'delay') await pause(early.ms, undefined, { signal: closing });
  else if (early !== undefined) {
    if (early.kind === 'late') late.add(carryOut, early.ms);
    return answerWith(early, { normal: () => history.rehearse(perform), authorization });
  }
  const reply = carryOut();
  const spoilt = await hindranceOf(hindrances, request, record, reply.status);
  if (spoilt?.kind === 'delay') await pause(spoilt.ms, undefined, { signal: closing });
  else if (spoilt !== undefined) return answerWith(spoilt, { normal: () => reply, authorization });
  return whole(reply);
}

/**
 * What hits the request at this stop, if anything does. An injected `after` hits only what was carried out.
 *
 * @param status with it the request is at the stop before its answer
 */
async function hindranceOf(
  { faults, gate }: Hindrances,
  request: AtlasRequest,
  record: OpenRecord,
  status?: number,
): Promise<Fault | undefined> {
  const { operation } = request;
  if (operation === 'unknown') return undefined;
  const when = status === undefined ? 'before' : 'after';
  const decided = (await gate?.(stepOf(request, record, status))) ?? 'go';
  if (decided !== 'go') return { operation, when, ...decided };
  return when === 'after' && !record.carriedOut ? undefined : faults.take(operation, when);
}
