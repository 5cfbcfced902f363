// A place or a name that is taken: whose it is, what can be done, and that only the secret of a deleted key gives way.

import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openJournal } from '../../src/keys/journal/journal.ts';
import { openSinks } from '../../src/sinks/kinds.ts';
import { type Fault } from '../atlas-simulator/faults.ts';
import { containing, matching } from '../matching.ts';
import { behaving, deadProcess, GROUP, plant, program, benchFor, type Bench, type BenchOptions } from './bench.ts';

async function benchWith(options: BenchOptions = {}): Promise<Bench> {
  const bench = await benchFor({ timeoutMs: 500, ...options });
  return bench;
}

async function delivered(bench: Bench, name: string): Promise<string> {
  const made = await bench.create(name);
  if (made.outcome !== 'delivered') expect.fail(JSON.stringify(made));
  return made.key.apiKeyId;
}

const secretOf = ({ sandbox }: Bench, name: string) => sandbox.keys(GROUP).find((key) => key.name === name)?.secret;
const inOldPlace = (bench: Bench, change: object = {}, context = bench.context()) =>
  bench.create('new', { entry: 'app', ...change }, context);

describe('the secret of a deleted key gives way', () => {
  test('to a new one, and the result says what gave way', async () => {
    const bench = await benchWith();
    const apiKeyId = await delivered(bench, 'app');
    bench.sandbox.removeKey(apiKeyId);
    expect(await inOldPlace(bench)).toMatchObject({
      outcome: 'delivered',
      warnings: [containing(`held the secret of the deleted key ${apiKeyId} "app", which gave way`)],
    });
    expect(bench.held('app')).toBe(secretOf(bench, 'new'));
    expect(await bench.reconcile(false)).toEqual([]);
  });

  test('in a dry run only in words', async () => {
    const bench = await benchWith();
    const apiKeyId = await delivered(bench, 'app');
    const dead = bench.held('app');
    bench.sandbox.removeKey(apiKeyId);
    expect(await inOldPlace(bench, { dryRun: true })).toMatchObject({
      outcome: 'planned',
      warnings: [containing(`holds the secret of the deleted key ${apiKeyId} "app", which would give way`)],
    });
    expect(bench.held('app')).toBe(dead);
  });

  test('and is put back where the new key cannot be delivered after all', async () => {
    const bench = await benchWith();
    bench.sandbox.removeKey(await delivered(bench, 'app'));
    const dead = bench.held('app');
    const file = bench.sinks.get('file');
    if (!file) return expect.fail();
    const lying = behaving(file, (write) => ({
      ...write,
      verify: () => Promise.resolve({ outcome: 'mismatch', message: 'no', hint: 'no' }),
    }));
    const context = { ...bench.context(), sinks: new Map([['file', lying]]) };
    expect(await inOldPlace(bench, {}, context)).toMatchObject({
      failure: { code: 'SINK_WRITE_FAILED', keyState: 'rolled_back' },
    });
    expect(bench.held('app')).toBe(dead);
    expect(bench.sandbox.keys(GROUP)).toEqual([]);
  });

  test('in a .env file and in a program that can be read back', async () => {
    const bench = await benchWith();
    const kept = join(bench.folder, 'kept');
    const sinks = openSinks(
      new Map([
        ['env', { type: 'dotenv', path: join(bench.folder, 'keys', '.env'), variable: 'KEY' }],
        [
          'store',
          {
            type: 'command',
            argv: [program(bench.folder, 'put', `cat > ${kept}`)],
            verify: [program(bench.folder, 'show', `cat ${kept}`)],
            absent: [1],
            env: {},
            timeoutMs: 20_000,
          },
        ],
      ]),
      { PATH: process.env.PATH ?? '' },
    );
    const context = { ...bench.context(), sinks };
    for (const sink of ['env', 'store']) {
      const made = await bench.create(`old ${sink}`, { sink }, context);
      if (made.outcome !== 'delivered') return expect.fail(JSON.stringify(made));
      bench.sandbox.removeKey(made.key.apiKeyId);
      expect(await bench.create(`new ${sink}`, { sink }, context)).toMatchObject({
        outcome: 'delivered',
        warnings: [containing('gave way')],
      });
    }
  });
});

describe('what stands at a place stays', () => {
  async function stays(bench: Bench, outcome: Promise<unknown>): Promise<unknown> {
    const before = bench.held('app');
    const result = await outcome;
    expect(bench.held('app')).toBe(before);
    expect(result).toMatchObject({ failure: { code: 'SINK_ENTRY_EXISTS', keyState: 'not_created' } });
    expect(bench.sandbox.keys(GROUP).some(({ name }) => name.startsWith('new'))).toBe(false);
    return result;
  }

  test('where its key is alive: which it is, and how it can be renewed', async () => {
    const bench = await benchWith();
    const apiKeyId = await delivered(bench, 'app');
    expect(await stays(bench, inOldPlace(bench))).toMatchObject({
      failure: {
        message: containing(`It is the secret of the key ${apiKeyId} "app", ACTIVE, never used.`),
        hint: containing('rotate_ai_model_api_key'),
      },
    });
  });

  test('where only the list lacks its key', async () => {
    const bench = await benchWith();
    await bench.create('other');
    const apiKeyId = await delivered(bench, 'app');
    bench.sandbox.setListLag(50);
    expect(await stays(bench, inOldPlace(bench))).toMatchObject({ failure: { message: containing(apiKeyId) } });
  });

  const foreign: readonly [string, Fault][] = [
    ['a proxy', { operation: 'get_key', when: 'before', kind: 'status', status: 404, body: '<p>Not found</p>' }],
    [
      'another error of Atlas',
      { operation: 'get_key', when: 'before', kind: 'status', status: 404, errorCode: 'OTHER' },
    ],
    [
      'a refusal',
      { operation: 'get_key', when: 'before', kind: 'status', status: 403, errorCode: 'USER_UNAUTHORIZED' },
    ],
    ['nobody', { operation: 'get_key', when: 'before', kind: 'reset', times: 9 }],
  ];
  test.each(foreign)('where %s answers for Atlas that the key is gone', async (_who, fault) => {
    const bench = await benchWith();
    bench.sandbox.removeKey(await delivered(bench, 'app'));
    bench.sandbox.inject(fault);
    await stays(bench, inOldPlace(bench));
  });

  test('where the journal does not know it', async () => {
    const bench = await benchWith();
    const { apiKeyId, secret } = bench.sandbox.addKey(GROUP, { name: 'old' });
    writeFileSync(join(bench.folder, 'keys', 'app'), secret, { mode: 0o600 });
    // By its mask, while the list has it; afterwards it is anybody's.
    expect(await stays(bench, inOldPlace(bench))).toMatchObject({
      failure: { message: containing(`By its mask it is the secret of the key ${apiKeyId}`) },
    });
    bench.sandbox.removeKey(apiKeyId);
    expect(await stays(bench, inOldPlace(bench))).toMatchObject({ failure: { message: containing('not known') } });
  });

  test('where it was changed since it was delivered', async () => {
    const bench = await benchWith();
    bench.sandbox.removeKey(await delivered(bench, 'app'));
    writeFileSync(join(bench.folder, 'keys', 'app'), `${bench.held('app') ?? ''}\n`);
    await stays(bench, inOldPlace(bench));
  });

  test('where it changes while Atlas is asked', async () => {
    const bench = await benchWith();
    bench.sandbox.removeKey(await delivered(bench, 'app'));
    const path = join(bench.folder, 'keys', 'app');
    bench.sandbox.gate = ({ operation }) => {
      if (operation === 'get_key') writeFileSync(path, 'somebody put this here');
      return Promise.resolve('go');
    };
    expect(await inOldPlace(bench)).toMatchObject({ failure: { code: 'SINK_ENTRY_EXISTS' } });
    expect(bench.held('app')).toBe('somebody put this here');
  });

  test('where it changes while the key is created, and the key is deleted again', async () => {
    const bench = await benchWith();
    bench.sandbox.removeKey(await delivered(bench, 'app'));
    const path = join(bench.folder, 'keys', 'app');
    bench.sandbox.gate = ({ operation }) => {
      if (operation === 'create_key') writeFileSync(path, 'somebody put this here');
      return Promise.resolve('go');
    };
    expect(await inOldPlace(bench)).toMatchObject({ failure: { code: 'SINK_WRITE_FAILED', keyState: 'rolled_back' } });
    expect(bench.held('app')).toBe('somebody put this here');
    expect(bench.sandbox.keys(GROUP)).toEqual([]);
  });

  test('where the call that delivered it has not ended', async () => {
    const bench = await benchWith();
    bench.sandbox.removeKey(await delivered(bench, 'app'));
    const [intent] = await bench.intents();
    if (intent?.state.step !== 'ended') return expect.fail();
    const { apiKeyId = '', fingerprint = 'sha256:' } = intent.state;
    plant(bench, { ...intent, owner: deadProcess(), state: { step: 'delivered', apiKeyId, fingerprint } });
    // Another process: this one remembers that it had ended.
    const context = { ...bench.context(), journal: openJournal(join(bench.folder, 'state')) };
    expect(await stays(bench, inOldPlace(bench, {}, context))).toMatchObject({
      failure: { message: containing('deleted key') },
    });
  });

  test('where its key was of another project, and nothing is told of it', async () => {
    const bench = await benchWith();
    const { id } = bench.sandbox.addProject({ name: 'Other' });
    const made = await bench.create('app', { groupId: id });
    if (made.outcome !== 'delivered') return expect.fail(JSON.stringify(made));
    bench.sandbox.removeKey(made.key.apiKeyId);
    const refused = await stays(bench, inOldPlace(bench, {}, { ...bench.context(), allowedProjects: [GROUP] }));
    expect(JSON.stringify(refused)).not.toContain(made.key.apiKeyId);
  });

  test('where other users could have put it there: the sink says what to do', async () => {
    const bench = await benchWith();
    bench.sandbox.removeKey(await delivered(bench, 'app'));
    const path = join(bench.folder, 'keys', 'app');
    chmodSync(path, 0o666);
    const before = bench.held('app');
    expect(await inOldPlace(bench)).toMatchObject({
      failure: { code: 'SINK_NOT_READY', hint: containing('chmod 600') },
    });
    expect(bench.held('app')).toBe(before);
  });

  test('where it cannot be read', async () => {
    const bench = await benchWith();
    bench.sandbox.removeKey(await delivered(bench, 'app'));
    const file = bench.sinks.get('file');
    if (!file) return expect.fail();
    const blind = { ...file, lookUp: () => Promise.resolve({ held: 'unknown' as const }) };
    await stays(bench, inOldPlace(bench, {}, { ...bench.context(), sinks: new Map([['file', blind]]) }));
  });
});

test('another entry or sink is offered only where there is one', async () => {
  const bench = await benchWith();
  const fixed = openSinks(new Map([['file', { type: 'file', path: join(bench.folder, 'keys', 'app') }]]), {});
  writeFileSync(join(bench.folder, 'keys', 'app'), 'something', { mode: 0o600 });
  const hintOf = async (change: object, context = bench.context()) => {
    const refused = await bench.create('new', change, context);
    return refused.outcome === 'failed' ? refused.failure.hint : '';
  };
  expect(await hintOf({ entry: 'app' })).toMatch(/another entry, choose another sink \(blind, broken\)/);
  const alone = await hintOf({}, { ...bench.context(), sinks: fixed });
  expect(alone).toMatch(/take that value away/);
  expect(alone).not.toMatch(/another/);
});

describe('a name that is taken', () => {
  test('is told with the key, where its secret is, and how it is renewed', async () => {
    const bench = await benchWith();
    const apiKeyId = await delivered(bench, 'app');
    expect(await bench.create('app', { entry: 'b' })).toMatchObject({
      failure: {
        code: 'NAME_IN_USE',
        apiKeyId,
        message: containing(apiKeyId),
        hint: matching(
          /To use it: its secret is in the sink file, entry app \(.*\/keys\/app\)\. .*rotate_ai_model_api_key/,
        ),
      },
    });
  });

  test('by a key whose secret is not where it was put, says so', async () => {
    const bench = await benchWith();
    await delivered(bench, 'app');
    rmSync(join(bench.folder, 'keys', 'app'));
    expect(await bench.create('app')).toMatchObject({ failure: { hint: containing('No sink here is known') } });
  });

  test('tells of what earlier calls left', async () => {
    const bench = await benchWith();
    await delivered(bench, 'app');
    const nonce = '0123456789ab';
    const { apiKeyId } = bench.sandbox.addKey(GROUP, { name: `b-undelivered-${nonce}` });
    const at = new Date().toISOString();
    const plan = { groupId: GROUP, name: 'b', nonce, sink: 'file', entry: 'b', openedAt: at, updatedAt: at };
    plant(bench, { ...plan, owner: null, state: { step: 'undelivered', apiKeyId } });
    for (const refused of [await bench.create('app'), await bench.create('c', { entry: 'app' })])
      expect(refused).toMatchObject({ failure: { hint: containing(`alive and not delivered: ${apiKeyId}`) } });
  });

  test.each([true, false])('by a leftover of this journal leads to reconcile (dry run: %s)', async (dryRun) => {
    const bench = await benchWith();
    const nonce = '0123456789ab';
    const { apiKeyId } = bench.sandbox.addKey(GROUP, { name: `app-undelivered-${nonce}` });
    const at = new Date().toISOString();
    const plan = { groupId: GROUP, name: 'app', nonce, sink: 'file', entry: 'b', openedAt: at, updatedAt: at };
    plant(bench, { ...plan, owner: null, state: { step: 'created', apiKeyId, fingerprint: 'sha256:0123456789ab' } });
    expect(await bench.create('app', { dryRun })).toMatchObject({
      failure: { code: 'NAME_IN_USE', apiKeyId, hint: containing('reconcile_ai_model_api_keys') },
    });
  });
});

test('no refusal says a byte of a secret', async () => {
  const bench = await benchWith();
  await delivered(bench, 'app');
  const said = JSON.stringify([await bench.create('app'), await inOldPlace(bench)]);
  for (const secret of bench.secrets()) expect(said).not.toContain(secret);
});
