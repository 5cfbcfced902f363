// Pages of the Atlas Admin API: how one is asked for, and whether there is another.

import { parseJson } from '../text/json.ts';
import { isObject, listField } from './json.ts';

/** A page to ask for. */
export interface Page {
  readonly number: number;
  readonly query: string;
}

const LARGEST_PAGE = 500;
/** In bytes. A page of 500 keys is about 250 KB. */
export const LARGEST_PAGE_REPLY = 8 * 1024 * 1024;
/** A server that always has another page must not keep a call going for ever. */
const MOST_PAGES = 100;

export const firstPage = pageNumber(1);

/** The rows of a reply; undefined where it has more than were asked for. `totalCount` is an estimate, so the end is a short page or a missing next link. */
export function pageOf(
  body: string | undefined,
  page: Page,
): { results: readonly unknown[]; next: Page | undefined } | undefined {
  const content = parseJson(body ?? '');
  if (!isObject(content) || !Array.isArray(content.results) || page.number > MOST_PAGES) return undefined;
  const results = listField(content, 'results');
  if (results.length > LARGEST_PAGE) return undefined;
  const linked = listField(content, 'links').some((link) => isObject(link) && link.rel === 'next');
  const more = linked && results.length >= LARGEST_PAGE;
  return { results, next: more ? pageNumber(page.number + 1) : undefined };
}

function pageNumber(number: number): Page {
  return { number, query: `itemsPerPage=${LARGEST_PAGE}&pageNum=${number}` };
}
