import { chmodSync, existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createAtlas } from '../../src/atlas/atlas.ts';
import { ok } from '../../src/failure.ts';
import { type RequestContext } from '../../src/keys/request-context.ts';
import { createKey, type CreateRequest } from '../../src/keys/create.ts';
import type { CreateContext } from '../../src/keys/create-and-deliver.ts';
import { openJournal } from '../../src/keys/journal/journal.ts';
import { startSimulator, type Simulator } from '../atlas-simulator/simulator.ts';
import { Secret } from '../../src/secret/secret.ts';
import { openSinks } from '../../src/sinks/kinds.ts';
import type { Sink, PreparedWrite } from '../../src/sinks/sink.ts';
import { told } from './bench.ts';

const GROUP = '69681d39c9e8cfd375386316';
const request: CreateRequest = { groupId: GROUP, name: 'a key', cloud: 'ANY', geography: 'ANY', dryRun: false };
const never = () => controlOf(new AbortController().signal);

let sandbox: Simulator;
let folder: string;

beforeEach(async () => {
  sandbox = await startSimulator();
  folder = mkdtempSync(join(realpathSync(tmpdir()), 'amk-create-'));
  const [running, made] = [sandbox, folder];
  onTestFinished(async () => {
    rmSync(made, { recursive: true });
    await running.close();
  });
});

function contextWith(sink: Sink): CreateContext {
  const { clientId, clientSecret } = sandbox.credentials;
  const atlas = createAtlas({
    baseUrl: new URL(sandbox.baseUrl),
    credentials: { kind: 'service-account', clientId, clientSecret: new Secret(clientSecret) },
    apiVersion: 'auto',
    timeoutMs: 2_000,
  });
  onTestFinished(() => atlas.close());
  return {
    atlas,
    journal: openJournal(join(folder, 'state')),
    sinks: new Map([[sink.name, sink]]),
    defaultSink: sink.name,
    maxCreatesPerHour: 1000,
  };
}

function controlOf(signal: AbortSignal): RequestContext {
  return { signal, progress: () => undefined };
}

/** A command sink whose program is this shell script. */
function scripted(body: string, verify?: string): Sink {
  const program = (name: string, text: string): [string] => {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\n${text}\n`);
    chmodSync(path, 0o700);
    return [path];
  };
  const spec = {
    type: 'command',
    argv: program('deliver', body),
    ...(verify !== undefined && { verify: program('verify', verify), absent: [1] }),
    env: {},
    timeoutMs: 5_000,
  } as const;
  return only(openSinks(new Map([['place', spec]]), { PATH: process.env.PATH ?? '' }));
}

function fileSink(): Sink {
  return only(openSinks(new Map([['place', { type: 'file', path: join(folder, '{entry}') }]]), {}));
}

function only(sinks: ReadonlyMap<string, Sink>): Sink {
  const [sink] = sinks.values();
  if (!sink) throw new Error('no sink');
  return sink;
}

/** The sink, but with another way of doing one thing: what a defect or a lie would look like from outside. */
function behaving(sink: Sink, change: (target: PreparedWrite) => Partial<PreparedWrite>): Sink {
  return {
    ...sink,
    async preflight(address, mode) {
      const found = await sink.preflight(address, mode);
      return found.ok ? ok({ write: { ...found.value.write, ...change(found.value.write) } }) : found;
    },
  };
}

const operations = () => sandbox.requests.map(({ operation }) => operation);

describe('nothing is created before the sink has proved ready', () => {
  test('a program that is missing', async () => {
    const sinks = openSinks(
      new Map([['place', { type: 'command', argv: ['no-such-program'], env: {}, timeoutMs: 1_000 }]]),
      { PATH: '/usr/bin' },
    );
    const outcome = await createKey(contextWith(only(sinks)), request, never());
    expect(told(outcome)).toMatchObject({ failure: { code: 'SINK_NOT_READY', keyState: 'not_created' } });
    expect(operations()).not.toContain('create_key');
  });
  test('a place that is lost between the look and the proof', async () => {
    const sink = fileSink();
    const outcome = await createKey(
      contextWith({
        ...sink,
        preflight: (address, mode) => {
          if (mode === 'prove') writeFileSync(join(folder, 'a-key'), 'taken');
          return sink.preflight(address, mode);
        },
      }),
      request,
      never(),
    );
    expect(told(outcome)).toMatchObject({ failure: { code: 'SINK_ENTRY_EXISTS', keyState: 'not_created' } });
    expect(operations()).not.toContain('create_key');
  });
});

describe('a delivery that fails takes the key back', () => {
  const rolledBack = { ok: false, failure: { code: 'SINK_WRITE_FAILED', keyState: 'rolled_back' } };
  test.each([
    ['a program that fails', () => scripted('exit 3')],
    [
      'a program that is lying, by its own verify',
      () => scripted(`cat >/dev/null; touch ${folder}/asked`, `test -e ${folder}/asked && echo something else`),
    ],
    ['a program that truncates', () => scripted(`head -c 20 > ${folder}/kept`, `cat ${folder}/kept`)],
    [
      'a sink with a defect while it delivers',
      () => behaving(fileSink(), () => ({ deliver: () => Promise.reject(new Error('al-canary')) })),
    ],
    [
      'a sink with a defect while it verifies',
      () => behaving(fileSink(), () => ({ verify: () => Promise.reject(new Error('al-canary')) })),
    ],
  ])('%s', async (_what, sink) => {
    const outcome = await createKey(contextWith(sink()), request, never());
    expect(outcome).toMatchObject(rolledBack);
    expect(JSON.stringify(outcome)).not.toContain('canary');
    expect(sandbox.keys(GROUP)).toEqual([]);
    expect(operations().filter((operation) => operation === 'create_key')).toHaveLength(1);
  });

  test('and the file that did not verify', async () => {
    const path = join(folder, 'a-key');
    const sink = behaving(fileSink(), (target) => ({
      deliver: async (secret) => {
        const delivery = await target.deliver(secret);
        writeFileSync(path, 'tampered');
        return delivery;
      },
    }));
    expect(await createKey(contextWith(sink), request, never())).toMatchObject(rolledBack);
    expect(existsSync(path)).toBe(false);
  });

  test('a key that is gone already counts as taken back', async () => {
    const sink = behaving(fileSink(), () => ({
      deliver: () => {
        for (const { apiKeyId } of sandbox.keys(GROUP)) sandbox.removeKey(apiKeyId);
        return Promise.resolve({ outcome: 'failed' as const, message: 'No.', hint: 'No.' });
      },
    }));
    expect(await createKey(contextWith(sink), request, never())).toMatchObject(rolledBack);
  });

  test('through a passing fault of Atlas', async () => {
    sandbox.inject({ operation: 'delete_key', when: 'before', kind: 'status', status: 503 });
    expect(await createKey(contextWith(scripted('exit 3')), request, never())).toMatchObject(rolledBack);
    expect(sandbox.keys(GROUP)).toEqual([]);
  });

  test('or says by its id that it is still alive, and leaves its secret nowhere', async () => {
    sandbox.inject({
      operation: 'delete_key',
      when: 'before',
      kind: 'status',
      status: 403,
      errorCode: 'USER_UNAUTHORIZED',
      times: 9,
    });
    const sink = behaving(fileSink(), () => ({
      verify: () => Promise.resolve({ outcome: 'mismatch' as const, message: 'No.', hint: 'No.' }),
    }));
    const outcome = await createKey(contextWith(sink), request, never());
    const [alive] = sandbox.keys(GROUP);
    expect(outcome).toMatchObject({
      failure: { code: 'SINK_WRITE_FAILED', keyState: 'orphaned', apiKeyId: alive?.apiKeyId },
    });
    expect(JSON.stringify(outcome)).toContain(`is alive: ${alive?.apiKeyId ?? ''}`);
    expect(alive?.name).toMatch(/^a key-undelivered-[0-9a-f]{12}$/);
    expect(existsSync(join(folder, 'a-key'))).toBe(false);
  });
});

describe('a create is sent once, and its state is told as far as it is known', () => {
  test.each([
    [{ kind: 'status', status: 400, errorCode: 'VALIDATION_ERROR' }, 'ATLAS_REJECTED', 'not_created'],
    [
      { kind: 'status', status: 403, errorCode: 'IP_ADDRESS_NOT_ON_ACCESS_LIST' },
      'ATLAS_IP_NOT_ALLOWED',
      'not_created',
    ],
    [
      { kind: 'status', status: 429, errorCode: 'RATE_LIMITED', headers: { 'retry-after': '30' } },
      'ATLAS_RATE_LIMITED',
      'not_created',
    ],
    [{ kind: 'status', status: 500 }, 'ATLAS_OUTCOME_UNKNOWN', 'unknown'],
    [{ kind: 'status', status: 503, body: '<html>' }, 'ATLAS_OUTCOME_UNKNOWN', 'unknown'],
    [{ kind: 'reset' }, 'ATLAS_OUTCOME_UNKNOWN', 'unknown'],
    [{ kind: 'stall' }, 'ATLAS_OUTCOME_UNKNOWN', 'unknown'],
    [{ kind: 'redirect', status: 302, location: '/' }, 'ATLAS_OUTCOME_UNKNOWN', 'unknown'],
  ] as const)('%j', async (fault, code, keyState) => {
    sandbox.inject({ operation: 'create_key', when: 'before', ...fault });
    const outcome = await createKey(contextWith(fileSink()), request, never());
    expect(outcome).toMatchObject({ failure: { code, keyState } });
    if (keyState === 'unknown') expect(outcome).toMatchObject({ failure: { retryable: true } });
    expect(operations().filter((operation) => operation === 'create_key')).toHaveLength(1);
    expect(existsSync(join(folder, 'a-key'))).toBe(false);
  });

  test('a key whose secret did not come is taken back', async () => {
    sandbox.inject({ operation: 'create_key', when: 'after', kind: 'omit', fields: ['secret'] });
    const outcome = await createKey(contextWith(fileSink()), request, never());
    expect(outcome).toMatchObject({ failure: { code: 'ATLAS_PROTOCOL', keyState: 'rolled_back' } });
    expect(sandbox.keys(GROUP)).toEqual([]);
  });
});

test('a call that is cancelled before the create was sent creates nothing; afterwards it is finished', async () => {
  const early = new AbortController();
  sandbox.inject({ operation: 'list_keys', when: 'after', kind: 'delay', ms: 300 });
  const first = createKey(contextWith(fileSink()), request, controlOf(early.signal));
  await vi.waitUntil(() => operations().includes('list_keys'));
  early.abort();
  expect(told(await first)).toMatchObject({ failure: { code: 'CANCELLED', keyState: 'not_created' } });
  expect(operations()).not.toContain('create_key');

  const late = new AbortController();
  sandbox.inject({ operation: 'create_key', when: 'after', kind: 'delay', ms: 300 });
  const second = createKey(contextWith(fileSink()), request, controlOf(late.signal));
  await vi.waitUntil(() => operations().includes('create_key'));
  late.abort();
  expect(told(await second)).toMatchObject({ outcome: 'delivered' });
});
