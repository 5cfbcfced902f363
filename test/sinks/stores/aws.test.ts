// What both stores of AWS have of their own, and parameters: a policy that cannot read, refusals with status 400. On the stand-in,
// which is judged in aws-judges.test.ts.

import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../../src/secret/secret.ts';
import { isAwsWrite, sinkOf, TOKEN } from './store-kinds.ts';
import {
  reference,
  NEW,
  OLD,
  OTHER,
  REPLACED,
  clean,
  prepared,
  problemOf,
  standIn,
  actionOf,
  saying,
} from './aws-scene.ts';

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

test.each([
  ['HierarchyLevelLimitExceededException', 'the name'],
  ['HierarchyTypeMismatchException', 'the name'],
  ['ParameterPatternMismatchException', 'allowed pattern'],
  ['UnsupportedParameterType', 'the name'],
  ['InvalidKeyId', 'KMS key'],
  ['KMSInvalidStateException', 'KMS key'],
  ['DisabledException', 'KMS key'],
  ['EncryptionFailure', 'KMS key'],
  ['PreconditionNotMetException', 'the name'],
  ['OptInRequired', 'the name'],
  ['RequestExpired', 'clock'],
])('a refusal that AWS documents is named: %s', async (type, advice) => {
  for (const uri of ['aws-sm:apps/{entry}', 'aws-ssm:/apps/{entry}']) {
    const { server, environment } = await standIn();
    const write = await prepared(sinkOf(uri, {}, environment));
    server.fault = (call) =>
      isAwsWrite(call) ? { status: 400, body: { __type: `com.amazonaws#${type}` } } : undefined;
    const delivery = clean(await write.deliver(new Secret(NEW)));
    expect(delivery).toMatchObject({ outcome: 'failed', message: saying(`with ${type}.`), hint: saying(advice) });
  }
});

describe('a parameter', () => {
  test.each([
    ['aws-ssm:/{entry}/key', 'aws_x', 'begins with aws or ssm'],
    ['aws-ssm:/{entry}', 'SSM-key', 'begins with aws or ssm'],
    ['aws-ssm:/AWS/{entry}', 'x', 'begins with aws or ssm'],
    ['aws-ssm:/apps/{entry}@1', 'x', 'has another character'],
    ['aws-ssm:/apps/{entry}+', 'x', 'has another character'],
    [`aws-ssm:${'/a'.repeat(15)}/{entry}`, 'x', 'has more than 15 levels'],
  ])('of a name that AWS does not take is refused before anything is asked (%s, %s)', async (uri, entry, why) => {
    const { server, environment } = await standIn();
    const preflight = await sinkOf(uri, {}, environment).preflight({ ...reference, entry }, 'inspect');
    expect(preflight).toMatchObject({ ok: false, failure: { code: 'SINK_NOT_READY', message: saying(why) } });
    expect(server.calls).toHaveLength(0);
  });

  test.each(['aws-ssm:/apps/aws/{entry}', 'aws-ssm:/a-w.s_1/{entry}', `aws-ssm:${'/a'.repeat(14)}/{entry}`])(
    'of a name that AWS takes is written (%s)',
    async (uri) => {
      const { environment } = await standIn();
      expect(await (await prepared(sinkOf(uri, {}, environment))).deliver(new Secret(NEW))).toMatchObject({
        outcome: 'written',
      });
    },
  );

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
    const preflight = await sinkOf('aws-ssm:/apps/{entry}', {}, environment).preflight(reference, 'inspect', REPLACED);
    const ready = preflight.ok ? preflight.value : expect.fail(preflight.failure.message);
    const warnings = [saying('is a String, which AWS does not encrypt')];
    // A dry run says it too.
    expect(ready.warnings).toEqual(warnings);
    expect(clean(await ready.write.deliver(new Secret(NEW)))).toMatchObject({ outcome: 'written', warnings });
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
