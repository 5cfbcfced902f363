import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { sandboxFor } from '../atlas-simulator/sandbox-for.ts';
import type { Simulator } from '../atlas-simulator/simulator.ts';
import { atlasAndHome, fileIn, filesBelow, startHost } from './host.ts';
import { errorOf, structuredOf, textOf } from './result.ts';

const GROUP = '69681d39c9e8cfd375386316';

let sandbox: Simulator;
let home: string;
let env: Record<string, string>;

beforeEach(async () => {
  ({ sandbox, home, env } = await atlasAndHome());
});

describe('without any sink configured, the secret is in a file of the data directory', () => {
  test('with its exact bytes, mode 0600 in a directory 0700, and the fingerprint that the agent was told', async () => {
    const host = await startHost({ home, env });
    const called = await host.call('create_ai_model_api_key', {
      groupId: GROUP,
      name: 'Production key (EU)',
      geography: 'eu',
    });
    const { outcome, key, delivery } = structuredOf(called);
    const [atAtlas] = sandbox.keys(GROUP);

    expect(outcome).toBe('delivered');
    expect(key).toEqual({
      apiKeyId: atAtlas?.apiKeyId,
      name: 'Production key (EU)',
      maskedSecret: atAtlas?.maskedSecret,
    });
    const path = join(home, '.local/share/atlas-model-keys/keys', GROUP, 'Production-key-EU.key');
    expect(delivery).toMatchObject({
      sink: 'local',
      kind: 'file',
      location: path,
      entry: 'Production-key-EU',
      verification: 'read-back',
    });
    expect(readFileSync(path, 'utf8')).toBe(atAtlas?.secret);
    expect(statSync(path).mode & 0o7777).toBe(0o600);
    expect(statSync(join(path, '..')).mode & 0o7777).toBe(0o700);
    expect(delivery?.fingerprint).toBe(
      `sha256:${createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 12)}`,
    );
  });

  test('text and structured content say the same', async () => {
    const host = await startHost({ home, env });
    const created = await host.call('create_ai_model_api_key', { groupId: GROUP, name: 'one' });
    const [, ...json] = textOf(created).split('\n');
    expect(JSON.parse(json.join('\n'))).toEqual(created.structuredContent);
  });

  test('a failure too, and no sentence of it twice', async () => {
    const host = await startHost({ home, env });
    await host.call('create_ai_model_api_key', { groupId: GROUP, name: 'one' });
    const failures = [
      await host.call('create_ai_model_api_key', { groupId: GROUP, name: 'one' }),
      await host.call('create_ai_model_api_key', { groupId: GROUP }),
      await host.call('create_ai_model_api_key', { groupId: '0'.repeat(24), name: 'one' }),
    ];
    for (const failure of failures) {
      const { code, message, hint, ...rest } = errorOf(failure);
      const [first, second, ...json] = textOf(failure).split('\n');
      expect([first, second]).toEqual([`${code}: ${message}`, `hint: ${hint}`]);
      expect(JSON.parse(json.join('\n'))).toEqual({ outcome: 'failed', error: rest });
    }
  });
});

test('one create with warm credentials is a list, a create and a rename, over one connection', async () => {
  const host = await startHost({ home, env });
  await host.call('create_ai_model_api_key', { groupId: GROUP, name: 'first' });
  sandbox.clearRequests();
  await host.call('create_ai_model_api_key', { groupId: GROUP, name: 'second' });
  expect(sandbox.requests.map(({ operation }) => operation)).toEqual(['list_keys', 'create_key', 'update_key']);
  expect(new Set(sandbox.requests.map(({ connection }) => connection)).size).toBe(1);
});

test.each(['service-account', 'api-key', 'token'])(
  'credentials of kind %s, with the secret in a file',
  async (kind) => {
    const { clientId, clientSecret, publicKey, privateKey, accessToken } = sandbox.credentials;
    const of = {
      'service-account': {
        MONGODB_ATLAS_CLIENT_ID: clientId,
        MONGODB_ATLAS_CLIENT_SECRET_FILE: fileIn(home, 's', `${clientSecret}\n`),
      },
      'api-key': { MONGODB_ATLAS_PUBLIC_KEY: publicKey, MONGODB_ATLAS_PRIVATE_KEY_FILE: fileIn(home, 'p', privateKey) },
      token: { MONGODB_ATLAS_ACCESS_TOKEN_FILE: fileIn(home, 't', accessToken) },
    }[kind];
    const host = await startHost({ home, env: { MONGODB_ATLAS_BASE_URL: sandbox.baseUrl, ...of } });
    const called = await host.call('create_ai_model_api_key', { groupId: GROUP, name: 'a key' });
    expect(structuredOf(called).outcome).toBe('delivered');
  },
);

describe('a sink of each kind', () => {
  const create = async (args: readonly string[], parameters: Record<string, unknown> = {}) => {
    const host = await startHost({ home, env, args });
    return structuredOf(await host.call('create_ai_model_api_key', { groupId: GROUP, name: 'a key', ...parameters }));
  };
  const secretAtAtlas = () => sandbox.keys(GROUP)[0]?.secret ?? '';

  test('file, fixed by the operator', async () => {
    const { delivery } = await create(['--sink', `app=file:${home}/app.key`]);
    expect(delivery).toMatchObject({ sink: 'app', location: `${home}/app.key`, verification: 'read-back' });
    expect(readFileSync(`${home}/app.key`, 'utf8')).toBe(secretAtAtlas());
  });

  test('dotenv, with all else kept', async () => {
    const path = fileIn(home, '.env', '# settings\r\nA=1\r\n');
    const { delivery } = await create(['--sink', `app=dotenv:${path}`]);
    expect(delivery).toMatchObject({ kind: 'dotenv', location: `${path}#VOYAGE_API_KEY`, verification: 'read-back' });
    expect(readFileSync(path, 'utf8')).toBe(`# settings\r\nA=1\r\nVOYAGE_API_KEY=${secretAtAtlas()}\r\n`);
  });

  test('command, with the secret on its standard input and read back by another', async () => {
    const sinks = JSON.stringify({
      app: { type: 'command', argv: ['tee', `${home}/{entry}`], verify: ['cat', `${home}/{entry}`], absent: [1] },
    });
    const { delivery } = await create(['--sink', sinks], { entry: 'chosen' });
    expect(delivery).toMatchObject({ kind: 'command', entry: 'chosen', verification: 'read-back' });
    expect(readFileSync(`${home}/chosen`, 'utf8')).toBe(secretAtAtlas());
    expect(statSync(`${home}/chosen`).mode & 0o7777).toBe(0o600);
  });

  test('inline, which the operator must allow: the one way in which the model sees a secret', async () => {
    const { delivery, warnings } = await create(['--allow-inline-secret'], { sink: 'inline' });
    expect(delivery).toMatchObject({ sink: 'inline', kind: 'inline', verification: 'none', secret: secretAtAtlas() });
    expect(warnings?.join()).toMatch(/conversation/);
  });
});

test('a dry run says where the secret would go, and changes nothing', async () => {
  const host = await startHost({ home, env });
  const called = await host.call('create_ai_model_api_key', { groupId: GROUP, name: 'a key', dryRun: true });
  const path = join(home, '.local/share/atlas-model-keys/keys', GROUP, 'a-key.key');
  expect(structuredOf(called)).toMatchObject({
    outcome: 'planned',
    delivery: { location: path, verification: 'read-back' },
  });
  expect(textOf(called)).toContain(
    '"notChecked":["whether the credential has the role to do it (Project Model Owner)"',
  );
  expect(sandbox.requests.filter(({ method, operation }) => method !== 'GET' && operation !== 'token')).toEqual([]);
  expect(filesBelow(home, false).size).toBe(0);
});

test('an older Atlas is spoken to in its own version, with a warning', async () => {
  const older = await sandboxFor({ versions: ['preview'] });
  const { clientId, clientSecret } = older.credentials;
  const host = await startHost({
    home,
    env: {
      MONGODB_ATLAS_BASE_URL: older.baseUrl,
      MONGODB_ATLAS_CLIENT_ID: clientId,
      MONGODB_ATLAS_CLIENT_SECRET: clientSecret,
    },
  });
  const called = structuredOf(await host.call('create_ai_model_api_key', { groupId: GROUP, name: 'a key' }));
  expect(called.outcome).toBe('delivered');
  expect(called.warnings?.join()).toContain('preview');
  expect(older.requests.filter(({ operation, status }) => operation === 'create_key' && status === 201)).toHaveLength(
    1,
  );
});

test('a rate limit that says when is waited for, with progress, and the create is sent again', async () => {
  sandbox.inject({
    operation: 'create_key',
    when: 'before',
    kind: 'status',
    status: 429,
    errorCode: 'RATE_LIMITED',
    headers: { 'retry-after': '2' },
  });
  const host = await startHost({ home, env });
  const heard: string[] = [];
  const call = { name: 'create_ai_model_api_key', arguments: { groupId: GROUP, name: 'a key' } };
  const called = await host.client.callTool(call, undefined, {
    onprogress: ({ message }) => heard.push(message ?? ''),
  });
  expect(called.structuredContent).toMatchObject({ outcome: 'delivered' });
  expect(heard).toContain('Atlas limits the rate of requests: trying again in 1 s');
  expect(sandbox.requests.filter(({ operation }) => operation === 'create_key').map(({ status }) => status)).toEqual([
    429, 201,
  ]);
});

test('a create warns of earlier ones that were not finished', async () => {
  const host = await startHost({ home, env });
  sandbox.inject({ operation: 'create_key', when: 'after', kind: 'reset' });
  sandbox.inject({ operation: 'list_keys', when: 'before', kind: 'status', status: 500, skip: 1, times: 9 });
  const lost = structuredOf(await host.call('create_ai_model_api_key', { groupId: GROUP, name: 'lost' }));
  expect(lost.error).toMatchObject({ code: 'ATLAS_OUTCOME_UNKNOWN', keyState: 'unknown' });
  sandbox.clearFaults();
  const next = structuredOf(await host.call('create_ai_model_api_key', { groupId: GROUP, name: 'next' }));
  expect(next.warnings?.join()).toMatch(/^Keys of earlier calls are alive and not delivered: [a-z0-9]{24}\./);
});
