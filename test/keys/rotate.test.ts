import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Answer } from '../../src/keys/request-context.ts';
import { rotateKey } from '../../src/keys/rotate.ts';
import { openSinks } from '../../src/sinks/kinds.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { containing } from '../matching.ts';
import { behaving, GROUP, program, quiet, benchFor, told, type Bench, type BenchOptions } from './bench.ts';

const TODAY = new Date().toISOString().slice(0, 10);

async function benchWith(options: BenchOptions = {}, name = 'app'): Promise<Bench & { readonly oldId: string }> {
  const bench = await benchFor(options);
  const created = await bench.create(name);
  if (created.outcome !== 'delivered') expect.fail(JSON.stringify(created));
  bench.sandbox.clearRequests();
  return { ...bench, oldId: created.key.apiKeyId };
}

const sent = ({ sandbox }: Bench) => sandbox.requests.map(({ operation }) => operation);
const changes = (bench: Bench) => sent(bench).filter((operation) => !/^(?:list|get)_/.test(operation));
const live = ({ sandbox }: Bench) => sandbox.keys(GROUP).map(({ name }) => name);
const secretOf = ({ sandbox }: Bench, name: string) => sandbox.keys(GROUP).find((key) => key.name === name)?.secret;

const heldBlindly = ({ folder }: Bench) => {
  const path = join(folder, 'blind.held');
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
};

describe('a rotation', () => {
  test('puts the new secret in the place of the old, deletes the old key and gives its name to the new one', async () => {
    const bench = await benchWith();
    const old = bench.held('app');
    const outcome = await bench.rotate('app');
    expect(outcome).toMatchObject({
      outcome: 'rotated',
      key: { name: 'app' },
      delivery: { sink: 'file', entry: 'app', verification: 'read-back' },
      oldKey: { apiKeyId: bench.oldId, name: 'app', state: 'deleted' },
      warnings: [],
    });
    expect(live(bench)).toEqual(['app']);
    expect(bench.held('app')).toBe(secretOf(bench, 'app'));
    expect(bench.held('app')).not.toBe(old);
    expect(sent(bench)).toEqual(['list_keys', 'create_key', 'update_key', 'get_key', 'delete_key']);
    expect(await bench.reconcile(false)).toEqual([]);
  });
  test('goes where this machine delivered the old secret, when nothing else is said', async () => {
    const bench = await benchWith();
    await bench.create('second', { entry: 'elsewhere' });
    expect(await bench.rotate('second')).toMatchObject({ delivery: { entry: 'elsewhere' } });
    expect(bench.held('elsewhere')).toBe(secretOf(bench, 'second'));
  });
  test('keeps the old key when asked to, and the date in the name of the new one', async () => {
    const bench = await benchWith();
    expect(await bench.rotate('app', { keepOld: true })).toMatchObject({
      outcome: 'rotated',
      key: { name: `app-${TODAY}` },
      oldKey: { state: 'kept' },
    });
    expect(live(bench)).toEqual(['app', `app-${TODAY}`]);
    expect(bench.held('app')).toBe(secretOf(bench, `app-${TODAY}`));
    expect(changes(bench)).toEqual(['create_key', 'update_key']);
  });
  test('gives the new key the name that was asked for', async () => {
    const bench = await benchWith();
    expect(await bench.rotate('app', { newName: 'next' })).toMatchObject({ key: { name: 'next' } });
    expect(live(bench)).toEqual(['next']);
    expect(changes(bench)).toEqual(['create_key', 'update_key', 'delete_key']);
  });
  test('where names are unique at once, gives the name back when the old key is gone', async () => {
    const bench = await benchWith({ uniqueNames: 'at_rename' });
    expect(await bench.rotate('app')).toMatchObject({ outcome: 'rotated', key: { name: 'app' }, warnings: [] });
    expect(live(bench)).toEqual(['app']);
    expect(changes(bench)).toEqual(['create_key', 'update_key', 'delete_key', 'update_key']);
  });
  test('leaves the old key where a third has got the name meanwhile, and takes the date', async () => {
    const bench = await benchWith({ uniqueNames: 'at_rename' });
    const { apiKeyId } = bench.sandbox.addKey(GROUP, { name: 'third' });
    bench.sandbox.gate = ({ operation, when }) => {
      if (operation === 'update_key' && when === 'before') bench.sandbox.renameKey(apiKeyId, 'next');
      return Promise.resolve('go');
    };
    expect(await bench.rotate('app', { newName: 'next' })).toMatchObject({
      outcome: 'rotated',
      key: { name: `app-${TODAY}` },
      oldKey: { state: 'kept' },
      warnings: [containing(apiKeyId)],
    });
    expect(live(bench)).toEqual(['app', 'next', `app-${TODAY}`]);
  });
  test('keeps an old key that somebody renamed meanwhile', async () => {
    const bench = await benchWith();
    bench.sandbox.gate = ({ operation, when }) => {
      if (operation === 'update_key' && when === 'after') bench.sandbox.renameKey(bench.oldId, 'somebody’s');
      return Promise.resolve('go');
    };
    expect(await bench.rotate('app')).toMatchObject({
      outcome: 'rotated',
      key: { name: 'app' },
      oldKey: { state: 'kept' },
      warnings: [containing('somebody renamed it')],
    });
    expect(live(bench)).toEqual(['somebody’s', 'app']);
  });
  test('of a key that is not delivered is refused, as is such a name', async () => {
    const bench = await benchWith();
    const name = 'other-undelivered-0123456789ab';
    const { apiKeyId } = bench.sandbox.addKey(GROUP, { name });
    expect(await bench.rotate('app', { apiKeyId, confirmName: name })).toMatchObject({
      failure: { code: 'NAME_MISMATCH', apiKeyId, hint: containing('reconcile_ai_model_api_keys') },
    });
    expect(await bench.rotate('app', { newName: name })).toMatchObject({ failure: { code: 'INVALID_INPUT' } });
    expect(changes(bench)).toEqual([]);
  });
  test('takes no other value for the old secret, though it fits the mask: this machine knows the fingerprint', async () => {
    const bench = await benchWith();
    const alike = `al-${'z'.repeat(40)}${bench.held('app')?.slice(-4) ?? ''}`;
    writeFileSync(join(bench.folder, 'keys', 'app'), alike, { mode: 0o600 });
    expect(await bench.rotate('app')).toMatchObject({ failure: { code: 'SINK_ENTRY_EXISTS' } });
    expect([bench.held('app'), changes(bench)]).toEqual([alike, []]);
  });
  test('counts on where the name with the date is taken', async () => {
    const bench = await benchWith();
    bench.sandbox.addKey(GROUP, { name: `app-${TODAY}` });
    expect(await bench.rotate('app', { keepOld: true })).toMatchObject({ key: { name: `app-${TODAY}-2` } });
  });
  test('of a name as long as names can be', async () => {
    const name = 'x'.repeat(250);
    const bench = await benchWith({}, name);
    expect(await bench.rotate(name)).toMatchObject({ outcome: 'rotated', key: { name } });
    expect(live(bench)).toEqual([name]);
  });
  test.each([
    ['that held nothing of the old key', { entry: 'new-place' }, 'its secret was not there'],
    ['that cannot be read', { sink: 'blind' }, 'did not show both'],
  ])('into a place %s keeps the old key, and says why', async (_title, change, why) => {
    const bench = await benchWith();
    const planned = await bench.rotate('app', { ...change, dryRun: true });
    expect(planned).toMatchObject({ outcome: 'planned', warnings: [containing(why)] });
    expect(await bench.rotate('app', change)).toMatchObject({
      outcome: 'rotated',
      oldKey: { state: 'kept' },
      warnings: [containing(`${bench.oldId} is kept`)],
    });
    expect(live(bench)).toEqual(['app', `app-${TODAY}`]);
    const secret = secretOf(bench, `app-${TODAY}`);
    expect([bench.held('new-place'), heldBlindly(bench)]).toContain(secret);
  });
  test('never costs a key whose secret is in another entry of the same sink', async () => {
    const bench = await benchWith();
    await bench.create('second', { entry: 'elsewhere' });
    const elsewhere = bench.held('elsewhere');
    expect(await bench.rotate('second', { sink: 'file' })).toMatchObject({ delivery: { entry: 'elsewhere' } });
    expect(bench.held('elsewhere')).not.toBe(elsewhere);
    expect(bench.held('elsewhere')).toBe(secretOf(bench, 'second'));
  });
  test('does not overwrite the secret of another key in a sink that cannot be read', async () => {
    const bench = await benchWith();
    await bench.create('other', { sink: 'blind' });
    const held = heldBlindly(bench);
    expect(await bench.rotate('app', { sink: 'blind' })).toMatchObject({ failure: { code: 'SINK_ENTRY_EXISTS' } });
    expect(heldBlindly(bench)).toBe(held);
  });
  test.each([
    ['with a selector', 'star \u2b50\ufe0f'],
    ['with invisible characters', 'pr\u3164od\u200b'],
    ['with blanks around it', '  prod '],
    ['with lines', 'prod\neu'],
  ])('takes a name %s over as Atlas has it, letter for letter', async (_what, name) => {
    const bench = await benchWith();
    const { apiKeyId } = bench.sandbox.addKey(GROUP, { name });
    writeFileSync(join(bench.folder, 'keys', 'old'), secretOf(bench, name) ?? '', { mode: 0o600 });
    const change = { apiKeyId, confirmName: name, entry: 'old' };
    expect(await bench.rotate('app', change)).toMatchObject({ outcome: 'rotated', oldKey: { state: 'deleted' } });
    expect(live(bench)).toContain(name);
  });
});

describe('a rotation that has not ended', () => {
  test('is not begun again: reconcile tells what is true of it', async () => {
    const bench = await benchWith();
    bench.sandbox.inject({ operation: 'delete_key', when: 'before', kind: 'status', status: 403, errorCode: 'NO' });
    expect(await bench.rotate('app')).toMatchObject({ failure: { keyState: 'delivered' } });
    const successor = bench.sandbox.keys(GROUP).at(-1)?.apiKeyId ?? '';
    expect(await bench.rotate('app', { entry: 'another' })).toMatchObject({
      failure: { code: 'NAME_IN_USE', apiKeyId: successor, hint: containing('reconcile_ai_model_api_keys') },
    });
    expect(live(bench)).toHaveLength(2);
  });
  test('keeps a second rotation of the key out, from another process too', async () => {
    const bench = await benchWith();
    const outcomes = await Promise.all([
      bench.rotate('app', { newName: 'one', entry: 'one' }),
      bench.rotate('app', { newName: 'two', entry: 'two' }, { ...bench.context(), atlas: bench.connect() }),
    ]);
    expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(['failed', 'rotated']);
    expect(live(bench)).toHaveLength(2);
  });
  test('keeps the name that its new key will have', async () => {
    const bench = await benchWith();
    bench.sandbox.inject({ operation: 'update_key', when: 'before', kind: 'delay', ms: 300 });
    const rotating = bench.rotate('app');
    await expect.poll(() => sent(bench).includes('update_key')).toBe(true);
    expect(await bench.create('app', { entry: 'usurper' })).toMatchObject({ failure: { code: 'NAME_IN_USE' } });
    expect(await rotating).toMatchObject({ outcome: 'rotated' });
    expect(live(bench)).toEqual(['app']);
  });
});

describe('nothing is changed', () => {
  const unchanged = async (bench: Bench, act: () => Promise<unknown>) => {
    const before = [live(bench), bench.held('app')];
    const outcome = await act();
    expect([live(bench), bench.held('app')]).toEqual(before);
    expect(changes(bench)).toEqual([]);
    return outcome;
  };
  test('by a dry run, which tells what would be', async () => {
    const bench = await benchWith();
    expect(await unchanged(bench, () => bench.rotate('app', { dryRun: true }))).toMatchObject({
      outcome: 'planned',
      key: { name: 'app', groupId: GROUP },
      delivery: { location: join(bench.folder, 'keys', 'app') },
      oldKey: { apiKeyId: bench.oldId, name: 'app' },
    });
    const names = [{ keepOld: true }, { sink: 'blind' }, { newName: 'next' }].map(async (change) => {
      const planned = await bench.rotate('app', { dryRun: true, ...change });
      return planned.outcome === 'planned' && planned.key.name;
    });
    expect(await Promise.all(names)).toEqual([`app-${TODAY}`, `app-${TODAY}`, 'next']);
  });
  test('under another name, and the true one is told', async () => {
    const bench = await benchWith();
    const outcome = await unchanged(bench, () => bench.rotate('app', { confirmName: 'App' }));
    expect(outcome).toMatchObject({
      failure: { code: 'NAME_MISMATCH', hint: containing('"app"'), keyState: 'not_created' },
    });
  });
  test('where the new name is taken', async () => {
    const bench = await benchWith();
    bench.sandbox.addKey(GROUP, { name: 'taken' });
    expect(await unchanged(bench, () => bench.rotate('app', { newName: 'taken' }))).toMatchObject({
      failure: { code: 'NAME_IN_USE' },
    });
  });
  test('where the place holds something else', async () => {
    const bench = await benchWith();
    writeFileSync(join(bench.folder, 'keys', 'app'), `al-${'z'.repeat(43)}`, { mode: 0o600 });
    expect(await unchanged(bench, () => bench.rotate('app'))).toMatchObject({
      failure: { code: 'SINK_ENTRY_EXISTS', keyState: 'not_created' },
    });
  });
  test('for an id that is a name, and the id is told', async () => {
    const bench = await benchWith();
    expect(await unchanged(bench, () => bench.rotate('app', { apiKeyId: 'app' }))).toMatchObject({
      failure: { code: 'ATLAS_NOT_FOUND', hint: containing(`its apiKeyId is ${bench.oldId}`) },
    });
  });
  test.each([
    [{ answer: 'declined' }, 'DECLINED'],
    [{ answer: 'unavailable', because: 'silence' }, 'CONFIRMATION_UNAVAILABLE'],
    [{ answer: 'given', value: '' }, 'DECLINED'],
    [{ answer: 'given', value: 'APP' }, 'DECLINED'],
  ] satisfies [Answer, string][])('when the person answers %j', async (answer, code) => {
    const bench = await benchWith();
    const request = { groupId: GROUP, apiKeyId: bench.oldId, confirmName: 'app', keepOld: false, dryRun: false };
    const call = { ...quiet(), ask: () => Promise.resolve(answer) };
    expect(await unchanged(bench, async () => told(await rotateKey(bench.context(), request, call)))).toMatchObject({
      failure: { code, keyState: 'not_created' },
    });
  });
  test('where a person must be asked and cannot', async () => {
    const bench = await benchWith();
    const context = { ...bench.context(), confirm: 'required' } as const;
    expect(await unchanged(bench, () => bench.rotate('app', {}, context))).toMatchObject({
      failure: { code: 'CONFIRMATION_UNAVAILABLE' },
    });
  });
  test('by looks that are to guess what stands at a place: each counts for the limit of an hour', async () => {
    const bench = await benchWith();
    // A key of which this machine does not know more than its mask.
    bench.sandbox.addKey(GROUP, { name: 'other' });
    writeFileSync(join(bench.folder, 'keys', 'other'), `al-${'z'.repeat(43)}`, { mode: 0o600 });
    const context = { ...bench.context(), maxCreatesPerHour: 3 };
    const codes: unknown[] = [];
    for (let looks = 0; looks < 4; looks += 1) {
      const outcome = await unchanged(bench, () => bench.rotate('other', { dryRun: true }, context));
      codes.push(Reflect.get(Object(Reflect.get(Object(outcome), 'failure')), 'code'));
    }
    expect(codes).toEqual(['SINK_ENTRY_EXISTS', 'SINK_ENTRY_EXISTS', 'QUOTA_EXCEEDED', 'QUOTA_EXCEEDED']);
  });
  test('beyond the limit of an hour', async () => {
    const bench = await benchWith();
    const context = { ...bench.context(), maxCreatesPerHour: 1 };
    expect(await unchanged(bench, () => bench.rotate('app', {}, context))).toMatchObject({
      failure: { code: 'QUOTA_EXCEEDED', keyState: 'not_created' },
    });
  });
});

test('the person who types the name is obeyed', async () => {
  const bench = await benchWith();
  const request = { groupId: GROUP, apiKeyId: bench.oldId, confirmName: 'app', keepOld: false, dryRun: false };
  const call = { ...quiet(), ask: () => Promise.resolve({ answer: 'given', value: 'app' } as const) };
  expect(told(await rotateKey(bench.context(), request, call))).toMatchObject({ outcome: 'rotated' });
});

describe('until the new secret is in the sink', () => {
  test('the old key lives and its secret is where it was', async () => {
    const bench = await benchWith();
    const held = bench.held('app');
    const outcome = await bench.rotate('app', { sink: 'broken' });
    expect(outcome).toMatchObject({
      failure: {
        code: 'SINK_WRITE_FAILED',
        keyState: 'rolled_back',
        hint: containing(`The old key ${bench.oldId} is alive.`),
      },
    });
    expect([live(bench), bench.held('app')]).toEqual([['app'], held]);
    expect(existsSync(join(bench.folder, 'keys', 'app'))).toBe(true);
  });
  test('nor is it deleted after a lost reply', async () => {
    const bench = await benchWith();
    const held = bench.held('app');
    bench.sandbox.inject({ operation: 'create_key', when: 'after', kind: 'reset' });
    expect(await bench.rotate('app')).toMatchObject({ failure: { keyState: 'rolled_back' } });
    expect([live(bench), bench.held('app')]).toEqual([['app'], held]);
  });
});

describe('a sink that lies', () => {
  const lying = (bench: Bench, change: Parameters<typeof behaving>[1]) => {
    const sink = bench.sinks.get('file');
    if (!sink) expect.fail('no sink');
    return { ...bench.context(), sinks: new Map([['file', behaving(sink, change)]]) };
  };
  test('about what it kept gets the old secret back, byte for byte', async () => {
    const bench = await benchWith();
    const held = bench.held('app');
    const verify = () => Promise.resolve({ outcome: 'mismatch', message: 'No.', hint: 'Look.' } as const);
    const outcome = await bench.rotate(
      'app',
      {},
      lying(bench, () => ({ verify })),
    );
    expect(outcome).toMatchObject({ failure: { code: 'SINK_WRITE_FAILED', keyState: 'rolled_back' } });
    expect([live(bench), bench.held('app')]).toEqual([['app'], held]);
  });
  test('and cannot give the old secret back costs no key: a person looks', async () => {
    const bench = await benchWith();
    const verify = () => Promise.resolve({ outcome: 'mismatch', message: 'No.', hint: 'Look.' } as const);
    const retract = () => Promise.resolve('out' as const);
    const outcome = await bench.rotate(
      'app',
      {},
      lying(bench, () => ({ verify, retract })),
    );
    expect(outcome).toMatchObject({ failure: { keyState: 'unknown', hint: containing('is alive') } });
    expect(live(bench)).toHaveLength(2);
    const successor = bench.sandbox.keys(GROUP).find(({ apiKeyId }) => apiKeyId !== bench.oldId);
    expect(successor?.name).toMatch(/^app-undelivered-[0-9a-f]{12}$/);
    expect(bench.held('app')).toBe(successor?.secret);
    expect(await bench.reconcile(true)).toMatchObject([
      { finding: 'delivered', apiKeyIds: [successor?.apiKeyId, bench.oldId] },
    ]);
    expect(live(bench)).toEqual(['app', 'app']);
  });
  test('because what reads it fails, costs no key either', async () => {
    const bench = await benchWith();
    const flaky = new Map([...bench.sinks, ['vault', vault(bench.folder)]]);
    const context = { ...bench.context(), sinks: flaky };
    expect(await bench.create('kept', { sink: 'vault' }, context)).toMatchObject({ outcome: 'delivered' });
    writeFileSync(join(bench.folder, 'vault.locks'), '');
    expect(await bench.rotate('kept', { sink: 'vault' }, context)).toMatchObject({ failure: { keyState: 'unknown' } });
    const secrets = bench.sandbox.keys(GROUP).map(({ secret }) => secret);
    expect(secrets).toContain(readFileSync(join(bench.folder, 'vault.held'), 'utf8'));
  });
});

/** Keeps a secret and prints it, until it is made to lock itself once it has got another. */
function vault(folder: string): Sink {
  const at = join(folder, 'vault');
  const writer = program(folder, 'vault-write', `cat > ${at}.held; [ -e ${at}.locks ] && : > ${at}.locked; exit 0`);
  const reader = program(
    folder,
    'vault-read',
    `[ -e ${at}.locked ] && exit 2; [ -e ${at}.held ] || exit 1; cat ${at}.held`,
  );
  const commands = { argv: [writer], verify: [reader], absent: [1] } as const;
  const spec = { type: 'command' as const, ...commands, env: {}, timeoutMs: 20_000 };
  const sink = openSinks(new Map([['vault', spec]]), { PATH: process.env.PATH ?? '' }).get('vault');
  return sink ?? expect.fail('no sink');
}

describe('once it is there', () => {
  test('an old key that cannot be deleted is told of, and reconcile knows it', async () => {
    const bench = await benchWith();
    bench.sandbox.inject({ operation: 'delete_key', when: 'before', kind: 'status', status: 403, errorCode: 'NO' });
    const outcome = await bench.rotate('app');
    expect(outcome).toMatchObject({
      failure: { code: 'ATLAS_FORBIDDEN', keyState: 'delivered', hint: containing(bench.oldId) },
    });
    // Atlas keeps no names unique here: the new key has got its own already.
    expect(live(bench)).toEqual(['app', 'app']);
    const successor = bench.sandbox.keys(GROUP).at(-1);
    expect(bench.held('app')).toBe(successor?.secret);
    const finding = { finding: 'delivered', apiKeyIds: [successor?.apiKeyId, bench.oldId] };
    expect(await bench.reconcile(true)).toMatchObject([finding]);
    expect(await bench.reconcile(false)).toEqual([]);
    expect(live(bench)).toEqual(['app', 'app']);
  });
  test('a lost reply to the delete is looked up', async () => {
    const bench = await benchWith({ timeoutMs: 500 });
    bench.sandbox.inject({ operation: 'delete_key', when: 'after', kind: 'status', status: 404, body: '<html>' });
    expect(await bench.rotate('app')).toMatchObject({ outcome: 'rotated', oldKey: { state: 'deleted' } });
  });
  test('a name that Atlas refuses is a warning, and reconcile gives it later', async () => {
    const bench = await benchWith();
    const refusal = { when: 'before', kind: 'status', status: 400, errorCode: 'NO', times: 2 } as const;
    bench.sandbox.inject({ operation: 'update_key', ...refusal });
    expect(await bench.rotate('app')).toMatchObject({
      outcome: 'rotated',
      key: { name: containing('app-undelivered-') },
      oldKey: { state: 'deleted' },
      warnings: [containing('reconcile_ai_model_api_keys')],
    });
    expect(await bench.reconcile(true)).toMatchObject([{ finding: 'delivered' }]);
    expect(live(bench)).toEqual(['app']);
    expect(await bench.reconcile(false)).toEqual([]);
  });
  test('a new key whose name is not known yet costs no old one', async () => {
    const bench = await benchWith();
    bench.sandbox.inject({ operation: 'update_key', when: 'before', kind: 'reset', times: 99 });
    const successor = () => bench.sandbox.keys(GROUP).find(({ apiKeyId }) => apiKeyId !== bench.oldId)?.apiKeyId;
    expect(await bench.rotate('app')).toMatchObject({
      failure: { keyState: 'delivered', apiKeyId: successor(), message: containing(`${bench.oldId} is alive`) },
    });
    expect(live(bench)).toEqual(['app', containing('app-undelivered-')]);
    bench.sandbox.clearFaults();
    expect(await bench.reconcile(true)).toMatchObject([
      { finding: 'delivered', apiKeyIds: [successor(), bench.oldId] },
    ]);
    expect(live(bench)).toEqual(['app', 'app']);
  });
  test('a lost reply to the rename is looked up', async () => {
    const bench = await benchWith();
    bench.sandbox.inject({ operation: 'update_key', when: 'after', kind: 'reset' });
    expect(await bench.rotate('app')).toMatchObject({ outcome: 'rotated', key: { name: 'app' }, warnings: [] });
  });
});
