// Where a test stops a request and decides what becomes of it: before it is carried out, and before it is answered.

import type { Call } from './call.ts';
import type { Fault, FaultKind, FaultQueue } from './faults.ts';
import type { Operation } from './operations.ts';
import { isJson, type Reply } from './reply.ts';
import type { RecordedRequest } from './requests.ts';

/** A request at one of its two stops. */
export interface Step {
  readonly operation: Operation;
  /** `before`: its credentials were accepted, nothing is carried out. `after`: it was carried out, or refused. */
  readonly when: Fault['when'];
  /** As it was sent. */
  readonly request: RecordedRequest;
  readonly groupId?: string;
  readonly apiKeyId?: string;
  /** The name in the body. */
  readonly name?: string;
  /** With `after`: the status that is about to be answered. */
  readonly status?: number;
}

/**
 * Asked at both stops of every request, and waited for. `go` lets the request on, to the faults that were injected; a
 * fault hits it in their place. A request whose sender has left goes on all the same.
 */
export type Gate = (step: Step) => Promise<'go' | FaultKind>;

export interface Hindrances {
  readonly faults: FaultQueue;
  gate: Gate | undefined;
}

/** What hits the request at this stop, if anything does. An injected `after` hits only what was carried out. */
export async function hindranceOf(
  { faults, gate }: Hindrances,
  call: Call,
  request: RecordedRequest,
  reply?: Reply,
): Promise<Fault | undefined> {
  const { operation } = call;
  const when = reply ? 'after' : 'before';
  const decided = (await gate?.(stepOf(call, request, reply))) ?? 'go';
  if (decided !== 'go') return { operation, when, ...decided };
  return reply && !request.carriedOut ? undefined : faults.take(operation, when);
}

function stepOf({ operation, segments }: Call, request: RecordedRequest, reply?: Reply): Step {
  return {
    operation,
    when: reply ? 'after' : 'before',
    request,
    ...(segments.groupId !== undefined && { groupId: segments.groupId }),
    ...(segments.apiKeyId !== undefined && { apiKeyId: segments.apiKeyId }),
    ...(isJson(request.body) && typeof request.body.name === 'string' && { name: request.body.name }),
    ...(reply && { status: reply.status }),
  };
}
