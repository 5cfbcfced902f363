// The sinks of AWS against moto_server, which checks signatures and policies: by the contract of sinks, with a policy that cannot
// read, and with the versions that AWS keeps. The command line of AWS judges where it is installed.

import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Secret } from '../../../src/secret/secret.ts';
import type { Sink } from '../../../src/sinks/sink.ts';
import { describeContract } from '../contract.ts';
import { startMoto, userOf, withoutMoto, type Moto } from './moto.ts';
import { sinkOf } from './store-kinds.ts';

let moto: Moto | undefined;
/** May do all. */
let admin: Record<string, string> = {};
let count = 0;

if (withoutMoto === undefined) {
  beforeAll(async () => {
    moto = await startMoto();
    admin = await userOf(moto.address, ['*']);
  }, 60_000);
  afterAll(() => {
    moto?.close();
  });
}

const reference = { groupId: '0123456789abcdef01234567', entry: 'app_1' };

/** A name that no other test has. */
function freshName(): string {
  count += 1;
  return `amk-${count}`;
}

/** What the command line of AWS prints; undefined where it fails. */
function aws(...args: string[]): string | undefined {
  const env = { ...process.env, ...admin, AWS_PAGER: '' };
  const { status, stdout } = spawnSync('aws', [...args, '--output', 'text'], { encoding: 'utf8', env });
  return status === 0 ? stdout.replace(/\n$/, '') : undefined;
}

const ssmValue = (name: string) =>
  aws('ssm', 'get-parameter', '--with-decryption', '--name', name, '--query', 'Parameter.Value');
const smValue = (name: string) =>
  aws(
    'secretsmanager',
    'get-secret-value',
    '--secret-id',
    name,
    '--version-stage',
    'AWSCURRENT',
    '--query',
    'SecretString',
  );

function smPut(name: string, value: string): void {
  const made = aws('secretsmanager', 'create-secret', '--name', name, '--secret-string', value);
  if (made === undefined) aws('secretsmanager', 'put-secret-value', '--secret-id', name, '--secret-string', value);
}

const kinds = [
  {
    uri: (name: string) => `aws-sm:${name}`,
    held: smValue,
    put: smPut,
  },
  {
    uri: (name: string) => `aws-ssm:/${name}/{entry}`,
    held: (name: string) => ssmValue(`/${name}/app_1`),
    put(name: string, value: string) {
      aws(
        'ssm',
        'put-parameter',
        '--type',
        'SecureString',
        '--overwrite',
        '--name',
        `/${name}/app_1`,
        '--value',
        value,
      );
    },
  },
];

// Debian has no moto, so that CI may be without it.
for (const { uri, held, put } of withoutMoto === undefined ? kinds : [])
  describeContract({
    name: uri('NAME'),
    verification: 'read-back',
    isRetracting: true,
    timeoutMs: 120_000,
    open() {
      const name = freshName();
      return {
        sink: sinkOf(uri(name), { timeoutMs: 30_000 }, admin),
        reference,
        held: () => held(name),
        put: (value) => {
          put(name, value);
        },
      };
    },
  });

const NEW = 'al-aws-canary-of-the-new-key-0123456789-nEw1';
const OLD = 'al-aws-canary-of-the-old-key-0123456789-odu2';
const REPLACED = { maskedSecret: 'al-****odu2', isLastHere: true };

async function prepared(sink: Sink, replaced?: typeof REPLACED) {
  const preflight = await sink.preflight(reference, 'prove', replaced);
  return preflight.ok ? preflight.value.write : expect.fail(preflight.failure.message);
}

describe.skipIf(withoutMoto !== undefined)(withoutMoto ?? 'AWS', { timeout: 120_000 }, () => {
  test('what may write and not read verifies by metadata, and goes back to the version before', async () => {
    const name = freshName();
    const actions = ['Create', 'Describe', 'PutSecretValue', 'UpdateSecretVersionStage'];
    const writer = await userOf(
      moto?.address ?? '',
      actions.map((each) => `secretsmanager:${/Value|Stage/.test(each) ? each : `${each}Secret`}`),
    );
    const sink = sinkOf(`aws-sm:${name}`, { timeoutMs: 30_000 }, writer);
    const write = await prepared(sink);
    expect(await write.deliver(new Secret(OLD))).toMatchObject({ outcome: 'written' });
    expect(await write.verify(new Secret(OLD))).toEqual({ outcome: 'verified', verification: 'metadata' });
    expect(await sink.lookUp(reference)).toEqual({ held: 'something' });
    const rotation = await prepared(sink, REPLACED);
    expect(rotation.overwrites).toBe('unknown');
    await rotation.deliver(new Secret(NEW));
    expect(smValue(name)).toBe(NEW);
    expect(await rotation.retract()).toBe('unknown');
    expect(smValue(name)).toBe(OLD);
  });

  test('other members of the JSON stay, and the version of another is not met', async () => {
    const name = freshName();
    smPut(name, '{"host":"db","port":3306}');
    const sink = sinkOf(`aws-sm:${name}#KEY`, { endpointField: 'URL', timeoutMs: 30_000 }, admin);
    const write = await prepared(sink);
    expect(await write.deliver(new Secret(NEW), { endpoint: 'https://ai.mongodb.com/v1' })).toMatchObject({
      outcome: 'written',
    });
    expect(JSON.parse(smValue(name) ?? '')).toEqual({
      host: 'db',
      port: 3306,
      KEY: NEW,
      URL: 'https://ai.mongodb.com/v1',
    });
    expect(await write.verify(new Secret(NEW))).toMatchObject({ verification: 'read-back' });
    expect(await write.retract()).toBe('out');
    expect(JSON.parse(smValue(name) ?? '')).toEqual({ host: 'db', port: 3306 });
  });

  test('a key that AWS does not know, and one without rights, are not ready and show nothing', async () => {
    const unknown = { ...admin, AWS_SECRET_ACCESS_KEY: 'canary-wrong-secret-key-0123456789ABCDEF' };
    const powerless = await userOf(moto?.address ?? '', ['s3:ListAllMyBuckets']);
    for (const environment of [unknown, powerless]) {
      for (const uri of ['aws-sm:amk-none', 'aws-ssm:/amk-none']) {
        const preflight = await sinkOf(uri, { timeoutMs: 30_000 }, environment).preflight(reference, 'prove');
        expect(preflight).toMatchObject({ ok: false, failure: { code: 'SINK_NOT_READY' } });
        expect(JSON.stringify(preflight)).not.toContain('canary');
      }
    }
  });
});
