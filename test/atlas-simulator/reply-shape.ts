// Changes the members of a reply: of an object, or of each row of a page and of the page itself.

import { isJson, type Json, type Reply } from '../../src/sandbox/call.ts';

/** How replies differ from the published ones, whatever they are about. */
export interface Shape {
  /** Members that no reply has. */
  readonly omit: readonly string[];
  /** Members that every reply and every row has, for a client that knows nothing of them. */
  readonly add: Json;
  /** `any` instead of `ANY`, as the documentation writes. */
  readonly lowerCaseWords: boolean;
  /** Whether pages have links. */
  readonly links: boolean;
  /** What a page says of the number of rows, where it says something. */
  readonly totalCount: (rows: number) => number | undefined;
}

const PAGE_FIELDS = ['links', 'results', 'totalCount'];

/** A refusal lacks members too; none are added to it. */
export function shaped(reply: Reply, { omit, add, lowerCaseWords, ...page }: Shape): Reply {
  const whole = withoutFields(shapedPage(reply, page), omit);
  if (reply.status >= 300) return whole;
  const added = Object.keys(add).length > 0 ? edited(whole, (row) => ({ ...add, ...row })) : whole;
  return lowerCaseWords ? edited(added, withLowerCaseWords) : added;
}

function shapedPage(reply: Reply, { links, totalCount }: Pick<Shape, 'links' | 'totalCount'>): Reply {
  if (!Array.isArray(reply.content?.results)) return reply;
  const { links: given, totalCount: counted, ...rest } = reply.content;
  const count = typeof counted === 'number' ? totalCount(counted) : undefined;
  const content = { ...(links && { links: given }), ...rest, ...(count !== undefined && { totalCount: count }) };
  return { ...reply, content };
}

export function withoutFields(reply: Reply, fields: readonly string[]): Reply {
  return edited(reply, (row, isOf) =>
    Object.fromEntries(Object.entries(row).filter(([name]) => !(fields.includes(name) && isOf(name)))),
  );
}

export function withFields(reply: Reply, values: Json): Reply {
  return edited(reply, (row, isOf) => ({
    ...row,
    ...Object.fromEntries(Object.entries(values).filter(([name]) => isOf(name))),
  }));
}

/** `isOf`: whether a member of this name belongs there, and not in the page around the row or the rows of the page. */
type Edit = (row: Json, isOf: (name: string) => boolean) => Json;

function edited(reply: Reply, edit: Edit): Reply {
  if (reply.content === undefined) return reply;
  const { results } = reply.content;
  if (!Array.isArray(results)) return { ...reply, content: edit(reply.content, () => true) };
  const ofPage = (name: string) => PAGE_FIELDS.includes(name);
  const rows = results.map((row: unknown) => (isJson(row) ? edit(row, (name) => !ofPage(name)) : row));
  return { ...reply, content: edit({ ...reply.content, results: rows }, ofPage) };
}

function withLowerCaseWords(row: Json): Json {
  const { cloud, geography } = row;
  return {
    ...row,
    ...(typeof cloud === 'string' && { cloud: cloud.toLowerCase() }),
    ...(typeof geography === 'string' && { geography: geography.toLowerCase() }),
  };
}
