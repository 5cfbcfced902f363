// The contract of sinks and the faults of a network, of every kind that is a store with an API of its own.

import { describe, expect, onTestFinished, test } from 'vitest';
import { inspect } from 'node:util';
import { Secret } from '../../../src/secret/secret.ts';
import type { Replaced, Sink } from '../../../src/sinks/sink.ts';
import { describeContract } from '../contract.ts';
import type { Call, Fault } from './stand-in.ts';
import { storeKinds } from './store-kinds.ts';

for (const kind of storeKinds) describeContract({ ...kind, isRetracting: true });

const NEW = 'al-store-canary-of-the-new-key-0123456789-nEw1';
const OLD = 'al-store-canary-of-the-old-key-0123456789-odu2';
const OTHER = 'al-store-canary-of-another-key-0123456789-xyz9';
const REPLACED = { maskedSecret: 'al-****odu2', isLastHere: true };

/** What was answered never holds a secret or a credential, in any form that a person or a model could see. */
function clean<T>(outcome: T): T {
  expect(inspect(outcome, { depth: 9 })).not.toMatch(/canary/);
  return outcome;
}

async function prepared(sink: Sink, reference: { groupId: string }, replaced?: Replaced) {
  const preflight = await sink.preflight(reference, 'prove', replaced);
  return preflight.ok ? preflight.value.write : expect.fail(preflight.failure.message);
}

const ECHO = { message: NEW, errors: [NEW, OLD], reason: NEW, __type: NEW, data: { value: NEW } };

/** What goes wrong with the write, whether it was carried out, and what may be said of it. */
const faults: readonly (readonly [name: string, fault: Fault, isWritten: boolean, said: readonly string[]])[] = [
  ['is refused with 403', { status: 403, body: ECHO }, false, ['failed']],
  ['is refused with 400', { status: 400, body: ECHO }, false, ['failed']],
  ['is sent elsewhere', { status: 307, body: ECHO }, false, ['failed']],
  ['is answered with 500, and not done', { status: 500, body: ECHO }, false, ['uncertain']],
  ['is answered by a gateway that lost it', { status: 504, body: ECHO }, false, ['uncertain']],
  ['is answered with what is not JSON of it', { status: 200, body: [NEW] }, false, ['uncertain']],
  ['is cut off before it is done', 'reset before', false, ['uncertain']],
  ['is cut off after it is done', 'reset after', true, ['uncertain']],
  ['is answered too late', 'slow', true, ['uncertain']],
];

describe.each(storeKinds)('$name: a write that', (kind) => {
  const open = async () => {
    const store = await kind.open();
    onTestFinished(() => store.close());
    return store;
  };

  test.each(faults)('%s: the truth is told, and taken back', async (_name, fault, isWritten, said) => {
    for (const old of [undefined, OLD]) {
      const store = await open();
      if (old !== undefined) store.put(old);
      const write = await prepared(store.sink, store.reference, old === undefined ? undefined : REPLACED);
      store.server.fault = (call: Call) => (kind.isWrite(call) ? fault : undefined);
      const secret = new Secret(NEW);
      const delivery = clean(await write.deliver(secret));
      expect(said).toContain(delivery.outcome);
      store.server.fault = () => undefined;
      if (fault === 'slow') await expect.poll(() => store.held()).toBe(NEW);
      expect(store.held()).toBe(isWritten ? NEW : old);
      const verdict = clean(await write.verify(secret));
      if (verdict.outcome === 'verified') expect(isWritten).toBe(true);
      const left = clean(await write.retract());
      // Where a value is not shown, a write without an answer is never taken for this one.
      // What left this machine and was not answered by the store itself may be carried out later.
      const mayCome = fault === 'reset before' || (typeof fault === 'object' && fault.status === 504);
      if (mayCome) expect([left === 'out', store.held()]).toEqual([false, old]);
      else if (kind.verification === 'read-back') {
        expect([left, store.held()]).toEqual(['out', old]);
      } else if (store.held() === NEW) expect(left).not.toBe('out');
    }
  });

  test.runIf(kind.isConditional)('meets another version leaves it, and what is beside it', async () => {
    for (const old of [undefined, OLD]) {
      const store = await open();
      if (old !== undefined) store.put(old);
      const write = await prepared(store.sink, store.reference, old === undefined ? undefined : REPLACED);
      store.server.meanwhile = (call) => {
        if (kind.isWrite(call)) store.put(OTHER);
      };
      expect(clean(await write.deliver(new Secret(NEW)))).toMatchObject({ outcome: 'failed' });
      store.server.meanwhile = () => undefined;
      expect(await write.retract()).toBe('out');
      expect(store.held()).toBe(OTHER);
    }
  });

  test('is looked at where every reply repeats a secret shows none of it', async () => {
    for (const status of [400, 401, 403, 404, 409, 429, 500, 503]) {
      const store = await open();
      store.server.fault = () => ({ status, body: ECHO });
      const preflight = clean(await store.sink.preflight(store.reference, 'prove'));
      expect([status, preflight.ok]).toEqual([status, false]);
      expect(clean(await store.sink.lookUp(store.reference))).toEqual({ held: 'unknown' });
    }
  });
});
