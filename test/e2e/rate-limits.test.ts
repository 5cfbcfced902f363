import { beforeEach, describe, expect, test } from 'vitest';
import { sandboxFor } from '../atlas-simulator/sandbox-for.ts';
import type { Simulator } from '../atlas-simulator/simulator.ts';
import { expectTheSameInText, rowsIn } from './content.ts';
import { credentialsFor, startHost, temporaryHome, type Host } from './host.ts';
import { structuredOf, textOf } from './result.ts';

const GROUP = '69681d39c9e8cfd375386316';
const LIST = 'list_ai_model_rate_limits';
const UPDATE = 'update_ai_model_rate_limit';
const RESET = 'reset_ai_model_rate_limits';
const EMBED = { modelGroupName: 'embed_large', requestsPerMinuteLimit: 2000, tokensPerMinuteLimit: 3_000_000 };
const LOWER = { modelGroupName: 'embed_large', requestsPerMinuteLimit: 100, tokensPerMinuteLimit: 5000 };
const SMALLER = { requestsPerMinuteLimit: 1, tokensPerMinuteLimit: 1 };

let sandbox: Simulator;
let host: Host;

beforeEach(async () => {
  sandbox = await sandboxFor();
  host = await startHost({ home: temporaryHome(), env: credentialsFor(sandbox) });
});

const changes = () => sandbox.requests.filter(({ method, operation }) => method !== 'GET' && operation !== 'token');
const limitOf = async (modelGroupName: string) =>
  (await host.call(LIST, { groupId: GROUP, modelGroupName })).structuredContent?.rateLimits;

describe('list', () => {
  test.each(['project', 'organization'])('the limits of each group of models of a(n) %s', async (what) => {
    const called = await host.call(LIST, what === 'project' ? { groupId: GROUP } : { orgId: sandbox.orgId });
    expect(called.structuredContent).toMatchObject({
      outcome: 'listed',
      rateLimits: [
        { ...EMBED, modelNames: ['voyage-3-large'], cloud: 'ANY', geography: 'ANY', endpoint: 'ai.mongodb.com' },
        { modelGroupName: 'embed_small' },
        { modelGroupName: 'embed_context' },
        { modelGroupName: 'embed_multimodal' },
        { modelGroupName: 'rerank' },
      ],
    });
    expectTheSameInText(called);
    expect(rowsIn(called)).toHaveLength(5);
  });
  test('of one group', async () => {
    expect(await limitOf('rerank')).toMatchObject([{ modelGroupName: 'rerank' }]);
  });
  test('an unknown group is told the groups there are', async () => {
    const { error } = structuredOf(await host.call(LIST, { groupId: GROUP, modelGroupName: 'embed_larg' }));
    expect(error).toMatchObject({ code: 'INVALID_INPUT', keyState: 'not_applicable' });
    expect(error?.hint).toContain('embed_large');
  });
});

describe('update', () => {
  test('sets both numbers, and says what they were', async () => {
    const called = await host.call(UPDATE, { groupId: GROUP, ...LOWER });
    const { requestsPerMinuteLimit, tokensPerMinuteLimit } = EMBED;
    expect(called.structuredContent).toMatchObject({
      outcome: 'updated',
      rateLimit: LOWER,
      previous: { requestsPerMinuteLimit, tokensPerMinuteLimit },
    });
    expectTheSameInText(called);
    expect(await limitOf('embed_large')).toMatchObject([LOWER]);
  });
  test('above the maximum of the organization is refused, and the maximum is said', async () => {
    const { error } = structuredOf(await host.call(UPDATE, { groupId: GROUP, ...LOWER, requestsPerMinuteLimit: 2001 }));
    expect(error).toMatchObject({ code: 'INVALID_INPUT' });
    expect(error?.hint).toContain('requestsPerMinuteLimit 2000');
    expect(changes()).toEqual([]);
  });
  test('of one number leaves the other, and says that what was to be raised was lowered', async () => {
    const called = await host.call(UPDATE, {
      groupId: GROUP,
      modelGroupName: 'EMBED_LARGE',
      requestsPerMinuteLimit: 500,
    });
    expect(called.structuredContent).toMatchObject({
      rateLimit: { requestsPerMinuteLimit: 500, tokensPerMinuteLimit: 3_000_000 },
      previous: { requestsPerMinuteLimit: 2_000, tokensPerMinuteLimit: 3_000_000 },
    });
    expect(textOf(called)).toContain(
      'The limits of "embed_large": requests per minute lowered from 2000 to 500, tokens per minute stays 3000000.',
    );
    const raised = await host.call(UPDATE, {
      groupId: GROUP,
      modelGroupName: 'embed_large',
      requestsPerMinuteLimit: 900,
    });
    expect(textOf(raised)).toContain('requests per minute raised from 500 to 900');
  });
  test('an unknown group changes nothing', async () => {
    const { error } = structuredOf(
      await host.call(UPDATE, { groupId: GROUP, ...SMALLER, modelGroupName: 'embed_huge' }),
    );
    expect(error?.code).toBe('INVALID_INPUT');
    expect(changes()).toEqual([]);
  });
});

describe('reset', () => {
  beforeEach(async () => {
    for (const modelGroupName of ['embed_large', 'rerank']) {
      await host.call(UPDATE, { groupId: GROUP, ...SMALLER, modelGroupName });
    }
  });
  test('of one group leaves the others', async () => {
    const called = await host.call(RESET, { groupId: GROUP, modelGroupName: 'embed_large' });
    expect(called.structuredContent).toMatchObject({ outcome: 'reset', rateLimits: [{ ...EMBED, previous: SMALLER }] });
    expectTheSameInText(called);
    expect(await limitOf('rerank')).toMatchObject([SMALLER]);
  });
  test('of all', async () => {
    const called = await host.call(RESET, { groupId: GROUP });
    expect(called.structuredContent).toMatchObject({ rateLimits: [{ ...EMBED, previous: SMALLER }, {}, {}, {}, {}] });
    expect(textOf(called)).toContain('Set 5 rate limits to the values of the organization; 2 changed.');
    expect(await limitOf('rerank')).toMatchObject([{ requestsPerMinuteLimit: 2000, tokensPerMinuteLimit: 4_000_000 }]);
  });
});
