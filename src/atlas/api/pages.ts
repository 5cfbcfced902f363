// Lists of the Atlas Admin API: one page of a list, or all pages within one time limit, or a failure; never half a list as a
// whole.

import { failed, ok, refusal, type Failure, type FailureAfterSend, type Result } from '../../failure.ts';
import type { AdminApi, ApiCall, ApiReply } from './admin-api.ts';
import { protocolFailure } from './errors.ts';
import { isObject, parseObject, type JsonObject } from '../../text/text.ts';
import { listField, wholeField } from './untrusted-text.ts';

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

const LARGEST_PAGE = 500;
/** In bytes. A page of 500 keys is about 250 KB. */
export const LARGEST_PAGE_REPLY = 8 * 1024 * 1024;
/** A server that always has another page must not keep a call going for ever. */
const MOST_ROWS = 50_000;
/** Enough for so many rows where the server gives a fifth of what it is asked for. */
const MOST_PAGES = 500;
/** Of all its pages, in characters: 50,000 keys are about 25 million. What is kept of a page is no more than came. */
const LARGEST_LISTING = 64 * 1024 * 1024;

export function pageCall<Row>(list: List<Row>, from: Position): ApiCall<Slice<Row>> {
  return {
    method: 'GET',
    path: `${list.path}?itemsPerPage=${LARGEST_PAGE}&pageNum=${from.page}`,
    role: list.role,
    largestReply: LARGEST_PAGE_REPLY,
    read: (reply) => readPage(list, reply, from),
  };
}

/**
 * The rows from that position on. A reply with more rows than were asked for is unreadable. The list goes on while any of
 * three says so: a full page, a next link, or a `totalCount` (an estimate) above the rows so far. An empty page ends it.
 */
function readPage<Row>(
  { rowsAre, readRow }: List<Row>,
  reply: ApiReply,
  { page, skip, before }: Position,
): Result<Slice<Row>, FailureAfterSend> {
  const content = parseObject(reply.body);
  const results = content && Array.isArray(content.results) ? listField(content, 'results') : undefined;
  if (!content || !results || results.length > LARGEST_PAGE)
    return failed(protocolFailure(`an unreadable list of ${rowsAre}`));
  const linked = listField(content, 'links').some((link) => isObject(link) && link.rel === 'next');
  const { totalCount: total } = wholeField(content, 'totalCount', 0);
  const seen = before + results.length;
  const more = results.length > 0 && (results.length === LARGEST_PAGE || linked || seen < (total ?? 0));
  return ok({
    rows: results.slice(skip).map((row) => readRow(isObject(row) ? row : {})),
    ...(more && { next: { page: page + 1, skip: 0, before: seen } }),
    ...(total !== undefined && { total }),
    seen,
    size: reply.body?.length ?? 0,
  });
}

interface ListingLimits {
  /** The caller's own giving up. */
  readonly signal: AbortSignal | undefined;
  readonly limitMs: number;
}

/**
 * The rows from a position to the end of the page that holds it.
 *
 * @throws RangeError for what is not a position
 */
export async function readSlice<Row>(
  api: AdminApi,
  list: List<Row>,
  from: Position,
  signal?: AbortSignal,
): Promise<Result<Slice<Row>>> {
  if (!isPosition(from)) throw new RangeError('not a position in a list');
  if (from.before >= MOST_ROWS || from.page > MOST_PAGES) return failed(tooMany);
  return api.call(pageCall(list, from), signal);
}

/** A page may be skipped as a whole, where rows of it are gone by now. */
export function isPosition({ page, skip, before }: Position): boolean {
  const isWhole = [page, skip, before].every((number) => Number.isSafeInteger(number));
  return isWhole && page >= 1 && skip >= 0 && skip <= LARGEST_PAGE && before >= 0;
}

/** Every row. */
export async function listAll<Row>(
  api: AdminApi,
  list: List<Row>,
  { signal, limitMs }: ListingLimits,
): Promise<Result<readonly Row[]>> {
  // Not AbortSignal.any: its result may be collected as garbage before it is aborted (Node 20).
  const controller = new AbortController();
  const giveUp = () => {
    controller.abort();
  };
  const timer = setTimeout(giveUp, limitMs);
  signal?.addEventListener('abort', giveUp, { once: true });
  if (signal?.aborted) giveUp();
  try {
    const listed = await readPages(api, list, controller.signal);
    const late = !listed.ok && listed.failure.code === 'CANCELLED' && !signal?.aborted;
    return late ? failed(tooLong) : listed;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', giveUp);
  }
}

async function readPages<Row>(api: AdminApi, list: List<Row>, signal: AbortSignal): Promise<Result<readonly Row[]>> {
  // In the order in which they came first; of one that comes twice the later is newer.
  const rows = new Map<string | symbol, Row>();
  let size = 0;
  for (let from: Position | undefined = START; from !== undefined;) {
    const slice: Result<Slice<Row>> = await readSlice(api, list, from, signal);
    if (!slice.ok) return slice;
    size += slice.value.size;
    if (size > LARGEST_LISTING) return failed(tooLarge);
    for (const row of slice.value.rows)
      rows.set(list.identityOf(row) ?? Symbol('a row that nothing tells from others'), row);
    from = slice.value.next;
  }
  return ok([...rows.values()]);
}

const tooLarge: Failure = { ...protocolFailure('a list of more than 64 MB'), maybeCarriedOut: false };
const tooMany: Failure = { ...protocolFailure(`a list of more than ${MOST_ROWS} rows`), maybeCarriedOut: false };
const tooLong: Failure = {
  ...refusal('ATLAS_UNAVAILABLE', 'Atlas did not give the whole list in time.', 'Try again later.'),
  retryable: true,
};
