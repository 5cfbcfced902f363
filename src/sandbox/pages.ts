// Cuts a list into pages, with the links and the count that Atlas adds.

import type { Call } from './call.ts';
import { refusal, success, type FieldProblem, type Json, type Reply } from './replies.ts';
import type { World } from './world.ts';

const DEFAULT_SIZE = 100;
const LARGEST_SIZE = 500;

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
    return refusal(400, { errorCode: 'VALIDATION_ERROR', detail: 'The page asked for cannot be had.', fields });
  }
  const { rows } = listing;
  const size = Math.min(asked, world.rules.pageCap);
  const last = Math.max(1, Math.ceil(rows.length / size));
  const isCounted = !listing.countIsOptional || call.query.get('includeCount') !== 'false';
  return success({
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
