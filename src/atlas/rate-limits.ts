// Rate limits of groups of models: for each call one function that makes it and a pure one that reads its reply.
// Source: https://www.mongodb.com/docs/api/doc/atlas-admin-api-v2/group/endpoint-ai-model-rate-limits

import { parseJson } from '../text/json.ts';
import type { ApiCall, ApiReply } from './admin-api.ts';
import { apiPath } from './api-path.ts';
import type { ApiVersion } from './api-version.ts';
import { failed, protocolFailure, type AtlasFailure, type AtlasResult } from './failure.ts';
import { HOST_NAME, idField, optionalFields, wholeField, WORD } from './field.ts';
import { isObject, listField } from './json.ts';
import { readPageReply, type List } from './page.ts';
import { placeOf, PROJECT_WRITER, type Scope } from './scope.ts';

/** What a project or an organization may use of one group of models, each minute. */
export interface RateLimit {
  readonly modelGroupName: string;
  readonly modelNames: readonly string[];
  readonly requestsPerMinuteLimit?: number;
  readonly tokensPerMinuteLimit?: number;
  readonly cloud?: string;
  readonly geography?: string;
  /** The host to which the limit belongs, such as `ai.mongodb.com`. */
  readonly endpoint?: string;
}

export interface Limits {
  readonly requestsPerMinuteLimit: number;
  readonly tokensPerMinuteLimit: number;
}

/** Which limit: cloud and geography are those of the row (`ANY` where it has none). */
export interface LimitPlace {
  readonly groupId: string;
  readonly cloud: string;
  readonly geography: string;
  readonly modelGroupName: string;
}

/** One limit, or all of a project. */
export type ResetPlace = LimitPlace | { readonly groupId: string };

/** No prose: another text could be an instruction. A group's name is a segment of paths too. */
const GROUP_NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/;
const MODEL_NAME = /^[A-Za-z0-9_-][A-Za-z0-9._:/-]{0,99}$/;
const MOST_MODELS = 100;

export function rateLimitList(scope: Scope): List<RateLimit> {
  const { collection, id, reader } = placeOf(scope);
  return { path: apiPath`/${collection}/${id}/aiModelApiRateLimits`, role: reader, ...rows };
}

/** Atlas wants both numbers. */
export function updateRateLimitCall(place: LimitPlace, limits: Limits): ApiCall {
  const { requestsPerMinuteLimit, tokensPerMinuteLimit } = limits;
  return {
    method: 'PATCH',
    path: limitPath(place),
    role: PROJECT_WRITER,
    body: () => ({ requestsPerMinuteLimit, tokensPerMinuteLimit }),
    refusal: withoutPlaces,
  };
}

export function resetRateLimitsCall(place: ResetPlace): ApiCall {
  return 'modelGroupName' in place
    ? { method: 'POST', path: `${limitPath(place)}:reset`, role: PROJECT_WRITER, refusal: withoutPlaces }
    : { method: 'POST', path: apiPath`/groups/${place.groupId}/aiModelApiRateLimits:reset`, role: PROJECT_WRITER };
}

/** A reply about another limit is a protocol failure: nobody knows what was changed. */
export function readRateLimitReply(reply: ApiReply, place: LimitPlace): AtlasResult<RateLimit> {
  const limit = rateLimit(parseJson(reply.body ?? ''));
  if (!limit) return failed(protocolFailure('an unreadable rate limit'));
  const { modelGroupName, cloud = place.cloud, geography = place.geography } = limit;
  const same = modelGroupName === place.modelGroupName && cloud === place.cloud && geography === place.geography;
  return same ? { ok: true, value: limit } : failed(protocolFailure('a reply about another rate limit'));
}

/** The limits as they are now: of the project, as a page, or the one. */
export function readResetReply(reply: ApiReply, place: ResetPlace): AtlasResult<readonly RateLimit[]> {
  if ('modelGroupName' in place) {
    const limit = readRateLimitReply(reply, place);
    return limit.ok ? { ok: true, value: [limit.value] } : limit;
  }
  const page = readPageReply(rows, reply, 0);
  return page.ok ? { ok: true, value: page.value.rows } : page;
}

function limitPath({ groupId, cloud, geography, modelGroupName }: LimitPlace): string {
  return apiPath`/groups/${groupId}/aiModelApiClouds/${cloud}/geographies/${geography}/modelGroupNames/${modelGroupName}/rateLimits`;
}

/** What would change one limit is never made to change another. */
function withoutPlaces(version: ApiVersion): AtlasFailure | undefined {
  return version === 'preview' ? placesUnknown : undefined;
}

const placesUnknown: AtlasFailure = {
  code: 'INVALID_INPUT',
  message:
    'One rate limit cannot be changed or reset by itself: the API version in use is the preview, which has no call for it.',
  hint: 'Reset all limits of the project, or the operator sets ATLAS_MODEL_KEYS_API_VERSION to 2025-03-12.',
  retryable: false,
  maybeCarriedOut: false,
};

function rateLimit(row: unknown): RateLimit | undefined {
  if (!isObject(row)) return undefined;
  const modelGroupName = idField(row, 'modelGroupName', GROUP_NAME);
  if (modelGroupName === undefined) return undefined;
  const models = listField(row, 'modelNames').slice(0, MOST_MODELS);
  return {
    modelGroupName,
    modelNames: models.map((model) => idField({ model }, 'model', MODEL_NAME)).filter((name) => name !== undefined),
    ...wholeField(row, 'requestsPerMinuteLimit', 1),
    ...wholeField(row, 'tokensPerMinuteLimit', 1),
    ...optionalFields(row, { cloud: WORD, geography: WORD, endpoint: HOST_NAME }),
  };
}

const rows = { rowsAre: 'rate limits', readRow: rateLimit };
