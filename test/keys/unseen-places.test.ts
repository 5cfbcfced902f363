// Stores that do not show what they hold, from the tools' side: what the journal knows protects a live key's secret, and what
// stays in a store is told of.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { CommandSpec } from '../../src/config/command-spec.ts';
import { rotateKey } from '../../src/keys/rotate.ts';
import { openSinks } from '../../src/sinks/kinds.ts';
import { githubStandIn } from '../sinks/stores/github-stand-in.ts';
import { sinkOf, TOKEN } from '../sinks/stores/store-kinds.ts';
import { containing, matching } from '../matching.ts';
import { GROUP, behaving, program, quiet, startBench } from './bench.ts';

type Commands = Omit<CommandSpec, 'type' | 'env' | 'timeoutMs'>;

/** A bench whose sinks are commands of programs in its folder. */
async function benchWith(names: readonly string[], commands: (run: (name: string) => [string]) => Commands) {
  const bench = await startBench();
  onTestFinished(() => bench.close());
  const at = (name: string) => join(bench.folder, name);
  program(
    bench.folder,
    'put',
    `[ -e ${at('failing')} ] && { cat > ${at('kept')}; exit 7; }; cat > ${at('kept')}; [ ! -e ${at('killed')} ] || kill -9 $$`,
  );
  program(bench.folder, 'show', `[ -e ${at('locked')} ] && exit 2; [ -e ${at('kept')} ] || exit 1; cat ${at('kept')}`);
  program(bench.folder, 'there', `[ -e ${at('kept')} ] || exit 1`);
  program(bench.folder, 'drop', `rm ${at('kept')}`);
  const spec: CommandSpec = { type: 'command', ...commands((name) => [at(name)]), env: {}, timeoutMs: 20_000 };
  const sinks = openSinks(new Map(names.map((name) => [name, spec])), { PATH: process.env.PATH ?? '' });
  const context = () => ({ ...bench.context(), sinks, defaultSink: 'app' });
  return {
    ...bench,
    context,
    mark: (name: string) => {
      writeFileSync(at(name), '');
    },
    held: () => (existsSync(at('kept')) ? readFileSync(at('kept'), 'utf8') : undefined),
    create: (name: string, change = {}) => bench.create(name, { sink: 'app', ...change }, context()),
    rotate: (name: string, change = {}) => bench.rotate(name, { sink: 'app', ...change }, context()),
    creates: () => bench.sandbox.requests.filter(({ operation }) => operation === 'create_key').length,
    live: () => bench.sandbox.keys(GROUP).map(({ name }) => name),
    secretOf: (name: string) => bench.sandbox.keys(GROUP).find((key) => key.name === name)?.secret,
  };
}

const blind = (run: (name: string) => [string]): Commands => ({ argv: run('put') });
const looking = (run: (name: string) => [string]): Commands => ({
  argv: run('put'),
  exists: run('there'),
  absent: [1],
});
const reading = (run: (name: string) => [string]): Commands => ({ argv: run('put'), verify: run('show'), absent: [1] });

describe('a store of which nothing can be seen', () => {
  test.each([
    ['the same sink', 'app'],
    ['another sink of the same command', 'twin'],
  ])('is not given a second secret while the key of the first one lives: by %s', async (_case, sink) => {
    const bench = await benchWith(['app', 'twin'], blind);
    const first = await bench.create('first');
    if (first.outcome !== 'delivered') return expect.fail(JSON.stringify(first));
    expect(await bench.create('second', { sink })).toMatchObject({
      failure: { code: 'SINK_ENTRY_EXISTS', keyState: 'not_created', message: containing(first.key.apiKeyId) },
    });
    expect([bench.creates(), bench.held()]).toEqual([1, bench.secretOf('first')]);
  });

  test('is given one once that key is deleted', async () => {
    const bench = await benchWith(['app'], blind);
    const first = await bench.create('first');
    if (first.outcome !== 'delivered') return expect.fail(JSON.stringify(first));
    bench.sandbox.removeKey(first.key.apiKeyId);
    expect(await bench.create('second')).toMatchObject({ outcome: 'delivered' });
    expect(bench.held()).toBe(bench.secretOf('second'));
  });

  test('is not given one of another project, whose key is neither looked at nor named', async () => {
    const bench = await benchWith(['app'], blind);
    const { id: groupId } = bench.sandbox.addProject();
    const first = await bench.create('first', { groupId });
    if (first.outcome !== 'delivered') return expect.fail(JSON.stringify(first));
    const before = bench.sandbox.requests.length;
    const refused = await bench.create('second');
    expect(refused).toMatchObject({ failure: { code: 'SINK_ENTRY_EXISTS', keyState: 'not_created' } });
    expect(JSON.stringify(refused)).not.toMatch(new RegExp(`${groupId}|${first.key.apiKeyId}`));
    expect(bench.sandbox.requests.slice(before).filter(({ path }) => path.includes(groupId))).toEqual([]);
  });

  test('of twenty creates at once one gets it', async () => {
    const bench = await benchWith(['app'], blind);
    const all = await Promise.all(Array.from({ length: 20 }, (_each, index) => bench.create(`key ${index}`)));
    expect(all.filter(({ outcome }) => outcome === 'delivered')).toHaveLength(1);
    expect(bench.live()).toHaveLength(1);
    expect(bench.held()).toBe(bench.secretOf(bench.live()[0] ?? ''));
  });
});

describe('a store that shows whether there is something, and not what', () => {
  test('is delivered to, verified by metadata; a rotation replaces it and keeps the old key', async () => {
    const bench = await benchWith(['app'], looking);
    expect(await bench.create('app')).toMatchObject({ delivery: { verification: 'metadata' } });
    expect(await bench.rotate('app', { dryRun: true })).toMatchObject({ warnings: [containing('is kept')] });
    expect(await bench.rotate('app')).toMatchObject({
      outcome: 'rotated',
      delivery: { verification: 'metadata' },
      oldKey: { state: 'kept' },
      warnings: [containing('is kept')],
    });
    expect(bench.live()).toEqual(['app', matching(/^app-\d{4}-\d{2}-\d{2}$/)]);
  });

  test('is not overwritten by a rotation of a key whose secret the journal does not know there', async () => {
    const bench = await benchWith(['app'], looking);
    await bench.create('app');
    const stranger = bench.held();
    bench.sandbox.addKey(GROUP, { name: 'other' });
    expect(await bench.rotate('other')).toMatchObject({
      failure: { code: 'SINK_ENTRY_EXISTS', keyState: 'not_created' },
    });
    expect([bench.creates(), bench.held()]).toEqual([1, stranger]);
  });
});

describe('a program that was stopped', () => {
  test.each<[string, typeof blind, object]>([
    ['that it kept the secret, where that can be read back', reading, { outcome: 'delivered' }],
    ['nothing, where only metadata can be seen', looking, { failure: { keyState: 'unknown' } }],
    ['nothing, where nothing can be seen', blind, { failure: { keyState: 'unknown' } }],
  ])('says %s', async (_case, commands, expected) => {
    const bench = await benchWith(['app'], commands);
    bench.mark('killed');
    expect(await bench.create('app')).toMatchObject(expected);
    expect(bench.live()).toHaveLength(1);
  });
});

describe('a store that is locked', () => {
  test('costs no live key its secret, and no new one is made', async () => {
    const bench = await benchWith(['app'], reading);
    await bench.create('app');
    const secret = bench.held();
    bench.mark('locked');
    expect(await bench.create('second')).toMatchObject({
      failure: { code: 'SINK_NOT_READY', keyState: 'not_created' },
    });
    expect(await bench.rotate('app')).toMatchObject({ failure: { code: 'SINK_NOT_READY', keyState: 'not_created' } });
    expect([bench.creates(), bench.live(), bench.held()]).toEqual([1, ['app'], secret]);
  });
});

describe('a delivery that fails', () => {
  test('leaves a dead secret where the command cannot take it away, and says so', async () => {
    const bench = await benchWith(['app'], reading);
    bench.mark('failing');
    const outcome = await bench.create('app');
    expect(outcome).toMatchObject({
      failure: {
        code: 'SINK_WRITE_FAILED',
        keyState: 'rolled_back',
        hint: containing('still holds the secret of that key'),
      },
    });
    expect(bench.live()).toEqual([]);
    expect(JSON.stringify(outcome)).not.toContain(bench.held());
  });

  test('leaves perhaps a dead secret where the value is read back in another form, and says so', async () => {
    const bench = await benchWith(['app'], (run) => ({ ...reading(run), verify: run('wide') }));
    program(
      bench.folder,
      'wide',
      `[ -e ${join(bench.folder, 'kept')} ] && iconv -t UTF-16 ${join(bench.folder, 'kept')}`,
    );
    const outcome = await bench.create('app');
    expect(outcome).toMatchObject({
      failure: { keyState: 'rolled_back', hint: containing('may still hold the secret of that key') },
    });
    expect(bench.live()).toEqual([]);
    expect(JSON.stringify(outcome)).not.toContain(bench.held());
  });

  test('leaves nothing where it can', async () => {
    const bench = await benchWith(['app'], (run) => ({ ...reading(run), remove: run('drop') }));
    bench.mark('failing');
    const outcome = await bench.create('app');
    expect(outcome).toMatchObject({ failure: { keyState: 'rolled_back' } });
    expect(JSON.stringify(outcome)).not.toContain('holds the secret');
    expect([bench.live(), bench.held()]).toEqual([[], undefined]);
  });

  test('in a rotation that only metadata sees costs no key', async () => {
    const bench = await benchWith(['app'], looking);
    await bench.create('app');
    bench.mark('failing');
    expect(await bench.rotate('app')).toMatchObject({ failure: { code: 'SINK_WRITE_FAILED', keyState: 'unknown' } });
    expect(bench.live()).toHaveLength(2);
  });
});

test('a sink that says that a secret is out is not believed where a look sees it', async () => {
  const bench = await benchWith(['app'], reading);
  await bench.create('app');
  const sink = bench.context().sinks.get('app') ?? expect.fail('no sink');
  const lying = behaving(sink, () => ({
    verify: () => Promise.resolve({ outcome: 'mismatch', message: 'No.', hint: 'No.' } as const),
    retract: () => Promise.resolve('out' as const),
  }));
  const context = { ...bench.context(), sinks: new Map([['app', lying]]) };
  const apiKeyId = bench.sandbox.keys(GROUP)[0]?.apiKeyId;
  const request = { groupId: GROUP, apiKeyId, confirmName: 'app', keepOld: false, dryRun: false };
  expect(await rotateKey(context, request, quiet())).toMatchObject({ failure: { keyState: 'unknown' } });
  expect(bench.live()).toHaveLength(2);
});

describe('a store that shows the version of a value only', () => {
  const path = '/repos/acme/app/actions/secrets/APP';
  const benchOfGithub = async () => {
    const server = await githubStandIn(TOKEN);
    onTestFinished(() => server.close());
    const bench = await startBench();
    onTestFinished(() => bench.close());
    const sink = sinkOf('github:acme/app#APP', { address: server.address }, { GH_TOKEN: TOKEN });
    const context = { ...bench.context(), sinks: new Map([['app', sink]]), defaultSink: 'app' };
    expect(await bench.create('first', {}, context)).toMatchObject({ outcome: 'delivered' });
    return { server, bench, context };
  };

  test('gives way to one rotation after the other', async () => {
    const { server, bench, context } = await benchOfGithub();
    const names = ['first', 'second', 'third', 'fourth'];
    for (const [index, newName] of names.slice(1).entries()) {
      const rotated = await bench.rotate(names[index] ?? '', { newName }, context);
      expect(rotated).toMatchObject({ outcome: 'rotated', oldKey: { state: 'kept' } });
      const key = bench.sandbox.keys().find(({ name }) => name === newName);
      expect(server.secrets.get(path)?.value).toBe(key?.secret);
    }
  });

  test('keeps what somebody else has put there since', async () => {
    const { server, bench, context } = await benchOfGithub();
    server.put(path, 'of somebody else');
    expect(await bench.rotate('first', {}, context)).toMatchObject({
      failure: { code: 'SINK_ENTRY_EXISTS', keyState: 'not_created' },
    });
    expect(server.secrets.get(path)?.value).toBe('of somebody else');
    expect(bench.sandbox.keys().map(({ name }) => name)).toEqual(['first']);
  });

  test('of a write in doubt says what to do where nobody can look', async () => {
    const { server, bench, context } = await benchOfGithub();
    server.fault = ({ method }) => (method === 'PUT' ? { status: 502, body: {} } : undefined);
    expect(await bench.rotate('first', {}, context)).toMatchObject({
      failure: { keyState: 'unknown', hint: containing('shows nobody what it holds: take that value away there') },
    });
  });

  test('keeps what somebody else puts there while the new key is made', async () => {
    const { server, bench, context } = await benchOfGithub();
    const atlas = bench.context().atlas;
    const createKey: typeof atlas.createKey = (...given) => {
      server.put(path, 'of somebody else');
      return atlas.createKey(...given);
    };
    expect(await bench.rotate('first', {}, { ...context, atlas: { ...atlas, createKey } })).toMatchObject({
      failure: { code: 'SINK_WRITE_FAILED', keyState: 'rolled_back' },
    });
    expect(server.secrets.get(path)?.value).toBe('of somebody else');
  });
});
