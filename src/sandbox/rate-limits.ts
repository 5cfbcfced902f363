// The calls on rate limits: what a project may use of each group of models, up to what its organization has.

import { isPreview, readJson, segment, type Call, type Handler } from './call.ts';
import { invalidAttributes, refusedId, type AttributeProblem } from './errors.ts';
import { endpointOf } from './model-key.ts';
import { pageOf } from './pages.ts';
import { success, type Json, type Reply } from './reply.ts';
import type { Limits, World } from './world.ts';

interface ModelGroup {
  readonly modelGroupName: string;
  readonly modelNames: readonly string[];
  /** What the organization has: a project's default, and the most that it can set. */
  readonly maximum: Limits;
}

const MODEL_GROUPS: readonly ModelGroup[] = [
  group('embed_large', ['voyage-3-large'], 2000, 3_000_000),
  group('embed_small', ['voyage-3.5-lite'], 4000, 16_000_000),
  group('embed_context', ['voyage-context-3'], 2000, 3_000_000),
  group('embed_multimodal', ['voyage-multimodal-3'], 2000, 2_000_000),
  group('rerank', ['rerank-2.5', 'rerank-2.5-lite'], 2000, 4_000_000),
];

/** The only published scope of a limit. */
const CLOUD = 'ANY';
const GEOGRAPHY = 'ANY';

const LIMIT_FIELDS = ['requestsPerMinuteLimit', 'tokensPerMinuteLimit'] as const;

export const listRateLimits: Handler = (world, call) =>
  pageOf(world, call, {
    rows: MODEL_GROUPS,
    show: (each) => shown(call, each, limitsOf(world, call, each)),
    countIsOptional: false,
  });

export const listOrgRateLimits: Handler = (world, call) =>
  pageOf(world, call, {
    rows: MODEL_GROUPS,
    show: (each) => shown(call, each, each.maximum),
    countIsOptional: false,
  });

export const resetRateLimits: Handler = (world, call) => {
  for (const each of MODEL_GROUPS) world.state.limits.delete(placeOf(call, each));
  return listRateLimits(world, call);
};

export const getRateLimit: Handler = (world, call) =>
  withGroup(call, (each) => success(shown(call, each, limitsOf(world, call, each))));

export const updateRateLimit: Handler = (world, call) =>
  withGroup(call, (each) => {
    const read = readJson(call);
    if ('refused' in read) return read.refused;
    const checked = checkLimits(read.body, each.maximum);
    if ('problems' in checked) return invalidAttributes(checked.problems);
    world.state.limits.set(placeOf(call, each), checked);
    return success(shown(call, each, checked));
  });

export const resetRateLimit: Handler = (world, call) =>
  withGroup(call, (each) => {
    world.state.limits.delete(placeOf(call, each));
    return success(shown(call, each, each.maximum));
  });

function checkLimits(
  body: Json,
  maximum: Limits,
): Limits | { readonly problems: [AttributeProblem, ...AttributeProblem[]] } {
  const known: readonly string[] = LIMIT_FIELDS;
  const foreign = Object.keys(body).filter((field) => !known.includes(field));
  const [first, ...rest] = [
    ...foreign.map((field): AttributeProblem => ({ code: 'INVALID_ATTRIBUTE', field, description: 'is not known' })),
    ...LIMIT_FIELDS.flatMap((field) => checkLimit(field, body[field], maximum[field])),
  ];
  if (first !== undefined) return { problems: [first, ...rest] };
  return {
    requestsPerMinuteLimit: Number(body.requestsPerMinuteLimit),
    tokensPerMinuteLimit: Number(body.tokensPerMinuteLimit),
  };
}

function checkLimit(field: string, value: unknown, maximum: number): AttributeProblem[] {
  if (value === undefined || value === null) {
    return [{ code: 'MISSING_ATTRIBUTE', field, description: 'must be given' }];
  }
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= maximum) return [];
  return [{ code: 'INVALID_ATTRIBUTE', field, description: `must be a whole number from 1 to ${maximum}` }];
}

function withGroup(call: Call, act: (group: ModelGroup) => Reply): Reply {
  const name = segment(call, 'modelGroupName');
  const found = MODEL_GROUPS.find(({ modelGroupName }) => modelGroupName === name);
  if (found === undefined || segment(call, 'cloud') !== CLOUD || segment(call, 'geography') !== GEOGRAPHY) {
    return refusedId(404, 'RESOURCE_NOT_FOUND', name, `Cannot find resource ${name}.`);
  }
  return act(found);
}

function limitsOf(world: World, call: Call, each: ModelGroup): Limits {
  return world.state.limits.get(placeOf(call, each)) ?? each.maximum;
}

function placeOf(call: Call, { modelGroupName }: ModelGroup): string {
  return `${segment(call, 'groupId')}/${modelGroupName}`;
}

function shown(call: Call, { modelGroupName, modelNames }: ModelGroup, limits: Limits): Json {
  return {
    modelGroupName,
    modelNames,
    requestsPerMinuteLimit: limits.requestsPerMinuteLimit,
    tokensPerMinuteLimit: limits.tokensPerMinuteLimit,
    ...(!isPreview(call) && { cloud: CLOUD, geography: GEOGRAPHY, endpoint: endpointOf(GEOGRAPHY) }),
  };
}

function group(modelGroupName: string, modelNames: readonly string[], requests: number, tokens: number): ModelGroup {
  const maximum = { requestsPerMinuteLimit: requests, tokensPerMinuteLimit: tokens };
  return { modelGroupName, modelNames, maximum };
}
