// Rate limits of groups of models: for each call one function that makes it and a pure one that reads its reply.
// Source: https://www.mongodb.com/docs/api/doc/atlas-admin-api-v2/group/endpoint-ai-model-rate-limits

import { parseJson } from '../text/json.ts';
import type { ApiCall, ApiReply } from './admin-api.ts';
import { apiPath } from './api-path.ts';
import type { ApiVersion } from './api-version.ts';
import { failed, protocolFailure, type AtlasFailure, type AtlasResult } from './failure.ts';
import { HOST_NAME, optionalFields, wholeField } from './field.ts';
import { isObject, listField, textField, type JsonObject } from './json.ts';
import { readPageReply, START, type List, type Slice } from './page.ts';
import { placeOf, PROJECT_WRITER, type Scope } from './scope.ts';

/** What a project or an organization may use of one group of models, each minute. No field is promised; text is cleaned. */
export interface RateLimit {
  readonly modelGroupName?: string;
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

/** Which limit: a group of models can have several, by cloud and geography. The words are those of the row. */
export interface LimitPlace {
  readonly groupId: string;
  readonly cloud: string;
  readonly geography: string;
  readonly modelGroupName: string;
}

/** One limit, or all of a project. */
export type ResetPlace = LimitPlace | { readonly groupId: string };

/** The largest that Atlas takes: its numbers are int32. */
export const LARGEST_LIMIT = 2_147_483_647;
const LONGEST_NAME = 100;
const MOST_MODELS = 100;
/** What a limit without one has, and a key that was made for no cloud or geography. */
export const ANY = 'ANY';

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
  const body = parseJson(reply.body ?? '');
  if (!isObject(body)) return failed(protocolFailure('an unreadable rate limit'));
  const limit = rateLimit(body);
  const { modelGroupName, cloud = place.cloud, geography = place.geography } = limit;
  const same = modelGroupName !== undefined && isSamePlace({ modelGroupName, cloud, geography }, place);
  return same ? { ok: true, value: limit } : failed(protocolFailure('a reply about another rate limit'));
}

/** The limits as they are now: of the project, as a page, or the one. */
export function readResetReply(
  reply: ApiReply,
  place: ResetPlace,
): AtlasResult<Pick<Slice<RateLimit>, 'rows' | 'next'>> {
  if (!('modelGroupName' in place)) return readPageReply(rows, reply, START);
  const limit = readRateLimitReply(reply, place);
  return limit.ok ? { ok: true, value: { rows: [limit.value] } } : limit;
}

/** Whether both are one limit. Atlas's documentation, requests and replies differ in the case of their words. */
export function isSamePlace(one: RateLimitName, other: RateLimitName): boolean {
  return identityOf(one) === identityOf(other);
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

function rateLimit(row: JsonObject): RateLimit {
  const modelGroupName = textField(row, 'modelGroupName', LONGEST_NAME);
  const models = listField(row, 'modelNames').slice(0, MOST_MODELS);
  return {
    ...(modelGroupName !== undefined && { modelGroupName }),
    modelNames: models.flatMap((model) => textField({ model }, 'model', LONGEST_NAME) ?? []),
    ...wholeField(row, 'requestsPerMinuteLimit', 1),
    ...wholeField(row, 'tokensPerMinuteLimit', 1),
    ...optionalFields(row, { cloud: 'prose', geography: 'prose', endpoint: HOST_NAME }),
  };
}

function identityOf({ modelGroupName, cloud = ANY, geography = ANY }: RateLimitName): string {
  return JSON.stringify([modelGroupName, cloud, geography]).toLowerCase();
}

type RateLimitName = Pick<RateLimit, 'modelGroupName' | 'cloud' | 'geography'>;

const rows = {
  rowsAre: 'rate limits',
  readRow: rateLimit,
  identityOf: (row: RateLimitName) => (row.modelGroupName === undefined ? undefined : identityOf(row)),
};
