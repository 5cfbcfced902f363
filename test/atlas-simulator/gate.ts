// Where a test stops a request and decides what becomes of it: before it is carried out, and before it is answered.

import { isJson } from '../../src/sandbox/call.ts';
import type { AtlasRequest } from '../../src/sandbox/routes.ts';
import type { Fault, FaultKind } from './faults.ts';
import type { RecordedRequest } from './request-log.ts';

/** A request at one of its two stops. */
export interface Step {
  readonly operation: AtlasRequest['operation'];
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

/** @param status with it the request is at the stop before its answer */
export function stepOf({ operation, segments }: AtlasRequest, request: RecordedRequest, status?: number): Step {
  return {
    operation,
    when: status === undefined ? 'before' : 'after',
    request,
    ...(segments.groupId !== undefined && { groupId: segments.groupId }),
    ...(segments.apiKeyId !== undefined && { apiKeyId: segments.apiKeyId }),
    ...(isJson(request.body) && typeof request.body.name === 'string' && { name: request.body.name }),
    ...(status !== undefined && { status }),
  };
}
