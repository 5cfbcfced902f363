// One call as its handler sees it: routed, its sender known, its access checked. And the replies as values, before they are
// sent: successes, pages of a list with the links and the count that Atlas adds, refusals in the shape that Atlas gives them.

import { STATUS_CODES, type IncomingHttpHeaders } from 'node:http';
import type { Caller } from './authentication.ts';
import type { World } from './world.ts';

const DEFAULT_SIZE = 100;
const LARGEST_SIZE = 500;

/** A JSON object. */
export type Json = Readonly<Record<string, unknown>>;

export interface Reply {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Goes out as JSON; a reply without it has no body. */
  readonly content?: Json;
}

/** What a check found wrong with a request. */
export interface Refused {
  readonly refused: Reply;
}

/** What is wrong with one field of a body or one parameter of a query. */
export interface FieldProblem {
  readonly field: string;
  readonly description: string;
}

export interface AttributeProblem extends FieldProblem {
  readonly code: 'INVALID_ATTRIBUTE' | 'MISSING_ATTRIBUTE' | 'INVALID_ENUM_VALUE';
}

export interface Call {
  /** The path without the query, as it was sent. */
  readonly path: string;
  /** The variable parts of the path, decoded. */
  readonly segments: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly caller: Caller;
  /** Whether the reply has the shape of the preview: no cloud, geography or endpoint anywhere. */
  readonly isPreview: boolean;
}

export type Handler = (world: World, call: Call) => Reply;

/** The body as a JSON object. */
export function readJson(call: Call): { readonly body: Json } | Refused {
  let body: unknown;
  try {
    body = JSON.parse(call.body.toString('utf8'));
  } catch {
    body = undefined;
  }
  if (isJson(body)) return { body };
  return { refused: refusedReply(400, { errorCode: 'VALIDATION_ERROR', detail: 'The body is not a JSON object.' }) };
}

export function reply(status: number, content?: Json): Reply {
  return { status, headers: {}, ...(content && { content }) };
}

/** An error of the Admin API: `application/json`, whatever version was asked for. */
export function refusedReply(
  status: number,
  text: {
    readonly errorCode?: string | undefined;
    readonly reason?: string | undefined;
    readonly detail?: string | undefined;
    readonly parameters?: readonly (string | number)[] | undefined;
    readonly fields?: readonly FieldProblem[] | undefined;
  },
): Reply {
  const { detail, reason = STATUS_CODES[status] ?? 'Error', errorCode, parameters, fields } = text;
  // What is undefined is not in the JSON.
  const content = { error: status, detail, reason, errorCode, parameters, badRequestDetail: fields && { fields } };
  return { status, headers: { 'content-type': 'application/json' }, content };
}

/** 400 for a body: the first problem gives the code, all are listed. */
export function invalidAttributes(problems: readonly [AttributeProblem, ...AttributeProblem[]]): Reply {
  const [first] = problems;
  return refusedReply(400, {
    errorCode: first.code,
    detail: `The attribute ${first.field} is not acceptable: ${first.description}`,
    parameters: [first.field],
    fields: problems.map(({ field, description }) => ({ field, description })),
  });
}

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

interface Listing<Row> {
  readonly rows: readonly Row[];
  readonly show: (row: Row) => Json;
  /** Whether `includeCount` exists for this list. Where not, the count is always there. */
  readonly countIsOptional: boolean;
}

export function pageOf<Row>(world: World, call: Call, listing: Listing<Row>): Reply {
  const asked = wholeNumber(call.query.get('itemsPerPage'), DEFAULT_SIZE);
  const number = wholeNumber(call.query.get('pageNum'), 1);
  const fields: FieldProblem[] = [];
  if (asked === undefined || asked < 1 || asked > LARGEST_SIZE) {
    fields.push({ field: 'itemsPerPage', description: `must be a number from 1 to ${LARGEST_SIZE}` });
  }
  if (number === undefined || number < 1) fields.push({ field: 'pageNum', description: 'must be 1 or more' });
  if (asked === undefined || number === undefined || fields.length > 0) {
    return refusedReply(400, { errorCode: 'VALIDATION_ERROR', detail: 'The page asked for cannot be had.', fields });
  }
  const { rows } = listing;
  const size = Math.min(asked, world.rules.pageCap);
  const last = Math.max(1, Math.ceil(rows.length / size));
  const isCounted = !listing.countIsOptional || call.query.get('includeCount') !== 'false';
  return reply(200, {
    links: linksOf(world, call, { size: asked, number, last }),
    results: rows.slice((number - 1) * size, number * size).map((row) => listing.show(row)),
    ...(isCounted && { totalCount: rows.length }),
  });
}

function linksOf(
  world: World,
  call: Call,
  { size, number, last }: { readonly size: number; readonly number: number; readonly last: number },
): Json[] {
  const link = (rel: string, page: number) => {
    const query = new URLSearchParams(call.query);
    query.set('itemsPerPage', String(size));
    query.set('pageNum', String(page));
    return { href: `${world.baseUrl}${call.path}?${query.toString()}`, rel };
  };
  return [
    link('self', number),
    ...(number > 1 ? [link('previous', number - 1)] : []),
    ...(number < last ? [link('next', number + 1)] : []),
  ];
}

function wholeNumber(text: string | null, otherwise: number): number | undefined {
  if (text === null) return otherwise;
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
