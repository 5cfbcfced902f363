// Lists the keys of a project or an organization, and the projects that the credential sees and the operator allows: as many
// rows as a caller wants to see at once, and a cursor for the rest.

import { createHash } from 'node:crypto';
import { failed, ok, type Result, refusal, type Failure } from '../failure.ts';
import { originalName, type ListedKey } from '../atlas/api/keys.ts';
import { type Position, type Slice, isPosition, START } from '../atlas/api/pages.ts';
import type { Scope } from '../atlas/api/admin-api.ts';
import type { RequestContext } from './request-context.ts';
import { leftoverWarnings, undeliveredOf, type Undelivered } from './undelivered.ts';
import { explained, isAllowed, refuseProject, type KeyContext } from './refusals.ts';
import type { Intent } from './journal/intent.ts';
import type { Journal, Kept } from './journal/journal.ts';
import type { Project } from '../atlas/api/projects.ts';
import { nearest } from '../text/nearest.ts';
import { parseJson } from '../text/json.ts';

interface KeyListRequest {
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

interface KeyList {
  readonly keys: readonly KeyRow[];
  readonly remaining: number;
  readonly nextCursor?: string;
  /** What earlier calls of this machine left. */
  readonly warnings?: readonly string[];
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
      ...said(undeliveredOf(key, kept.ok ? kept.value : undefined)),
      ...((names.get(nameIn(key)) ?? 0) > 1 && { double: true }),
    })),
    remaining,
    ...(next !== undefined && { nextCursor: cursorAt(next, query) }),
    ...leftovers(context, scope, rows, kept),
  });
}

/** Of the project that is listed; of an organization, whatever this machine left in projects that are allowed. */
function leftovers(context: KeyContext, scope: Scope, rows: readonly ListedKey[], kept: Result<Kept>) {
  if (!kept.ok) return {};
  const groupId = 'groupId' in scope ? scope.groupId : undefined;
  const isAsked = (intent: Intent) =>
    isAllowed(context, intent.groupId) && (groupId ?? intent.groupId) === intent.groupId;
  const intents = kept.value.intents.filter(isAsked);
  const warnings = leftoverWarnings(groupId ?? '', rows, { ...kept.value, intents });
  return warnings.length > 0 ? { warnings } : {};
}

/** Counts the names of all that is read, wanted or not. */
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

interface ProjectListRequest {
  readonly orgId?: string | undefined;
  /** Part of the name, whatever its case. */
  readonly nameContains?: string | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

interface ProjectList {
  readonly projects: readonly Project[];
  readonly remaining: number;
  readonly nextCursor?: string;
  /** The projects whose names are most like `nameContains`, where none contains it. */
  readonly nearest?: readonly Project[];
}

const MOST_NEAREST = 5;

export async function listProjects(
  context: KeyContext,
  { orgId, nameContains, limit, cursor }: ProjectListRequest,
  call: RequestContext,
): Promise<Result<ProjectList>> {
  const query = { projects: orgId, nameContains };
  const from = positionOf(cursor, query);
  if (!from.ok) return from;
  const allowed = (project: Project) => isAllowed(context, project.groupId);
  const fits =
    nameContains === undefined ? allowed : (project: Project) => allowed(project) && contains(nameContains)(project);
  const keep = nameContains === undefined && !context.allowedProjects ? undefined : fits;
  const seen = new Map<string | number, Project>();
  const read = async (position: Position, signal: AbortSignal) => {
    const slice = await context.atlas.readProjects(orgId, position, signal);
    if (slice.ok)
      for (const project of slice.value.rows) if (allowed(project)) seen.set(project.groupId ?? seen.size, project);
    return slice;
  };
  const window = await readWindow(read, { from: from.value, limit, keep, identityOf: ({ groupId }) => groupId }, call);
  if (!window.ok) return window;
  const { rows, remaining, next } = window.value;
  const likely =
    nameContains !== undefined && rows.length === 0 && cursor === undefined
      ? nearest(nameContains.toLowerCase(), [...seen.values()], ({ name }) => name.toLowerCase(), MOST_NEAREST)
      : [];
  return ok({
    projects: rows,
    remaining,
    ...(next !== undefined && { nextCursor: cursorAt(next, query) }),
    ...(likely.length > 0 && { nearest: likely }),
  });
}

interface ListWindow<Row> {
  readonly rows: readonly Row[];
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

async function readWindow<Row>(
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

/** @param query what was asked for, but for its limit: a cursor is good for the same question only */
function cursorAt({ page, skip, before }: Position, query: object): string {
  return Buffer.from(JSON.stringify([page, skip, before, digestOf(query)])).toString('base64url');
}

/** The position where the list continues: its beginning without a cursor. */
function positionOf(cursor: string | undefined, query: object): Result<Position> {
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

/** Without regard to case, or to how Unicode spells a letter. */
function contains(part: string): (row: { readonly name: string }) => boolean {
  const folded = fold(part);
  return ({ name }) => fold(name).includes(folded);
}

function fold(text: string): string {
  return text.normalize('NFC').toLowerCase();
}
