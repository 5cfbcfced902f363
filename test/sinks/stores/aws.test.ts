// What AWS has of its own: versions with stages, a policy that cannot read, refusals with status 400. On the stand-in, which is judged
// in aws-judges.test.ts.

import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { fingerprintOfBytes } from '../../../src/secret/opened-secret.ts';
import { Secret } from '../../../src/secret/secret.ts';
import type { Replaced, Sink } from '../../../src/sinks/sink.ts';
import { awsStandIn } from './aws-stand-in.ts';
import type { Call } from './stand-in.ts';
import { AWS_ID, isAwsWrite, sinkOf, TOKEN } from './store-kinds.ts';

const reference = { groupId: '0123456789abcdef01234567', entry: 'app_1' };
const NEW = 'al-aws-canary-of-the-new-key-0123456789-nEw1';
const OLD = 'al-aws-canary-of-the-old-key-0123456789-odu2';
const OTHER = 'al-aws-canary-of-another-key-0123456789-xyz9';
const REPLACED = { maskedSecret: 'al-****odu2', isLastHere: true };

function clean<T>(outcome: T): T {
  expect(inspect(outcome, { depth: 9 })).not.toMatch(/canary/);
  return outcome;
}

async function prepared(sink: Sink, replaced?: Replaced) {
  const preflight = await sink.preflight(reference, 'prove', replaced);
  return preflight.ok ? preflight.value.write : expect.fail(preflight.failure.message);
}

async function problemOf(sink: Sink, replaced?: Replaced) {
  const preflight = clean(await sink.preflight(reference, 'prove', replaced));
  return preflight.ok ? expect.fail('The preflight found nothing wrong.') : preflight.failure;
}

const variables = {
  AWS_ACCESS_KEY_ID: AWS_ID,
  AWS_SECRET_ACCESS_KEY: TOKEN,
  AWS_REGION: 'us-east-1',
  AWS_DEFAULT_REGION: 'us-east-1',
};

async function standIn() {
  const user: { secret: string; denied: string[]; isExpired?: boolean } = { secret: TOKEN, denied: [] };
  const server = await awsStandIn(AWS_ID, user);
  onTestFinished(() => server.close());
  return { server, user, environment: { ...variables, AWS_ENDPOINT_URL: server.address } };
}

const actionOf = ({ headers }: Call) => String(headers['x-amz-target']).replace(/^.*\./, '');

const NOT_FOUND = { status: 400, body: { __type: 'ResourceNotFoundException' } };

function saying(words: string): unknown {
  return expect.stringContaining(words);
}

const refusals = [
  ['AccessDeniedException', 'SINK_NOT_READY'],
  ['DecryptionFailure', 'SINK_NOT_READY'],
  ['ExpiredTokenException', 'SINK_NOT_READY'],
  ['InvalidRequestException', 'SINK_NOT_READY'],
  ['InvalidSignatureException', 'SINK_NOT_READY'],
  ['LimitExceededException', 'SINK_NOT_READY'],
  ['SomethingThatNobodyKnows', 'SINK_NOT_READY'],
  ['ThrottlingException', 'SINK_NOT_READY'],
  ['UnrecognizedClientException', 'SINK_NOT_READY'],
] as const;

describe.each(['aws-sm:apps/{entry}', 'aws-sm:apps#{entry}', 'aws-ssm:/apps/{entry}'])('%s', (uri) => {
  test.each(refusals)('%s as the answer to every look is never taken for nothing', async (type, code) => {
    for (const status of [400, 403]) {
      const { server, environment } = await standIn();
      const body = { __type: `com.amazonaws#${type}`, Message: `${NEW} ${TOKEN}` };
      server.fault = () => ({ status, body });
      expect(await problemOf(sinkOf(uri, {}, environment))).toMatchObject({ code });
      expect(await sinkOf(uri, {}, environment).lookUp(reference)).toEqual({ held: 'unknown' });
    }
  });

  test.each(refusals)('%s as the answer to a write says that nothing was written', async (type) => {
    const { server, environment } = await standIn();
    const write = await prepared(sinkOf(uri, {}, environment));
    server.fault = (call) => (isAwsWrite(call) ? { status: 400, body: { __type: type, Message: NEW } } : undefined);
    expect(clean(await write.deliver(new Secret(NEW)))).toMatchObject({ outcome: 'failed' });
    expect(await write.retract()).toBe('out');
    expect([server.secrets.size, server.parameters.size]).toEqual([0, 0]);
  });

  test('a clock that is wrong is not a credential that is wrong, and is named', async () => {
    const { server, environment } = await standIn();
    for (const minutes of [-10, 10]) {
      server.aheadMs = minutes * 60_000;
      const { hint } = await problemOf(sinkOf(uri, {}, environment));
      expect(hint).toContain('clock');
    }
  });

  test('without the right to list or to describe, what may not be read is not free', async () => {
    const { server, user, environment } = await standIn();
    user.denied = ['GetSecretValue', 'DescribeSecret', 'GetParameter', 'DescribeParameters'];
    expect(await problemOf(sinkOf(uri, {}, environment))).toMatchObject({ code: 'SINK_NOT_READY' });
    user.denied = ['GetSecretValue', 'GetParameter'];
    const write = await prepared(sinkOf(uri, {}, environment));
    // A dry run says it beforehand.
    expect(write.verification).toBe('metadata');
    expect(await write.deliver(new Secret(OLD))).toMatchObject({ outcome: 'written' });
    expect(await write.verify(new Secret(OLD))).toMatchObject({ outcome: 'verified', verification: 'metadata' });
    if (!uri.includes('#'))
      expect((await prepared(sinkOf(uri, {}, environment), REPLACED)).verification).toBe('metadata');
    expect(await sinkOf(uri, {}, environment).lookUp(reference)).toEqual({ held: 'something' });
    const isHeld = JSON.stringify([...server.secrets.values(), ...server.parameters.values()]).includes(OLD);
    expect(isHeld).toBe(true);
    expect(await problemOf(sinkOf(uri, {}, environment))).toMatchObject({ code: 'SINK_ENTRY_EXISTS' });
    expect(await write.retract()).toBe('out');
    expect([server.secrets.size, server.parameters.size]).toEqual([0, 0]);
  });

  test('what AWS does not show yet after a write is looked at again, and what it never shows is not there', async () => {
    for (const stale of [2, 100]) {
      const { server, environment } = await standIn();
      const write = await prepared(sinkOf(uri, {}, environment));
      await write.deliver(new Secret(NEW));
      let left = stale;
      server.fault = (call) => {
        left -= 1;
        const __type = uri.startsWith('aws-sm') ? 'ResourceNotFoundException' : 'ParameterNotFound';
        return left >= 0 && /^(?:Get|Describe)/.test(actionOf(call)) ? { status: 400, body: { __type } } : undefined;
      };
      expect((await write.verify(new Secret(NEW))).outcome).toBe(stale === 2 ? 'verified' : 'mismatch');
    }
  });
});

describe('a secret of Secrets Manager', () => {
  const open = async (uri = 'aws-sm:apps/{entry}') => {
    const scene = await standIn();
    return { ...scene, sink: sinkOf(uri, {}, scene.environment), held: () => scene.server.currentSecret('apps/app_1') };
  };

  test('that is to be deleted is not written to, and that is said', async () => {
    const { server, sink } = await open();
    server.putSecret('apps/app_1', { SecretString: OTHER });
    Object.assign(server.secrets.get('apps/app_1') ?? {}, { isDeleted: true });
    for (const replaced of [undefined, REPLACED])
      expect(await problemOf(sink, replaced)).toMatchObject({ message: 'The secret apps/app_1 is to be deleted.' });
  });

  test('that is deleted between the look and the write costs nothing', async () => {
    const { server, sink } = await open();
    server.putSecret('apps/app_1', { SecretString: OLD });
    const write = await prepared(sink, REPLACED);
    server.meanwhile = (call) => {
      if (actionOf(call) === 'PutSecretValue')
        Object.assign(server.secrets.get('apps/app_1') ?? {}, { isDeleted: true });
    };
    expect(clean(await write.deliver(new Secret(NEW)))).toMatchObject({ outcome: 'failed' });
    expect(await write.retract()).toBe('out');
  });

  test('without a value gets one, and of two at once one wins', async () => {
    const { server, sink, held } = await open();
    server.putSecret('apps/app_1');
    const write = await prepared(sink);
    expect(await write.deliver(new Secret(NEW))).toMatchObject({ outcome: 'written' });
    expect(await write.verify(new Secret(NEW))).toMatchObject({ outcome: 'verified', verification: 'read-back' });
    expect(server.secrets.get('apps/app_1')?.versions.map(({ stages }) => stages)).toEqual([['AWSCURRENT']]);

    server.secrets.clear();
    server.putSecret('apps/app_1');
    const late = await prepared(sink);
    server.meanwhile = (call) => {
      if (actionOf(call) === 'PutSecretValue') server.putSecret('apps/app_1', { SecretString: OTHER });
    };
    expect(clean(await late.deliver(new Secret(NEW)))).toMatchObject({ outcome: 'failed' });
    expect(held()).toEqual({ SecretString: OTHER });
  });

  test('without a value, of which nothing can be told after the write, is uncertain', async () => {
    const { server, sink, held } = await open();
    server.putSecret('apps/app_1');
    const write = await prepared(sink);
    const refused = { status: 400, body: { __type: 'InvalidParameterException' } };
    server.fault = (call) => {
      if (isAwsWrite(call)) return refused;
      return actionOf(call) === 'DescribeSecret' && server.secrets.get('apps/app_1')?.versions.length === 1
        ? { status: 500, body: {} }
        : undefined;
    };
    expect(clean(await write.deliver(new Secret(NEW)))).toMatchObject({ outcome: 'uncertain' });
    expect(await write.verify(new Secret(NEW))).toMatchObject({ outcome: 'verified' });
    expect(held()).toEqual({ SecretString: NEW });
    // AWS has no way to take the only version out of a secret that somebody else made.
    expect(await write.retract()).toBe('held');
  });

  test('that is binary is another value', async () => {
    const { server, sink } = await open();
    server.putSecret('apps/app_1', { SecretBinary: Buffer.from([0, 1, 2]).toString('base64') });
    expect(await problemOf(sink, REPLACED)).toMatchObject({ code: 'SINK_ENTRY_EXISTS' });
    const fingerprint = fingerprintOfBytes(Buffer.from([0, 1, 2]));
    expect(await sink.lookUp(reference)).toEqual({ held: 'value', fingerprint });
    server.putSecret('apps', { SecretBinary: Buffer.from('{}').toString('base64') });
    const member = sinkOf('aws-sm:apps#{entry}', {}, { ...variables, AWS_ENDPOINT_URL: server.address });
    expect(await problemOf(member, REPLACED)).toMatchObject({ code: 'SINK_NOT_READY' });
  });

  test('and a PutSecretValue without an answer leave what is current', async () => {
    for (const fault of ['reset before', 'reset after', 'cut body'] as const) {
      const { server, sink, held } = await open();
      server.putSecret('apps/app_1', { SecretString: OLD });
      const write = await prepared(sink, REPLACED);
      server.fault = (call) => (actionOf(call) === 'PutSecretValue' ? fault : undefined);
      const { outcome } = clean(await write.deliver(new Secret(NEW)));
      server.fault = () => undefined;
      if (outcome === 'written') expect(held()).toEqual({ SecretString: NEW });
      else expect(await write.verify(new Secret(NEW))).toMatchObject({ outcome: 'mismatch' });
      expect(await write.retract()).not.toBe('held');
      expect(held()).toEqual({ SecretString: OLD });
    }
  });

  test('of which a version with the new secret is left is not said to be without it', async () => {
    for (const uri of ['aws-sm:apps#{entry}', 'aws-sm:app_1']) {
      for (const way of ['denied', 'without an answer of the store'] as const) {
        const { server, user, environment } = await standIn();
        server.putSecret('apps', { SecretString: JSON.stringify({ app_1: OLD }) });
        server.putSecret('app_1', { SecretString: OLD });
        const write = await prepared(sinkOf(uri, {}, environment), REPLACED);
        if (way === 'denied') user.denied = ['UpdateSecretVersionStage'];
        else server.fault = (call) => (actionOf(call).startsWith('Update') ? { status: 500, body: {} } : undefined);
        expect(clean(await write.deliver(new Secret(NEW))).outcome).not.toBe('written');
        expect(JSON.stringify([...server.secrets.values()])).toContain(NEW);
        expect(await write.verify(new Secret(NEW))).toMatchObject({ outcome: 'mismatch' });
        expect(await write.retract()).toBe('may be held');
      }
    }
  });

  test('that keeps the stage of a delivery is delivered, with a warning', async () => {
    const { server, sink } = await open();
    server.putSecret('apps/app_1', { SecretString: OLD });
    const write = await prepared(sink, REPLACED);
    server.fault = (call) =>
      actionOf(call).startsWith('Update') && !isAwsWrite(call) ? { status: 500, body: {} } : undefined;
    expect(clean(await write.deliver(new Secret(NEW)))).toMatchObject({
      outcome: 'written',
      warnings: [expect.stringMatching(/may keep the stage undelivered-/)],
    });
  });

  test('that was made for a member goes where nothing else is in it, and else keeps what is', async () => {
    const { server, sink } = await open('aws-sm:apps#{entry}');
    for (const other of [undefined, 'of somebody']) {
      const write = await prepared(sink);
      await write.deliver(new Secret(NEW));
      if (other !== undefined) server.putSecret('apps', { SecretString: JSON.stringify({ app_1: NEW, other }) });
      expect(await write.retract()).toBe('out');
      expect(server.currentSecret('apps')).toEqual(other && { SecretString: JSON.stringify({ other }) });
    }
  });

  test('whose members cannot be read keeps them', async () => {
    const { server, user, environment } = await standIn();
    server.putSecret('apps', { SecretString: JSON.stringify({ app_1: OLD, other: 'of somebody' }) });
    const before = server.currentSecret('apps');
    user.denied = ['GetSecretValue'];
    expect(await problemOf(sinkOf('aws-sm:apps#{entry}', {}, environment), REPLACED)).toMatchObject({
      code: 'SINK_NOT_READY',
    });
    expect(server.currentSecret('apps')).toEqual(before);
  });

  test.each([
    '{"beside":5.00000000000000001}',
    '{"beside":[1.0]}',
    '{"beside":1e400}',
    '{"beside":-0}',
    '{"beside":"x","beside":"y"}',
    '{"in":{"beside":1,"beside":1}}',
    `{"beside":${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
    `{"app_1":${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
  ])('whose members would not be the same once they were written again keeps them (%#)', async (SecretString) => {
    const { server, sink } = await open('aws-sm:apps#{entry}');
    server.putSecret('apps', { SecretString });
    expect(await problemOf(sink)).toMatchObject({ code: 'SINK_NOT_READY' });
    expect(await sink.lookUp(reference)).toEqual({ held: 'unknown' });
  });

  test('whose members are written in another way keeps what they mean', async () => {
    const { server, sink } = await open('aws-sm:apps#{entry}');
    const SecretString = String.raw`{ "b" : "\u0041\/ \"1.0\" \\x", "2": [10, -5, true, null, "-0"],  "1":{"b":{}}}`;
    server.putSecret('apps', { SecretString });
    const write = await prepared(sink);
    expect(await write.deliver(new Secret(NEW))).toMatchObject({ outcome: 'written' });
    const now: unknown = JSON.parse(server.currentSecret('apps')?.SecretString ?? '');
    expect(now).toEqual({ 1: { b: {} }, 2: [10, -5, true, null, '-0'], app_1: NEW, b: 'A/ "1.0" \\x' });
  });

  test('keeps a member for the endpoint that is not a text', async () => {
    const { server, environment } = await standIn();
    server.putSecret('apps', { SecretString: '{"URL":5}' });
    const write = await prepared(sinkOf('aws-sm:apps#{entry}', { endpointField: 'URL' }, environment));
    await write.deliver(new Secret(NEW), { endpoint: 'https://ai.mongodb.com/v1' });
    expect(server.currentSecret('apps')).toEqual({ SecretString: JSON.stringify({ URL: 5, app_1: NEW }) });
  });

  test('that is made between the question for its value and that for its versions is looked at again', async () => {
    const { server, sink } = await open('aws-sm:apps#{entry}');
    server.fault = (call) => {
      if (actionOf(call) !== 'GetSecretValue' || server.secrets.size > 0) return undefined;
      server.putSecret('apps', { SecretString: '{"other":"of somebody"}' });
      return NOT_FOUND;
    };
    expect(await sink.lookUp(reference)).toEqual({ held: 'nothing' });
    server.secrets.clear();
    await prepared(sink);
  });

  test('that has a current version, and never shows it, is not looked at for ever', async () => {
    for (const uri of ['aws-sm:apps#{entry}', 'aws-sm:apps']) {
      const { server, sink } = await open(uri);
      server.putSecret('apps', { SecretString: '{"other":"of somebody"}' });
      server.fault = (call) => (actionOf(call) === 'GetSecretValue' ? NOT_FOUND : undefined);
      expect(await problemOf(sink)).toMatchObject({ code: 'SINK_NOT_READY', message: saying('does not show') });
      expect(server.calls.length).toBeLessThan(10);
    }
  });

  test('gets as many members at once as are delivered', async () => {
    const { server, sink } = await open('aws-sm:apps#{entry}');
    const entries = Array.from({ length: 20 }, (_, index) => `app_${index}`);
    const deliver = async (entry: string) => {
      const preflight = await sink.preflight({ ...reference, entry }, 'prove');
      if (!preflight.ok) return preflight.failure;
      return preflight.value.write.deliver(new Secret(`${NEW}-${entry}`));
    };
    const deliveries = await Promise.all(entries.map(deliver));
    expect(deliveries).toEqual(entries.map(() => ({ outcome: 'written', warnings: [] })));
    const wanted = Object.fromEntries(entries.map((entry) => [entry, `${NEW}-${entry}`]));
    expect(JSON.parse(server.currentSecret('apps')?.SecretString ?? '')).toEqual(wanted);
    // One version each.
    expect(server.secrets.get('apps')?.versions).toHaveLength(20);
  });

  test('gets no secret into the member of the endpoint', async () => {
    const { environment } = await standIn();
    const sink = sinkOf('aws-sm:apps#{entry}', { endpointField: 'app_1' }, environment);
    expect(await problemOf(sink)).toMatchObject({ code: 'SINK_NOT_READY' });
  });

  test('is taken out by the fingerprint, as a server does that was killed', async () => {
    for (const before of ['{"other":"kept"}', '{}']) {
      const { server, sink } = await open('aws-sm:apps#{entry}');
      server.putSecret('apps', { SecretString: before });
      const write = await prepared(sink);
      await write.deliver(new Secret(NEW));
      const held = await sink.lookUp(reference);
      await sink.withdraw?.(reference, held.held === 'value' ? held.fingerprint : expect.fail('It holds nothing.'));
      expect(server.currentSecret('apps')).toEqual({ SecretString: before });
    }
  });
});

describe('a parameter', () => {
  test('that cannot be read, and was deleted and made anew, is another version', async () => {
    const { server, user, environment } = await standIn();
    user.denied = ['GetParameter'];
    const sink = sinkOf('aws-ssm:/apps/{entry}', {}, environment);
    const write = await prepared(sink);
    await write.deliver(new Secret(OLD));
    const verdict = await write.verify(new Secret(OLD));
    const version = ('version' in verdict ? verdict.version : undefined) ?? expect.fail(verdict.outcome);
    const replaced = { ...REPLACED, place: write.place, version };
    expect((await prepared(sink, replaced)).overwrites).toBe('unknown');
    // Who may read it sees the same version.
    user.denied = [];
    expect(await write.verify(new Secret(OLD))).toMatchObject({ outcome: 'verified', version });
    user.denied = ['GetParameter'];
    server.parameters.clear();
    await delay(2);
    server.putParameter('/apps/app_1', OTHER);
    expect(await problemOf(sink, replaced)).toMatchObject({ code: 'SINK_ENTRY_EXISTS' });
  });

  test('that is a String gets the new secret, with a warning', async () => {
    const { server, environment } = await standIn();
    server.putParameter('/apps/app_1', OLD, 'String');
    const write = await prepared(sinkOf('aws-ssm:/apps/{entry}', {}, environment), REPLACED);
    const delivery = clean(await write.deliver(new Secret(NEW)));
    expect(delivery).toMatchObject({ warnings: [expect.stringContaining('is a String, which AWS does not encrypt')] });
  });

  test('that something else changed in the same moment gives way, and that is said', async () => {
    const { server, environment } = await standIn();
    server.putParameter('/apps/app_1', OLD);
    const write = await prepared(sinkOf('aws-ssm:/apps/{entry}', {}, environment), REPLACED);
    server.meanwhile = (call) => {
      if (isAwsWrite(call)) server.putParameter('/apps/app_1', OTHER);
    };
    expect(clean(await write.deliver(new Secret(NEW)))).toMatchObject({
      warnings: [expect.stringContaining('version 2, which the history of the parameter has, gave way')],
    });
  });

  test('is looked for on all pages of the list, and not for ever', async () => {
    const { server, user, environment } = await standIn();
    server.putParameter('/apps/app_1', OTHER);
    user.denied = ['GetParameter'];
    const sink = sinkOf('aws-ssm:/apps/{entry}', {}, environment);
    expect(await sink.lookUp(reference)).toEqual({ held: 'something' });
    server.fault = (call) =>
      actionOf(call) === 'DescribeParameters'
        ? { status: 200, body: { Parameters: [], NextToken: 'more' } }
        : undefined;
    expect(await sink.lookUp(reference)).toEqual({ held: 'unknown' });
    expect(server.calls.length).toBeLessThan(100);
  });

  test('is taken out by the fingerprint where it is the first version only', async () => {
    const { server, environment } = await standIn();
    const sink = sinkOf('aws-ssm:/apps/{entry}', {}, environment);
    for (const isFirst of [true, false]) {
      server.parameters.clear();
      if (!isFirst) server.putParameter('/apps/app_1', OLD);
      server.putParameter('/apps/app_1', NEW);
      const held = await sink.lookUp(reference);
      await sink.withdraw?.(reference, held.held === 'value' ? held.fingerprint : expect.fail('It holds nothing.'));
      expect(server.parameters.has('/apps/app_1')).toBe(!isFirst);
    }
  });
});
