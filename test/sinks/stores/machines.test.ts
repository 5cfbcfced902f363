// Many machines that write to one place of a store at the same time: each has an address of its own for it, so that nothing but the
// store itself can keep them apart.

import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { Secret } from '../../../src/secret/secret.ts';
import { closeMoto, motoKinds } from './moto-kinds.ts';
import { sinkOf, storeKinds } from './store-kinds.ts';

const MANY = 20;
const OLD = 'al-store-canary-of-the-old-key-0123456789-odu2';
const REPLACED = { maskedSecret: 'al-****odu2', isLastHere: true };

afterAll(closeMoto);

const conditional = [...storeKinds, ...motoKinds].flatMap((kind) => {
  const isReplacing = kind.isConditional === true;
  return kind.isConditional
    ? [{ kind, replaced: undefined }, ...(isReplacing ? [{ kind, replaced: REPLACED }] : [])]
    : [];
});

describe.each(conditional)('$kind.name, onto $replaced', { timeout: 60_000 }, ({ kind, replaced }) => {
  test(`of ${MANY} machines at once one wins, and the others take nothing away`, async () => {
    const { server, spec, environment, reference, ...store } = await kind.open(30_000);
    onTestFinished(() => server.close());
    if (replaced) await store.put(OLD);
    let writes = 0;
    server.meanwhile = (call) => {
      if (kind.isWrite(call)) writes += 1;
    };
    const contenders = await Promise.all(
      Array.from({ length: MANY }, async (_each, number) => {
        const value = `al-store-canary-of-machine-${number}-0123456789-m${100 + number}`;
        const preflight = await sinkOf('', { ...spec, address: await server.alsoAt() }, environment).preflight(
          reference,
          'prove',
          replaced,
        );
        const write = preflight.ok ? preflight.value.write : expect.fail(preflight.failure.message);
        return { value, secret: new Secret(value), write };
      }),
    );
    const ends = await Promise.all(
      contenders.map(async ({ value, secret, write }) => {
        const { outcome } = await write.deliver(secret);
        const verdict = outcome === 'failed' ? undefined : await write.verify(secret);
        if (verdict?.outcome === 'verified') return value;
        expect(await write.retract()).toBe('out');
        return undefined;
      }),
    );
    const winners = ends.filter((value) => value !== undefined);
    expect(winners).toHaveLength(1);
    expect(await store.held()).toBe(winners[0]);
    // It was the store that refused, not a look.
    expect(writes).toBeGreaterThan(1);
  });
});
