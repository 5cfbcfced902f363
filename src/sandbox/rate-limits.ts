// The calls on rate limits: what a project may use of each group of models, up to what its organization has.

import { isPreview, readJson, segment, type Call, type Handler } from './call.ts';
import { pageOf } from './pages.ts';
import {
  invalidAttributes,
  refusal,
  refusedId,
  success,
  type FieldProblem,
  type Json,
  type Refused,
  type Reply,
} from './replies.ts';
import type { LimitRow, Limits, World } from './world.ts';

const LIMIT_FIELDS = ['requestsPerMinuteLimit', 'tokensPerMinuteLimit'] as const;

export const limitHandlers = {
  listRateLimits: (world, call) => listOf(world, call, (row) => limitsOf(world, call, row)),

  listOrgRateLimits: (world, call) => listOf(world, call, ({ maximum }) => maximum),

  resetRateLimits: (world, call) => {
    for (const row of rowsFor(world, call)) world.state.limits.delete(limitKey(call, row));
    return listOf(world, call, (row) => limitsOf(world, call, row));
  },

  getRateLimit: (world, call) => withRow(world, call, (row) => success(shown(call, row, limitsOf(world, call, row)))),

  getOrgRateLimit: (world, call) => withRow(world, call, (row) => success(shown(call, row, row.maximum))),

  updateRateLimit: (world, call) =>
    withRow(world, call, (row) => {
      const read = readJson(call);
      if ('refused' in read) return read.refused;
      const checked = checkLimits(read.body, row.maximum);
      if ('refused' in checked) return checked.refused;
      world.state.limits.set(limitKey(call, row), checked);
      return success(shown(call, row, checked));
    }),

  resetRateLimit: (world, call) =>
    withRow(world, call, (row) => {
      world.state.limits.delete(limitKey(call, row));
      return success(shown(call, row, row.maximum));
    }),
} satisfies Record<string, Handler>;

function checkLimits(body: Json, maximum: Limits): Limits | Refused {
  const known: readonly string[] = LIMIT_FIELDS;
  const [first, ...rest] = Object.keys(body)
    .filter((field) => !known.includes(field))
    .map((field) => ({ code: 'INVALID_ATTRIBUTE' as const, field, description: 'is not known' }));
  if (first !== undefined) return { refused: invalidAttributes([first, ...rest]) };
  const fields = LIMIT_FIELDS.flatMap((field) => checkLimit(field, body[field], maximum[field]));
  if (fields.length > 0) {
    const detail = 'Both limits must be given, each within what the organization has.';
    return { refused: refusal(400, { errorCode: 'BAD_REQUEST', detail, fields }) };
  }
  return {
    requestsPerMinuteLimit: Number(body.requestsPerMinuteLimit),
    tokensPerMinuteLimit: Number(body.tokensPerMinuteLimit),
  };
}

function checkLimit(field: string, value: unknown, maximum: number): FieldProblem[] {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= maximum) return [];
  return [{ field, description: `must be a whole number from 1 to ${maximum}` }];
}

function listOf(world: World, call: Call, limits: (row: LimitRow) => Limits): Reply {
  const rows = rowsFor(world, call);
  return pageOf(world, call, { rows, show: (row) => shown(call, row, limits(row)), countIsOptional: false });
}

/** The preview shows no scopes, so it has no rows that only a scope tells apart. */
function rowsFor({ limitRows }: World, call: Call): readonly LimitRow[] {
  if (!isPreview(call)) return limitRows;
  return limitRows.filter(({ cloud, geography }) => cloud === 'ANY' && geography === 'ANY');
}

/** The row of the path; in the preview the path has no scope. Words are the same in any case. */
function withRow(world: World, call: Call, act: (row: LimitRow) => Reply): Reply {
  const name = segment(call, 'modelGroupName');
  const { cloud = 'ANY', geography = 'ANY' } = call.segments;
  const found = rowsFor(world, call).find(
    (row) => row.modelGroupName === name && isSame(row.cloud, cloud) && isSame(row.geography, geography),
  );
  return found ? act(found) : refusedId(404, 'RESOURCE_NOT_FOUND', name, `Cannot find resource ${name}.`);
}

function isSame(one: string, other: string): boolean {
  return one.toUpperCase() === other.toUpperCase();
}

function limitsOf(world: World, call: Call, row: LimitRow): Limits {
  return world.state.limits.get(limitKey(call, row)) ?? row.maximum;
}

function limitKey(call: Call, { cloud, geography, modelGroupName }: LimitRow): string {
  return [segment(call, 'groupId'), cloud, geography, modelGroupName].join('/');
}

function shown(call: Call, { modelGroupName, modelNames, cloud, geography }: LimitRow, limits: Limits): Json {
  return {
    modelGroupName,
    modelNames,
    requestsPerMinuteLimit: limits.requestsPerMinuteLimit,
    tokensPerMinuteLimit: limits.tokensPerMinuteLimit,
    ...(!isPreview(call) && { cloud, geography, endpoint: endpointOf(geography) }),
  };
}

/** As Atlas names the hosts. */
function endpointOf(geography: string): string {
  return geography === 'ANY' ? 'ai.mongodb.com' : `${geography}.ai.mongodb.com`;
}
