// Rate limits of groups of models: the calls, and what their replies say.
// Source: https://www.mongodb.com/docs/api/doc/atlas-admin-api-v2/group/endpoint-ai-model-rate-limits

import { failed, ok, refusal, type Failure, type FailureAfterSend, type Result } from '../../failure.ts';
import {
  apiPath,
  PROJECT_WRITER,
  scopePath,
  type ApiCall,
  type ApiReply,
  type Scope,
  type ApiVersion,
} from './admin-api.ts';
import { protocolFailure } from './errors.ts';
import { pageCall, START, type List, type Slice } from './pages.ts';
import { parseObject, type JsonObject } from '../../text/text.ts';
import { ENDPOINT, listField, optionalFields, textField, wholeField } from './untrusted-text.ts';

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

/** The largest that Atlas takes: its numbers are int32. */
export const LARGEST_LIMIT = 2_147_483_647;
const LONGEST_NAME = 100;
const MOST_MODELS = 100;
/** What a limit without one has, and a key that was made for no cloud or geography. */
export const ANY = 'ANY';

export function rateLimitList(scope: Scope): List<RateLimit> {
  const { collection, id, reader } = scopePath(scope);
  return {
    path: apiPath`/${collection}/${id}/aiModelApiRateLimits`,
    role: reader,
    rowsAre: 'rate limits',
    readRow: rateLimit,
    identityOf: (row) => (row.modelGroupName === undefined ? undefined : identityOf(row)),
  };
}

/** Atlas wants both numbers. */
export function updateRateLimitCall(place: LimitPlace, limits: Limits): ApiCall<RateLimit> {
  const { requestsPerMinuteLimit, tokensPerMinuteLimit } = limits;
  return {
    method: 'PATCH',
    path: limitPath(place),
    role: PROJECT_WRITER,
    body: () => ({ requestsPerMinuteLimit, tokensPerMinuteLimit }),
    refusal: withoutPlaces,
    read: (reply) => readLimit(reply, place),
  };
}

/** Its reply has the limits as they are now: of the project, as the first page, or the one. */
export function resetRateLimitsCall(
  place: LimitPlace | { readonly groupId: string },
): ApiCall<Pick<Slice<RateLimit>, 'rows' | 'next'>> {
  const reset = { method: 'POST', role: PROJECT_WRITER } as const;
  if (!('modelGroupName' in place)) {
    const { groupId } = place;
    const path = apiPath`/groups/${groupId}/aiModelApiRateLimits:reset`;
    return { ...reset, path, read: pageCall(rateLimitList({ groupId }), START).read };
  }
  return {
    ...reset,
    path: `${limitPath(place)}:reset`,
    refusal: withoutPlaces,
    read(reply) {
      const limit = readLimit(reply, place);
      return limit.ok ? ok({ rows: [limit.value] }) : limit;
    },
  };
}

/** A reply about another limit is a protocol failure: nobody knows what was changed. */
function readLimit(reply: ApiReply, place: LimitPlace): Result<RateLimit, FailureAfterSend> {
  const body = parseObject(reply.body);
  if (!body) return failed(protocolFailure('an unreadable rate limit'));
  const limit = rateLimit(body);
  const { modelGroupName, cloud = place.cloud, geography = place.geography } = limit;
  const same = modelGroupName !== undefined && isSamePlace({ modelGroupName, cloud, geography }, place);
  return same ? ok(limit) : failed(protocolFailure('a reply about another rate limit'));
}

/** Whether both are one limit. Atlas's documentation, requests and replies differ in the case of their words. */
export function isSamePlace(one: RateLimitName, other: RateLimitName): boolean {
  return identityOf(one) === identityOf(other);
}

function limitPath({ groupId, cloud, geography, modelGroupName }: LimitPlace): string {
  return apiPath`/groups/${groupId}/aiModelApiClouds/${cloud}/geographies/${geography}/modelGroupNames/${modelGroupName}/rateLimits`;
}

/** What would change one limit is never made to change another. */
function withoutPlaces(version: ApiVersion): Failure | undefined {
  return version === 'preview' ? placesUnknown : undefined;
}

const placesUnknown = refusal(
  'INVALID_INPUT',
  'One rate limit cannot be changed or reset by itself: the API version in use is the preview, which has no call for it.',
  'Reset all limits of the project, or the operator sets ATLAS_MODEL_KEYS_API_VERSION to 2025-03-12.',
);

function rateLimit(row: JsonObject): RateLimit {
  const modelGroupName = textField(row, 'modelGroupName', LONGEST_NAME);
  const models = listField(row, 'modelNames').slice(0, MOST_MODELS);
  return {
    ...(modelGroupName !== undefined && { modelGroupName }),
    modelNames: models.flatMap((model) => textField({ model }, 'model', LONGEST_NAME) ?? []),
    ...wholeField(row, 'requestsPerMinuteLimit', 1),
    ...wholeField(row, 'tokensPerMinuteLimit', 1),
    ...optionalFields(row, { cloud: 'prose', geography: 'prose', endpoint: ENDPOINT }),
  };
}

function identityOf({ modelGroupName, cloud = ANY, geography = ANY }: RateLimitName): string {
  return JSON.stringify([modelGroupName, cloud, geography]).toLowerCase();
}

type RateLimitName = Pick<RateLimit, 'modelGroupName' | 'cloud' | 'geography'>;
