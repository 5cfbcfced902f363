// Who judges the stand-in of AWS, and the sinks: moto_server, which checks signatures and policies, and the command line of AWS, on
// both. What it writes a sink reads, and what a sink writes it reads. Each is skipped where it is not installed.

import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { fingerprintOf, fingerprintOfBytes } from '../../../src/secret/opened-secret.ts';
import { Secret } from '../../../src/secret/secret.ts';
import type { Sink } from '../../../src/sinks/sink.ts';
import { awsStandIn } from './aws-stand-in.ts';
import { asAdmin, closeMoto, motoKinds, motoRunning } from './moto-kinds.ts';
import { userOf, withoutAws, withoutMoto } from './moto.ts';
import { textsOf } from './stand-in.ts';
import { AWS_ID, sinkOf, TOKEN } from './store-kinds.ts';

afterAll(closeMoto);

const reference = { groupId: '0123456789abcdef01234567', entry: 'app_1' };
const NEW = 'al-aws-canary-of-the-new-key-0123456789-nEw1';
const OLD = 'al-aws-canary-of-the-old-key-0123456789-odu2';
const REPLACED = { maskedSecret: 'al-****odu2', isLastHere: true };

async function prepared(sink: Sink, replaced?: typeof REPLACED) {
  const preflight = await sink.preflight(reference, 'prove', replaced);
  return preflight.ok ? preflight.value.write : expect.fail(preflight.failure.message);
}

/** What the command line of AWS prints; undefined where it fails. */
async function aws(environment: Record<string, string>, ...args: string[]): Promise<string | undefined> {
  const env = { ...process.env, ...environment, AWS_PAGER: '', AWS_EC2_METADATA_DISABLED: 'true' };
  const child = spawn('aws', [...args, '--output', 'text'], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  const printed = await text(child.stdout);
  return child.exitCode === 0 || (await new Promise((resolve) => child.once('close', resolve))) === 0
    ? printed.replace(/\n$/, '')
    : undefined;
}

async function standInVariables(): Promise<Record<string, string>> {
  const server = await awsStandIn(AWS_ID, { secret: TOKEN });
  onTestFinished(() => server.close());
  const named = { AWS_ACCESS_KEY_ID: AWS_ID, AWS_SECRET_ACCESS_KEY: TOKEN, AWS_ENDPOINT_URL: server.address };
  return { ...named, AWS_REGION: 'us-east-1', AWS_DEFAULT_REGION: 'us-east-1' };
}

const judged = [
  { on: 'the stand-in', skipped: withoutAws, variables: standInVariables },
  { on: 'moto', skipped: withoutAws ?? withoutMoto, variables: async () => (await motoRunning()).admin },
];

describe.each(judged)('the command line of AWS on $on', ({ skipped, variables }) => {
  test.skipIf(skipped !== undefined)(
    `reads and writes what the sinks do (${skipped ?? 'it is there'})`,
    async () => {
      const given = await variables();
      const member = (name: string, id: string) => ['--query', name, ...id.split(' ')];
      const places = [
        {
          uri: 'aws-sm:judged',
          get: ['secretsmanager', 'get-secret-value', ...member('SecretString', '--secret-id judged')],
          make: (value: string) => ['secretsmanager', 'create-secret', '--name', 'judged', '--secret-string', value],
          put: (value: string) => [
            'secretsmanager',
            'put-secret-value',
            '--secret-id',
            'judged',
            '--secret-string',
            value,
          ],
          remove: ['secretsmanager', 'delete-secret', '--force-delete-without-recovery', '--secret-id', 'judged'],
        },
        {
          uri: 'aws-ssm:/judged',
          get: ['ssm', 'get-parameter', '--with-decryption', ...member('Parameter.Value', '--name /judged')],
          make: (value: string) => [
            'ssm',
            'put-parameter',
            '--type',
            'SecureString',
            '--name',
            '/judged',
            '--value',
            value,
          ],
          put: (value: string) => ['ssm', 'put-parameter', '--overwrite', '--name', '/judged', '--value', value],
          remove: ['ssm', 'delete-parameter', '--name', '/judged'],
        },
      ];
      const judge = async ({ uri, get, make, put, remove }: (typeof places)[number]) => {
        const sink = sinkOf(uri, {}, given);
        expect(await aws(given, ...get)).toBeUndefined();
        const write = await prepared(sink);
        expect(await write.deliver(new Secret(OLD))).toMatchObject({ outcome: 'written' });
        expect([await aws(given, ...get), await aws(given, ...make(NEW))]).toEqual([OLD, undefined]);
        const rotation = await prepared(sink, REPLACED);
        await rotation.deliver(new Secret(NEW));
        expect(await aws(given, ...get, ...(uri.includes('sm:j') ? ['--version-stage', 'AWSCURRENT'] : []))).toBe(NEW);
        expect(await aws(given, ...put(OLD))).toBeDefined();
        await aws(given, ...remove);
        expect(await sink.lookUp(reference)).toEqual({ held: 'nothing' });
        expect(await aws(given, ...make(OLD))).toBeDefined();
        expect(await sink.lookUp(reference)).toMatchObject({ fingerprint: fingerprintOf(new Secret(OLD)) });
      };
      await Promise.all(places.map(judge));
    },
    120_000,
  );
});

describe.skipIf(withoutMoto !== undefined)(`moto (${withoutMoto ?? 'it is there'})`, { timeout: 60_000 }, () => {
  const current = async (SecretId: string) =>
    textsOf(await asAdmin('secretsmanager', 'GetSecretValue', { SecretId, VersionStage: 'AWSCURRENT' })).SecretString;

  test('what may write and not read verifies by metadata, and goes back to the version before', async () => {
    const actions = ['CreateSecret', 'DescribeSecret', 'PutSecretValue', 'UpdateSecretVersionStage'];
    const { moto } = await motoRunning();
    const writer = await userOf(
      moto.address,
      actions.map((each) => `secretsmanager:${each}`),
    );
    const sink = sinkOf('aws-sm:written-only', {}, writer);
    const write = await prepared(sink);
    expect(await write.deliver(new Secret(OLD))).toMatchObject({ outcome: 'written' });
    expect(await write.verify(new Secret(OLD))).toMatchObject({ outcome: 'verified', verification: 'metadata' });
    expect(await sink.lookUp(reference)).toEqual({ held: 'something' });
    const rotation = await prepared(sink, REPLACED);
    expect(rotation.overwrites).toBe('unknown');
    await rotation.deliver(new Secret(NEW));
    expect(await current('written-only')).toBe(NEW);
    expect(await rotation.retract()).toBe('out');
    expect(await current('written-only')).toBe(OLD);
  });

  test('what may list parameters and not read them verifies by metadata', async () => {
    const { moto } = await motoRunning();
    const writer = await userOf(moto.address, ['ssm:PutParameter', 'ssm:DescribeParameters']);
    const sink = sinkOf('aws-ssm:/written-only', {}, writer);
    const write = await prepared(sink);
    expect(write.verification).toBe('metadata');
    expect(await write.deliver(new Secret(NEW))).toMatchObject({ outcome: 'written' });
    expect(await write.verify(new Secret(NEW))).toMatchObject({ outcome: 'verified', verification: 'metadata' });
  });

  test('the list of parameters and the parameter itself tell the same version', async () => {
    const store = await motoKinds.find(({ name }) => name.startsWith('aws-ssm'))?.open();
    if (!store) return expect.fail('no moto');
    onTestFinished(() => store.close());
    const write = await prepared(store.sink);
    await write.deliver(new Secret(NEW));
    const read = await write.verify(new Secret(NEW));
    const denied = { status: 400, body: { __type: 'AccessDeniedException' } };
    store.server.fault = ({ headers }) => (headers['x-amz-target'] === 'AmazonSSM.GetParameter' ? denied : undefined);
    const listed = await write.verify(new Secret(NEW));
    expect([read, listed]).toMatchObject([{ verification: 'read-back' }, { verification: 'metadata' }]);
    const [version] = [read, listed].map((verdict) => (verdict.outcome === 'verified' ? verdict.version : undefined));
    expect(listed).toMatchObject({ version });
    // With the time, it is not the number of the version only.
    expect(version).not.toBe(fingerprintOfBytes(Buffer.from('1')));
  });

  test('other members of the JSON stay, and the endpoint goes with the secret', async () => {
    const { admin } = await motoRunning();
    const ClientRequestToken = crypto.randomUUID();
    const SecretString = '{"host":"db","port":3306}';
    await asAdmin('secretsmanager', 'CreateSecret', { Name: 'members', SecretString, ClientRequestToken });
    const sink = sinkOf('aws-sm:members#KEY', { endpointField: 'URL' }, admin);
    const write = await prepared(sink);
    const endpoint = 'https://ai.mongodb.com/v1';
    expect(await write.deliver(new Secret(NEW), { endpoint })).toMatchObject({ outcome: 'written' });
    expect(JSON.parse((await current('members')) ?? '')).toEqual({ host: 'db', port: 3306, KEY: NEW, URL: endpoint });
    expect(await write.verify(new Secret(NEW))).toMatchObject({ verification: 'read-back' });
    expect(await write.retract()).toBe('out');
    expect(JSON.parse((await current('members')) ?? '')).toEqual({ host: 'db', port: 3306 });
  });

  test('a secret without a value gets one', async () => {
    const { admin } = await motoRunning();
    await asAdmin('secretsmanager', 'CreateSecret', { Name: 'empty', ClientRequestToken: crypto.randomUUID() });
    const write = await prepared(sinkOf('aws-sm:empty', {}, admin));
    expect(await write.deliver(new Secret(NEW))).toMatchObject({ outcome: 'written' });
    expect(await write.verify(new Secret(NEW))).toMatchObject({ verification: 'read-back' });
    expect(await current('empty')).toBe(NEW);
  });

  test('a key that AWS does not know, and one without rights, are not ready and show nothing', async () => {
    const { moto, admin } = await motoRunning();
    const unknown = { ...admin, AWS_SECRET_ACCESS_KEY: 'canary-wrong-secret-key-0123456789ABCDEF' };
    const powerless = await userOf(moto.address, ['s3:ListAllMyBuckets']);
    for (const environment of [unknown, powerless]) {
      for (const uri of ['aws-sm:amk-none', 'aws-ssm:/amk-none']) {
        const preflight = await sinkOf(uri, {}, environment).preflight(reference, 'prove');
        expect(preflight).toMatchObject({ ok: false, failure: { code: 'SINK_NOT_READY' } });
        expect(JSON.stringify(preflight)).not.toContain('canary');
      }
    }
  });
});
