// Lists keys of a project or an organization, as many as a caller wants to see at once.

import { failed, ok, type Result } from '../failure.ts';
import { originalName, type ListedKey } from '../atlas/api/keys.ts';
import type { Position, Slice } from '../atlas/api/pages.ts';
import type { Scope } from '../atlas/api/admin-api.ts';
import type { RequestContext } from './request-context.ts';
import { cursorAt, positionOf } from './cursor.ts';
import { undeliveredOf, type Undelivered } from './leftovers.ts';
import { explained } from './explain.ts';
import type { Journal } from './journal/journal.ts';
import type { KeyContext } from './known-key.ts';
import { readWindow } from './list-window.ts';
import { contains } from './name-filter.ts';
import { isAllowed, refuseProject } from './policy.ts';

export interface KeyListRequest {
  readonly scope: Scope;
  /** Part of the name, whatever its case. */
  readonly nameContains?: string | undefined;
  /** Days since the last use, or since the creation of a key that was never used. */
  readonly unusedForDays?: number | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export interface KeyRow extends ListedKey {
  /** Of a key whose name says that it is not delivered. */
  readonly undelivered?: Undelivered;
  /** Another key of its project, among those that were read, has the same name. */
  readonly double?: true;
  /** In an organization's list, where the project can be seen. */
  readonly projectName?: string;
}

export interface KeyList {
  readonly keys: readonly KeyRow[];
  readonly remaining: number;
  readonly nextCursor?: string;
}

const DAY_MS = 24 * 60 * 60 * 1000;

export interface KeyListContext extends KeyContext {
  readonly journal: Journal;
}

export async function listModelKeys(
  context: KeyListContext,
  { scope, nameContains, unusedForDays, limit, cursor }: KeyListRequest,
  call: RequestContext,
): Promise<Result<KeyList>> {
  const refused = 'groupId' in scope ? refuseProject(context, scope.groupId) : undefined;
  if (refused) return failed(refused);
  const query = { keys: scope, nameContains, unusedForDays };
  const from = positionOf(cursor, query);
  if (!from.ok) return from;
  const filters = [
    ...(nameContains === undefined ? [] : [contains(nameContains)]),
    ...(unusedForDays === undefined ? [] : [unusedSince(Date.now() - unusedForDays * DAY_MS)]),
    ...('orgId' in scope && context.allowedProjects ? [(key: ListedKey) => isAllowed(context, key.groupId)] : []),
  ];
  const keep = filters.length === 0 ? undefined : (key: ListedKey) => filters.every((filter) => filter(key));
  const names = new Map<string, number>();
  const [window, projects, kept] = await Promise.all([
    readWindow(
      countingNames(context, scope, names),
      { from: from.value, limit, keep, identityOf: ({ apiKeyId }) => apiKeyId },
      call,
    ),
    projectNames(context, scope, call.signal),
    context.journal.read(),
  ]);
  if (!window.ok) return failed(await explained(context, window.failure, scope, call.signal));
  const { rows, remaining, next } = window.value;
  return ok({
    keys: rows.map((key) => ({
      ...rowOf(key, scope, projects),
      ...said(undeliveredOf(key, kept)),
      ...((names.get(nameIn(key)) ?? 0) > 1 && { double: true }),
    })),
    remaining,
    ...(next !== undefined && { nextCursor: cursorAt(next, query) }),
  });
}

/** Counts the names of all that is read, be it wanted or not. */
function countingNames({ atlas }: KeyContext, scope: Scope, names: Map<string, number>) {
  return async (position: Position, signal: AbortSignal): Promise<Result<Slice<ListedKey>>> => {
    const slice = await atlas.readKeys(scope, position, signal);
    for (const key of slice.ok ? slice.value.rows : []) names.set(nameIn(key), (names.get(nameIn(key)) ?? 0) + 1);
    return slice;
  };
}

/** What tells keys of one name in one project. */
function nameIn(key: ListedKey): string {
  return `${key.groupId ?? ''} ${originalName(key).normalize('NFC')}`;
}

function said(undelivered: Undelivered | undefined): { readonly undelivered?: Undelivered } {
  return undelivered ? { undelivered } : {};
}

/** Keys of which Atlas does not say when they were used, or made, are not said to be unused. */
function unusedSince(time: number): (key: ListedKey) => boolean {
  return ({ lastUsedAt, createdAt }) => Date.parse(lastUsedAt ?? createdAt ?? '') <= time;
}

/** Empty where the projects cannot be seen: a list without their names is better than none. */
async function projectNames(
  { atlas }: KeyContext,
  scope: Scope,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  if (!('orgId' in scope)) return new Map();
  const projects = await atlas.listProjects(scope.orgId, signal);
  return new Map(projects.ok ? projects.value.map(({ groupId = '', name }) => [groupId, name]) : []);
}

function rowOf(key: ListedKey, scope: Scope, names: ReadonlyMap<string, string>): KeyRow {
  const groupId = 'groupId' in scope ? scope.groupId : key.groupId;
  const projectName = names.get(groupId ?? '');
  return { ...key, ...(groupId !== undefined && { groupId }), ...(projectName !== undefined && { projectName }) };
}
