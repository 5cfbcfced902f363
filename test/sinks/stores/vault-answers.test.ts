// What a real Vault or OpenBao answers beside the plain case, and what a sink makes of it: versions that are gone or will be, engines
// and namespaces, answers of nodes that do not serve, rights that cannot be asked for, tokens that are renewed.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { VaultSpec } from '../../../src/config/store-spec.ts';
import { openSecret, Secret } from '../../../src/secret/secret.ts';
import type { Replaced, Sink } from '../../../src/sinks/sink.ts';
import { createClient } from '../../../src/sinks/stores/store-client.ts';
import { vaultToken } from '../../../src/sinks/stores/vault-login.ts';
import { containing } from '../../matching.ts';
import type { Fault } from './stand-in.ts';
import { sinkOf, TOKEN } from './store-kinds.ts';
import { POD, ROLE, vaultStandIn, type VaultStandIn } from './vault-stand-in.ts';

const NEW = 'al-vault-canary-of-the-new-key-0123456789-nEw1';
const OLD = 'al-vault-canary-of-the-old-key-0123456789-odu2';
const OTHER = 'al-vault-canary-of-another-key-0123456789-xyz9';
const REPLACED: Replaced = { maskedSecret: 'al-****odu2', isLastHere: true };
const reference = { groupId: '0123456789abcdef01234567', entry: 'app' };
const PATH = 'apps/app';
/** Of a policy that may not read. */
const UNREAD = ['create', 'update', 'patch', 'read metadata', 'update destroy'];
const APPROLE = { VAULT_ROLE_ID: ROLE.id, VAULT_SECRET_ID: ROLE.secret };

async function vault(rights?: readonly string[]) {
  const server = await vaultStandIn(TOKEN, rights);
  onTestFinished(() => server.close());
  return server;
}

interface Given {
  readonly uri?: string;
  readonly more?: object;
  readonly environment?: Record<string, string>;
}

function sinkFor(
  { address }: VaultStandIn,
  { uri, more = {}, environment = { VAULT_TOKEN: TOKEN } }: Given = {},
): Sink {
  return sinkOf(uri ?? 'vault:secret/apps/{entry}#KEY', more, { VAULT_ADDR: address, ...environment });
}

/** Nothing that was answered holds a secret or a credential. */
function clean<T>(outcome: T): T {
  expect(inspect(outcome, { depth: 9 })).not.toMatch(/canary/);
  return outcome;
}

async function prepared(sink: Sink, replaced?: Replaced) {
  const preflight = clean(await sink.preflight(reference, 'prove', replaced));
  return preflight.ok ? preflight.value.write : expect.fail(preflight.failure.message);
}

async function problem(sink: Sink, replaced?: Replaced) {
  const preflight = clean(await sink.preflight(reference, 'prove', replaced));
  return preflight.ok ? expect.fail('nothing wrong') : preflight.failure;
}

/** What the writes named as the version that was seen. */
const named = ({ calls }: VaultStandIn) =>
  calls.filter(({ path, method }) => path.includes('/data/') && method !== 'GET').map(({ body }) => body.options);

describe('a write names the version that was seen', () => {
  test('a create and a rotation: without it nothing is sent, as engines can want it', async () => {
    const server = await vault();
    server.isCasRequired = true;
    const sink = sinkFor(server);
    await (await prepared(sink)).deliver(new Secret(OLD));
    const write = await prepared(sink, REPLACED);
    await write.deliver(new Secret(NEW));
    await write.retract();
    expect(named(server)).toEqual([{ cas: 0 }, { cas: 1 }, { cas: 2 }]);
    expect(server.current(PATH)).toEqual({ KEY: OLD });
  });

  test.each([
    [
      'soft-deleted',
      (server: VaultStandIn) => {
        server.softDelete(PATH);
      },
    ],
    [
      'destroyed',
      (server: VaultStandIn) => {
        server.destroy(PATH);
      },
    ],
  ])('a create onto a version that was %s, whether it can be read or not', async (_how, remove) => {
    for (const rights of [undefined, UNREAD]) {
      const server = await vault(rights);
      server.put(PATH, { KEY: OTHER });
      server.put(PATH, { KEY: OTHER, more: 'x' });
      remove(server);
      const write = await prepared(sinkFor(server));
      expect(write.overwrites).toBe('nothing');
      expect(await write.deliver(new Secret(NEW))).toMatchObject({ outcome: 'written' });
      expect(named(server)).toEqual([{ cas: 2 }]);
      expect(server.current(PATH)).toEqual({ KEY: NEW });
      expect(await write.retract()).toBe('out');
      expect(server.current(PATH)).toBeUndefined();
    }
  });

  test('so that what came in between stays: in the field, beside it, or in its place', async () => {
    for (const [seen, meanwhile, replaced, outcome] of [
      [undefined, { KEY: OTHER }, undefined, 'failed'],
      [undefined, { beside: 'x' }, undefined, 'written'],
      [{ KEY: OLD, beside: 'x' }, { KEY: OLD, beside: 'y' }, REPLACED, 'written'],
      [{ KEY: OLD, beside: 'x' }, { KEY: OTHER }, REPLACED, 'failed'],
    ] as const) {
      for (const hasPatch of [true, false]) {
        const server = await vault();
        server.hasPatch = hasPatch;
        if (seen) server.put(PATH, seen);
        const write = await prepared(sinkFor(server), replaced);
        server.meanwhile = ({ method }) => {
          server.meanwhile = () => undefined;
          if (method !== 'GET') server.put(PATH, meanwhile);
        };
        expect(clean(await write.deliver(new Secret(NEW)))).toMatchObject({ outcome });
        expect(await write.retract()).toBe('out');
        expect(server.current(PATH)).toEqual(meanwhile);
      }
    }
  });
});

test('what was not shown and is gone by then is not written onto', async () => {
  const server = await vault(UNREAD);
  server.put(PATH, { KEY: OLD });
  const write = await prepared(sinkFor(server), REPLACED);
  server.meanwhile = ({ method }) => {
    server.meanwhile = () => undefined;
    if (method !== 'GET') server.put(PATH, { KEY: OLD });
    if (method !== 'GET') server.destroy(PATH);
  };
  expect(clean(await write.deliver(new Secret(NEW)))).toMatchObject({ outcome: 'failed' });
});

describe('a version that is gone or will be', () => {
  test('one that is to be deleted later is there, also for who may see metadata only', async () => {
    for (const rights of [undefined, UNREAD]) {
      const server = await vault(rights);
      server.versionsLiveFor = 3_600_000;
      server.put(PATH, { KEY: OTHER });
      expect(await problem(sinkFor(server))).toMatchObject({ code: 'SINK_ENTRY_EXISTS' });
      expect(await sinkFor(server).lookUp(reference)).toMatchObject({ held: rights ? 'something' : 'value' });
    }
  });

  test('when it ends is judged by the clock of the store: one that still lives there gives way to nothing', async () => {
    for (const date of [new Date(Date.now() - 3_600_000).toUTCString(), 'no date']) {
      const server = await vault(UNREAD);
      server.replyHeaders = () => ({ date });
      server.put(PATH, { KEY: OTHER });
      server.softDelete(PATH);
      expect(await problem(sinkFor(server))).toMatchObject({ code: 'SINK_ENTRY_EXISTS' });
      server.destroy(PATH);
      expect(await sinkFor(server).lookUp(reference)).toEqual({ held: 'nothing' });
    }
  });

  test('one that was deleted in this very second is gone', async () => {
    const server = await vault([...UNREAD.filter((right) => right !== 'update destroy'), 'update delete']);
    const write = await prepared(sinkFor(server));
    await write.deliver(new Secret(NEW));
    expect(await write.retract()).toBe('out');
  });

  test('that Vault will delete what was written is said', async () => {
    const server = await vault();
    server.versionsLiveFor = 3_600_000;
    const write = await prepared(sinkFor(server));
    const delivery = await write.deliver(new Secret(NEW));
    expect(delivery).toMatchObject({ outcome: 'written', warnings: [expect.stringMatching(/deletes .* at 20\d\d-/)] });
  });

  test('a secret without data has nothing in it; one whose data is of another form is not called free', async () => {
    const server = await vault();
    server.put(PATH, null);
    const write = await prepared(sinkFor(server));
    expect(await write.deliver(new Secret(NEW))).toMatchObject({ outcome: 'written' });
    expect(named(server)).toEqual([{ cas: 1 }]);
    for (const data of [['x'], 'x', undefined]) {
      server.fault = ({ path }) =>
        path.includes('/data/') ? { status: 200, body: { data: { data, metadata: { version: 1 } } } } : undefined;
      expect(await problem(sinkFor(server))).toMatchObject({ code: 'SINK_NOT_READY' });
    }
  });

  test('a field that is there and null is not free', async () => {
    const server = await vault();
    server.put(PATH, { KEY: null });
    expect(await problem(sinkFor(server))).toMatchObject({ code: 'SINK_ENTRY_EXISTS' });
  });
});

describe('engines and namespaces', () => {
  test.each([
    'vault:team/kv/apps/{entry}#KEY',
    'vault:team/kv/data/apps/{entry}#KEY',
    'vault://team/kv/apps/{entry}#KEY',
  ])('an engine with a slash in its path is found: %s', async (uri) => {
    const server = await vault();
    const write = await prepared(sinkFor(server, { uri }));
    expect(await write.deliver(new Secret(NEW))).toMatchObject({ outcome: 'written' });
    expect([...server.secrets.keys()]).toEqual(['team/kv/apps/app']);
    expect(write.location).toBe('vault:team/kv/apps/app#KEY');
  });

  test('an engine of version 1 is refused with what to do, and nothing is written to it', async () => {
    const server = await vault();
    const { message, hint } = await problem(sinkFor(server, { uri: 'vault:old/apps/app#KEY' }));
    expect(message).toMatch(/old is not KV version 2/);
    expect(hint).toMatch(/enable-versioning old/);
    expect(server.calls.map(({ method }) => method)).toEqual(['GET']);
  });

  test('where something before Vault does not tell of engines, the path is taken as it is written', async () => {
    const server = await vault();
    server.fault = ({ path }) => (path.includes('/internal/') ? { status: 404, body: { errors: [] } } : undefined);
    const write = await prepared(sinkFor(server, { more: { mount: 'team/kv', path: 'apps/{entry}' } }));
    expect(await write.deliver(new Secret(NEW))).toMatchObject({ outcome: 'written' });
    expect(await write.verify(new Secret(NEW))).toMatchObject({ verification: 'read-back' });
    expect(server.secrets.has('team/kv/apps/app')).toBe(true);
  });

  test('the namespace goes with every request, the login too', async () => {
    for (const [more, environment] of [
      [{ namespace: 'team/a' }, { VAULT_TOKEN: TOKEN }],
      [{}, { VAULT_TOKEN: TOKEN, VAULT_NAMESPACE: 'team/a' }],
      [{ namespace: 'team/a' }, APPROLE],
    ] as const) {
      const server = await vault();
      server.namespace = 'team/a';
      const write = await prepared(sinkFor(server, { more, environment }));
      expect(await write.deliver(new Secret(NEW))).toMatchObject({ outcome: 'written' });
      expect(await write.retract()).toBe('out');
      expect(new Set(server.calls.map(({ headers }) => headers['x-vault-namespace']))).toEqual(new Set(['team/a']));
    }
  });

  test('one path of two namespaces is two places', async () => {
    const server = await vault();
    const places = new Set<string | undefined>();
    for (const namespace of ['team/a', 'team/b']) {
      server.namespace = namespace;
      places.add((await prepared(sinkFor(server, { more: { namespace } }))).place);
    }
    expect(places.size).toBe(2);
  });

  test('another namespace is not called free', async () => {
    const server = await vault();
    server.namespace = 'team/a';
    expect(await problem(sinkFor(server))).toMatchObject({ code: 'SINK_NOT_READY' });
  });
});

describe('a node that does not serve', () => {
  const elsewhere = { location: 'https://active.example/v1/secret/data/apps/app' };
  test.each<[string, Fault, RegExp]>([
    ['points to the active one', { status: 307, headers: elsewhere }, /points elsewhere \(status 307\)/],
    ['is sealed', { status: 503, body: { errors: ['Vault is sealed'] } }, /status 503/],
    ['has no active one', { status: 503, body: { errors: ['no active Vault instance found'] } }, /status 503/],
    [
      'is over its quota',
      { status: 429, body: { errors: ['request path "x": rate limit quota exceeded'] } },
      /status 429/,
    ],
    ['is a secondary', { status: 472, body: {} }, /status 472/],
    ['is a performance standby', { status: 473, body: {} }, /status 473/],
    [
      'upgrades the engine',
      { status: 400, body: { errors: ['Upgrading from non-versioned to versioned data.'] } },
      /400/,
    ],
    [
      'wraps its answers',
      { status: 200, body: { data: null, wrap_info: { token: 'hvs.canary' } } },
      /could not be understood/,
    ],
  ])('%s: nothing is called free or delivered', async (_what, fault, words) => {
    const server = await vault();
    server.fault = ({ path }) => (path.includes('/data/') ? fault : undefined);
    expect(await problem(sinkFor(server))).toMatchObject({
      code: 'SINK_NOT_READY',
      message: expect.stringMatching(words) as unknown,
    });
    expect(await sinkFor(server).lookUp(reference)).toEqual({ held: 'unknown' });
    server.fault = () => undefined;
    const write = await prepared(sinkFor(server));
    server.fault = ({ path, method }) => (path.includes('/data/') && method === 'POST' ? fault : undefined);
    expect(clean(await write.deliver(new Secret(NEW))).outcome).not.toBe('written');
    server.fault = () => undefined;
    expect((await write.verify(new Secret(NEW))).outcome).toBe('mismatch');
    // Neither a status of 500 and more nor an answer that is not understood is a proof that the write will not be carried out.
    expect(await write.retract()).toBe(/503|understood/.test(words.source) ? 'may be held' : 'out');
    expect(server.secrets.size).toBe(0);
  });

  test('a secret of nearly a mebibyte is read whole, and kept beside what is written', async () => {
    const server = await vault();
    server.put(PATH, { other: 'x'.repeat(900_000) });
    expect(await (await prepared(sinkFor(server))).deliver(new Secret(NEW))).toMatchObject({ outcome: 'written' });
    expect(server.current(PATH)).toMatchObject({ KEY: NEW, other: containing('xxx') });
  });

  test('and one that lags behind is told what was written, and asked again', async () => {
    const server = await vault();
    let lags = 2;
    server.fault = ({ method, headers }) => {
      if (method === 'POST' || headers['x-vault-index'] === undefined) return undefined;
      lags -= 1;
      return lags < 0 ? undefined : { status: 412, body: { errors: ['required index state not present'] } };
    };
    server.replyHeaders = () => ({ 'x-vault-index': `state-${server.calls.length}` });
    const write = await prepared(sinkFor(server));
    expect(await write.deliver(new Secret(NEW))).toMatchObject({ outcome: 'written' });
    const written = server.calls.length;
    expect(await write.verify(new Secret(NEW))).toMatchObject({ outcome: 'verified' });
    expect(server.calls.at(-1)?.headers['x-vault-index']).toBe(`state-${written}`);
  });
});

test('of a write that is not answered in time nobody says that it is out: it may come later', async () => {
  for (const old of [undefined, OLD]) {
    const server = await vault();
    if (old !== undefined) server.put(PATH, { KEY: old });
    const write = await prepared(
      sinkFor(server, { more: { timeoutMs: 500 } }),
      old === undefined ? undefined : REPLACED,
    );
    let release: () => void = () => undefined;
    server.later = () =>
      new Promise((resolve) => {
        release = resolve;
      });
    server.fault = ({ path, method }) => (path.includes('/data/') && method !== 'GET' ? 'slow' : undefined);
    expect(clean(await write.deliver(new Secret(NEW)))).toMatchObject({ outcome: 'uncertain' });
    expect(clean(await write.verify(new Secret(NEW)))).toMatchObject({ outcome: 'mismatch' });
    expect(await write.retract()).toBe('may be held');
    release();
    await expect.poll(() => server.current(PATH)).toEqual({ KEY: NEW });
  }
});

describe('an answer that is far too large', () => {
  const body = { data: { data: { KEY: NEW.repeat(80_000) }, metadata: { version: 1 }, version: 1 } };
  test('is not read to its end: a look tells nothing, and a write is not known', async () => {
    const server = await vault();
    server.fault = ({ method, path }) =>
      path.includes('/data/') && method === 'GET' ? { status: 200, body } : undefined;
    expect(await problem(sinkFor(server))).toMatchObject({ code: 'SINK_NOT_READY' });
    server.fault = () => undefined;
    const write = await prepared(sinkFor(server));
    server.fault = ({ method, path }) =>
      path.includes('/data/') && method === 'POST' ? { status: 200, body } : undefined;
    expect(clean(await write.deliver(new Secret(NEW)))).toMatchObject({ outcome: 'uncertain' });
  });
});

test('an endpoint that cannot be seen stays, with a warning', async () => {
  const server = await vault(UNREAD);
  server.put(PATH, { KEY: OLD, URL: 'https://of-another' });
  const write = await prepared(sinkFor(server, { more: { endpointField: 'URL' } }), REPLACED);
  expect(await write.deliver(new Secret(NEW), { endpoint: 'https://ai.mongodb.com/v1' })).toMatchObject({
    outcome: 'written',
    warnings: [containing('is not shown')],
  });
  expect(server.current(PATH)).toEqual({ KEY: NEW, URL: 'https://of-another' });
});

test.each([
  ['of other characters', '\u00e9'],
  ['that is too long', 'x'.repeat(5000)],
])('a state %s is not sent back', async (_what, state) => {
  const server = await vault();
  server.replyHeaders = () => ({ 'x-vault-index': state });
  const write = await prepared(sinkFor(server));
  expect(await write.deliver(new Secret(NEW))).toMatchObject({ outcome: 'written' });
  expect(await write.verify(new Secret(NEW))).toMatchObject({ outcome: 'verified' });
  expect(await write.retract()).toBe('out');
  expect(server.calls.some(({ headers }) => 'x-vault-index' in headers)).toBe(false);
});

describe('rights and tokens', () => {
  test.each<[string, readonly string[], string]>([
    ['neither read nor write', ['delete'], 'SINK_NOT_READY'],
    ['read only', ['read'], 'SINK_NOT_READY'],
    ['update where nothing is yet', ['read', 'update', 'patch'], 'SINK_NOT_READY'],
    ['create', ['read', 'create'], 'nothing'],
    ['all', ['root', 'read', 'create'], 'nothing'],
    ['create, where the rights cannot be asked for', ['read', 'create', 'no default policy'], 'nothing'],
  ])('a policy of %s', async (_name, rights, expected) => {
    const server = await vault(rights);
    const preflight = clean(await sinkFor(server).preflight(reference, 'prove'));
    expect(preflight.ok ? preflight.value.write.overwrites : preflight.failure.code).toBe(expected);
    expect(server.secrets.size).toBe(0);
  });

  test('where the rights cannot be asked for, a write that is refused is told, and nothing is there', async () => {
    const server = await vault(['read', 'no default policy']);
    const write = await prepared(sinkFor(server));
    expect(clean(await write.deliver(new Secret(NEW)))).toMatchObject({ outcome: 'failed' });
    expect(server.secrets.size).toBe(0);
  });

  test('a token that has expired is said to be none that is allowed, and is not tried again', async () => {
    const server = await vault();
    const write = await prepared(sinkFor(server));
    server.tokens.clear();
    const asked = server.calls.length;
    expect(clean(await write.deliver(new Secret(NEW)))).toMatchObject({
      outcome: 'failed',
      hint: expect.stringMatching(/credential/) as unknown,
    });
    expect(server.calls.slice(asked).map(({ method }) => method)).toEqual(['GET', 'GET']);
  });

  test('a policy that refuses is not answered with a login for each question', async () => {
    const server = await vault([...UNREAD, 'no default policy']);
    const sink = sinkFor(server, { environment: APPROLE });
    const write = await prepared(sink);
    await write.deliver(new Secret(NEW));
    expect(await write.verify(new Secret(NEW))).toMatchObject({ verification: 'metadata' });
    await write.retract();
    await sink.lookUp(reference);
    expect(server.calls.filter(({ path }) => path.endsWith('/login')).length).toBeLessThanOrEqual(2);
  });

  test('a pod logs in with the token of its service account, and again once that login is refused', async () => {
    const server = await vault();
    const folder = mkdtempSync(join(tmpdir(), 'amk-vault-'));
    onTestFinished(() => {
      rmSync(folder, { recursive: true });
    });
    const spec: VaultSpec = {
      type: 'vault',
      mount: 'secret',
      path: 'a',
      field: 'KEY',
      timeoutMs: 1000,
      kubernetesRole: POD.role,
    };
    const environment = { VAULT_ADDR: server.address };
    const client = createClient({ store: 'Vault', address: server.address, timeoutMs: 1000, environment });
    if (!client.ok) return expect.fail(client.failure.message);
    const file = join(folder, 'token');
    const token = vaultToken(client.value, spec, environment, file);
    expect(clean(await token.get())).toMatchObject({ ok: false, failure: { code: 'SINK_NOT_READY' } });
    writeFileSync(file, 'canary-of-another-pod-0123456789');
    expect(clean(await token.get())).toMatchObject({ ok: false, failure: { message: containing('status 403') } });
    writeFileSync(file, `${POD.token}\n`);
    const first = await token.get();
    if (!first.ok) return expect.fail(first.failure.message);
    const second = await token.renew(first.value, true);
    expect([...server.tokens.keys()].slice(1)).toEqual([openSecret(first.value), second && openSecret(second)]);
  });

  test('without a home no file of the working directory is asked for a token', async () => {
    const server = await vault();
    const [before, folder] = [process.cwd(), mkdtempSync(join(tmpdir(), 'amk-vault-'))];
    const helper = join(folder, 'helper');
    writeFileSync(helper, `#!/bin/sh\ntouch ${folder}/ran; printf %s '${TOKEN}'\n`, { mode: 0o700 });
    writeFileSync(join(folder, '.vault'), `token_helper = "${helper}"\n`);
    writeFileSync(join(folder, '.vault-token'), TOKEN, { mode: 0o600 });
    process.chdir(folder);
    onTestFinished(() => {
      process.chdir(before);
      rmSync(folder, { recursive: true });
    });
    for (const home of [{}, { HOME: '' }, { HOME: '.' }])
      expect(await problem(sinkFor(server, { environment: home }))).toMatchObject({
        message: containing('no token for Vault'),
      });
    expect(existsSync(join(folder, 'ran'))).toBe(false);
  });

  test('a login that fails shows no part of what was sent', async () => {
    const server = await vault();
    const environment = { ...APPROLE, VAULT_SECRET_ID: 'canary-wrong-secret-id-0123456789' };
    expect(await problem(sinkFor(server, { environment }))).toMatchObject({
      code: 'SINK_NOT_READY',
      hint: expect.stringMatching(/login at auth\/approle/) as unknown,
    });
  });
});
