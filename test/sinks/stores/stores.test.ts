// The contract of sinks and the faults of a network, of every kind that is a store with an API of its own.

import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { inspect } from 'node:util';
import { Secret } from '../../../src/secret/secret.ts';
import type { Replaced, Sink } from '../../../src/sinks/sink.ts';
import { describeContract } from '../contract.ts';
import { closeMoto, motoKinds } from './moto-kinds.ts';
import { isRead, type Call, type Fault, type StandIn } from './stand-in.ts';
import { storeKinds } from './store-kinds.ts';

afterAll(closeMoto);

/** The stand-ins, and what is real and on this machine. */
const allKinds = [...storeKinds, ...motoKinds];

for (const kind of allKinds) describeContract({ ...kind, isRetracting: true });

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

/** Reads after a change find for a while what is there now. */
function showLate(server: StandIn, reads: number): void {
  const states = structuredClone(server.states);
  server.afterwards = (call) => {
    if (!isRead(call)) server.late = { reads, states };
  };
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
  ['is answered with a body that does not end', 'slow body', true, ['uncertain', 'written']],
  ['is answered with half a body', 'cut body', true, ['uncertain', 'written']],
  ['is answered with more than is taken', 'large body', true, ['uncertain', 'written']],
  ['is answered with what nobody asked to be compressed', 'gzip body', true, ['uncertain', 'written']],
  ['is answered with yes, and not done', 'lie', false, ['written', 'uncertain']],
];

describe.each(allKinds)('$name: a write that', { timeout: 30_000 }, (kind) => {
  const open = async (timeoutMs?: number) => {
    const store = await kind.open(timeoutMs);
    onTestFinished(() => store.close());
    return store;
  };

  // Of these a look may show what was there before, although the store has said that it wrote.
  const readsLag = !kind.name.startsWith('k8s');

  test.each(faults)('%s: the truth is told, and taken back', async (_name, fault, isWritten, said) => {
    const told = async (old: string | undefined) => {
      const store = await open(fault === 'slow' || fault === 'slow body' ? 500 : undefined);
      if (fault === 'lie' && store.server.states.length === 0) return;
      if (old !== undefined) await store.put(old);
      const write = await prepared(store.sink, store.reference, old === undefined ? undefined : REPLACED);
      store.server.fault = (call: Call) => (kind.isWrite(call) ? fault : undefined);
      const secret = new Secret(NEW);
      const delivery = clean(await write.deliver(secret));
      expect(said).toContain(delivery.outcome);
      store.server.fault = () => undefined;
      if (fault === 'slow') await expect.poll(() => store.held()).toBe(NEW);
      expect(await store.held()).toBe(isWritten ? NEW : old);
      const verdict = clean(await write.verify(secret));
      if (verdict.outcome === 'verified') expect(isWritten).toBe(true);
      const left = clean(await write.retract());
      // Where a value is not shown, a write without an answer is never taken for this one.
      // What left this machine and was not answered by the store itself may be carried out later.
      const mayCome = fault === 'reset before' || (typeof fault === 'object' && [200, 500, 504].includes(fault.status));
      const isLate = fault === 'lie' && readsLag;
      if (mayCome || isLate) expect([left === 'out', await store.held()]).toEqual([false, old]);
      else if (kind.verification === 'read-back') {
        expect([left, await store.held()]).toEqual(['out', old]);
      } else if ((await store.held()) === NEW) expect(left).not.toBe('out');
    };
    await Promise.all([told(undefined), told(OLD)]);
  });

  test.runIf(kind.isConditional)('meets another version leaves it, and what is beside it', async () => {
    for (const old of kind.isConditional === 'create' ? [undefined] : [undefined, OLD]) {
      const store = await open();
      if (old !== undefined) await store.put(old);
      const write = await prepared(store.sink, store.reference, old === undefined ? undefined : REPLACED);
      store.server.meanwhile = async (call) => {
        if (kind.isWrite(call)) await store.put(OTHER);
      };
      expect(clean(await write.deliver(new Secret(NEW)))).toMatchObject({ outcome: 'failed' });
      store.server.meanwhile = () => undefined;
      expect(await write.retract()).toBe('out');
      expect(await store.held()).toBe(OTHER);
    }
  });

  test('is exchanged for another value, or taken away, is not called delivered where it can be read', async () => {
    for (const old of [undefined, OLD]) {
      for (const isTakenAway of [false, true]) {
        const store = await open();
        if (isTakenAway && store.server.states.length === 0) continue;
        if (old !== undefined) await store.put(old);
        const write = await prepared(store.sink, store.reference, old === undefined ? undefined : REPLACED);
        store.server.afterwards = async (call) => {
          if (!kind.isWrite(call)) return;
          if (!isTakenAway) return store.put(OTHER);
          for (const state of store.server.states) state.clear();
        };
        const secret = new Secret(NEW);
        clean(await write.deliver(secret));
        store.server.afterwards = () => undefined;
        if (kind.verification === 'read-back' || isTakenAway)
          expect(clean(await write.verify(secret))).toMatchObject({ outcome: 'mismatch' });
        const isNoProof = readsLag && isTakenAway && (old === undefined || kind.verification !== 'read-back');
        if (kind.verification === 'read-back' || isTakenAway)
          expect(await write.retract()).toBe(isNoProof ? 'may be held' : 'out');
        if (kind.verification === 'read-back') expect(await store.held()).toBe(isTakenAway ? undefined : OTHER);
      }
    }
  });

  test('is delivered, and then taken away by somebody else, is out and stays so', async () => {
    const store = await open();
    const write = await prepared(store.sink, store.reference);
    const secret = new Secret(NEW);
    await write.deliver(secret);
    expect(await write.verify(secret)).toMatchObject({ outcome: 'verified' });
    for (const state of store.server.states) state.clear();
    if (store.server.states.length > 0) expect(await write.verify(secret)).toMatchObject({ outcome: 'mismatch' });
    expect(await write.retract()).toBe(readsLag && store.server.states.length > 0 ? 'may be held' : 'out');
    expect(await store.held()).toBeUndefined();
  });

  test.runIf(readsLag)('is confirmed, and not shown for a while, is never said to be out', async ({ skip }) => {
    for (const [old, lag] of [undefined, OLD].flatMap((each) => [1, 9].map((reads) => [each, reads] as const))) {
      const store = await open();
      if (store.server.states.length === 0) return skip('its reads never lag');
      if (old !== undefined) await store.put(old);
      const write = await prepared(store.sink, store.reference, old === undefined ? undefined : REPLACED);
      showLate(store.server, lag);
      await write.deliver(new Secret(NEW));
      store.server.afterwards = () => undefined;
      const { outcome } = await write.verify(new Secret(NEW));
      expect(outcome === 'verified').toBe(lag === 1);
      if (lag > 1) expect(await write.retract()).not.toBe('out');
    }
  });

  test.runIf(readsLag)('is taken back, and shown for a while, is never said to be held', async ({ skip }) => {
    for (const [old, lag] of [undefined, OLD].flatMap((each) => [1, 9].map((reads) => [each, reads] as const))) {
      const store = await open();
      if (store.server.states.length === 0) return skip('its reads never lag');
      if (old !== undefined) await store.put(old);
      const write = await prepared(store.sink, store.reference, old === undefined ? undefined : REPLACED);
      await write.deliver(new Secret(NEW));
      expect(await write.verify(new Secret(NEW))).toMatchObject({ outcome: 'verified' });
      showLate(store.server, lag);
      // What GitHub does not show it cannot put back either.
      const stays = old !== undefined && kind.verification !== 'read-back';
      expect(await write.retract()).toBe(stays ? 'held' : lag === 1 ? 'out' : 'may be held');
      expect(await store.held()).toBe(stays ? NEW : old);
    }
  });

  test('has another field beside it keeps what somebody writes there, also when it is taken back', async ({ skip }) => {
    for (const old of [undefined, OLD]) {
      const { beside, ...store } = await open();
      if (!beside) return skip('nothing is beside it');
      beside.put('before');
      if (old !== undefined) await store.put(old);
      const replaced = old === undefined ? undefined : REPLACED;
      const early = await prepared(store.sink, store.reference, replaced);
      store.server.meanwhile = (call) => {
        if (kind.isWrite(call)) beside.put('meanwhile');
      };
      expect(clean(await early.deliver(new Secret(NEW)))).toMatchObject({ outcome: 'failed' });
      store.server.meanwhile = () => undefined;
      expect([await store.held(), beside.held()]).toEqual([old, 'meanwhile']);
      const write = await prepared(store.sink, store.reference, replaced);
      expect(clean(await write.deliver(new Secret(NEW)))).toMatchObject({ outcome: 'written' });
      beside.put('afterwards');
      expect(clean(await write.verify(new Secret(NEW)))).toMatchObject({ verification: 'read-back' });
      expect(await write.retract()).toBe('out');
      expect([await store.held(), beside.held()]).toEqual([old, 'afterwards']);
    }
  });

  test('meets what somebody writes beside it is done all the same', async ({ skip }) => {
    for (const old of [undefined, OLD]) {
      const { beside, ...store } = await open();
      if (!beside) return skip('nothing is beside it');
      if (old !== undefined) await store.put(old);
      const write = await prepared(store.sink, store.reference, old === undefined ? undefined : REPLACED);
      let others = 2;
      store.server.meanwhile = (call) => {
        if (kind.isWrite(call) && others > 0) beside.put(`of others ${(others -= 1)}`);
      };
      expect(clean(await write.deliver(new Secret(NEW)))).toMatchObject({ outcome: 'written' });
      expect([await store.held(), beside.held()]).toEqual([NEW, 'of others 0']);
      expect(await write.retract()).toBe('out');
      expect([await store.held(), beside.held()]).toEqual([old, 'of others 0']);
    }
  });

  test('is looked at where no reply is whole finds neither nothing nor a secret', async () => {
    for (const fault of ['cut body', 'large body', 'gzip body', 'slow body'] as const) {
      for (const held of [undefined, OLD]) {
        const store = await open(fault === 'slow body' ? 300 : undefined);
        if (held !== undefined) await store.put(held);
        store.server.fault = () => fault;
        const preflight = clean(
          await store.sink.preflight(store.reference, 'prove', held === undefined ? undefined : REPLACED),
        );
        expect([fault, preflight.ok]).toEqual([fault, false]);
        expect(clean(await store.sink.lookUp(store.reference))).toEqual({ held: 'unknown' });
        store.server.fault = () => undefined;
        expect(await store.held()).toBe(held);
      }
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
