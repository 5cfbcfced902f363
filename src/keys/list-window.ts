// The part of a list that a call answers: as many rows as were asked for and as fit, how many are left, and a cursor where the
// list goes on.

import { createHash } from 'node:crypto';
import { failed, ok, type Result, refusal, type Failure } from '../failure.ts';
import { type Position, type Slice, isPosition, START } from '../atlas/api/pages.ts';
import type { RequestContext } from './request-context.ts';
import { parseJson } from '../text/text.ts';
import { tokensAtMost } from '../text/tokens.ts';

interface ListWindow<Row> {
  readonly rows: readonly Row[];
  /** Of each row, where a window would begin with it. */
  readonly positions: readonly Position[];
  /** How many more rows there are: exact for a filtered list, else by Atlas's own count, which is an estimate. */
  readonly remaining: number;
  /** Where the next window begins; absent where nothing is left. */
  readonly next?: Position;
}

interface WindowWish<Row> {
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
  const began = process.uptime() * 1000;
  const rows: Row[] = [];
  const positions: Position[] = [];
  const isNew = oncePerRow(identityOf);
  let left = 0;
  let next: Position | undefined;
  for (let position: Position | undefined = from; position !== undefined;) {
    const reply: Result<Slice<Row>> = await read(position, signal);
    if (!reply.ok) return reply;
    const slice: Slice<Row> = reply.value;
    for (const [index, row] of slice.rows.entries()) {
      if (!isNew(row) || keep?.(row) === false) continue;
      const at = { ...position, skip: position.skip + index };
      if (rows.length < limit) {
        rows.push(row);
        positions.push(at);
      } else {
        next ??= at;
        left += 1;
      }
    }
    // Where all that Atlas counts has come, only the next page tells whether there is more.
    const isMore = left > 0 || slice.seen < (slice.total ?? Number.POSITIVE_INFINITY);
    if (slice.next !== undefined && !keep && rows.length === limit && isMore) {
      const remaining = Math.max(left, (slice.total ?? slice.seen + 1) - slice.seen + left);
      return ok({ rows, positions, remaining, next: next ?? slice.next });
    }
    if (process.uptime() * 1000 - began > LONGEST_MS) return failed(tooLong);
    position = slice.next;
    progress(`Reading the list: ${slice.seen} rows so far`);
  }
  return ok({ rows, positions, remaining: left, ...(next !== undefined && { next }) });
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

/** How many of them fit, from the first on; one at least. */
export function fitting(rows: readonly unknown[], mostTokens = Number.POSITIVE_INFINITY): number {
  let tokens = 0;
  const tooMany = rows.findIndex((row) => (tokens += tokensAtMost(row)) > mostTokens);
  return tooMany === -1 ? rows.length : Math.max(1, tooMany);
}

export interface ShownPart<Row> {
  readonly shown: readonly Row[];
  readonly remaining: number;
  readonly nextCursor?: string;
}

/**
 * The rows of a window that one answer can show, and where the list goes on after them.
 *
 * @param rows those of the window, as they are shown
 */
export function partOf<Row>(
  { positions, remaining, next }: Omit<ListWindow<unknown>, 'rows'>,
  rows: readonly Row[],
  { query, mostTokens }: { readonly query: object; readonly mostTokens?: number | undefined },
): ShownPart<Row> {
  const count = fitting(rows, mostTokens);
  const goesOn = count < rows.length ? positions[count] : next;
  return {
    shown: rows.slice(0, count),
    remaining: remaining + rows.length - count,
    ...(goesOn !== undefined && { nextCursor: cursorAt(goesOn, query) }),
  };
}

/** @param query what was asked for, but for its limit: a cursor is good for the same question only */
function cursorAt({ page, skip, before }: Position, query: object): string {
  return Buffer.from(JSON.stringify([page, skip, before, digestOf(query)])).toString('base64url');
}

/** The position where the list continues: its beginning without a cursor. */
export function positionOf(cursor: string | undefined, query: object): Result<Position> {
  if (cursor === undefined) return ok(START);
  const content = parseJson(Buffer.from(cursor, 'base64url').toString());
  const parts: readonly unknown[] = Array.isArray(content) ? content : [];
  const [page, skip, before, digest] = parts;
  if (typeof page === 'number' && typeof skip === 'number' && typeof before === 'number') {
    const position = { page, skip, before };
    if (isPosition(position) && digest === digestOf(query)) return ok(position);
  }
  const hint =
    'Pass the nextCursor of the last result with the same other parameters, or leave out cursor to begin anew.';
  return failed(refusal('INVALID_INPUT', 'cursor: does not belong to this list.', hint));
}

function digestOf(query: object): string {
  return createHash('sha256').update(JSON.stringify(query)).digest('base64url').slice(0, 8);
}
