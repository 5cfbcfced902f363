// Pages of the Atlas Admin API: how one is asked for, how its rows are read, and whether there is another.

import { parseJson } from '../text/json.ts';
import type { ApiCall, ApiReply } from './admin-api.ts';
import { failed, protocolFailure, type AtlasResult } from './failure.ts';
import { wholeField } from './field.ts';
import { isObject, listField } from './json.ts';

/** A list of Atlas: where it is, and how a row of it is read. */
export interface List<Row> {
  /** From `apiPath`, without a query. */
  readonly path: string;
  readonly role: string;
  /** What the rows are, for an error. */
  readonly rowsAre: string;
  /** Undefined for a row that cannot be told from another: the list is unreadable as a whole. */
  readonly readRow: (row: unknown) => Row | undefined;
}

/** Part of a list, in Atlas's order. A position counts rows from 0. */
export interface Slice<Row> {
  readonly rows: readonly Row[];
  /** The position of the first row after these; absent at the end of the list. */
  readonly next?: number;
  /** Atlas's estimate of how many rows there are in all, where it gives one. */
  readonly total?: number;
}

const LARGEST_PAGE = 500;
/** In bytes. A page of 500 keys is about 250 KB. */
export const LARGEST_PAGE_REPLY = 8 * 1024 * 1024;
/** A server that always has another page must not keep a call going for ever. */
const MOST_PAGES = 100;
export const MOST_ROWS = MOST_PAGES * LARGEST_PAGE;

/** @param from a position below {@link MOST_ROWS}; the call asks for the page that holds it */
export function pageCall({ path, role }: Pick<List<unknown>, 'path' | 'role'>, from: number): ApiCall {
  return {
    method: 'GET',
    path: `${path}?itemsPerPage=${LARGEST_PAGE}&pageNum=${pageHolding(from)}`,
    role,
    largestReply: LARGEST_PAGE_REPLY,
  };
}

/**
 * The rows from that position on. A reply with more rows than were asked for is unreadable. `totalCount` is an estimate,
 * so the end is a short page or a missing next link.
 */
export function readPageReply<Row>(
  { rowsAre, readRow }: Pick<List<Row>, 'rowsAre' | 'readRow'>,
  reply: ApiReply,
  from: number,
): AtlasResult<Slice<Row>> {
  const unreadable = failed(protocolFailure(`an unreadable list of ${rowsAre}`));
  const content = parseJson(reply.body ?? '');
  if (!isObject(content) || !Array.isArray(content.results)) return unreadable;
  const results = listField(content, 'results');
  if (results.length > LARGEST_PAGE) return unreadable;
  const rows = results.map(readRow).filter((row) => row !== undefined);
  if (rows.length < results.length) return unreadable;
  const linked = listField(content, 'links').some((link) => isObject(link) && link.rel === 'next');
  const { totalCount: total } = wholeField(content, 'totalCount', 0);
  const more = linked && results.length === LARGEST_PAGE;
  return {
    ok: true,
    value: {
      rows: rows.slice(from % LARGEST_PAGE),
      ...(more && { next: pageHolding(from) * LARGEST_PAGE }),
      ...(total !== undefined && { total }),
    },
  };
}

function pageHolding(position: number): number {
  return Math.floor(position / LARGEST_PAGE) + 1;
}
