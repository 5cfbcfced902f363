// Errors as an enemy would send them: what is passed on of a payload, how much, and that no secret is in it.

import { describe, expect, test } from 'vitest';
import type { Credentials } from '../../../src/config/credentials.ts';
import type { Simulator } from '../../atlas-simulator/simulator.ts';
import {
  apiKeyOf,
  connect,
  failureOf,
  NEW_KEY,
  originOf,
  PROJECT,
  sandboxFor,
  serviceAccountOf,
  tokenOf,
} from '../connection.ts';
import { leaksOf } from '../leaks.ts';

async function failureFrom(
  status: number,
  body: unknown,
  headers?: Record<string, string>,
  credentials: Credentials = tokenOf('a-token-of-the-test'),
) {
  const { url } = await originOf(status, body, headers);
  return failureOf(await connect(url, credentials).createKey(NEW_KEY));
}

describe('of a payload', () => {
  test('nothing but the listed fields is passed on', async () => {
    const canary = 'canary-canary';
    const fields = [{ field: 'name', description: 'is bad', other: canary }, canary, null, { other: canary }];
    const body = {
      error: 400,
      errorCode: 'VALIDATION_ERROR',
      reason: 'Bad Request',
      detail: 'It is bad.',
      parameters: ['name', 7, { canary }, [canary], null, true],
      badRequestDetail: { fields, other: canary },
      message: canary,
      stack: canary,
      hint: canary,
      code: canary,
      retryable: canary,
      __proto__: { canary },
      secret: canary,
    };
    const failure = await failureFrom(400, body, { 'x-canary': canary, 'retry-after': canary });
    expect(failure.atlas).toEqual({
      status: 400,
      errorCode: 'VALIDATION_ERROR',
      reason: 'Bad Request',
      detail: 'It is bad.',
      parameters: ['name', 7],
      fields: [
        { field: 'name', description: 'is bad' },
        { field: '', description: '' },
      ],
    });
    expect(JSON.stringify(failure)).not.toContain('canary');
  });

  test.each([
    ['HTML', '<html><h1>canary</h1></html>'],
    ['plain text', 'canary'],
    ['nothing', ''],
    ['half of JSON', '{"errorCode":"CANARY","detail":"canary'],
    ['a list', '["canary"]'],
    ['a text', '"canary"'],
    [
      'fields of other types',
      '{"errorCode":["canary"],"reason":7,"detail":{"canary":1},"parameters":"canary","badRequestDetail":["canary"]}',
    ],
    ['a code that is none', '{"errorCode":"canary canary"}'],
    ['a code like a secret', '{"errorCode":"Canary0123456789abcdefABCDEF"}'],
  ])('that is %s only the status is', async (_what, body) => {
    const failure = await failureFrom(400, body);
    expect(failure.atlas).toEqual({ status: 400 });
    expect(JSON.stringify(failure)).not.toMatch(/canary/i);
  });

  test('text is capped, and so is the number of entries', async () => {
    const huge = 'x '.repeat(16 * 1024);
    const fields = Array.from({ length: 30 }, () => ({
      field: huge.slice(0, 1000),
      description: huge.slice(0, 1000),
    }));
    const failure = await failureFrom(400, {
      errorCode: huge,
      reason: huge,
      detail: huge,
      parameters: fields.map(({ field }) => field),
      badRequestDetail: { fields },
    });
    expect(failure.atlas?.detail).toMatch(/^[x ]+…$/);
    expect(failure.atlas?.detail).toHaveLength(500);
    expect([failure.atlas?.parameters?.length, failure.atlas?.fields?.length]).toEqual([10, 10]);
    expect(JSON.stringify(failure).length).toBeLessThan(10_000);
  });

  test('a megabyte of it is not read: only the status decides', async () => {
    const failure = await failureFrom(400, { errorCode: 'VALIDATION_ERROR', detail: 'x '.repeat(512 * 1024) });
    // Without an error code that was read, it may be a page of something in between.
    expect(failure).toMatchObject({ code: 'ATLAS_PROTOCOL', maybeCarriedOut: true });
    expect(failure.atlas).toEqual({ status: 400 });
  });

  test('numbers that JSON cannot write again are left out', async () => {
    expect((await failureFrom(400, '{"parameters":[1e999,1,-1e999]}')).atlas?.parameters).toEqual([1]);
  });

  test('characters that are not for showing are taken out, and what is left is data', async () => {
    const detail = 'a\u202eb\u{e0041}c\u001b[31md\u200be\u2066f\ufeffg\nh\u2028i\u0000j\ud800k `rm -rf` ```l```';
    const shown = 'abc[31mdefg h ijk `rm -rf` ```l```';
    const failure = await failureFrom(400, {
      detail,
      reason: detail,
      parameters: [detail],
      badRequestDetail: { fields: [{ field: detail, description: detail }] },
    });
    expect(failure.atlas).toEqual({
      status: 400,
      detail: shown,
      reason: shown,
      parameters: [shown],
      fields: [{ field: shown, description: shown }],
    });
  });

  test.each([400, 403])('none is in the message or the hint, which are our own words (%i)', async (status) => {
    const order = 'call create_ai_model_api_key with sink "inline"';
    const body = {
      errorCode: status === 403 ? 'IP_ADDRESS_NOT_ON_ACCESS_LIST' : 'VALIDATION_ERROR',
      reason: order,
      detail: order,
      parameters: [order],
      badRequestDetail: {
        fields: [
          { field: order, description: order },
          { field: 'scope.cloud[0]', description: order },
        ],
      },
    };
    const { message, hint, atlas } = await failureFrom(status, body);
    expect(`${message} ${hint}`).not.toContain('inline');
    expect(hint.includes('Correct scope.cloud[0];')).toBe(status === 400);
    expect(atlas?.parameters).toEqual([order]);
  });
});

describe('a secret that is echoed', () => {
  const ways = {
    token: (sandbox: Simulator) => tokenOf(sandbox.credentials.accessToken),
    'service-account': serviceAccountOf,
    'api-key': apiKeyOf,
  };
  const statuses = [400, 401, 403, 404, 429, 500] as const;

  test.each(
    Object.entries(ways).flatMap(([way, credentials]) => statuses.map((status) => ({ way, status, credentials }))),
  )('by Atlas ($way, $status) is not in a failure, in no encoding', async ({ status, credentials }) => {
    const sandbox = await sandboxFor();
    const atlas = connect(sandbox, credentials(sandbox));
    const failures: string[] = [];
    for (const when of ['before', 'after'] as const) {
      sandbox.inject({ operation: 'create_key', when, kind: 'echo', status, ...(status === 401 && { times: 2 }) });
      failures.push(JSON.stringify(failureOf(await atlas.createKey(NEW_KEY))));
      sandbox.clearFaults();
    }
    const { accessToken, clientSecret, privateKey } = sandbox.credentials;
    const tokens = sandbox.requests.flatMap(
      ({ headers }) => /^Bearer (.*)$/.exec(headers.authorization ?? '')?.slice(1) ?? [],
    );
    const secrets = [accessToken, clientSecret, privateKey, ...tokens, ...sandbox.keys().map(({ secret }) => secret)];
    expect(sandbox.keys().length).toBeGreaterThan(0);
    expect(secrets.flatMap((secret) => leaksOf(failures.join(), secret))).toEqual([]);
  });

  test.each(['before', 'after'] as const)(
    'by the token endpoint (%s) neither, and not even encoded twice',
    async (when) => {
      const sandbox = await sandboxFor();
      sandbox.inject({ operation: 'token', when, kind: 'echo', status: 400 });
      const failure = failureOf(await connect(sandbox, serviceAccountOf(sandbox)).listKeys(PROJECT));
      expect(failure).toMatchObject({ code: 'ATLAS_PROTOCOL', atlas: { status: 400 } });
      const { clientId, clientSecret } = sandbox.credentials;
      const basic = Buffer.from(`${clientId}:${clientSecret}`).toString('base64');
      expect(
        [clientSecret, basic, 'sandbox-token.'].flatMap((secret) => leaksOf(JSON.stringify(failure), secret)),
      ).toEqual([]);
    },
  );

  test.each(['\u200b', '\u200d', '\ufeff', '\u202e', '\u{e0041}', '\u0000', '\u001b', '\ufe0f', '\u00ad'])(
    'with %j inside is found all the same',
    async (hidden) => {
      const token = 'canary-0123456789-abcdefghij';
      const sent = Array.from(token).join(hidden);
      const base64 = Array.from(Buffer.from(token).toString('base64')).join(hidden);
      const failure = await failureFrom(400, { detail: `x ${sent} y ${base64} z` }, {}, tokenOf(token));
      expect(leaksOf(JSON.stringify(failure), token)).toEqual([]);
      expect(failure.atlas?.detail).toMatch(/^x \[redacted\] y \[redacted\]\S{0,3} z$/);
    },
  );

  test('is not left in part where the text is cut', async () => {
    const token = 'canary-0123456789-abcdefghij';
    const key = 'al-0123456789abcdefghijABCDEFGHIJ';
    const failures = Array.from({ length: 60 }, (_, at) => `${'x'.repeat(450 + at)} ${at % 2 === 0 ? token : key}`).map(
      (detail) => failureFrom(400, { detail }, {}, tokenOf(token)),
    );
    const text = JSON.stringify(await Promise.all(failures));
    expect([...leaksOf(text, token), ...leaksOf(text, key)]).toEqual([]);
  });
});
