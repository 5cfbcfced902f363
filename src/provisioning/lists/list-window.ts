// Takes as many rows of a list of Atlas as a caller wants to see, and counts what is left.

import type { AtlasFailure, AtlasResult } from '../../atlas/failure.ts';
import type { Slice } from '../../atlas/page.ts';
import type { CallControl } from '../call-control.ts';

export interface ListWindow<Row> {
  readonly rows: readonly Row[];
  /** How many more rows there are: exact for a filtered list, else by Atlas's own count, which is an estimate. */
  readonly remaining: number;
  /** Where the next window begins; absent where nothing is left. */
  readonly next?: number;
}

export interface WindowWish<Row> {
  readonly from: number;
  readonly limit: number;
  /** Absent where every row is wanted: then no more pages are read than the window needs. */
  readonly keep?: ((row: Row) => boolean) | undefined;
}

/** However many pages there are. In milliseconds. */
const LONGEST_MS = 60_000;

export async function readWindow<Row>(
  read: (from: number, signal: AbortSignal) => Promise<AtlasResult<Slice<Row>>>,
  { from, limit, keep }: WindowWish<Row>,
  { signal, progress }: CallControl,
): Promise<AtlasResult<ListWindow<Row>>> {
  const began = performance.now();
  const rows: Row[] = [];
  let left = 0;
  let next: number | undefined;
  for (let position: number | undefined = from; position !== undefined;) {
    const reply: AtlasResult<Slice<Row>> = await read(position, signal);
    if (!reply.ok) return reply;
    const slice: Slice<Row> = reply.value;
    for (const [index, row] of slice.rows.entries()) {
      if (keep?.(row) === false) continue;
      if (rows.length < limit) rows.push(row);
      else {
        next ??= position + index;
        left += 1;
      }
    }
    const end = position + slice.rows.length;
    if (slice.next !== undefined && !keep && rows.length === limit)
      return {
        ok: true,
        value: { rows, remaining: Math.max(left + 1, (slice.total ?? 0) - end + left), next: next ?? end },
      };
    if (performance.now() - began > LONGEST_MS) return { ok: false, failure: tooLong };
    position = slice.next;
    progress(`Reading the list: ${end} rows so far`);
  }
  return { ok: true, value: { rows, remaining: left, ...(next !== undefined && { next }) } };
}

const tooLong: AtlasFailure = {
  code: 'ATLAS_UNAVAILABLE',
  message: 'Atlas did not give the whole list in time.',
  hint: 'Try again later, or without a filter.',
  retryable: true,
  maybeCarriedOut: false,
};
