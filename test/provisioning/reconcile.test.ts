import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type Intent, type Step } from '../../src/provisioning/journal/intent.ts';
import { reconcile, type Reconciled } from '../../src/provisioning/reconcile.ts';
import { fingerprintOfBytes, type Fingerprint } from '../../src/secret/fingerprint.ts';
import { thisProcess } from '../../src/files/process-owner.ts';
import { deadProcess, filesIn, GROUP, plant, reconciled, startBench, type Bench } from './bench.ts';

const NAME = 'a-key';
const OTHER = 'f'.repeat(24);
const NEVER: Fingerprint = 'sha256:000000000000';
const HOUR_MS = 60 * 60 * 1000;

let bench: Bench;
let planted: number;

beforeEach(async () => {
  bench = await startBench({ timeoutMs: 600 });
  planted = 0;
  const started = bench;
  onTestFinished(() => started.close());
});

/** An intent of a process that is gone, two minutes old. */
function leave(state: Step, change: Partial<Intent> = {}): Intent {
  planted += 1;
  const at = new Date(Date.now() - 120_000).toISOString();
  const intent: Intent = {
    groupId: GROUP,
    name: NAME,
    sink: 'file',
    entry: NAME,
    id: `${'0'.repeat(32)}-${planted}`,
    owner: deadProcess(),
    openedAt: at,
    updatedAt: at,
    state,
    ...change,
  };
  plant(bench, intent);
  return intent;
}

function hold(value: string): void {
  mkdirSync(join(bench.folder, 'keys'), { recursive: true });
  writeFileSync(join(bench.folder, 'keys', NAME), value, { mode: 0o600 });
}

/** A live key, and the step at which its secret is being delivered. */
function created(lastUsedAt: Date | null = null) {
  const key = bench.sandbox.addKey(GROUP, { name: NAME, lastUsedAt });
  const fingerprint = fingerprintOfBytes(Buffer.from(key.secret));
  return { ...key, step: { step: 'created', apiKeyId: key.apiKeyId, fingerprint } as const };
}

const short = (found: readonly Reconciled[]) => found.map(({ finding, apiKeyIds }) => [finding, ...apiKeyIds]);
const look = async () => short(await bench.reconcile(false));
const apply = async () => short(await bench.reconcile(true));
const alive = () => bench.sandbox.keys().map(({ apiKeyId }) => apiKeyId);
const deletes = () => bench.sandbox.requests.filter(({ operation }) => operation === 'delete_key').length;

describe('what it finds', () => {
  test('nothing, where every create came to an end; and Atlas is not asked', async () => {
    await bench.create(NAME);
    bench.sandbox.clearRequests();
    expect(await apply()).toEqual([]);
    expect(bench.sandbox.requests).toEqual([]);
    expect(alive()).toHaveLength(1);
  });

  test('under_way: a process that lives is left in peace', async () => {
    const { apiKeyId } = bench.sandbox.addKey(GROUP, { name: NAME });
    leave({ step: 'undelivered', apiKeyId }, { owner: thisProcess() });
    expect(await apply()).toEqual([['under_way']]);
    expect(bench.sandbox.requests).toEqual([]);
    expect(alive()).toEqual([apiKeyId]);
  });

  test('delivered: the sink holds the very secret', async () => {
    const { apiKeyId, secret, step } = created();
    hold(secret);
    leave(step);
    expect(await apply()).toEqual([['delivered', apiKeyId]]);
    expect(await apply()).toEqual([]);
    expect(alive()).toEqual([apiKeyId]);
    expect(bench.held(NAME)).toBe(secret);
  });

  test.each<[string, (key: ReturnType<typeof created>) => void]>([
    ['sent, and no more is known', () => leave({ step: 'sending' })],
    ['lost', () => leave({ step: 'lost' }, { owner: null })],
    ['not delivered', ({ apiKeyId }) => leave({ step: 'undelivered', apiKeyId })],
    ['made, and the sink is empty', ({ step }) => leave(step)],
    [
      'made, and the sink holds another value',
      ({ step }) => {
        hold('something else');
        leave(step);
      },
    ],
  ])('orphan, and deleted with apply: a key that was %s', async (_what, arrange) => {
    const key = created();
    arrange(key);
    const before = [...filesIn(bench.intentsAt)];
    expect(await look()).toEqual([['orphan', key.apiKeyId]]);
    expect([...filesIn(bench.intentsAt)]).toEqual(before);
    expect(alive()).toEqual([key.apiKeyId]);
    expect(await apply()).toEqual([['deleted', key.apiKeyId]]);
    expect(alive()).toEqual([]);
    expect(await apply()).toEqual([]);
  });

  test('gone: a key that is not there any more, or never came', async () => {
    leave({ step: 'undelivered', apiKeyId: 'k1' }, { updatedAt: new Date().toISOString() });
    leave({ step: 'created', apiKeyId: 'k2', fingerprint: NEVER }, { name: 'another' });
    leave({ step: 'sending' }, { name: 'a third' });
    expect(await look()).toEqual([['gone'], ['gone'], ['gone']]);
    expect(await look()).toHaveLength(3);
    await apply();
    expect(await look()).toEqual([]);
  });

  test('unknown: a request of a moment ago may still be carried out', async () => {
    leave({ step: 'sending' }, { updatedAt: new Date().toISOString() });
    expect(await apply()).toEqual([['unknown']]);
    expect(await apply()).toEqual([['unknown']]);
  });
});

describe('unknown: what it cannot be sure of it leaves alone', () => {
  test.each<[string, (key: ReturnType<typeof created>) => void]>([
    ['sent', () => leave({ step: 'sending' })],
    ['not delivered', ({ apiKeyId }) => leave({ step: 'undelivered', apiKeyId })],
    ['made', ({ step }) => leave(step)],
  ])('a key in use that was %s', async (_what, arrange) => {
    const key = created(new Date());
    arrange(key);
    expect(await apply()).toEqual([['unknown', key.apiKeyId]]);
    expect([alive(), deletes()]).toEqual([[key.apiKeyId], 0]);
  });

  test('two keys of the name', async () => {
    const ids = [created(), created()].map(({ apiKeyId }) => apiKeyId);
    leave({ step: 'sending' });
    expect(await apply()).toEqual([['unknown', ...ids]]);
    expect([alive(), deletes()]).toEqual([ids, 0]);
  });

  test.each<[string, Partial<Intent>]>([
    ['that cannot be read', { sink: 'broken' }],
    ['that is no longer configured', { sink: 'removed' }],
  ])('a key that was made, with a sink %s', async (_what, change) => {
    const { apiKeyId, step } = created();
    leave(step, change);
    expect(await apply()).toEqual([['unknown', apiKeyId]]);
    expect([alive(), deletes()]).toEqual([[apiKeyId], 0]);
  });

  test('a project that is no longer allowed, or that Atlas does not show', async () => {
    const { apiKeyId } = created();
    leave({ step: 'undelivered', apiKeyId });
    const context = { ...bench.context(), allowedProjects: [OTHER] };
    expect(short(await reconciled(context, true))).toEqual([['unknown']]);
    expect(bench.sandbox.requests).toEqual([]);
    bench.sandbox.inject({ operation: 'list_keys', when: 'before', kind: 'status', status: 403 });
    expect(await apply()).toEqual([['unknown']]);
    expect([alive(), deletes()]).toEqual([[apiKeyId], 0]);
  });

  test('but a key which another intent knows as its own is no candidate', async () => {
    const { apiKeyId } = created();
    leave({ step: 'ended', outcome: 'delivered', apiKeyId }, { owner: null });
    leave({ step: 'sending' });
    expect(await apply()).toEqual([['gone']]);
    const orphan = created();
    leave({ step: 'lost' });
    // The first of them is watched for still, and the key may as well be its own.
    expect(await apply()).toEqual([['deleted', orphan.apiKeyId], ['gone']]);
    expect(alive()).toEqual([apiKeyId]);
  });
});

describe('with apply', () => {
  test('an orphan that cannot be deleted stays reported', async () => {
    const { apiKeyId } = created();
    leave({ step: 'undelivered', apiKeyId });
    bench.sandbox.inject({
      operation: 'delete_key',
      when: 'before',
      kind: 'status',
      status: 403,
      errorCode: 'NO',
      times: 9,
    });
    expect(await apply()).toEqual([['orphan', apiKeyId]]);
    bench.sandbox.clearFaults();
    expect(await apply()).toEqual([['deleted', apiKeyId]]);
  });

  test('two at once do no harm', async () => {
    const orphan = created();
    leave({ step: 'undelivered', apiKeyId: orphan.apiKeyId });
    const bystander = bench.sandbox.addKey(GROUP, { name: 'bystander' });
    leave({ step: 'sending' }, { name: 'sent' });
    const others = [bench.connect(), bench.connect()].map((atlas) => ({ ...bench.context(), atlas }));
    const found = await Promise.all(others.map((context) => reconciled(context, true)));
    for (const { finding } of found.flat()) expect(['deleted', 'gone']).toContain(finding);
    expect(short(found.flat())).toContainEqual(['deleted', orphan.apiKeyId]);
    expect(alive()).toEqual([bystander.apiKeyId]);
    expect(await look()).toEqual([]);
  });

  test('a caller who has gone stops it between two creates', async () => {
    leave({ step: 'undelivered', apiKeyId: created().apiKeyId });
    expect(await reconcile(bench.context(), true, AbortSignal.abort())).toEqual([]);
    expect(alive()).toHaveLength(1);
  });
});

test('a key that appears when the search for it is over is found by the next look', async () => {
  bench.sandbox.inject({ operation: 'create_key', when: 'before', kind: 'delay', ms: 3_000 });
  expect(await bench.create(NAME)).toMatchObject({ outcome: 'failed', failure: { keyState: 'not_created' } });
  expect(await apply()).toEqual([]);
  await vi.waitUntil(() => alive().length === 1, { timeout: 10_000 });
  expect(await look()).toEqual([['orphan', ...alive()]]);
  expect(await apply()).toEqual([['deleted', expect.any(String)]]);
  expect(alive()).toEqual([]);
});

test('a create that was not found is watched for a day', async () => {
  const at = (hours: number) => new Date(Date.now() - hours * HOUR_MS).toISOString();
  const { apiKeyId } = bench.sandbox.addKey(GROUP, { name: NAME, createdAt: new Date(at(23)) });
  leave({ step: 'ended', outcome: 'not_found' }, { owner: null, openedAt: at(25), updatedAt: at(25) });
  expect(await look()).toEqual([]);
  rmSync(bench.intentsAt, { recursive: true });
  leave({ step: 'ended', outcome: 'not_found' }, { owner: null, openedAt: at(23), updatedAt: at(23) });
  expect(await look()).toEqual([['orphan', apiKeyId]]);
});

test.each([
  ['before', 24 * 10],
  ['after', 24 * 10 - 3],
])('a key of the name that was made at another time, %s it, is not taken for the create', async (_when, hoursAgo) => {
  const at = (hours: number) => new Date(Date.now() - hours * HOUR_MS);
  const opened = at(24 * 10 - 1).toISOString();
  const { apiKeyId } = bench.sandbox.addKey(GROUP, { name: NAME, createdAt: at(hoursAgo), createdBy: 'a person' });
  leave({ step: 'lost' }, { owner: null, openedAt: opened, updatedAt: opened });
  expect(await apply()).toEqual([['unknown', apiKeyId]]);
  expect(alive()).toEqual([apiKeyId]);
});
