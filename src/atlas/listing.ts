// Reads a list of Atlas: one page of it, or all pages within one time limit, or a failure; never half a list as a whole.

import type { AdminApi } from './admin-api.ts';
import { failed, protocolFailure, type AtlasFailure, type AtlasResult } from './failure.ts';
import { MOST_ROWS, pageCall, readPageReply, type List, type Slice } from './page.ts';

/** However many pages there are. */
export const LONGEST_LISTING_MS = 60_000;

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
  from: number,
  signal?: AbortSignal,
): Promise<AtlasResult<Slice<Row>>> {
  if (!Number.isSafeInteger(from) || from < 0) throw new RangeError('not a position in a list');
  if (from >= MOST_ROWS) return failed(tooMany);
  const reply = await api.call(pageCall(list, from), signal);
  return reply.ok ? readPageReply(list, reply.value, from) : reply;
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
  const rows: Row[] = [];
  for (let from: number | undefined = 0; from !== undefined;) {
    const slice: AtlasResult<Slice<Row>> = await readSlice(api, list, from, signal);
    if (!slice.ok) return slice;
    for (const row of slice.value.rows) rows.push(row);
    from = slice.value.next;
  }
  return { ok: true, value: rows };
}

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
