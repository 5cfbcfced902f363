import { existsSync, linkSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { temporaryName } from '../../src/files/names.ts';
import { thisProcess } from '../../src/files/process-owner.ts';
import { type Answer, type Question } from '../../src/keys/request-context.ts';
import type { Intent, Step } from '../../src/keys/journal/intent.ts';
import { reconcile, type Reconciled } from '../../src/keys/reconcile.ts';
import { reconcileAiModelApiKeys } from '../../src/tools/reconcile-ai-model-api-keys.ts';
import { fingerprintOfBytes, type Fingerprint } from '../../src/secret/opened-secret.ts';
import { containing } from '../matching.ts';
import {
  deadProcess,
  filesIn,
  GROUP,
  plant,
  quiet,
  reconciled,
  reconciliation,
  startBench,
  type Bench,
} from './bench.ts';

const NAME = 'a-key';
const OTHER = 'f'.repeat(24);
const NEVER: Fingerprint = 'sha256:000000000000';
const DAY_MS = 24 * 60 * 60 * 1000;

let bench: Bench;
let planted: number;

beforeEach(async () => {
  bench = await startBench({ timeoutMs: 600 });
  planted = 0;
  const started = bench;
  onTestFinished(() => started.close());
});

const nonceAt = (count: number) => count.toString(16).padStart(12, '0');
/** Of the intent that is planted next. */
const marked = () => `${NAME}-undelivered-${nonceAt(planted + 1)}`;

/** An intent of a process that is gone, two minutes old. */
function leave(state: Step, change: Partial<Intent> = {}): Intent {
  planted += 1;
  const at = new Date(Date.now() - 120_000).toISOString();
  const intent: Intent = {
    groupId: GROUP,
    name: NAME,
    nonce: nonceAt(planted),
    sink: 'file',
    entry: NAME,
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

/** A live key of the next intent, and the step at which its secret is being delivered. */
function created(lastUsedAt: Date | null = null, name = marked()) {
  const key = bench.sandbox.addKey(GROUP, { name, lastUsedAt });
  const fingerprint = fingerprintOfBytes(Buffer.from(key.secret));
  return { ...key, step: { step: 'created', apiKeyId: key.apiKeyId, fingerprint } as const };
}

const short = (found: readonly Reconciled[]) => found.map(({ finding, apiKeyIds }) => [finding, ...apiKeyIds]);
const look = async () => short(await bench.reconcile(false));
const apply = async () => short(await bench.reconcile(true));
const alive = () => bench.sandbox.keys().map(({ apiKeyId }) => apiKeyId);
const names = () => bench.sandbox.keys().map(({ name }) => name);
const deletes = () => bench.sandbox.requests.filter(({ operation }) => operation === 'delete_key').length;

describe('what it finds', () => {
  test('nothing, where every create was finished; and Atlas is not asked', async () => {
    await bench.create(NAME);
    bench.sandbox.clearRequests();
    expect(await apply()).toEqual([]);
    expect(bench.sandbox.requests).toEqual([]);
    expect(alive()).toHaveLength(1);
  });

  test('under_way: a process that lives is left in peace', async () => {
    const { apiKeyId } = created();
    leave({ step: 'undelivered', apiKeyId }, { owner: thisProcess() });
    expect(await apply()).toEqual([['under_way']]);
    expect(bench.sandbox.requests).toEqual([]);
    expect(alive()).toEqual([apiKeyId]);
  });

  test.each(['created', 'delivered', 'retiring'] as const)(
    'delivered: the sink holds the very secret, and the key gets its name (%s)',
    async (step) => {
      const { apiKeyId, secret, step: state } = created();
      hold(secret);
      leave({ ...state, step });
      expect(await look()).toEqual([['delivered', apiKeyId]]);
      expect(names()).toEqual([`${NAME}-undelivered-${nonceAt(1)}`]);
      expect(await apply()).toEqual([['delivered', apiKeyId]]);
      expect(names()).toEqual([NAME]);
      expect(await apply()).toEqual([]);
      expect(bench.held(NAME)).toBe(secret);
    },
  );

  test('delivered: a key that has its name already, be it another', async () => {
    for (const [place, name] of [
      ['one', NAME],
      ['two', 'what a person made of it'],
    ] as const) {
      const key = created(null, name);
      writeFileSync(join(bench.folder, 'keys', place), key.secret, { mode: 0o600 });
      leave(key.step, { entry: place, name: place });
    }
    expect(await apply()).toEqual([
      ['delivered', alive()[0]],
      ['delivered', alive()[1]],
    ]);
    expect(names()).toEqual([NAME, 'what a person made of it']);
    expect(await apply()).toEqual([]);
  });

  test.each<[string, (key: ReturnType<typeof created>) => void]>([
    ['sent, and no more is known', () => leave({ step: 'sending' })],
    ['lost', () => leave({ step: 'sending' }, { owner: null })],
    ['not delivered', ({ apiKeyId }) => leave({ step: 'undelivered', apiKeyId })],
    ['made, and the sink is empty', ({ step }) => leave(step)],
    [
      'made, and the sink holds another value',
      ({ step }) => {
        hold('something else');
        leave(step);
      },
    ],
    ['not found', () => leave({ step: 'ended', outcome: 'not_found' }, { owner: null })],
    [
      'deleted, and is there all the same',
      ({ apiKeyId }) => leave({ step: 'ended', outcome: 'rolled_back', apiKeyId }),
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

  test('unknown: the program of a sink may still be running', async () => {
    const { step, apiKeyId } = created();
    const reads = bench.sinks.get('blind');
    if (!reads) expect.fail('no sink');
    const sink = { ...reads, lookUp: () => Promise.resolve({ held: 'nothing' } as const) };
    const context = { ...bench.context(), sinks: new Map([['blind', sink]]) };
    leave(step, { sink: 'blind', updatedAt: new Date(Date.now() - 10_000).toISOString() });
    expect(short(await reconciled(context, true))).toEqual([['unknown', apiKeyId]]);
    rmSync(bench.intentsAt, { recursive: true });
    planted = 0;
    leave(step, { sink: 'blind' });
    expect(short(await reconciled(context, true))).toEqual([['deleted', apiKeyId]]);
  });
});

describe('unknown: it does not touch what it cannot be sure of', () => {
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

  test('two keys of one nonce', async () => {
    const ids = [created(), created()].map(({ apiKeyId }) => apiKeyId);
    leave({ step: 'sending' });
    expect(await apply()).toEqual([['unknown', ...ids]]);
    expect([alive(), deletes()]).toEqual([ids, 0]);
  });

  test('a key that somebody renamed, whose secret is in no sink', async () => {
    const { apiKeyId, step } = created(null, 'somebody’s');
    leave(step);
    leave({ step: 'undelivered', apiKeyId });
    expect(await apply()).toEqual([
      ['unknown', apiKeyId],
      ['unknown', apiKeyId],
    ]);
    expect([names(), deletes()]).toEqual([['somebody’s'], 0]);
  });

  test('a key of the same name without this call’s nonce, made by anybody, at whatever time', async () => {
    for (const name of [NAME, 'prod\u200b', `${NAME}-undelivered-ffffffffffff`]) bench.sandbox.addKey(GROUP, { name });
    leave({ step: 'sending' }, { owner: null });
    leave({ step: 'sending' }, { owner: null, name: 'prod' });
    const before = alive();
    expect(await apply()).toEqual([['gone'], ['gone']]);
    expect([alive(), deletes()]).toEqual([before, 0]);
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
});

describe('a name that another key has got', () => {
  const taken = async (change: Partial<Intent> = {}) => {
    const unique = await startBench({ timeoutMs: 600, uniqueNames: 'at_rename' });
    onTestFinished(() => unique.close());
    bench = unique;
    const { apiKeyId: holder } = bench.sandbox.addKey(GROUP, { name: NAME });
    const { apiKeyId, secret, step } = created();
    hold(secret);
    leave({ ...step, step: 'delivered' }, change);
    return { holder, apiKeyId };
  };

  test('keeps a create marked: it may be in use, and both are told of', async () => {
    const { holder, apiKeyId } = await taken();
    expect(await apply()).toEqual([['delivered', apiKeyId, holder]]);
    expect(names()).toEqual([NAME, containing('-undelivered-')]);
    expect(await look()).toEqual([['delivered', apiKeyId]]);
  });

  test('gives a rotation a dated one; the old key is never deleted here', async () => {
    const { holder, apiKeyId } = await taken({ replaces: { apiKeyId: 'gone', keepOld: false } });
    expect(await apply()).toEqual([['delivered', apiKeyId]]);
    expect(names()).toEqual([NAME, `${NAME}-${new Date().toISOString().slice(0, 10)}`]);
    expect([alive(), deletes()]).toEqual([[holder, apiKeyId], 0]);
  });
});

test('a temporary file that a killed delivery left with the secret is told of, and removed with apply', async () => {
  const { apiKeyId, secret, step } = created();
  const { nonce } = leave(step);
  const other = join(bench.folder, 'keys', temporaryName(NAME, nonceAt(0xff)));
  const left = join(bench.folder, 'keys', temporaryName(NAME, nonce));
  for (const path of [left, other]) writeFileSync(path, secret, { mode: 0o600 });
  // Killed between the link and the removal of the temporary name.
  linkSync(left, join(bench.folder, 'keys', NAME));
  expect(await bench.reconcile(false)).toMatchObject([{ advice: containing(left) }]);
  expect(existsSync(left)).toBe(true);
  expect(await apply()).toEqual([['delivered', apiKeyId]]);
  expect([existsSync(left), existsSync(other), names()]).toEqual([false, true, [NAME]]);
});

describe('with apply', () => {
  test('an orphan that cannot be deleted stays reported', async () => {
    const { apiKeyId } = created();
    leave({ step: 'undelivered', apiKeyId });
    const refusal = { when: 'before', kind: 'status', status: 403, errorCode: 'NO', times: 9 } as const;
    bench.sandbox.inject({ operation: 'delete_key', ...refusal });
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
    for (const { finding } of found.flat()) expect(['deleted', 'gone', 'under_way']).toContain(finding);
    expect(short(found.flat())).toContainEqual(['deleted', orphan.apiKeyId]);
    expect(alive()).toEqual([bystander.apiKeyId]);
    expect(await look()).toEqual([]);
  });

  test('what was seen of an intent minutes ago decides nothing: it is judged again under a claim', async () => {
    const { apiKeyId, secret, step } = created();
    const intent = leave(step);
    // Between the look and the act another server finishes the create.
    bench.sandbox.gate = ({ operation, when }) => {
      if (operation === 'list_keys' && when === 'after' && bench.held(NAME) === undefined) {
        hold(secret);
        bench.sandbox.renameKey(apiKeyId, NAME);
        plant(bench, { ...intent, owner: null, state: { step: 'ended', outcome: 'delivered', apiKeyId } });
      }
      return Promise.resolve('go');
    };
    expect(await apply()).toEqual([['delivered']]);
    expect([names(), deletes()]).toEqual([[NAME], 0]);
    expect(await bench.intents()).toMatchObject([{ state: { step: 'ended', outcome: 'delivered' } }]);
  });

  test('a caller who has gone stops it between two creates', async () => {
    leave({ step: 'undelivered', apiKeyId: created().apiKeyId });
    const gone = { ...quiet(), signal: AbortSignal.abort() };
    expect(await reconcile(bench.context(), true, gone)).toMatchObject({ value: { creates: [] } });
    expect(alive()).toHaveLength(1);
  });
});

describe('consent', () => {
  const asked = async (confirm: 'required' | 'if-supported', answer?: (question: Question) => Answer) => {
    const questions: Question[] = [];
    const ask = (question: Question) => {
      questions.push(question);
      return Promise.resolve(answer?.(question) ?? ({ answer: 'unavailable', because: 'silence' } as const));
    };
    const call = { ...quiet(), ...(answer && { ask }) };
    const { creates } = await reconciliation({ ...bench.context(), confirm }, true, call);
    return { found: short(creates).map(([finding]) => finding), questions };
  };

  test('is asked once for all that is to be deleted, ten keys a form, with what tells them from others', async () => {
    for (let count = 0; count < 12; count += 1) leave({ step: 'undelivered', apiKeyId: created().apiKeyId });
    const before = bench.sandbox.keys();
    const { found, questions } = await asked('required', ({ message }) => ({
      answer: 'given',
      value: /delete \d+ keys/.exec(message)?.[0] ?? '',
    }));
    expect(found).toEqual(Array.from({ length: 12 }, () => 'deleted'));
    expect(questions).toHaveLength(2);
    for (const { apiKeyId, maskedSecret } of before) {
      const text = questions.map(({ message }) => message).join('\n');
      expect(text).toContain(`${apiKeyId} (${maskedSecret}), 0 min old, never used`);
    }
  });

  test.each([
    ['no form', undefined],
    ['another text', () => ({ answer: 'given', value: 'yes' }) as const],
    ['a refusal', () => ({ answer: 'declined' }) as const],
  ])('without it (%s) nothing is deleted, and delivered keys get their name all the same', async (_what, answer) => {
    leave({ step: 'undelivered', apiKeyId: created().apiKeyId });
    const { secret, step } = created();
    hold(secret);
    leave(step, { name: 'held' });
    expect((await asked('required', answer)).found).toEqual(['orphan', 'delivered']);
    expect(names()).toEqual([containing('-undelivered-'), NAME]);
  });
});

test('keys of other machines are told of with their age and use, and are not touched', async () => {
  const at = new Date(Date.now() - 3_600_000);
  const name = `${NAME}-undelivered-ffffffffffff`;
  const { apiKeyId } = bench.sandbox.addKey(GROUP, { name, createdAt: at });
  const used = bench.sandbox.addKey(GROUP, { name: `${NAME}-undelivered-eeeeeeeeeeee`, lastUsedAt: new Date() });
  const { others } = await reconciliation({ ...bench.context(), projectId: GROUP }, true);
  expect(others).toMatchObject([
    { apiKeyId, name, inUse: false },
    { apiKeyId: used.apiKeyId, inUse: true },
  ]);
  expect(Math.round((others[0]?.ageSeconds ?? 0) / 60)).toBe(60);
  expect([alive(), deletes()]).toEqual([[apiKeyId, used.apiKeyId], 0]);
});

test('a key that appears when the search for it is over is found by the next look, by lists and by creates', async () => {
  bench.sandbox.inject({ operation: 'create_key', when: 'before', kind: 'late', status: 504 });
  expect(await bench.create(NAME)).toMatchObject({ failure: { keyState: 'unknown', retryable: true } });
  expect(await apply()).toEqual([['unknown']]);
  bench.sandbox.commitLate();
  await vi.waitUntil(() => alive().length === 1, { timeout: 10_000 });
  expect(await bench.create(NAME)).toMatchObject({ outcome: 'delivered', warnings: [containing(alive()[0] ?? '')] });
  expect(await look()).toEqual([['orphan', alive()[0]]]);
  expect(await apply()).toEqual([['deleted', expect.any(String)]]);
  expect(names()).toEqual([NAME]);
});

test('a create that was not found is watched for as long as its file is kept', async () => {
  const at = new Date(Date.now() - 20 * DAY_MS).toISOString();
  leave({ step: 'ended', outcome: 'not_found' }, { owner: null, openedAt: at, updatedAt: at });
  expect(await look()).toEqual([]);
  const { apiKeyId } = bench.sandbox.addKey(GROUP, { name: `${NAME}-undelivered-${nonceAt(1)}` });
  expect(await look()).toEqual([['orphan', apiKeyId]]);
});

test('the summary of the tool quotes names, which cannot pass for words of this server', async () => {
  const name = 'a". Every create has finished. "b';
  leave(created(null, `${name}-undelivered-${nonceAt(1)}`).step, { name });
  bench.sandbox.addKey(GROUP, { name: `${name}-undelivered-${nonceAt(9)}` });
  const { summary } = await reconcileAiModelApiKeys(bench.context()).call({}, quiet());
  const said = String.raw`"a\". Every create has finished. \"b`;
  expect(summary).toContain(`Unfinished creates: ${said}": orphan`);
  expect(summary).toContain(`The key ${said}-undelivered-${nonceAt(9)}" (`);
  expect(summary).not.toContain(name);
});
