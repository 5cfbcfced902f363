// What Atlas shows late or leaves out must not cost a key whose secret is in its sink, nor be told as something else.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Step } from '../../src/keys/journal/intent.ts';
import { reconcile } from '../../src/keys/reconcile.ts';
import { fingerprintOfBytes } from '../../src/secret/opened-secret.ts';
import { deadProcess, GROUP, plant, quiet, benchFor, type Bench } from './bench.ts';

async function openBench(): Promise<Bench> {
  const bench = await benchFor({ timeoutMs: 600 });
  return bench;
}

const NONCE = '000000000001';
const NAME = `a-key-undelivered-${NONCE}`;

/** An intent whose process died after that step. */
function leave(bench: Bench, state: Step): void {
  const at = new Date(Date.now() - 120_000).toISOString();
  const rest = { owner: deadProcess(), openedAt: at, updatedAt: at, state };
  plant(bench, { groupId: GROUP, name: 'a-key', nonce: NONCE, sink: 'file', entry: 'a-key', ...rest });
}

test('a delivered key that looked gone for a moment is not deleted when it is shown again', async () => {
  const bench = await openBench();
  const { apiKeyId, secret } = bench.sandbox.addKey(GROUP, { name: NAME });
  const fingerprint = fingerprintOfBytes(Buffer.from(secret));
  leave(bench, { step: 'delivered', apiKeyId, fingerprint });
  const lagging = {
    ...bench.context(),
    atlas: {
      ...bench.context().atlas,
      listKeys: () => Promise.resolve({ ok: true as const, value: [] }),
      getKey: () => bench.context().atlas.getKey({ groupId: GROUP }, 'none'),
    },
  };
  expect(await reconcile(lagging, true, quiet())).toMatchObject({ value: { creates: [{ finding: 'gone' }] } });
  expect(await bench.reconcile(true)).toMatchObject([{ finding: 'unknown', apiKeyIds: [apiKeyId] }]);
  expect(bench.sandbox.keys(GROUP)).toHaveLength(1);
});

test('a rename whose reply has no name commits nothing by itself', async () => {
  const bench = await openBench();
  const { atlas } = bench.context();
  const context = {
    ...bench.context(),
    atlas: {
      ...atlas,
      // The reply to a rename that was not carried out, without a name.
      renameKey: (_groupId: string, apiKeyId: string) =>
        Promise.resolve({ ok: true as const, value: { apiKeyId, name: '', lastUsedAt: null } }),
    },
  };
  expect(await bench.create('a-key', {}, context)).toMatchObject({ outcome: 'delivered' });
  const [intent] = await bench.intents();
  expect(intent?.state.step).toBe('delivered');
});

test('an orphan whose deletion nobody consents to adds nothing to the journal', async () => {
  const bench = await openBench();
  const { apiKeyId } = bench.sandbox.addKey(GROUP, { name: NAME });
  leave(bench, { step: 'undelivered', apiKeyId });
  const text = () => readFileSync(join(bench.intentsAt, `${NONCE}.jsonl`), 'utf8');
  const before = text();
  const found = await reconcile({ ...bench.context(), confirm: 'required' }, true, quiet());
  expect(found).toMatchObject({ value: { creates: [{ finding: 'orphan' }] } });
  expect(text()).toBe(before);
});

test('a key that no read shows yet is not told as rolled back before it was deleted', async () => {
  const bench = await openBench();
  bench.sandbox.setReadLag(2);
  bench.sandbox.setListLag(3);
  const outcome = await bench.create('a-key', { sink: 'broken' });
  const alive = bench.sandbox.keys(GROUP).length;
  expect([outcome, alive]).toMatchObject([{ failure: { keyState: alive === 0 ? 'rolled_back' : 'orphaned' } }, alive]);
});
