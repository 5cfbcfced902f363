// Every row of the error table, over real HTTP: what a person is told to do, and what is known of the outcome.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ErrorCode } from '../../../src/failure.ts';
import type { FaultKind } from '../../atlas-simulator/faults.ts';
import {
  connect,
  connectByToken,
  failureOf,
  NEW_KEY,
  originOf,
  PROJECT,
  sandboxFor,
  serviceAccountOf,
  tokenOf,
  valueOf,
} from '../connection.ts';

type ErrorFault = Omit<Extract<FaultKind, { kind: 'status' }>, 'kind'>;

/** The failure of a create, which no error makes this server send again. */
async function failureAfter(fault: ErrorFault) {
  const sandbox = await sandboxFor();
  sandbox.inject({ operation: 'create_key', when: 'before', kind: 'status', ...fault });
  return failureOf(await connectByToken(sandbox).createKey(NEW_KEY));
}

interface Row {
  readonly fault: ErrorFault;
  readonly code: ErrorCode;
  /** The essential words of message and hint. */
  readonly words: readonly string[];
  readonly retryable?: true;
  readonly maybeCarriedOut?: true;
}

const FIELDS = [
  { field: 'geography', description: 'is unknown' },
  { field: 'name', description: 'is too long' },
];
const ROLE = ['role Project Model Owner', 'grants'];
const NO_KNOWN_ROLE = ['atlas.detail', 'policy', 'role that the credential lacks'];
const ENDED = ['refuses the credential', 'may have ended', 'makes a new one', 'MONGODB_ATLAS_ACCESS_TOKEN'];
const OTHER_PROJECT = ['another organization or project', 'groupId'];
const API_ACCESS_LIST = ['API access list', 'service account or API key'];

const ROWS: readonly Row[] = [
  ...['VALIDATION_ERROR', 'INVALID_ATTRIBUTE', 'MISSING_ATTRIBUTE', 'INVALID_ENUM_VALUE'].map((errorCode): Row => ({
    fault: { status: 400, errorCode, fields: FIELDS },
    code: 'ATLAS_REJECTED',
    words: ['Correct geography, name', 'atlas.fields'],
  })),
  {
    fault: { status: 400, errorCode: 'VALIDATION_ERROR' },
    code: 'ATLAS_REJECTED',
    words: ['Correct the request', 'atlas.detail'],
  },
  {
    fault: { status: 401, body: '' },
    code: 'ATLAS_UNAUTHENTICATED',
    words: ['wrong or has expired', 'makes a new one', 'MONGODB_ATLAS_ACCESS_TOKEN'],
    maybeCarriedOut: true,
  },
  { fault: { status: 401, errorCode: 'USER_UNAUTHORIZED' }, code: 'ATLAS_FORBIDDEN', words: ROLE },
  { fault: { status: 403, errorCode: 'USER_UNAUTHORIZED' }, code: 'ATLAS_FORBIDDEN', words: ROLE },
  ...['NOT_ORG_GROUP_CREATOR', 'SOME_CODE_OF_TOMORROW'].map((errorCode): Row => ({
    fault: { status: 401, errorCode },
    code: 'ATLAS_UNAUTHENTICATED',
    words: [errorCode, ...ENDED],
  })),
  ...['NOT_IN_GROUP', 'USER_CANNOT_ACCESS_GROUP', 'USER_CANNOT_ACCESS_ORG'].map((errorCode): Row => ({
    fault: { status: 401, errorCode },
    code: 'ATLAS_FORBIDDEN',
    words: OTHER_PROJECT,
  })),
  ...['ACCOUNT_SUSPENDED', 'NO_PAYMENT_INFORMATION_FOUND'].map((errorCode): Row => ({
    fault: { status: 402, errorCode },
    code: 'ATLAS_REJECTED',
    words: ['billing', 'payment'],
  })),
  {
    fault: { status: 403, errorCode: 'IP_ADDRESS_NOT_ON_ACCESS_LIST', parameters: ['203.0.113.7'] },
    code: 'ATLAS_IP_NOT_ALLOWED',
    words: ['203.0.113.7', ...API_ACCESS_LIST, "not to the project's network access list"],
  },
  {
    fault: { status: 403, errorCode: 'IP_ADDRESS_NOT_ON_ACCESS_LIST', parameters: ['2001:db8::7/128'] },
    code: 'ATLAS_IP_NOT_ALLOWED',
    words: ['2001:db8::7/128'],
  },
  {
    fault: { status: 403, errorCode: 'IP_ADDRESS_NOT_ON_ACCESS_LIST' },
    code: 'ATLAS_IP_NOT_ALLOWED',
    words: ['The IP address of this machine', ...API_ACCESS_LIST],
  },
  {
    fault: { status: 403, errorCode: 'ORG_REQUIRES_ACCESS_LIST' },
    code: 'ATLAS_IP_NOT_ALLOWED',
    words: ['the credential has none', 'makes one', ...API_ACCESS_LIST],
  },
  ...['CANNOT_CHANGE_GROUP_NAME', 'FEATURE_UNSUPPORTED', 'ACCESS_FORBIDDEN', 'RESOURCE_POLICY_VIOLATED'].map(
    (errorCode): Row => ({
      fault: { status: 403, errorCode },
      code: 'ATLAS_FORBIDDEN',
      words: [errorCode, ...NO_KNOWN_ROLE],
    }),
  ),
  { fault: { status: 404, errorCode: 'GROUP_NOT_FOUND' }, code: 'ATLAS_NOT_FOUND', words: ['no project', 'groupId'] },
  { fault: { status: 404, errorCode: 'ORG_NOT_FOUND' }, code: 'ATLAS_NOT_FOUND', words: ['no organization', 'orgId'] },
  { fault: { status: 404, errorCode: 'RESOURCE_NOT_FOUND' }, code: 'ATLAS_NOT_FOUND', words: ['deleted already'] },
  ...[408, 499].map((status): Row => ({
    fault: { status, body: '<h1>Timeout</h1>' },
    code: 'ATLAS_UNAVAILABLE',
    words: [`${status}`, 'Try again later'],
    retryable: true,
    maybeCarriedOut: true,
  })),
  ...['DUPLICATE_NAME', 'SOME_CODE_OF_TOMORROW'].map((errorCode): Row => ({
    fault: { status: 409, errorCode },
    code: 'ATLAS_REJECTED',
    words: ['conflict', errorCode, 'Most likely the name is in use', 'choose another name'],
  })),
  ...['RATE_LIMITED', 'RATE_LIMITED_TOKEN_BUCKET'].map((errorCode): Row => ({
    fault: { status: 429, errorCode },
    code: 'ATLAS_RATE_LIMITED',
    words: ['retryAfterSeconds'],
    retryable: true,
  })),
  {
    fault: { status: 500, errorCode: 'UNEXPECTED_ERROR' },
    code: 'ATLAS_UNAVAILABLE',
    words: ['500'],
    retryable: true,
    maybeCarriedOut: true,
  },
  {
    fault: { status: 503, body: '<h1>Unavailable</h1>' },
    code: 'ATLAS_UNAVAILABLE',
    words: ['503'],
    retryable: true,
    maybeCarriedOut: true,
  },
];

describe('the error table', () => {
  test.each(ROWS.map((row) => ({ ...row, name: `${row.fault.status} ${row.fault.errorCode ?? ''}` })))(
    '$name',
    async ({ fault, code, words, ...row }) => {
      const failure = await failureAfter({ detail: 'What Atlas says.', ...fault });
      const { status, errorCode, body } = fault;
      expect(failure).toMatchObject({
        code,
        retryable: row.retryable ?? false,
        maybeCarriedOut: row.maybeCarriedOut ?? false,
      });
      expect(failure.atlas).toMatchObject(
        body === undefined ? { status, errorCode, detail: 'What Atlas says.' } : { status },
      );
      for (const word of words) expect(`${failure.message} ${failure.hint}`).toContain(word);
      expect(failure).not.toHaveProperty('retryAfterSeconds');
    },
  );

  test('a code as long as Atlas has some is kept, since advice hangs on there being one', async () => {
    const errorCode = 'CANNOT_CREATE_AI_MODEL_API_KEY_WITHOUT_AN_ACCEPTED_AGREEMENT';
    expect(await failureAfter({ status: 403, errorCode })).toMatchObject({
      code: 'ATLAS_FORBIDDEN',
      atlas: { errorCode },
    });
  });

  test('a list needs another role than a create', async () => {
    const sandbox = await sandboxFor();
    sandbox.inject({
      operation: 'list_keys',
      when: 'before',
      kind: 'status',
      status: 401,
      errorCode: 'USER_UNAUTHORIZED',
    });
    expect(failureOf(await connectByToken(sandbox).listKeys(PROJECT)).hint).toContain('role Project Read Only');
  });

  test.each([
    ['400', 'ATLAS_REJECTED', 'VALIDATION_ERROR'],
    ['401', 'ATLAS_UNAUTHENTICATED', 'NOT_ORG_GROUP_CREATOR'],
    ['403', 'ATLAS_FORBIDDEN', 'CANNOT_CHANGE_GROUP_NAME'],
    ['404', 'ATLAS_NOT_FOUND', 'RESOURCE_NOT_FOUND'],
    ['500', 'ATLAS_UNAVAILABLE', 'UNEXPECTED_ERROR'],
  ])('the published example of a %s', async (status, code, errorCode) => {
    const sample = await readFile(join(import.meta.dirname, 'fixtures', `error-${status}.json`), 'utf8');
    const { url } = await originOf(Number(status), sample, { 'content-type': 'application/json' });
    const failure = failureOf(await connect(url, tokenOf('a-token-of-the-test')).createKey(NEW_KEY));
    expect(failure).toMatchObject({ code, atlas: { status: Number(status), errorCode } });
    expect(failure.atlas?.detail).toMatch(/^\(This is just an example/);
  });
});

describe('a page that is not of Atlas', () => {
  const PAGES = { html: '<h1>Access denied: grant a role</h1>', json: '{"error":"access_denied"}', text: 'no' };
  const STATUSES = [400, 402, 403, 404, 406, 407, 409, 410, 418];

  test.each(
    [...STATUSES, 401].flatMap((status) => Object.entries(PAGES).map(([form, body]) => ({ status, form, body }))),
  )("$status ($form) is named as such, and is nobody's role, id or credential", async ({ status, body }) => {
    const { code, message, hint, maybeCarriedOut, atlas } = await failureAfter({ status, body });
    expect({ code, maybeCarriedOut, atlas }).toEqual({
      code: 'ATLAS_PROTOCOL',
      maybeCarriedOut: true,
      atlas: expect.objectContaining({ status }) as unknown,
    });
    expect(message).toContain('Something between this server and Atlas answered');
    expect(hint).toMatch(/HTTPS_PROXY.*NO_PROXY/);
    expect(`${message} ${hint}`).not.toMatch(/role|credential|\bids?\b|version/i);
  });

  test.each(STATUSES)('an empty %i does not come from Atlas either', async (status) => {
    expect((await failureAfter({ status, body: '' })).code).toBe('ATLAS_PROTOCOL');
  });

  test('a challenge for a digest is, whatever page comes with it', async () => {
    const headers = { 'www-authenticate': 'Digest realm="MMS Public API", nonce="x", algorithm=MD5, qop="auth"' };
    expect(await failureAfter({ status: 401, body: '<h1>No</h1>', headers })).toMatchObject({
      code: 'ATLAS_UNAUTHENTICATED',
    });
  });

  test.each([
    [403, '<h1>No</h1>', 'ATLAS_PROTOCOL'],
    [401, '<h1>No</h1>', 'ATLAS_PROTOCOL'],
    [401, '', 'ATLAS_UNAUTHENTICATED'],
    [401, '{"error":"invalid_client"}', 'ATLAS_UNAUTHENTICATED'],
    [403, '{"error":"access_denied"}', 'ATLAS_RATE_LIMITED'],
  ])('the token endpoint: %i %j is %s', async (status, body, code) => {
    const sandbox = await sandboxFor();
    sandbox.inject({ operation: 'token', when: 'before', times: 9, kind: 'status', status, body });
    expect(failureOf(await connect(sandbox, serviceAccountOf(sandbox)).listKeys(PROJECT)).code).toBe(code);
  });
});

describe('how long to wait', () => {
  const after = (value: string) => failureAfter({ status: 429, headers: { 'retry-after': value } });

  test.each(['0', '1', '120'])('%s seconds', async (seconds) => {
    expect((await after(seconds)).retryAfterSeconds).toBe(Number(seconds));
  });

  test('until a date', async () => {
    const seconds = (await after(new Date(Date.now() + 3_600_000).toUTCString())).retryAfterSeconds;
    // The date has whole seconds, and a test may be slow.
    expect(seconds).toBeGreaterThan(3_000);
    expect(seconds).toBeLessThanOrEqual(3_600);
  });

  test('a date that has passed is now', async () => {
    expect((await after('Wed, 21 Oct 2015 07:28:00 GMT')).retryAfterSeconds).toBe(0);
  });

  test.each(['', 'soon', '-5', '1.5', '1e3', '12345678', '3, 4', 'Jan 2031', 'Ignore that GMT'])(
    '%j is as good as nothing',
    async (value) => {
      expect(await after(value)).not.toHaveProperty('retryAfterSeconds');
    },
  );

  test('of a 503 too', async () => {
    expect((await failureAfter({ status: 503, headers: { 'retry-after': '30' } })).retryAfterSeconds).toBe(30);
  });
});

test('a real refusal of the sandbox, with its fields', async () => {
  const sandbox = await sandboxFor();
  const atlas = connectByToken(sandbox);
  const failure = failureOf(await atlas.createKey({ ...NEW_KEY, geography: 'mars' }));
  expect(failure).toMatchObject({
    code: 'ATLAS_REJECTED',
    maybeCarriedOut: false,
    atlas: { status: 400, errorCode: 'INVALID_ENUM_VALUE', parameters: ['geography'] },
  });
  expect(failure.hint).toContain('Correct geography;');
  expect(failure.atlas?.fields).toEqual([{ field: 'geography', description: 'must be one of ANY, eu, us' }]);
  expect(failureOf(await atlas.listKeys('0'.repeat(24)))).toMatchObject({
    code: 'ATLAS_NOT_FOUND',
    atlas: { errorCode: 'GROUP_NOT_FOUND' },
  });
  expect(valueOf(await atlas.listKeys(PROJECT))).toEqual([]);
});
