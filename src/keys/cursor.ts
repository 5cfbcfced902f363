// The opaque cursor of a list: where it goes on, and which list it belongs to.

import { createHash } from 'node:crypto';
import { isPosition, START, type Position } from '../atlas/api/pages.ts';
import { parseJson } from '../text/json.ts';
import { failed, ok, refusal, type Result } from '../failure.ts';

/** @param query what was asked for, but for its limit: a cursor is good for the same question only */
export function cursorAt({ page, skip, before }: Position, query: object): string {
  return Buffer.from(JSON.stringify([page, skip, before, digestOf(query)])).toString('base64url');
}

/** The position where the list goes on: its beginning without a cursor. */
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
