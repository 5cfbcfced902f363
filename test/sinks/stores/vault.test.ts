// What is Vault's own: engines that cannot refuse, versions that are deleted, rights, tokens and logins.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Secret } from '../../../src/secret/secret.ts';
import type { Replaced, Sink } from '../../../src/sinks/sink.ts';
import { recordOf } from './stand-in.ts';
import { sinkOf, TOKEN } from './store-kinds.ts';
import { ROLE, vaultStandIn, type VaultStandIn } from './vault-stand-in.ts';

const NEW = 'al-vault-canary-of-the-new-key-0123456789-nEw1';
const OLD = 'al-vault-canary-of-the-old-key-0123456789-odu2';
const REPLACED = { maskedSecret: 'al-****odu2' };
const reference = { groupId: '0123456789abcdef01234567', entry: 'app' };
const PATH = 'apps/app';
const AT = `secret/${PATH}`;

async function vault(rights?: readonly string[]) {
  const server = await vaultStandIn(TOKEN, rights);
  onTestFinished(() => server.close());
  return server;
}

function sinkFor(
  address: string,
  more: object = {},
  environment: Record<string, string> = { VAULT_TOKEN: TOKEN },
): Sink {
  return sinkOf('vault:secret/apps/{entry}#KEY', more, { VAULT_ADDR: address, ...environment });
}

async function prepared(sink: Sink, replaced?: Replaced) {
  const preflight = await sink.preflight(reference, 'prove', replaced);
  return preflight.ok ? preflight.value.write : expect.fail(preflight.failure.message);
}

async function problem(sink: Sink) {
  const preflight = await sink.preflight(reference, 'prove');
  expect(JSON.stringify(preflight)).not.toContain('canary');
  return preflight.ok ? expect.fail('nothing wrong') : preflight.failure.message;
}

describe('versions', () => {
  test('other fields stay, whether the policy has patch or not', async () => {
    for (const rights of [
      ['create', 'read', 'update', 'patch', 'update destroy'],
      ['create', 'read', 'update', 'update destroy'],
    ]) {
      const server = await vault(rights);
      server.put(PATH, { other: 'stays', KEY: OLD });
      const write = await prepared(sinkFor(server.address), REPLACED);
      await write.deliver(new Secret(NEW));
      expect(server.current(PATH)).toEqual({ other: 'stays', KEY: NEW });
      expect(await write.retract()).toBe('out');
      expect(server.current(PATH)).toEqual({ other: 'stays', KEY: OLD });
      expect(server.secrets.get(AT)?.[1]?.data).toBeUndefined();
    }
  });

  test('without patch a number that JavaScript does not hold exactly is never written back as another', async () => {
    const server = await vault(['create', 'read', 'update']);
    server.put(PATH, { big: 12345678901234567000n.toString().length, float: 0.1 });
    expect(await problem(sinkFor(server.address))).toMatch(/a number that could not be written again as it is/);
    expect(server.secrets.get(AT)).toHaveLength(1);
  });

  test('a version that was deleted is nothing, and is written onto by its number', async () => {
    const server = await vault();
    server.put(PATH, { KEY: OLD });
    server.softDelete(PATH);
    const write = await prepared(sinkFor(server.address));
    expect(await write.deliver(new Secret(NEW))).toMatchObject({ outcome: 'written' });
    expect(server.secrets.get(AT)).toHaveLength(2);
    expect(await write.retract()).toBe('out');
  });

  test('a conflict with a write of its own, which was sent twice, is looked at', async () => {
    for (const [rights, left] of [
      [undefined, 'out'],
      [['create', 'update', 'patch', 'read metadata'], 'unknown'],
    ] as const) {
      const server = await vault(rights);
      const write = await prepared(sinkFor(server.address));
      server.fault = ({ path, method, body }) => {
        if (!path.includes('/data/') || method !== 'POST') return undefined;
        server.put(PATH, recordOf(body.data));
        return { status: 400, body: { errors: ['check-and-set parameter did not match the current version'] } };
      };
      expect(await write.deliver(new Secret(NEW))).toMatchObject({ outcome: 'failed' });
      server.fault = () => undefined;
      expect(await write.retract()).toBe(left);
      expect(server.current(PATH)?.KEY).toBe(left === 'out' ? undefined : NEW);
    }
  });

  test('all versions that hold the secret are destroyed, and what others wrote beside it stays', async () => {
    const server = await vault();
    const write = await prepared(sinkFor(server.address));
    await write.deliver(new Secret(NEW));
    server.put(PATH, { KEY: NEW, other: 'of others' });
    expect(await write.retract()).toBe('out');
    expect(server.current(PATH)).toEqual({ other: 'of others' });
    expect(JSON.stringify(server.secrets.get(AT))).not.toContain(NEW);
  });

  test('a version that is made anew after all were deleted is another one', async () => {
    const server = await vault(['create', 'update', 'patch', 'read metadata']);
    const write = await prepared(sinkFor(server.address));
    await write.deliver(new Secret(OLD));
    const verdict = await write.verify(new Secret(OLD));
    if (verdict.outcome !== 'verified') return expect.fail(verdict.outcome);
    const { version } = verdict;
    const known = { ...REPLACED, isLastHere: true, version: version ?? 'unknown' } as const;
    expect(await prepared(sinkFor(server.address), known)).toMatchObject({ overwrites: 'unknown' });
    server.secrets.clear();
    server.put(PATH, { KEY: 'of somebody else' });
    expect(await sinkFor(server.address).preflight(reference, 'prove', known)).toMatchObject({
      failure: { code: 'SINK_ENTRY_EXISTS' },
    });
  });

  test('an engine that cannot refuse, and one that is not there, are not ready', async () => {
    const server = await vault();
    const sink = (uri: string) => sinkOf(uri, {}, { VAULT_ADDR: server.address, VAULT_TOKEN: TOKEN });
    expect(await problem(sink('vault:old/apps/app#KEY'))).toMatch(/not KV version 2/);
    expect(await problem(sink('vault:none/apps/app#KEY'))).toMatch(/status 404/);
    expect(server.calls.every(({ method }) => method === 'GET')).toBe(true);
  });

  test('a path that has no engine behind it is not called free', async () => {
    const server = await vault();
    server.fault = ({ path }) =>
      path.includes('/data/')
        ? { status: 404, body: { errors: ['no handler for route "secret/data/apps/app"'] } }
        : undefined;
    expect(await problem(sinkFor(server.address))).toMatch(/status 404/);
  });

  test('the endpoint goes into the same version, and out with it', async () => {
    const server = await vault();
    server.put(PATH, { other: 'stays' });
    const write = await prepared(sinkFor(server.address, { endpointField: 'URL' }));
    await write.deliver(new Secret(NEW), { endpoint: 'https://ai.mongodb.com/v1' });
    expect(server.current(PATH)).toEqual({ other: 'stays', KEY: NEW, URL: 'https://ai.mongodb.com/v1' });
    expect(await write.retract()).toBe('out');
    expect(server.current(PATH)).toEqual({ other: 'stays' });
  });

  test('an endpoint that is there stays, with a warning', async () => {
    const server = await vault();
    server.put(PATH, { URL: 'https://elsewhere' });
    const write = await prepared(sinkFor(server.address, { endpointField: 'URL' }));
    const delivery = await write.deliver(new Secret(NEW), { endpoint: 'https://ai.mongodb.com/v1' });
    expect(delivery).toMatchObject({ outcome: 'written', warnings: [expect.stringContaining('another value')] });
    expect(server.current(PATH)).toEqual({ URL: 'https://elsewhere', KEY: NEW });
  });

  test('so does one that is not a text', async () => {
    for (const URL of [5, null, { of: 'another' }]) {
      const server = await vault();
      server.put(PATH, { URL });
      const write = await prepared(sinkFor(server.address, { endpointField: 'URL' }));
      await write.deliver(new Secret(NEW), { endpoint: 'https://ai.mongodb.com/v1' });
      expect(server.current(PATH)?.URL).toEqual(URL ?? undefined);
    }
  });
});

describe('an object that would not be the same once it was written again', () => {
  const deep = `${'['.repeat(30_000)}${']'.repeat(30_000)}`;
  const shows = (server: VaultStandIn, fields: string) => {
    server.put(PATH, {});
    server.fault = ({ method, path }) =>
      path.includes('/data/') && method === 'GET'
        ? { status: 200, text: `{"data":{"data":${fields},"metadata":{"version":1}}}` }
        : undefined;
  };

  test.each(['1e400', '-0', '0.1', deep])('is not written by all fields together (%#)', async (value) => {
    const server = await vault();
    server.hasPatch = false;
    shows(server, `{"beside":${value}}`);
    const write = await prepared(sinkFor(server.address));
    expect(await write.deliver(new Secret(NEW))).toMatchObject({ outcome: 'failed' });
    expect(server.current(PATH)).toEqual({});
  });

  test('and a field that is too deep is neither free nor a value', async () => {
    const server = await vault();
    shows(server, `{"KEY":${deep}}`);
    expect(await problem(sinkFor(server.address))).toMatch(/too deep/);
    expect(await sinkFor(server.address).lookUp(reference)).toEqual({ held: 'unknown' });
  });
});

test('no secret goes into the field of the endpoint', async () => {
  const { address } = await vault();
  const environment = { VAULT_ADDR: address, VAULT_TOKEN: TOKEN };
  const sink = sinkOf('vault:secret/apps/app#{entry}', { endpointField: 'app' }, environment);
  expect(await problem(sink)).toMatch(/is that of the endpoint/);
});

describe('rights', () => {
  test('without the right to read, metadata verifies, and an old secret gives way only where the journal knows it', async () => {
    const server = await vault(['create', 'update', 'patch', 'read metadata']);
    const sink = sinkFor(server.address);
    const write = await prepared(sink);
    await write.deliver(new Secret(OLD));
    expect(await write.verify(new Secret(OLD))).toMatchObject({ outcome: 'verified', verification: 'metadata' });
    expect(await sink.preflight(reference, 'prove', REPLACED)).toMatchObject({
      ok: false,
      failure: { code: 'SINK_ENTRY_EXISTS' },
    });
    const last = await sink.preflight(reference, 'prove', { ...REPLACED, isLastHere: true });
    if (!last.ok) expect.fail(last.failure.message);
    await last.value.write.deliver(new Secret(NEW));
    // What stood there is not known, so that nothing is put back, and that is said.
    expect(await last.value.write.retract()).toBe('held');
    expect(server.current(PATH)).toEqual({ KEY: NEW });
  });

  test('a policy that does not let it write is found before anything is written', async () => {
    const server = await vault(['read']);
    expect(await problem(sinkFor(server.address))).toMatch(/does not allow to write/);
    expect(server.secrets.size).toBe(0);
  });

  test('a Vault that is sealed is not ready', async () => {
    const server = await vault();
    server.isSealed = true;
    expect(await problem(sinkFor(server.address))).toMatch(/status 503/);
    const preflight = await sinkFor(server.address).preflight(reference, 'prove');
    expect(preflight).toMatchObject({ failure: { hint: expect.stringContaining('Vault is sealed') as unknown } });
  });
});

describe('tokens', () => {
  test('a namespace that no header can carry is named, and nothing is sent', async () => {
    const server = await vault();
    for (const VAULT_NAMESPACE of ['a\nb', 'å', '名'])
      expect(await problem(sinkFor(server.address, {}, { VAULT_NAMESPACE, VAULT_TOKEN: TOKEN }))).toMatch(/namespace/);
    expect(server.calls).toEqual([]);
  });

  test('a token file is read again once its token is refused', async () => {
    const server = await vault();
    const folder = mkdtempSync(join(tmpdir(), 'amk-vault-'));
    onTestFinished(() => {
      rmSync(folder, { recursive: true });
    });
    const file = join(folder, 'token');
    writeFileSync(file, `${TOKEN}\n`, { mode: 0o600 });
    const sink = sinkFor(server.address, {}, { VAULT_TOKEN_FILE: file });
    expect(await sink.lookUp(reference)).toEqual({ held: 'nothing' });
    server.tokens.set('canary-second-token-0123456789', server.tokens.get(TOKEN) ?? []);
    server.tokens.delete(TOKEN);
    expect(await sink.lookUp(reference)).toEqual({ held: 'unknown' });
    writeFileSync(file, 'canary-second-token-0123456789\n');
    const again = sinkFor(server.address, {}, { VAULT_TOKEN_FILE: file });
    expect(await again.lookUp(reference)).toEqual({ held: 'nothing' });
  });

  test('AppRole logs in again once, and the delivery goes on', async () => {
    const server = await vault();
    const sink = sinkFor(server.address, {}, { VAULT_ROLE_ID: ROLE.id, VAULT_SECRET_ID: ROLE.secret });
    const write = await prepared(sink);
    server.tokens.clear();
    expect(await write.deliver(new Secret(NEW))).toMatchObject({ outcome: 'written' });
    expect(await write.verify(new Secret(NEW))).toMatchObject({ outcome: 'verified' });
    server.tokens.clear();
    // The same question is asked again, not another one.
    expect(await sink.lookUp(reference)).toMatchObject({ held: 'value' });
    expect(server.calls.filter(({ path }) => path.endsWith('/login'))).toHaveLength(3);
  });

  test('AppRole with a secret id that may be used once: a right that is missing takes no good token away', async () => {
    const server = await vault();
    let logins = 0;
    server.fault = ({ path }) => {
      if (!path.endsWith('/login')) return undefined;
      logins += 1;
      return logins > 1 ? { status: 400, body: { errors: ['invalid role or secret ID'] } } : undefined;
    };
    server.put(PATH, { other: 'kept' });
    const sink = sinkFor(server.address, {}, { VAULT_ROLE_ID: ROLE.id, VAULT_SECRET_ID: ROLE.secret });
    expect(await sink.lookUp(reference)).toEqual({ held: 'nothing' });
    for (const token of server.tokens.keys()) server.tokens.set(token, ['create', 'read', 'update']);
    // Vault refuses the patch with 403, as it does a token that has ended.
    expect(await (await prepared(sink)).deliver(new Secret(NEW))).toMatchObject({ outcome: 'written' });
    expect(await sink.lookUp(reference)).toMatchObject({ held: 'value' });
    expect(logins).toBe(2);
  });

  test('the token of ~/.vault-token, and one of a helper', async () => {
    const server = await vault();
    const home = mkdtempSync(join(tmpdir(), 'amk-vault-'));
    onTestFinished(() => {
      rmSync(home, { recursive: true });
    });
    writeFileSync(join(home, '.vault-token'), TOKEN, { mode: 0o600 });
    expect(await sinkFor(server.address, {}, { HOME: home }).lookUp(reference)).toEqual({ held: 'nothing' });
    writeFileSync(join(home, '.vault-token'), 'canary-wrong-0123456789');
    const helper = join(home, 'helper');
    writeFileSync(helper, `#!/bin/sh\n[ "$1" = get ] && printf %s '${TOKEN}'\n`, { mode: 0o700 });
    writeFileSync(join(home, '.vault'), `token_helper = "${helper}"\n`);
    expect(await sinkFor(server.address, {}, { HOME: home }).lookUp(reference)).toEqual({ held: 'nothing' });
  });

  test.each(['http://vault.example.com', 'https://user:pass@vault.example.com', 'https://vault.example.com/x'])(
    'no token is sent to %s',
    async (address) => {
      expect(await problem(sinkFor(address))).toMatch(/not one to which a secret may be sent/);
    },
  );
});
