// What every sink owes, whatever its kind: one test for each, run against a store that the caller gives. A native kind, a preset
// and a file join with one call.

import { describe, expect, onTestFinished, test } from 'vitest';
import { fingerprintOf } from '../../src/secret/opened-secret.ts';
import { Secret } from '../../src/secret/secret.ts';
import type { PreparedWrite, Replaced, SecretReference, Sink, Verification } from '../../src/sinks/sink.ts';

/** A store of its own for one test. */
export interface Store {
  readonly sink: Sink;
  readonly reference: SecretReference;
  /** What is at the place, seen otherwise than by the sink. */
  held(): string | undefined | Promise<string | undefined>;
  /** Puts a value there, as somebody else would. */
  put(value: string): void | Promise<void>;
  /** From then on the place cannot be read; what is there stays. Absent where that cannot be brought about. */
  lock?: (() => void | Promise<void>) | undefined;
  /** As `lock`, and back again, to see what is there. */
  unlock?: () => void | Promise<void>;
  /** From then on nothing can be written. */
  forbidWrites?: () => void | Promise<void>;
  /** From then on the store is not there at all. */
  takeAway?: () => void | Promise<void>;
  close?: () => void | Promise<void>;
}

interface Kind {
  readonly name: string;
  /** Why its tests are skipped. */
  readonly skipped?: string | undefined;
  open(): Store | Promise<Store>;
  readonly verification: Verification;
  /** Whether a secret can be taken out again that took nobody's place. */
  readonly isRetracting: boolean;
  /** Whether the store lets a value give way to another. */
  readonly isReplacing?: boolean;
  readonly timeoutMs?: number;
}

const OLD = 'al-contract-canary-of-the-old-key-0123456789-odu2';
const OTHER = 'al-contract-canary-of-another-key-0123456789-xyz9';
const REPLACED: Replaced = { maskedSecret: 'al-****odu2', isLastHere: true };
const MANY = 20;

function secretNumber(number: number): { readonly value: string; readonly secret: Secret } {
  const value = `al-contract-canary-${String(number).padStart(4, '0')}-0123456789-new${number % 10}`;
  return { value, secret: new Secret(value) };
}

export function describeContract(kind: Kind): void {
  const { name, skipped, verification, isReplacing = true, timeoutMs = 30_000 } = kind;
  const title = skipped === undefined ? name : `${name} (${skipped})`;
  describe.skipIf(skipped !== undefined && process.env.CI === undefined)(title, { timeout: timeoutMs }, () => {
    const open = async () => {
      const store = await kind.open();
      onTestFinished(async () => store.close?.());
      return store;
    };
    const [mine, next] = [secretNumber(1), secretNumber(2)];

    test('a create into nothing is delivered, verified, and found again', async () => {
      const store = await open();
      const write = await prepared(store);
      expect(write.overwrites).toBe('nothing');
      expect(await write.deliver(mine.secret, {})).toMatchObject({ outcome: 'written' });
      expect(await write.verify(mine.secret)).toMatchObject({ outcome: 'verified', verification });
      expect(await store.held()).toBe(mine.value);
      const held = await store.sink.lookUp(store.reference);
      expect(held).toMatchObject(
        verification === 'read-back'
          ? { held: 'value', fingerprint: fingerprintOf(mine.secret) }
          : { held: 'something' },
      );
    });

    test('a create onto something is refused, and that stays', async () => {
      const store = await open();
      await store.put(OTHER);
      expect(await problem(store)).toMatchObject({ code: 'SINK_ENTRY_EXISTS' });
      expect(await store.held()).toBe(OTHER);
    });

    test('what turns up before the delivery stays', async () => {
      const store = await open();
      const write = await prepared(store);
      await store.put(OTHER);
      expect(clean(await write.deliver(mine.secret, {}))).toMatchObject({ outcome: 'failed' });
      await write.retract();
      expect(await store.held()).toBe(OTHER);
    });

    test.runIf(isReplacing)('a rotation gives the new secret the place of the old one', async () => {
      const store = await open();
      await store.put(OLD);
      const write = await prepared(store, REPLACED);
      expect(write.overwrites).toBe(verification === 'read-back' ? 'old secret' : 'unknown');
      expect(await write.deliver(next.secret, {})).toMatchObject({ outcome: 'written' });
      expect(await write.verify(next.secret)).toMatchObject({ outcome: 'verified', verification });
      expect(await store.held()).toBe(next.value);
    });

    test.runIf(isReplacing)('and a retract puts the old one back, or does not claim it', async () => {
      const store = await open();
      await store.put(OLD);
      const write = await prepared(store, REPLACED);
      await write.deliver(next.secret, {});
      const left = await write.retract();
      expect(await store.held()).toBe(verification === 'read-back' ? OLD : next.value);
      if (verification !== 'read-back') expect(left).not.toBe('out');
    });

    test('a rotation onto something else is refused, and that stays', async () => {
      const store = await open();
      await store.put(OTHER);
      expect(await problem(store, { ...REPLACED, isLastHere: false })).toMatchObject({ code: 'SINK_ENTRY_EXISTS' });
      expect(await store.held()).toBe(OTHER);
    });

    test(`of ${MANY} at once one wins, and the others say that they did not`, async () => {
      const store = await open();
      const contenders = await Promise.all(
        Array.from({ length: MANY }, async (_each, number) => ({
          ...secretNumber(100 + number),
          write: await prepared(store),
        })),
      );
      const ends = await Promise.all(contenders.map(({ write, secret }) => write.deliver(secret, {})));
      const winners = contenders.filter((_each, index) => ends[index]?.outcome === 'written');
      expect(winners).toHaveLength(1);
      const losers = contenders.filter((each) => !winners.includes(each));
      await Promise.all(losers.map(({ write }) => write.retract()));
      expect(await store.held()).toBe(winners[0]?.value);
      expect(clean(ends).filter(({ outcome }) => outcome === 'failed')).toHaveLength(MANY - 1);
    });

    test('a retract takes the secret out, or says that it is still there', async () => {
      const store = await open();
      const write = await prepared(store);
      await write.deliver(mine.secret, {});
      expect(write.canRetract).toBe(kind.isRetracting);
      const left = await write.retract();
      if (kind.isRetracting) {
        expect(left).not.toBe('held');
        expect(await store.held()).toBeUndefined();
      } else {
        expect(left).toBe('held');
        expect(await store.held()).toBe(mine.value);
      }
    });

    test('a retract leaves what somebody else has put there', async () => {
      const store = await open();
      const write = await prepared(store);
      await write.deliver(mine.secret, {});
      await store.put(OTHER);
      await write.retract();
      expect(await store.held()).toBe(OTHER);
    });

    test('what cannot be read is neither free nor the old secret', async ({ skip }) => {
      const store = await open();
      await store.put(OLD);
      if (!store.lock) return skip('it can always be read');
      await store.lock();
      for (const replaced of [undefined, REPLACED]) {
        expect(await problem(store, replaced)).toMatchObject({ code: matchingRefusal(replaced) });
      }
      expect(await store.sink.lookUp(store.reference)).toMatchObject({ held: matchingEither('unknown', 'something') });
      await store.unlock?.();
      expect(await store.held()).toBe(OLD);
    });

    test('without the right to write nothing is called delivered, and nothing is there', async ({ skip }) => {
      const store = await open();
      if (!store.forbidWrites) return skip('everybody who can read it can write it');
      await store.forbidWrites();
      expect(await endOf(store, mine.secret)).toBe('refused');
    });

    test('a store that is away is not ready, or gets nothing', async ({ skip }) => {
      const store = await open();
      if (!store.takeAway) return skip('it is always there');
      await store.takeAway();
      expect(await endOf(store, mine.secret)).toBe('refused');
      expect(await store.sink.lookUp(store.reference)).not.toMatchObject({ held: 'value' });
    });
  });
}

/** Where there is something, a sink may say so although it cannot read it. */
function matchingRefusal(replaced: Replaced | undefined): unknown {
  return replaced ? 'SINK_NOT_READY' : matchingEither('SINK_NOT_READY', 'SINK_ENTRY_EXISTS');
}

function matchingEither(...words: string[]): unknown {
  return expect.stringMatching(new RegExp(`^(?:${words.join('|')})$`));
}

async function prepared({ sink, reference }: Store, replaced?: Replaced): Promise<PreparedWrite> {
  const preflight = await sink.preflight(reference, 'prove', replaced);
  return preflight.ok ? preflight.value.write : expect.fail(preflight.failure.message);
}

async function problem({ sink, reference }: Store, replaced?: Replaced) {
  const preflight = await sink.preflight(reference, 'prove', replaced);
  return preflight.ok ? expect.fail('The preflight found nothing wrong.') : clean(preflight.failure);
}

/** Whether a create came to a delivery. */
async function endOf({ sink, reference }: Store, secret: Secret): Promise<'refused' | 'delivered'> {
  const preflight = await sink.preflight(reference, 'prove');
  if (!preflight.ok) {
    expect(clean(preflight.failure).code).toBe('SINK_NOT_READY');
    return 'refused';
  }
  const { write } = preflight.value;
  const delivery = clean(await write.deliver(secret, {}));
  if (delivery.outcome === 'failed') return 'refused';
  return clean(await write.verify(secret)).outcome === 'verified' ? 'delivered' : 'refused';
}

/** No outcome may hold a secret, or what a program or a store said. */
function clean<T>(outcome: T): T {
  expect(JSON.stringify(outcome)).not.toContain('canary');
  return outcome;
}
