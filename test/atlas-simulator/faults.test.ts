// Faults: every kind, before and after the request was carried out, with the true state as the judge.

import { describe, expect, test, vi } from 'vitest';
import { FAULT_KINDS, type Fault, type FaultKind, type FaultScope } from './faults.ts';
import type { Operation } from '../../src/sandbox/routes.ts';
import type { Simulator } from './simulator.ts';
import {
  askToken,
  basic,
  bearer,
  call,
  create,
  FIRST_PROJECT,
  KEYS,
  sandboxFor,
  type Received,
} from '../sandbox/client.ts';

const ELSEWHERE = 'http://127.0.0.1:9/elsewhere';

/** One fault of each kind that ends in an answer or in the end of the connection. */
const SAMPLES = {
  status: { kind: 'status', status: 503 },
  reset: { kind: 'reset' },
  delay: { kind: 'delay', ms: 5 },
  late: { kind: 'late', status: 504 },
  truncate: { kind: 'truncate' },
  flood: { kind: 'flood', bytes: 300_000 },
  garbage: { kind: 'garbage' },
  content_type: { kind: 'content_type', contentType: 'text/plain' },
  omit: { kind: 'omit', fields: ['secret'] },
  replace: { kind: 'replace', fields: { name: '\u001b[31mred' } },
  echo: { kind: 'echo' },
  redirect: { kind: 'redirect', status: 307, location: ELSEWHERE },
} as const satisfies Record<Exclude<FaultKind['kind'], 'stall'>, FaultKind>;

/** What a client sees of a create call that such a fault hits; undefined: no whole reply. */
const SEEN: Record<keyof typeof SAMPLES, (reply: Received) => unknown> = {
  status: ({ status, json }) => status === 503 && json.error === 503,
  reset: () => false,
  delay: ({ status, json }) => status === 201 && 'secret' in json,
  late: ({ status, text, headers }) =>
    status === 504 && text.includes('<h1>') && headers.get('content-type') === 'text/html;charset=utf-8',
  truncate: () => false,
  flood: ({ status, text, json }) => status === 201 && text.length === 300_000 && 'secret' in json,
  garbage: ({ status, text, json }) => status === 201 && Object.keys(json).length === 0 && text.includes('al-sandbox-'),
  content_type: ({ status, headers, json }) =>
    status === 201 && headers.get('content-type') === 'text/plain' && 'secret' in json,
  omit: ({ status, json }) => status === 201 && !('secret' in json) && 'apiKeyId' in json,
  replace: ({ status, json }) => status === 201 && json.name === '\u001b[31mred' && 'secret' in json,
  echo: ({ status, text }) => status === 400 && text.includes('Bearer '),
  redirect: ({ status, headers, text }) => status === 307 && headers.get('location') === ELSEWHERE && text === '',
};

const BROKEN: readonly string[] = ['reset', 'truncate'];

function isSample(kind: FaultKind['kind']): kind is keyof typeof SAMPLES {
  return kind in SAMPLES;
}

function lengthOf(part: unknown): number {
  return part instanceof Uint8Array ? part.length : 0;
}

async function outcome(reply: Promise<Received>): Promise<Received | undefined> {
  return reply.catch(() => undefined);
}

describe.each(['before', 'after'] as const)('%s', (when) => {
  test.each(FAULT_KINDS.filter(isSample))('%s of a create call', async (kind) => {
    const sandbox = await sandboxFor();
    const carriedOut = when === 'after' || kind === 'delay';
    sandbox.inject({ operation: 'create_key', when, ...SAMPLES[kind] });
    const reply = await outcome(create(sandbox));
    if (BROKEN.includes(kind)) expect(reply).toBeUndefined();
    else expect(reply && SEEN[kind](reply)).toBe(true);
    expect(sandbox.keys()).toHaveLength(carriedOut ? 1 : 0);
    expect(sandbox.requests).toMatchObject([{ operation: 'create_key', carriedOut }]);
    expect(sandbox.requests[0]?.status).toBe(kind === 'reset' ? 'reset' : (reply?.status ?? 201));
    expect(sandbox.pendingFaults).toEqual([]);
    expect((await create(sandbox)).status).toBe(201);
  });

  test('stall of a create call', async () => {
    const sandbox = await sandboxFor();
    sandbox.inject({ operation: 'create_key', when, kind: 'stall' });
    let answered = false;
    const stalled = create(sandbox).finally(() => {
      answered = true;
    });
    stalled.catch(() => undefined);
    await vi.waitFor(() => {
      expect(sandbox.pendingFaults).toEqual([]);
    });
    expect((await call(sandbox, 'GET', KEYS)).rows).toHaveLength(when === 'after' ? 1 : 0);
    expect(answered).toBe(false);
    expect(sandbox.requests[0]).toMatchObject({ status: 'none', carriedOut: when === 'after' });
    await sandbox.close();
    await expect(stalled).rejects.toThrow();
  });

  test.each<[Operation, string, unknown]>([
    ['list_keys', 'GET', undefined],
    ['update_key', 'PATCH', { name: 'new' }],
    ['delete_key', 'DELETE', undefined],
  ])('%s: every kind leaves what it says', async (operation, method, body) => {
    for (const kind of FAULT_KINDS.filter(isSample)) {
      const sandbox = await sandboxFor();
      const { apiKeyId } = sandbox.addKey(FIRST_PROJECT, { name: 'old' });
      sandbox.inject({ operation, when, ...SAMPLES[kind] });
      const path = operation === 'list_keys' ? KEYS : `${KEYS}/${apiKeyId}`;
      const reply = await outcome(call(sandbox, method, path, { body }));
      expect([kind, reply === undefined]).toEqual([kind, BROKEN.includes(kind)]);
      const done = when === 'after' || kind === 'delay';
      const left = { list_keys: ['old'], update_key: [done ? 'new' : 'old'], delete_key: done ? [] : ['old'] };
      expect([kind, sandbox.keys().map(({ name }) => name)]).toEqual([
        kind,
        operation === 'update_key' ? left.update_key : operation === 'delete_key' ? left.delete_key : left.list_keys,
      ]);
    }
  });
});

describe('the queue', () => {
  const statuses = async (sandbox: Simulator, count: number) => {
    const seen = [];
    for (let n = 0; n < count; n += 1) seen.push((await call(sandbox, 'GET', KEYS)).status);
    return seen;
  };
  const fault = (status: number, scope: Partial<FaultScope> = {}): Fault => ({
    operation: 'list_keys',
    when: 'before',
    ...scope,
    kind: 'status',
    status,
  });

  test('a fault hits once, or as often as it says, after as many as it lets go', async () => {
    const sandbox = await sandboxFor();
    sandbox.inject(fault(500));
    expect(await statuses(sandbox, 2)).toEqual([500, 200]);
    sandbox.inject(fault(502, { times: 2, skip: 1 }));
    expect(await statuses(sandbox, 4)).toEqual([200, 502, 502, 200]);
  });

  test('faults hit in the order in which they came, each a request of its own', async () => {
    const sandbox = await sandboxFor();
    for (const status of [500, 503, 429]) sandbox.inject(fault(status));
    expect(await statuses(sandbox, 4)).toEqual([500, 503, 429, 200]);
  });

  test('a fault of another operation waits; `any` is hit by each', async () => {
    const sandbox = await sandboxFor();
    sandbox.inject(fault(500, { operation: 'delete_key' }));
    expect(await statuses(sandbox, 1)).toEqual([200]);
    sandbox.inject(fault(503, { operation: 'any' }));
    expect((await call(sandbox, 'GET', '/groups')).status).toBe(503);
    expect(sandbox.pendingFaults).toMatchObject([{ operation: 'delete_key' }]);
    sandbox.clearFaults();
    expect(sandbox.pendingFaults).toEqual([]);
  });

  test('a delay before and an error after can hit one request', async () => {
    const sandbox = await sandboxFor();
    sandbox.inject({ operation: 'create_key', when: 'before', kind: 'delay', ms: 1 });
    sandbox.inject({ operation: 'create_key', when: 'after', kind: 'status', status: 500 });
    expect((await create(sandbox)).status).toBe(500);
    expect(sandbox.keys()).toHaveLength(1);
  });

  test('a request without credentials, or a refused one with `after`, uses no fault up', async () => {
    const sandbox = await sandboxFor();
    sandbox.inject({ operation: 'create_key', when: 'before', kind: 'status', status: 500 });
    expect((await call(sandbox, 'POST', KEYS, { authorization: null, body: {} })).status).toBe(401);
    sandbox.clearFaults();
    sandbox.inject({ operation: 'create_key', when: 'after', kind: 'status', status: 500 });
    expect((await create(sandbox, {})).status).toBe(400);
    expect(sandbox.pendingFaults).toHaveLength(1);
  });
});

describe('the kinds in detail', () => {
  test('status: the error of Atlas in every part, and headers', async () => {
    const sandbox = await sandboxFor();
    const errorCode = 'IP_ADDRESS_NOT_ON_ACCESS_LIST';
    const text = { errorCode, reason: 'Forbidden', detail: 'd', parameters: ['1.2.3.4', 5] };
    const fields = [{ field: 'f', description: 'd' }];
    const headers = { 'Retry-After': '7', 'RateLimit-Remaining': '0' };
    sandbox.inject({ operation: 'list_keys', when: 'before', kind: 'status', status: 403, ...text, fields, headers });
    const reply = await call(sandbox, 'GET', KEYS);
    expect(reply.json).toEqual({ error: 403, ...text, badRequestDetail: { fields } });
    expect(reply.headers.get('content-type')).toBe('application/json');
    expect([reply.headers.get('retry-after'), reply.headers.get('ratelimit-remaining')]).toEqual(['7', '0']);
  });

  test.each<[string, Pick<Extract<Fault, { kind: 'status' }>, 'body' | 'contentType'>, string, string | null]>([
    ['nothing', { body: '' }, '', null],
    ['HTML', { body: '<h1>502</h1>' }, '<h1>502</h1>', 'text/html;charset=utf-8'],
    ['bytes of a type', { body: Buffer.from('x'), contentType: 'image/png' }, 'x', 'image/png'],
  ])('status: a body of %s', async (_what, raw, text, contentType) => {
    const sandbox = await sandboxFor();
    sandbox.inject({ operation: 'list_keys', when: 'before', kind: 'status', status: 502, ...raw });
    const reply = await call(sandbox, 'GET', KEYS);
    expect([reply.status, reply.text, reply.headers.get('content-type')]).toEqual([502, text, contentType]);
  });

  test('the token endpoint: 429 in the shape of Atlas, with no token issued; and every other kind', async () => {
    const sandbox = await sandboxFor();
    sandbox.inject({ operation: 'token', when: 'before', kind: 'status', status: 429, errorCode: 'RATE_LIMITED' });
    expect(await askToken(sandbox)).toMatchObject({ status: 429, json: { error: 429, errorCode: 'RATE_LIMITED' } });
    sandbox.inject({ operation: 'token', when: 'after', kind: 'omit', fields: ['access_token'] });
    expect((await askToken(sandbox)).json).toEqual({ expires_in: 3600, token_type: 'Bearer' });
    sandbox.inject({ operation: 'token', when: 'before', kind: 'garbage' });
    const { text } = await askToken(sandbox);
    const token = /"access_token":"([^"]+)"/.exec(text)?.[1] ?? 'none';
    expect((await call(sandbox, 'GET', KEYS, { authorization: `Bearer ${token}` })).status).toBe(401);
  });

  test('omit and replace reach into each row of a page, and into the page', async () => {
    const sandbox = await sandboxFor();
    for (const name of ['a', 'b']) sandbox.addKey(FIRST_PROJECT, { name });
    sandbox.inject({ operation: 'list_keys', when: 'after', kind: 'omit', fields: ['apiKeyId', 'totalCount'] });
    const omitted = await call(sandbox, 'GET', KEYS);
    expect(omitted.rows.map((row) => ['apiKeyId' in row, row.name])).toEqual([
      [false, 'a'],
      [false, 'b'],
    ]);
    expect(omitted.json).not.toHaveProperty('totalCount');
    sandbox.inject({ operation: 'list_keys', when: 'after', kind: 'replace', fields: { name: '\u202e', links: [] } });
    const replaced = await call(sandbox, 'GET', KEYS);
    expect(replaced.rows.map(({ name }) => name)).toEqual(['\u202e', '\u202e']);
    expect(replaced.json.links).toEqual([]);
  });

  test('truncate: the whole length is announced, half is sent', async () => {
    const sandbox = await sandboxFor();
    sandbox.inject({ operation: 'create_key', when: 'after', kind: 'truncate' });
    const reply = await fetch(`${sandbox.baseUrl}/api/atlas/v2${KEYS}`, {
      method: 'POST',
      headers: {
        authorization: bearer(sandbox),
        accept: 'application/vnd.atlas.2025-03-12+json',
        'content-type': 'application/vnd.atlas.2025-03-12+json',
      },
      body: '{"name":"n","cloud":"ANY","geography":"ANY"}',
    });
    const announced = Number(reply.headers.get('content-length'));
    let got = 0;
    const reader = reply.body?.getReader();
    const read = async () => {
      for (let part = await reader?.read(); part?.value; part = await reader?.read()) got += lengthOf(part.value);
    };
    await expect(read()).rejects.toThrow();
    expect([reply.status, got]).toEqual([201, Math.floor(announced / 2)]);
  });

  test.each([SAMPLES.garbage, SAMPLES.flood])('$kind: a reply without a body gets one', async (kind) => {
    const sandbox = await sandboxFor();
    const { apiKeyId } = sandbox.addKey(FIRST_PROJECT, { name: 'n' });
    sandbox.inject({ operation: 'delete_key', when: 'after', ...kind });
    const reply = await call(sandbox, 'DELETE', `${KEYS}/${apiKeyId}`);
    expect([reply.status, reply.text.length > 0, sandbox.keys()]).toEqual([200, true, []]);
  });

  test('flood: a reader that has enough can leave', async () => {
    const sandbox = await sandboxFor();
    sandbox.inject({ operation: 'list_keys', when: 'after', kind: 'flood', bytes: 10_000_000_000 });
    const reply = await fetch(`${sandbox.baseUrl}/api/atlas/v2${KEYS}`, {
      headers: { authorization: bearer(sandbox), accept: 'application/vnd.atlas.2025-03-12+json' },
    });
    const reader = reply.body?.getReader();
    expect(lengthOf((await reader?.read())?.value)).toBeGreaterThan(0);
    await reader?.cancel();
    expect((await call(sandbox, 'GET', KEYS)).status).toBe(200);
  });

  test.each([301, 302, 307, 308] as const)('redirect %s names the place and nothing else', async (status) => {
    const sandbox = await sandboxFor();
    const location = `${sandbox.baseUrl}/api/atlas/v2/groups`;
    sandbox.inject({ operation: 'list_keys', when: 'before', kind: 'redirect', status, location });
    const reply = await call(sandbox, 'GET', KEYS);
    expect([reply.status, reply.headers.get('location'), reply.text]).toEqual([status, location, '']);
  });

  test('delay: a request whose sender left is carried out all the same', async () => {
    const sandbox = await sandboxFor();
    sandbox.inject({ operation: 'create_key', when: 'before', kind: 'delay', ms: 200 });
    const leave = new AbortController();
    const sent = fetch(`${sandbox.baseUrl}/api/atlas/v2${KEYS}`, {
      method: 'POST',
      signal: leave.signal,
      headers: {
        authorization: bearer(sandbox),
        accept: 'application/vnd.atlas.2025-03-12+json',
        'content-type': 'application/vnd.atlas.2025-03-12+json',
      },
      body: '{"name":"n","cloud":"ANY","geography":"ANY"}',
    });
    await vi.waitFor(() => {
      expect(sandbox.requests).toHaveLength(1);
    });
    leave.abort();
    await expect(sent).rejects.toThrow();
    await vi.waitFor(() => {
      expect(sandbox.keys()).toHaveLength(1);
    });
    expect(sandbox.requests).toMatchObject([{ status: 'none', carriedOut: true }]);
  });
});

describe('late', () => {
  const late = { operation: 'create_key', when: 'before', kind: 'late' } as const;

  test.each([
    [504, '', ''],
    [503, undefined, '<html><body><h1>503</h1></body></html>'],
    [408, '<p>slow</p>', '<p>slow</p>'],
  ])('%i: answered at once, carried out when the test says so, in order', async (status, body, text) => {
    const sandbox = await sandboxFor();
    sandbox.inject({ ...late, times: 3, status, ...(body !== undefined && { body }) });
    const named = (name: string) => create(sandbox, { name, cloud: 'ANY', geography: 'ANY' });
    for (const name of ['a', 'b', 'c']) expect(await named(name)).toMatchObject({ status, text });
    expect([sandbox.keys(), sandbox.requests.map(({ carriedOut }) => carriedOut)]).toEqual([[], [false, false, false]]);
    expect(sandbox.commitLate(1)).toBe(1);
    expect(sandbox.keys().map(({ name }) => name)).toEqual(['a']);
    expect(sandbox.commitLate()).toBe(2);
    expect(sandbox.keys().map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    expect([sandbox.commitLate(), sandbox.keys().length]).toEqual([0, 3]);
    expect(sandbox.requests).toMatchObject([{ carriedOut: true }, { carriedOut: true }, { carriedOut: true }]);
  });

  test('a reset: and after its time it is carried out by itself, once', async () => {
    const sandbox = await sandboxFor();
    sandbox.inject({ ...late, status: 'reset', ms: 20 });
    await expect(create(sandbox)).rejects.toThrow();
    await vi.waitFor(() => {
      expect(sandbox.keys()).toHaveLength(1);
    });
    expect(sandbox.commitLate()).toBe(0);
  });

  test('carried out by the rules that are in force then, or never', async () => {
    const sandbox = await sandboxFor({ uniqueNames: 'always' });
    sandbox.inject({ ...late, status: 504 });
    await create(sandbox);
    const { apiKeyId } = sandbox.addKey(FIRST_PROJECT, { name: 'n' });
    expect([sandbox.commitLate(), sandbox.keys().length]).toEqual([1, 1]);
    sandbox.inject({ ...late, operation: 'delete_key', status: 504, ms: 3_600_000 });
    expect((await call(sandbox, 'DELETE', `${KEYS}/${apiKeyId}`)).status).toBe(504);
    await sandbox.close();
    expect([sandbox.commitLate(), sandbox.keys().length]).toEqual([1, 1]);
  });
});

describe('echo', () => {
  const forms = (value: string) => [
    value,
    Buffer.from(value).toString('base64'),
    Buffer.from(value).toString('hex'),
    encodeURIComponent(value),
  ];
  const everywhere = ({ headers, statusText, json }: Received) => {
    const detail: unknown = json.badRequestDetail;
    const { errorCode, reason, detail: text, parameters } = json;
    const parts = [errorCode, reason, text, parameters, detail, headers.get('x-request-echo'), statusText];
    return parts.map((part) => JSON.stringify(part));
  };

  test("with `after` every text has the key's secret and the Authorization header, in all forms", async () => {
    const sandbox = await sandboxFor();
    sandbox.inject({ operation: 'create_key', when: 'after', kind: 'echo' });
    const reply = await create(sandbox);
    const secret = sandbox.keys()[0]?.secret ?? '';
    expect(reply.status).toBe(400);
    const looked = [...forms(secret), ...forms(bearer(sandbox)), ...forms(sandbox.credentials.accessToken)];
    for (const part of everywhere(reply)) expect(looked.filter((form) => !part.includes(form))).toEqual([]);
    expect(secret).not.toBe('');
  });

  test('with `before` it has only the header, under the status asked for', async () => {
    const sandbox = await sandboxFor();
    sandbox.inject({ operation: 'create_key', when: 'before', kind: 'echo', status: 500 });
    const reply = await create(sandbox);
    expect([reply.status, sandbox.keys()]).toEqual([500, []]);
    for (const part of everywhere(reply)) expect(part).toContain(bearer(sandbox));
    expect(reply.text).not.toContain('al-sandbox');
  });

  test('at the token endpoint it has the client secret, and with `after` the token', async () => {
    const sandbox = await sandboxFor();
    const { clientId, clientSecret } = sandbox.credentials;
    sandbox.inject({ operation: 'token', when: 'after', kind: 'echo', status: 401 });
    const reply = await askToken(sandbox);
    const looked = [...forms(clientSecret), basic(clientId, clientSecret), 'sandbox-token.'];
    for (const part of everywhere(reply)) expect(looked.filter((form) => !part.includes(form))).toEqual([]);
  });
});
