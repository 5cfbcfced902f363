// Where the secret of a key is: a rotation finds it among several sinks, and a deletion says where it still stands.

import { copyFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { deleteKey } from '../../src/keys/delete.ts';
import { openSinks } from '../../src/sinks/kinds.ts';
import { containing, matching } from '../matching.ts';
import { GROUP, quiet, benchFor, told, type Bench } from './bench.ts';

/** Two files and a `.env`, of which none is the default. */
async function benchWithSinks() {
  const bench = await benchFor({ timeoutMs: 500 });
  const path = (name: string) => join(bench.folder, 'keys', name);
  const sinks = openSinks(
    new Map([
      ['one', { type: 'file', path: path('one-{entry}') }],
      ['two', { type: 'file', path: path('two') }],
      ['env', { type: 'dotenv', path: path('.env'), variable: 'KEY' }],
    ]),
    {},
  );
  return { bench, path, context: { ...bench.context(), sinks, defaultSink: undefined } };
}

const put = (path: string, text: string) => {
  writeFileSync(path, text, { mode: 0o600 });
};
const keyNamed = ({ sandbox }: Bench, name: string) => {
  const key = sandbox.keys(GROUP).find((each) => each.name === name);
  return key ?? expect.fail(`no key ${name}`);
};

describe('a rotation that names no sink', () => {
  test('finds the secret by its mask where this machine did not deliver it', async () => {
    const { bench, path, context } = await benchWithSinks();
    const { secret } = bench.sandbox.addKey(GROUP, { name: 'app' });
    put(path('.env'), `OTHER=1\nKEY=${secret}\n`);
    expect(await bench.rotate('app', {}, context)).toMatchObject({
      outcome: 'rotated',
      delivery: { sink: 'env' },
      oldKey: { state: 'deleted' },
    });
  });

  test('finds it by its fingerprint where it was moved to', async () => {
    const { bench, path, context } = await benchWithSinks();
    await bench.create('app', { sink: 'one' }, context);
    renameSync(path('one-app'), path('two'));
    expect(await bench.rotate('app', {}, context)).toMatchObject({
      delivery: { sink: 'two' },
      oldKey: { state: 'deleted' },
    });
  });

  test('takes the place that the journal knows, though a copy is elsewhere', async () => {
    const { bench, path, context } = await benchWithSinks();
    await bench.create('app', { sink: 'one', entry: 'mine' }, context);
    copyFileSync(path('one-mine'), path('two'));
    expect(await bench.rotate('app', {}, context)).toMatchObject({ delivery: { sink: 'one', entry: 'mine' } });
  });

  test('does not choose between two places that fit', async () => {
    const { bench, path, context } = await benchWithSinks();
    const { secret } = bench.sandbox.addKey(GROUP, { name: 'app' });
    put(path('two'), secret);
    put(path('.env'), `KEY=${secret}\n`);
    expect(await bench.rotate('app', {}, context)).toMatchObject({ failure: { code: 'SINK_UNKNOWN' } });
  });

  test('of a value that is none of its own counts the look for the hourly limit', async () => {
    const { bench, path, context } = await benchWithSinks();
    bench.sandbox.addKey(GROUP, { name: 'app' });
    put(path('two'), `al-${'z'.repeat(40)}`);
    const limited = { ...context, maxCreatesPerHour: 2 };
    for (const code of ['SINK_UNKNOWN', 'SINK_UNKNOWN', 'QUOTA_EXCEEDED'])
      expect(await bench.rotate('app', {}, limited)).toMatchObject({ failure: { code } });
    expect(bench.sandbox.keys(GROUP)).toHaveLength(1);
  });

  test('counts nothing where no place holds a value like a secret', async () => {
    const { bench, path, context } = await benchWithSinks();
    bench.sandbox.addKey(GROUP, { name: 'app' });
    put(path('two'), 'something else');
    expect(await bench.rotate('app', {}, context)).toMatchObject({ failure: { code: 'SINK_UNKNOWN' } });
    expect(await bench.intents()).toEqual([]);
  });

  test('is refused with whose secret is in the place that it names', async () => {
    const { bench, context } = await benchWithSinks();
    await bench.create('other', { sink: 'two' }, context);
    await bench.create('app', { sink: 'one' }, context);
    expect(await bench.rotate('app', { sink: 'two' }, context)).toMatchObject({
      failure: {
        code: 'SINK_ENTRY_EXISTS',
        message: containing(`the key ${keyNamed(bench, 'other').apiKeyId} "other"`),
      },
    });
  });
});

describe('a deletion', () => {
  const remove = async (context: Parameters<typeof deleteKey>[0], dryRun = false) =>
    told(await deleteKey(context, { groupId: GROUP, confirmName: 'app', dryRun }, quiet()), 'not_applicable');

  test('says where the secret still stands, and no longer that the key is active', async () => {
    const { bench, context } = await benchWithSinks();
    await bench.create('app', { sink: 'one' }, context);
    const warnings = [matching(/still stands in the sink one, entry app \(.*one-app\)/)];
    expect(await remove(context, true)).toMatchObject({
      outcome: 'planned',
      key: { status: 'ACTIVE' },
      warnings,
    });
    expect(await remove(context)).toMatchObject({ outcome: 'deleted', key: { status: 'DELETED' }, warnings });
    expect(await bench.create('app', { sink: 'one' }, context)).toMatchObject({ outcome: 'delivered' });
  });

  test('says nothing of a place that holds something else by now', async () => {
    const { bench, path, context } = await benchWithSinks();
    await bench.create('app', { sink: 'one' }, context);
    put(path('one-app'), 'something else');
    expect(await remove(context, true)).toMatchObject({ warnings: [] });
    rmSync(path('one-app'));
    expect(await remove(context)).toMatchObject({ outcome: 'deleted', warnings: [] });
  });

  test('says of a program that cannot be read that the secret may be there, to the person too', async () => {
    const { bench } = await benchWithSinks();
    await bench.create('app', { sink: 'blind' });
    const asked: string[] = [];
    const ask = ({ message }: { readonly message: string }) => {
      asked.push(message);
      return Promise.resolve({ answer: 'given' as const, value: 'app' });
    };
    const request = { groupId: GROUP, confirmName: 'app', dryRun: false };
    const deleted = told(await deleteKey(bench.context(), request, { ...quiet(), ask }), 'not_applicable');
    expect(deleted).toMatchObject({ warnings: [containing('may still stand in the sink blind')] });
    expect(asked).toEqual([containing('may be in the sink: blind')]);
  });
});
