// Reads a list of Atlas: one page of it, or all pages within one time limit, or a failure; never half a list as a whole.

import type { AdminApi } from './admin-api.ts';
import { failed, protocolFailure, type AtlasFailure, type AtlasResult } from './failure.ts';
import {
  LARGEST_PAGE,
  MOST_PAGES,
  MOST_ROWS,
  pageCall,
  readPageReply,
  START,
  type List,
  type Position,
  type Slice,
} from './page.ts';

/** However many pages there are. */
export const LONGEST_LISTING_MS = 60_000;

/** Of all its pages, in characters: 50,000 keys are about 25 million. What is kept of a page is no more than came. */
const LARGEST_LISTING = 64 * 1024 * 1024;

export interface ListingLimits {
  /** The caller's own giving up. */
  readonly signal: AbortSignal | undefined;
  readonly limitMs: number;
}

/**
 * The rows from a position to the end of the page that holds it.
 *
 * @throws RangeError for what is no position
 */
export async function readSlice<Row>(
  api: AdminApi,
  list: List<Row>,
  from: Position,
  signal?: AbortSignal,
): Promise<AtlasResult<Slice<Row>>> {
  if (!isPosition(from)) throw new RangeError('not a position in a list');
  if (from.before >= MOST_ROWS || from.page > MOST_PAGES) return failed(tooMany);
  const reply = await api.call(pageCall(list, from), signal);
  return reply.ok ? readPageReply(list, reply.value, from) : reply;
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
): Promise<AtlasResult<readonly Row[]>> {
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

async function readPages<Row>(
  api: AdminApi,
  list: List<Row>,
  signal: AbortSignal,
): Promise<AtlasResult<readonly Row[]>> {
  const rows = distinctRows(list.identityOf);
  let size = 0;
  for (let from: Position | undefined = START; from !== undefined;) {
    const slice: AtlasResult<Slice<Row>> = await readSlice(api, list, from, signal);
    if (!slice.ok) return slice;
    size += slice.value.size;
    if (size > LARGEST_LISTING) return failed(tooLarge);
    for (const row of slice.value.rows) rows.add(row);
    from = slice.value.next;
  }
  return { ok: true, value: rows.all() };
}

/** Rows in the order in which they came first; of one that comes twice the later is newer. */
function distinctRows<Row>(identityOf: List<Row>['identityOf']): {
  add: (row: Row) => void;
  all: () => readonly Row[];
} {
  const rows = new Map<string | symbol, Row>();
  return {
    add(row) {
      rows.set(identityOf(row) ?? Symbol('a row that nothing tells from others'), row);
    },
    all: () => [...rows.values()],
  };
}

const tooLarge: AtlasFailure = {
  ...protocolFailure('a list of more than 64 MB'),
  maybeCarriedOut: false,
};

const tooMany: AtlasFailure = {
  ...protocolFailure(`a list of more than ${MOST_ROWS} rows`),
  maybeCarriedOut: false,
};

const tooLong: AtlasFailure = {
  code: 'ATLAS_UNAVAILABLE',
  message: 'Atlas did not give the whole list in time.',
  hint: 'Try again later.',
  retryable: true,
  maybeCarriedOut: false,
};
