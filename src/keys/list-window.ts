// Takes as many rows of a list of Atlas as a caller wants to see, and counts what is left.

import { failed, ok, refusal, type Failure, type Result } from '../failure.ts';
import type { Position, Slice } from '../atlas/api/pages.ts';
import type { RequestContext } from './request-context.ts';

export interface ListWindow<Row> {
  readonly rows: readonly Row[];
  /** How many more rows there are: exact for a filtered list, else by Atlas's own count, which is an estimate. */
  readonly remaining: number;
  /** Where the next window begins; absent where nothing is left. */
  readonly next?: Position;
}

export interface WindowWish<Row> {
  readonly from: Position;
  readonly limit: number;
  /** Absent where every row is wanted: then no more pages are read than the window needs. */
  readonly keep?: ((row: Row) => boolean) | undefined;
  /** What tells a row from the others: of one that two pages show, the second is left out. */
  readonly identityOf: (row: Row) => string | undefined;
}

/** However many pages there are. In milliseconds. */
const LONGEST_MS = 60_000;

export async function readWindow<Row>(
  read: (from: Position, signal: AbortSignal) => Promise<Result<Slice<Row>>>,
  { from, limit, keep, identityOf }: WindowWish<Row>,
  { signal, progress }: RequestContext,
): Promise<Result<ListWindow<Row>>> {
  const began = performance.now();
  const rows: Row[] = [];
  const isNew = oncePerRow(identityOf);
  let left = 0;
  let next: Position | undefined;
  for (let position: Position | undefined = from; position !== undefined;) {
    const reply: Result<Slice<Row>> = await read(position, signal);
    if (!reply.ok) return reply;
    const slice: Slice<Row> = reply.value;
    for (const [index, row] of slice.rows.entries()) {
      if (!isNew(row) || keep?.(row) === false) continue;
      if (rows.length < limit) rows.push(row);
      else {
        next ??= { ...position, skip: position.skip + index };
        left += 1;
      }
    }
    // Where all that Atlas counts has come, only the next page tells whether there is more.
    const isMore = left > 0 || slice.seen < (slice.total ?? Number.POSITIVE_INFINITY);
    if (slice.next !== undefined && !keep && rows.length === limit && isMore) {
      const remaining = Math.max(left, (slice.total ?? slice.seen + 1) - slice.seen + left);
      return ok({ rows, remaining, next: next ?? slice.next });
    }
    if (performance.now() - began > LONGEST_MS) return failed(tooLong);
    position = slice.next;
    progress(`Reading the list: ${slice.seen} rows so far`);
  }
  return ok({ rows, remaining: left, ...(next !== undefined && { next }) });
}

function oncePerRow<Row>(identityOf: WindowWish<Row>['identityOf']): (row: Row) => boolean {
  const met = new Set<string>();
  return (row) => {
    const identity = identityOf(row);
    if (identity === undefined) return true;
    const isNew = !met.has(identity);
    met.add(identity);
    return isNew;
  };
}

const tooLong: Failure = {
  ...refusal(
    'ATLAS_UNAVAILABLE',
    'Atlas did not give the whole list in time.',
    'Try again later, or without a filter.',
  ),
  retryable: true,
};
