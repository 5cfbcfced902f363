// A sink that is wrong itself and throws, in each of its methods: the result names the key and tells the truth of it, one place
// that throws does not end the others, and nothing quotes the error.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openSinks } from '../../src/sinks/kinds.ts';
import { fingerprintOfBytes } from '../../src/secret/opened-secret.ts';
import { neverThrowing } from '../../src/sinks/never-throwing.ts';
import type { Replaced, Sink } from '../../src/sinks/sink.ts';
import { containing } from '../matching.ts';
import { behaving, benchFor, deadProcess, GROUP, plant, program, scratchFolder, type Bench } from './bench.ts';

const WORD = 'canary-of-an-error';
const REFERENCE = { groupId: GROUP, entry: 'one' };
const REPLACED: Replaced = { maskedSecret: 'al-****abcd' };

function thrown(): never {
  throw new RangeError(WORD);
}

/** The file sink of a bench, which throws in the methods of itself and of its write that are named. */
function throwing(bench: Bench, names: readonly (keyof Sink)[], ofWrite: readonly string[] = []): Sink {
  const file = bench.sinks.get('file') ?? expect.fail();
  const inner = behaving(file, () => Object.fromEntries(ofWrite.map((name) => [name, thrown])));
  return neverThrowing({ ...inner, ...Object.fromEntries(names.map((name) => [name, thrown])) });
}

function contextWith(bench: Bench, sink: Sink) {
  return { ...bench.context(), sinks: new Map([...bench.sinks, ['file', sink]]) };
}

describe('a sink that is opened', () => {
  test('answers as the contract says where it throws', async () => {
    const folder = scratchFolder();
    let isThrowing = false;
    const environment = new Proxy<Record<string, string>>(
      { PATH: process.env.PATH ?? '' },
      { ownKeys: (target) => (isThrowing ? thrown() : Reflect.ownKeys(target)) },
    );
    const argv: [string] = [program(folder, 'put', 'cat > /dev/null')];
    const spec = { type: 'command' as const, argv, verify: argv, remove: argv, env: {}, timeoutMs: 20_000 };
    const sink = openSinks(new Map([['app', spec]]), environment).get('app') ?? expect.fail();
    isThrowing = true;
    expect(await sink.lookUp(REFERENCE)).toEqual({ held: 'unknown' });
    expect(await sink.readSecret?.(REFERENCE, REPLACED)).toEqual({ held: 'unknown' });
    expect(await sink.withdraw?.(REFERENCE, 'sha256:000000000000')).toBeUndefined();
  });

  test('says of temporary files that they cannot be seen where that look throws', async () => {
    const bench = await benchFor();
    const sink = throwing(bench, ['leftovers', 'removeLeftovers']);
    expect(await sink.leftovers?.(REFERENCE, 'nonce')).toBeUndefined();
    expect(await sink.removeLeftovers?.(REFERENCE, 'nonce')).toBe(false);
  });

  test('has no method that it had not before', async () => {
    const bench = await benchFor();
    for (const sink of bench.sinks.values()) expect(Object.keys(neverThrowing(sink))).toEqual(Object.keys(sink));
  });
});

describe('a create', () => {
  test.each([
    ['the delivery', ['deliver'], []],
    ['the check', ['verify'], []],
    ['the check and the look', ['verify'], ['lookUp']],
    ['the check and the retract', ['verify', 'retract'], []],
    ['the check, the retract and the look', ['verify', 'retract'], ['lookUp']],
    ['the delivery, the retract and the look', ['deliver', 'retract'], ['lookUp']],
  ] as const)('names its key and deletes it where %s throws', async (_what, ofWrite, ofSink) => {
    const bench = await benchFor();
    const made = await bench.create('one', {}, contextWith(bench, throwing(bench, ofSink, ofWrite)));
    expect(made).toMatchObject({
      failure: { code: 'SINK_WRITE_FAILED', keyState: 'rolled_back', apiKeyId: containing('') },
    });
    expect(bench.sandbox.keys(GROUP)).toEqual([]);
    // What stays in the sink, or may, is told of.
    const isLeft = bench.held('one') !== undefined;
    if (isLeft) expect(JSON.stringify(made)).toMatch(/(still holds|may still hold) the secret of that key/);
    expect(JSON.stringify(made)).not.toContain(WORD);
  });
});

describe('a rotation', () => {
  test('keeps both keys, and names the new one, where it is not known which secret is in the sink', async () => {
    const bench = await benchFor();
    await bench.create('one');
    const [old] = bench.sandbox.keys(GROUP);
    const sink = throwing(bench, ['lookUp'], ['verify', 'retract']);
    const rotated = await bench.rotate('one', {}, contextWith(bench, sink));
    const added = bench.sandbox.keys(GROUP).find(({ apiKeyId }) => apiKeyId !== old?.apiKeyId) ?? expect.fail();
    expect(rotated).toMatchObject({
      failure: { code: 'SINK_WRITE_FAILED', keyState: 'unknown', apiKeyId: added.apiKeyId },
    });
    expect(bench.sandbox.keys(GROUP)).toHaveLength(2);
    expect(bench.held('one')).toBe(added.secret);
  });
});

describe('reconcile', () => {
  test('says unknown of a place whose look throws, and ends the others', async () => {
    const bench = await benchFor();
    const at = new Date(Date.now() - 120_000).toISOString();
    for (const [index, sink] of ['bad', 'file'].entries()) {
      const nonce = String(index).repeat(12);
      const { apiKeyId, secret } = bench.sandbox.addKey(GROUP, { name: `${sink}-undelivered-${nonce}` });
      writeFileSync(join(bench.folder, 'keys', sink), secret, { mode: 0o600 });
      const state = { step: 'created' as const, apiKeyId, fingerprint: fingerprintOfBytes(Buffer.from(secret)) };
      const plan = { groupId: GROUP, name: sink, nonce, sink, entry: sink };
      plant(bench, { ...plan, owner: deadProcess(), openedAt: at, updatedAt: at, state });
    }
    const bad = throwing(bench, ['lookUp', 'leftovers', 'removeLeftovers', 'withdraw']);
    const context = { ...bench.context(), sinks: new Map([...bench.sinks, ['bad', bad]]) };
    for (const apply of [false, true]) {
      const found = await bench.reconcile(apply, context);
      expect(found.map(({ name, finding }) => [name, finding])).toEqual([
        ['bad', 'unknown'],
        ['file', 'delivered'],
      ]);
      expect(JSON.stringify(found)).not.toContain(WORD);
    }
    expect(bench.sandbox.keys(GROUP)).toHaveLength(2);
    const onto = await bench.create('other', { sink: 'bad', entry: 'bad' }, context);
    expect(onto).toMatchObject({ failure: { code: 'SINK_ENTRY_EXISTS', keyState: 'not_created' } });
  });
});
