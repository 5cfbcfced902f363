// Pages of the Atlas Admin API: how one is asked for, how its rows are read, and whether there is another.

import { parseJson } from '../text/json.ts';
import type { ApiCall, ApiReply } from './admin-api.ts';
import { failed, protocolFailure, type AtlasResult } from './failure.ts';
import { wholeField } from './field.ts';
import { isObject, listField, type JsonObject } from './json.ts';

/** A list of Atlas: where it is, and how a row of it is read. */
export interface List<Row> {
  /** From `apiPath`, without a query. */
  readonly path: string;
  readonly role: string;
  /** What the rows are, for an error. */
  readonly rowsAre: string;
  /** Never refuses: what is missing or unreadable in a row is absent, and the rest is shown. */
  readonly readRow: (row: JsonObject) => Row;
  /** What tells a row from the others, since an insertion meanwhile shows one twice; undefined where nothing does. */
  readonly identityOf: (row: Row) => string | undefined;
}

/**
 * A place in a list: `skip` rows into a page, before which there were `before` rows. A row's number does not say which
 * page holds it, since a server may give fewer rows a page than it was asked for.
 */
export interface Position {
  /** From 1, as Atlas counts. */
  readonly page: number;
  readonly skip: number;
  readonly before: number;
}

/** Part of a list, in Atlas's order. */
export interface Slice<Row> {
  readonly rows: readonly Row[];
  /** Where the list goes on after these; absent at its end. */
  readonly next?: Position;
  /** Atlas's estimate of how many rows there are in all, where it gives one. */
  readonly total?: number;
  /** How many rows of the list came before the end of these. */
  readonly seen: number;
  /** Of the reply, in characters. */
  readonly size: number;
}

export const START: Position = { page: 1, skip: 0, before: 0 };

export const LARGEST_PAGE = 500;
/** In bytes. A page of 500 keys is about 250 KB. */
export const LARGEST_PAGE_REPLY = 8 * 1024 * 1024;
/** A server that always has another page must not keep a call going for ever. */
export const MOST_ROWS = 50_000;
/** Enough for so many rows where the server gives a fifth of what it is asked for. */
export const MOST_PAGES = 500;

export function pageCall({ path, role }: Pick<List<unknown>, 'path' | 'role'>, { page }: Position): ApiCall {
  return {
    method: 'GET',
    path: `${path}?itemsPerPage=${LARGEST_PAGE}&pageNum=${page}`,
    role,
    largestReply: LARGEST_PAGE_REPLY,
  };
}

/**
 * The rows from that position on. A reply with more rows than were asked for is unreadable. The list goes on while any of
 * three says so: a full page, a next link, or a `totalCount` (an estimate) above the rows so far. An empty page ends it.
 */
export function readPageReply<Row>(
  { rowsAre, readRow }: Pick<List<Row>, 'rowsAre' | 'readRow'>,
  reply: ApiReply,
  { page, skip, before }: Position,
): AtlasResult<Slice<Row>> {
  const unreadable = failed(protocolFailure(`an unreadable list of ${rowsAre}`));
  const content = parseJson(reply.body ?? '');
  if (!isObject(content) || !Array.isArray(content.results)) return unreadable;
  const results = listField(content, 'results');
  if (results.length > LARGEST_PAGE) return unreadable;
  const linked = listField(content, 'links').some((link) => isObject(link) && link.rel === 'next');
  const { totalCount: total } = wholeField(content, 'totalCount', 0);
  const seen = before + results.length;
  const more = results.length > 0 && (results.length === LARGEST_PAGE || linked || seen < (total ?? 0));
  return {
    ok: true,
    value: {
      rows: results.slice(skip).map((row) => readRow(isObject(row) ? row : {})),
      ...(more && { next: { page: page + 1, skip: 0, before: seen } }),
      ...(total !== undefined && { total }),
      seen,
      size: reply.body?.length ?? 0,
    },
  };
}
