// Secrets of AWS Secrets Manager: versions with stages, members of an object, what a delivery leaves. On the stand-in, which is judged
// in aws-judges.test.ts.

import { describe, expect, test } from 'vitest';
import { fingerprintOfBytes } from '../../../src/secret/opened-secret.ts';
import { Secret } from '../../../src/secret/secret.ts';
import type { Call } from './stand-in.ts';
import { isAwsWrite, sinkOf } from './store-kinds.ts';
import {
  reference,
  NEW,
  OLD,
  OTHER,
  REPLACED,
  clean,
  prepared,
  problemOf,
  variables,
  standIn,
  actionOf,
  saying,
} from './aws-scene.ts';

const NOT_FOUND = { status: 400, body: { __type: 'ResourceNotFoundException' } };

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

  test('of an ARN that is not there cannot be made, which is found beforehand', async () => {
    const { server, environment } = await standIn();
    server.putSecret('apps/app_1', { SecretString: OLD });
    const { arn = '' } = server.secrets.get('apps/app_1') ?? {};
    await prepared(sinkOf(`aws-sm:${arn}`, {}, environment), REPLACED);
    server.secrets.clear();
    for (const uri of [`aws-sm:${arn}`, `aws-sm:${arn}#{entry}`]) {
      const { code, message } = await problemOf(sinkOf(uri, {}, environment));
      expect([code, message]).toEqual(['SINK_NOT_READY', `There is no secret ${arn}.`]);
    }
  });

  test('that is a replica cannot be written, which is found beforehand, where it is shown', async () => {
    for (const uri of ['aws-sm:apps/{entry}', 'aws-sm:apps/{entry}#KEY']) {
      const { server, user, sink } = await open(uri);
      server.putSecret('apps/app_1', { SecretString: uri.endsWith('#KEY') ? JSON.stringify({ KEY: OLD }) : OLD });
      const held = server.secrets.get('apps/app_1') ?? expect.fail('no secret');
      held.primaryRegion = 'us-east-1';
      await prepared(sink, REPLACED);
      held.primaryRegion = 'eu-west-1';
      const message = 'The secret apps/app_1 is a replica of one in eu-west-1.';
      expect(await problemOf(sink, REPLACED)).toMatchObject({ code: 'SINK_NOT_READY', message });
      user.denied = ['DescribeSecret'];
      await prepared(sink, REPLACED);
    }
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

  test.each([
    ['aws-sm:apps/{entry}', OLD, 'before'],
    ['aws-sm:apps/{entry}', OLD, 'after'],
    ['aws-sm:apps/{entry}#KEY', JSON.stringify({ KEY: OLD }), 'before'],
    ['aws-sm:apps/{entry}#KEY', JSON.stringify({ KEY: OLD }), 'after'],
  ])('of which a killed server left a version is found by its nonce, and rid of it (%s, %s, %s)', async (...row) => {
    const [uri, SecretString, killed] = row;
    const { server, user, sink } = await open(uri);
    server.putSecret('apps/app_1', { SecretString });
    const write = await prepared(sink, REPLACED);
    const isHeld = (call: Call) => actionOf(call).startsWith('Update') && (killed === 'before' || !isAwsWrite(call));
    server.fault = (call) => (isHeld(call) ? 'hold' : undefined);
    void write.deliver(new Secret(NEW), { nonce: 'ab01' });
    await expect.poll(() => server.calls.some(isHeld)).toBe(true);
    server.fault = () => undefined;
    const now = server.currentSecret('apps/app_1');
    const { id = '', stages } = server.secrets.get('apps/app_1')?.versions.at(-1) ?? {};
    expect(stages).toEqual(['undelivered-ab01', ...(killed === 'after' ? ['AWSCURRENT'] : [])]);

    const left = () => sink.leftovers?.(reference, 'ab01');
    const remove = () => sink.removeLeftovers?.(reference, 'ab01');
    expect(clean(await left())).toEqual([`version ${id} of apps/app_1, under the stage undelivered-ab01`]);
    expect(await sink.leftovers?.(reference, 'cd23')).toEqual([]);
    expect(await sink.removeLeftovers?.(reference, 'cd23')).toBe(true);
    user.denied = ['UpdateSecretVersionStage'];
    expect(await remove()).toBe(false);
    user.denied = ['DescribeSecret'];
    expect([await left(), await remove()]).toEqual([undefined, false]);
    user.denied = [];
    expect([await remove(), await left()]).toEqual([true, []]);
    expect(JSON.stringify(server.secrets.get('apps/app_1'))).not.toContain('undelivered');
    expect(server.currentSecret('apps/app_1')).toEqual(now);
    server.secrets.clear();
    expect([await left(), await remove()]).toEqual([[], true]);
  });

  test('whose clean-up is answered with what is not understood is not called clean', async () => {
    const { server, sink } = await open();
    server.putSecret('apps/app_1', { SecretString: OLD });
    const strange = { status: 200, text: '<html>' };
    server.fault = (call) => (actionOf(call).startsWith('Update') && !isAwsWrite(call) ? strange : undefined);
    const warnings = [saying('may keep the stage undelivered-')];
    expect(await (await prepared(sink, REPLACED)).deliver(new Secret(NEW))).toMatchObject({
      outcome: 'written',
      warnings,
    });
    server.putSecret('apps/app_1', { SecretString: OLD });
    const write = await prepared(sink, REPLACED);
    server.fault = (call) => {
      if (!actionOf(call).startsWith('Update')) return undefined;
      return isAwsWrite(call) ? { status: 400, body: { __type: 'InvalidRequestException' } } : strange;
    };
    expect(await write.deliver(new Secret(NEW))).toMatchObject({
      outcome: 'uncertain',
      hint: saying('may keep the stage'),
    });
  });

  test('whose deletion is answered with what is not understood is not called gone', async () => {
    for (const uri of ['aws-sm:apps/{entry}', 'aws-ssm:/apps/{entry}']) {
      const { server, sink } = await open(uri);
      const write = await prepared(sink);
      await write.deliver(new Secret(NEW));
      server.fault = (call) => {
        if (!actionOf(call).startsWith('Delete')) return undefined;
        for (const state of server.states) state.clear();
        return { status: 200, text: '<html>' };
      };
      expect(await write.retract()).toBe('may be held');
    }
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
    for (const [uri, code] of [
      ['aws-sm:apps#{entry}', 'SINK_NOT_READY'],
      ['aws-sm:apps', 'SINK_ENTRY_EXISTS'],
    ] as const) {
      const { server, sink } = await open(uri);
      server.putSecret('apps', { SecretString: '{"other":"of somebody"}' });
      server.fault = (call) => (actionOf(call) === 'GetSecretValue' ? NOT_FOUND : undefined);
      expect(await problemOf(sink)).toMatchObject({ code });
      expect(server.calls.length).toBeLessThan(10);
    }
  });

  test('of which only the version is shown after the write is verified by that', async () => {
    const { server, sink } = await open();
    const write = await prepared(sink);
    await write.deliver(new Secret(NEW));
    server.fault = (call) => (actionOf(call) === 'GetSecretValue' ? NOT_FOUND : undefined);
    expect(await write.verify(new Secret(NEW))).toMatchObject({ outcome: 'verified', verification: 'metadata' });
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
