// The calls on rate limits: what a project may use of each group of models, up to what its organization has.

import {
  invalidAttributes,
  pageOf,
  readJson,
  refusedReply,
  reply,
  type Call,
  type FieldProblem,
  type Handler,
  type Json,
  type Refused,
  type Reply,
} from './call.ts';
import type { LimitRow, Limits, World } from './world.ts';

const LIMIT_FIELDS = ['requestsPerMinuteLimit', 'tokensPerMinuteLimit'] as const;

export const limitHandlers = {
  listRateLimits: (world, call) => listOf(world, call, (row) => limitsOf(world, call, row)),

  listOrgRateLimits: (world, call) => listOf(world, call, ({ maximum }) => maximum),

  resetRateLimits: (world, call) => {
    for (const row of rowsFor(world, call)) world.state.limits.delete(limitKey(call, row));
    return listOf(world, call, (row) => limitsOf(world, call, row));
  },

  getRateLimit: (world, call) =>
    withRow(world, call, (row) => reply(200, shown(call, row, limitsOf(world, call, row)))),

  getOrgRateLimit: (world, call) => withRow(world, call, (row) => reply(200, shown(call, row, row.maximum))),

  updateRateLimit: (world, call) =>
    withRow(world, call, (row) => {
      const read = readJson(call);
      if ('refused' in read) return read.refused;
      const checked = checkLimits(read.body, row.maximum);
      if ('refused' in checked) return checked.refused;
      world.state.limits.set(limitKey(call, row), checked);
      return reply(200, shown(call, row, checked));
    }),

  resetRateLimit: (world, call) =>
    withRow(world, call, (row) => {
      world.state.limits.delete(limitKey(call, row));
      return reply(200, shown(call, row, row.maximum));
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
    return { refused: refusedReply(400, { errorCode: 'BAD_REQUEST', detail, fields }) };
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
  if (!call.isPreview) return limitRows;
  return limitRows.filter(({ cloud, geography }) => cloud === 'ANY' && geography === 'ANY');
}

/** The row of the path; in the preview the path has no scope. Words are the same in any case. */
function withRow(world: World, call: Call, act: (row: LimitRow) => Reply): Reply {
  const { modelGroupName: name = '', cloud = 'ANY', geography = 'ANY' } = call.segments;
  const found = rowsFor(world, call).find(
    (row) => row.modelGroupName === name && isSame(row.cloud, cloud) && isSame(row.geography, geography),
  );
  if (found) return act(found);
  return refusedReply(404, {
    errorCode: 'RESOURCE_NOT_FOUND',
    detail: `Cannot find resource ${name}.`,
    parameters: [name],
  });
}

function isSame(one: string, other: string): boolean {
  return one.toUpperCase() === other.toUpperCase();
}

function limitsOf(world: World, call: Call, row: LimitRow): Limits {
  return world.state.limits.get(limitKey(call, row)) ?? row.maximum;
}

function limitKey(call: Call, { cloud, geography, modelGroupName }: LimitRow): string {
  return [call.segments.groupId ?? '', cloud, geography, modelGroupName].join('/');
}

function shown(call: Call, { modelGroupName, modelNames, cloud, geography }: LimitRow, limits: Limits): Json {
  // As Atlas names the hosts.
  const endpoint = geography === 'ANY' ? 'ai.mongodb.com' : `${geography}.ai.mongodb.com`;
  return { modelGroupName, modelNames, ...limits, ...(!call.isPreview && { cloud, geography, endpoint }) };
}
