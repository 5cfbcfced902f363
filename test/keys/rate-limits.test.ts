import { describe, expect, test } from 'vitest';
import { type Answer, type RequestContext } from '../../src/keys/request-context.ts';
import { listRateLimits, resetRateLimits, updateRateLimit } from '../../src/keys/rate-limits.ts';
import { originFor } from '../atlas/connection.ts';
import { containing, matching } from '../matching.ts';
import { GROUP, quiet, benchFor, type Bench } from './bench.ts';

async function freshBench(): Promise<Bench> {
  const bench = await benchFor({ timeoutMs: 500 });
  return bench;
}

const list = (bench: Bench, modelGroupName?: string) =>
  listRateLimits(bench.context(), { scope: { groupId: GROUP }, modelGroupName }, quiet());

const update = (bench: Bench, requestsPerMinuteLimit: number, modelGroupName = 'embed_large') =>
  updateRateLimit(
    bench.context(),
    { groupId: GROUP, modelGroupName, requestsPerMinuteLimit, tokensPerMinuteLimit: 1_000 },
    quiet(),
  );

const reset = (bench: Bench, modelGroupName?: string, call: Partial<RequestContext> = {}, confirm = 'never' as const) =>
  resetRateLimits({ ...bench.context(), confirm }, { groupId: GROUP, modelGroupName }, { ...quiet(), ...call });

const limitNow = async (bench: Bench) => {
  const rows = await list(bench, 'embed_large');
  return rows.ok ? rows.value[0]?.requestsPerMinuteLimit : rows.failure.code;
};

test('limits are listed, all or of one group', async () => {
  const bench = await freshBench();
  expect(await list(bench)).toMatchObject({ value: { length: 5 } });
  expect(await list(bench, 'rerank')).toMatchObject({ value: [{ modelGroupName: 'rerank' }] });
  expect(await list(bench, 'embed_lage')).toMatchObject({
    failure: { code: 'INVALID_INPUT', hint: matching(/^Use one of: embed_large/) },
  });
});

test('a change reports old and new', async () => {
  const bench = await freshBench();
  expect(await update(bench, 5)).toMatchObject({
    value: {
      rateLimit: { modelGroupName: 'embed_large', requestsPerMinuteLimit: 5, tokensPerMinuteLimit: 1_000 },
      previous: { requestsPerMinuteLimit: 2_000, tokensPerMinuteLimit: 3_000_000 },
    },
  });
  expect(await limitNow(bench)).toBe(5);
});

test('more than the organization has is refused: here where that can be seen, else by Atlas, with the field', async () => {
  const bench = await freshBench();
  expect(await update(bench, 2_001)).toMatchObject({
    failure: { code: 'INVALID_INPUT', hint: 'The organization has requestsPerMinuteLimit 2000.' },
  });
  bench.sandbox.inject({ operation: 'list_org_rate_limits', when: 'before', kind: 'status', status: 403 });
  expect(await update(bench, 2_001)).toMatchObject({
    failure: { atlas: { status: 400, fields: [{ field: 'requestsPerMinuteLimit' }] } },
  });
});

describe('a lost reply', () => {
  test('to a change is looked up', async () => {
    const bench = await freshBench();
    bench.sandbox.inject({ operation: 'update_rate_limit', when: 'after', kind: 'reset' });
    expect(await update(bench, 7)).toMatchObject({
      value: {
        previous: { requestsPerMinuteLimit: 2_000 },
        rateLimit: { requestsPerMinuteLimit: 7 },
      },
    });
    bench.sandbox.inject({ operation: 'update_rate_limit', when: 'before', kind: 'reset' });
    expect(await update(bench, 8)).toMatchObject({ failure: { code: 'ATLAS_UNAVAILABLE', retryable: true } });
    expect(bench.sandbox.requests.filter(({ operation }) => operation === 'update_rate_limit')).toHaveLength(2);
  });
  test('that cannot be looked up is unknown', async () => {
    const bench = await freshBench();
    bench.sandbox.inject({ operation: 'update_rate_limit', when: 'after', kind: 'reset' });
    bench.sandbox.inject({ operation: 'list_rate_limits', when: 'before', skip: 1, times: 50, kind: 'reset' });
    expect(await update(bench, 7)).toMatchObject({ failure: { code: 'ATLAS_OUTCOME_UNKNOWN' } });
  });
  test('to a reset is unknown, and it may be called again', async () => {
    const bench = await freshBench();
    bench.sandbox.inject({ operation: 'reset_rate_limits', when: 'after', kind: 'reset' });
    expect(await reset(bench)).toMatchObject({ failure: { code: 'ATLAS_OUTCOME_UNKNOWN', retryable: true } });
    expect(await reset(bench)).toMatchObject({ ok: true });
  });
});

describe('a reset', () => {
  test('of one group leaves the others', async () => {
    const bench = await freshBench();
    await update(bench, 5);
    await update(bench, 6, 'rerank');
    expect(await reset(bench, 'rerank')).toMatchObject({
      value: [{ modelGroupName: 'rerank', requestsPerMinuteLimit: 2_000, previous: { requestsPerMinuteLimit: 6 } }],
    });
    expect(await limitNow(bench)).toBe(5);
  });
  test('without a group is of all', async () => {
    const bench = await freshBench();
    await update(bench, 5);
    expect(await reset(bench)).toMatchObject({ value: { length: 5 } });
    expect(await limitNow(bench)).toBe(2_000);
  });
  test.each<[Answer, string | undefined, string]>([
    [{ answer: 'given', value: 'embed_large' }, 'embed_large', 'reset'],
    [{ answer: 'given', value: GROUP }, undefined, 'reset'],
    [{ answer: 'given', value: '' }, 'embed_large', 'DECLINED'],
    [{ answer: 'given', value: 'embed_large' }, undefined, 'DECLINED'],
    [{ answer: 'declined' }, undefined, 'DECLINED'],
    [{ answer: 'unavailable', because: 'silence' }, undefined, 'CONFIRMATION_UNAVAILABLE'],
  ])('whose form is answered %j for the group %s: %s', async (answer, modelGroupName, end) => {
    const bench = await freshBench();
    await update(bench, 5);
    const context = { ...bench.context(), confirm: 'if-supported' } as const;
    const call = { ...quiet(), ask: () => Promise.resolve(answer) };
    const outcome = await resetRateLimits(context, { groupId: GROUP, modelGroupName }, call);
    expect(outcome.ok ? 'reset' : outcome.failure.code).toBe(end);
    expect(await limitNow(bench)).toBe(end === 'reset' ? 2_000 : 5);
  });
});

describe('where the operator requires a person', () => {
  const set = (bench: Bench, requestsPerMinuteLimit: number, tokensPerMinuteLimit: number, answer?: Answer) =>
    updateRateLimit(
      { ...bench.context(), confirm: 'required' },
      { groupId: GROUP, modelGroupName: 'embed_large', requestsPerMinuteLimit, tokensPerMinuteLimit },
      { ...quiet(), ...(answer && { ask: () => Promise.resolve(answer) }) },
    );

  test('a limit below the present one is asked for, and one that is not is not', async () => {
    const bench = await freshBench();
    const rows = await list(bench, 'embed_large');
    const now = rows.ok ? rows.value[0] : undefined;
    const [requests, tokens] = [now?.requestsPerMinuteLimit ?? 0, now?.tokensPerMinuteLimit ?? 0];
    expect(await set(bench, requests, tokens)).toMatchObject({ ok: true });
    for (const [fewer, less] of [
      [requests - 1, tokens],
      [requests, tokens - 1],
    ] as const) {
      expect(await set(bench, fewer, less)).toMatchObject({ failure: { code: 'CONFIRMATION_UNAVAILABLE' } });
      expect(await set(bench, fewer, less, { answer: 'declined' })).toMatchObject({ failure: { code: 'DECLINED' } });
      expect(await limitNow(bench)).toBe(requests);
    }
    const typed = { answer: 'given', value: 'embed_large' } as const;
    expect(await set(bench, requests - 1, tokens, typed)).toMatchObject({ ok: true });
    expect(await limitNow(bench)).toBe(requests - 1);
  });
});

test('a limit that changes while the person reads is asked for again', async () => {
  const bench = await freshBench();
  await update(bench, 500);
  const context = { ...bench.context(), confirm: 'required' } as const;
  const asked = { groupId: GROUP, modelGroupName: 'embed_large', requestsPerMinuteLimit: 7 };
  const forms: string[] = [];
  const ask = async ({ message }: { message: string }): Promise<Answer> => {
    forms.push(message);
    await bench
      .context()
      .atlas.updateRateLimit(
        { groupId: GROUP, cloud: 'ANY', geography: 'ANY', modelGroupName: 'embed_large' },
        { requestsPerMinuteLimit: 500, tokensPerMinuteLimit: 250 },
      );
    return { answer: 'given', value: 'embed_large' };
  };
  expect(await updateRateLimit(context, asked, { ...quiet(), ask })).toMatchObject({
    ok: true,
    value: { rateLimit: { requestsPerMinuteLimit: 7, tokensPerMinuteLimit: 250 } },
  });
  expect(forms).toEqual([containing('1000 (now 1000)'), containing('250 (now 250)')]);
});

describe('a group with several limits', () => {
  const row = (cloud: string, geography: string, requestsPerMinuteLimit = 2_000) => ({
    ...{ modelGroupName: 'embed_large', modelNames: [], requestsPerMinuteLimit, tokensPerMinuteLimit: 9 },
    ...{ cloud, geography },
  });
  const rows = [row('any', 'any'), row('AWS', 'eu'), row('AWS', 'us', 5), { modelGroupName: 'rerank', modelNames: [] }];
  const path = (cloud: string, geography: string) =>
    `/aiModelApiClouds/${cloud}/geographies/${geography}/modelGroupNames/embed_large/rateLimits`;

  /** An Atlas that has these rows, and takes every change. */
  async function severalLimits() {
    const bench = await freshBench();
    const { url, arrivals } = await originFor((response, { method, path: asked, body }) => {
      const isReset = asked.endsWith(':reset');
      const sent: unknown = method === 'PATCH' ? JSON.parse(body) : {};
      const answer = method === 'PATCH' ? Object.assign(row('ANY', 'Any'), sent) : { results: rows };
      response.end(JSON.stringify(isReset ? row('ANY', 'ANY', 1) : asked.endsWith('/token') ? token : answer));
    });
    const context = { ...bench.context(), atlas: bench.connect(url.href), confirm: 'never' as const };
    const changes = () => arrivals.filter(({ method, path: asked }) => method !== 'GET' && !asked.endsWith('/token'));
    return { context, changes };
  }
  const token = { access_token: 'a-token-of-the-test', token_type: 'Bearer', expires_in: 3600 };
  const wanted = { groupId: GROUP, modelGroupName: 'embed_large', requestsPerMinuteLimit: 7 };

  test('has one of them changed by cloud and geography, whatever their case', async () => {
    const { context, changes } = await severalLimits();
    const any = await updateRateLimit(context, { ...wanted, cloud: 'ANY', geography: 'Any' }, quiet());
    expect(any).toMatchObject({
      value: {
        rateLimit: { requestsPerMinuteLimit: 7, tokensPerMinuteLimit: 9 },
        previous: { requestsPerMinuteLimit: 2_000, tokensPerMinuteLimit: 9 },
      },
    });
    expect(changes()).toMatchObject([{ method: 'PATCH', path: containing(path('any', 'any')) }]);
    expect(JSON.parse(changes()[0]?.body ?? '')).toEqual({ requestsPerMinuteLimit: 7, tokensPerMinuteLimit: 9 });
  });

  test('is confirmed by the id of the project where its name cannot be typed', async () => {
    const long = 'embed '.repeat(15).trim();
    const forms: string[] = [];
    const ask = ({ message }: { message: string }): Promise<Answer> => {
      forms.push(message);
      return Promise.resolve({ answer: 'given', value: message.split('\n').at(-1) ?? '' });
    };
    rows.push({ ...row('any', 'any'), modelGroupName: long });
    const { context } = await severalLimits();
    const call = { ...quiet(), ask };
    const choice = { groupId: GROUP, modelGroupName: long };
    await resetRateLimits({ ...context, confirm: 'required' }, choice, call);
    await updateRateLimit({ ...context, confirm: 'required' }, { ...choice, requestsPerMinuteLimit: 1 }, call);
    rows.pop();
    expect(forms.map((form) => form.split('\n').at(-1))).toEqual([GROUP, GROUP]);
    expect(
      forms
        .join('\n')
        .split('\n')
        .filter((line) => line.length > 71),
    ).toEqual([]);
  });

  test.each([{}, { cloud: 'aws' }])(
    'named by %j is not one of them: they are listed, and nothing is sent',
    async (more) => {
      const { context, changes } = await severalLimits();
      for (const outcome of [
        await updateRateLimit(context, { ...wanted, ...more }, quiet()),
        await resetRateLimits(context, { groupId: GROUP, modelGroupName: 'embed_large', ...more }, quiet()),
      ]) {
        expect(outcome).toMatchObject({
          failure: { code: 'INVALID_INPUT', hint: containing('cloud AWS with geography eu') },
        });
      }
      expect(changes()).toEqual([]);
    },
  );

  test('is told where it has limits, if not there', async () => {
    const { context, changes } = await severalLimits();
    expect(await updateRateLimit(context, { ...wanted, cloud: 'gcp' }, quiet())).toMatchObject({
      failure: { code: 'INVALID_INPUT', message: matching(/^cloud, geography: /), hint: containing('cloud any') },
    });
    expect(changes()).toEqual([]);
  });

  test('has one of them reset, and listed', async () => {
    const { context, changes } = await severalLimits();
    const choice = { groupId: GROUP, modelGroupName: 'Embed_Large', cloud: 'any' };
    expect(await resetRateLimits(context, choice, quiet())).toMatchObject({
      value: [{ requestsPerMinuteLimit: 1, previous: { requestsPerMinuteLimit: 2_000 } }],
    });
    expect(changes()).toMatchObject([{ method: 'POST', path: containing(`${path('any', 'any')}:reset`) }]);
    const scope = { groupId: GROUP };
    expect(await listRateLimits(context, { scope, cloud: 'aws' }, quiet())).toMatchObject({
      value: { length: 2 },
    });
    expect(await listRateLimits(context, { scope, geography: 'EU' }, quiet())).toMatchObject({ value: [rows[1]] });
  });

  test('is reset as a whole only without a cloud and a geography', async () => {
    const { context, changes } = await severalLimits();
    expect(await resetRateLimits(context, { groupId: GROUP, geography: 'eu' }, quiet())).toMatchObject({
      failure: { code: 'INVALID_INPUT', message: matching(/^modelGroupName: is required/) },
    });
    expect(changes()).toEqual([]);
  });

  test('a number that Atlas does not say must be given', async () => {
    const { context, changes } = await severalLimits();
    const asked = { groupId: GROUP, modelGroupName: 'rerank', requestsPerMinuteLimit: 1 };
    expect(await updateRateLimit(context, asked, quiet())).toMatchObject({
      failure: { code: 'INVALID_INPUT', message: matching(/^tokensPerMinuteLimit: /) },
    });
    expect(changes()).toEqual([]);
  });
});
