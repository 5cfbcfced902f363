// Stops one request of a sandbox until a test has seen what it wants to see.

import type { FaultKind } from './faults.ts';
import type { Step } from './gate.ts';
import type { Operation } from '../../src/sandbox/routes.ts';
import type { Simulator } from './simulator.ts';

export interface Held {
  /** Resolves when the request has come to the stop. */
  readonly arrived: Promise<Step>;
  go(): void;
  /** Ends its connection: before the request is carried out, or in place of the reply to it. */
  drop(): void;
  answer(fault: FaultKind): void;
}

/** The next request of this operation; all others, and what an earlier hold waits for, are as they were. */
export function hold(sandbox: Simulator, operation: Operation | 'any', when: Step['when'] = 'before'): Held {
  const { gate } = sandbox;
  const stop = unsettled<Step>();
  const decision = unsettled<'go' | FaultKind>();
  let taken = false;
  sandbox.gate = async (step) => {
    if (taken || step.when !== when || (operation !== 'any' && step.operation !== operation)) {
      return (await gate?.(step)) ?? 'go';
    }
    taken = true;
    stop.resolve(step);
    return decision.promise;
  };
  return {
    arrived: stop.promise,
    go: () => {
      decision.resolve('go');
    },
    drop: () => {
      decision.resolve({ kind: 'reset' });
    },
    answer: (fault) => {
      decision.resolve(fault);
    },
  };
}

function unsettled<Value>() {
  let resolve: (value: Value) => void = () => undefined;
  const promise = new Promise<Value>((settle) => {
    resolve = settle;
  });
  return {
    promise,
    resolve: (value: Value) => {
      resolve(value);
    },
  };
}
