// What can go wrong on purpose, and the queue of what shall. What a fault puts on the wire is fault-answers.ts.

import type { FieldProblem } from '../../src/sandbox/call.ts';
import type { Operation } from '../../src/sandbox/routes.ts';

export interface FaultScope {
  /** `any` includes the token endpoint, and the use of a key. */
  readonly operation: Operation | 'any';
  /** How many requests it hits; default 1. */
  readonly times?: number;
  /** How many requests that it would hit go free first; default 0. */
  readonly skip?: number;
  /**
   * `before`: a request whose credentials were accepted is not carried out; nothing is kept of it. (The
   * OAuth endpoints: whatever the credentials.) `after`: a request that was carried out, with success, is
   * answered wrongly; a request that was refused gets its refusal and does not use the fault up.
   */
  readonly when: 'before' | 'after';
}

export type FaultKind =
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly errorCode?: string;
      readonly reason?: string;
      readonly detail?: string;
      readonly parameters?: readonly (string | number)[];
      readonly fields?: readonly FieldProblem[];
      readonly headers?: Readonly<Record<string, string>>;
      /** Goes out as it is instead of Atlas's JSON; empty for no body at all. */
      readonly body?: string | Buffer;
      /** Default `application/json`, and `text/html` where there is a `body`. */
      readonly contentType?: string;
    }
  /** The connection is reset. */
  | { readonly kind: 'reset' }
  /** No answer ever comes. */
  | { readonly kind: 'stall' }
  /**
   * Waits, then goes on normally. With `before` the request is carried out after the wait, even if its
   * sender has given up by then, as on a real server with a queue.
   */
  | { readonly kind: 'delay'; readonly ms: number }
  /**
   * Answered at once by this status (`body` as in `status`; default an HTML page) or a reset, and carried out later:
   * after so many milliseconds, or when the test calls `commitLate`. With `after` it was carried out already.
   */
  | { readonly kind: 'late'; readonly status: number | 'reset'; readonly body?: string; readonly ms?: number }
  /** The normal reply with its whole length announced, half of its body, and the end of the connection. */
  | { readonly kind: 'truncate' }
  /** The normal reply, blown up to this many bytes and streamed. */
  | { readonly kind: 'flood'; readonly bytes: number }
  /** The normal status with a body that is not JSON but has the normal reply in it. */
  | { readonly kind: 'garbage' }
  /** The normal reply under another content type. */
  | { readonly kind: 'content_type'; readonly contentType: string }
  /** The normal reply without these fields; in a page, its rows without them. */
  | { readonly kind: 'omit'; readonly fields: readonly string[] }
  /** The normal reply with these fields overwritten; in a page, in each of its rows. */
  | { readonly kind: 'replace'; readonly fields: Readonly<Record<string, unknown>> }
  /**
   * An error (default 400) that repeats what it should not, in every text, in a header and in the status
   * line: the `Authorization` header, with `after` also the secrets of the normal reply; plain, base64,
   * hexadecimal and URL-encoded.
   */
  | { readonly kind: 'echo'; readonly status?: number }
  | { readonly kind: 'redirect'; readonly status: 301 | 302 | 307 | 308; readonly location: string };

/** Every kind, for tests that go through all of them. */
export const FAULT_KINDS = [
  'status',
  'reset',
  'stall',
  'delay',
  'late',
  'truncate',
  'flood',
  'garbage',
  'content_type',
  'omit',
  'replace',
  'echo',
  'redirect',
] as const satisfies readonly FaultKind['kind'][];

export type Fault = FaultScope & FaultKind;

export interface FaultQueue {
  inject(fault: Fault): void;
  /** The fault that hits this request, if one does. One request is hit by one fault of each `when` at most. */
  take(operation: Operation, when: Fault['when']): Fault | undefined;
  /** Those that are not used up, in order. */
  pending(): readonly Fault[];
  clear(): void;
}

export function createFaultQueue(): FaultQueue {
  let queue: { readonly fault: Fault; skip: number; times: number }[] = [];
  return {
    inject(fault) {
      queue.push({ fault, skip: fault.skip ?? 0, times: fault.times ?? 1 });
    },
    take(operation, when) {
      for (const entry of queue) {
        const { fault } = entry;
        if (fault.when !== when || (fault.operation !== 'any' && fault.operation !== operation)) continue;
        if (entry.skip > 0) {
          entry.skip -= 1;
          continue;
        }
        entry.times -= 1;
        queue = queue.filter(({ times }) => times > 0);
        return fault;
      }
      return undefined;
    },
    pending: () => queue.map(({ fault }) => fault),
    clear() {
      queue = [];
    },
  };
}
