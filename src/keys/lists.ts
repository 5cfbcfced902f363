// Lists or counts the keys of a project or an organization, and lists the projects that the credential sees and the operator allows:
// as many rows as a caller wants to see at once, and a cursor for the rest.

import { failed, ok, type Result } from '../failure.ts';
import { originalName, type ListedKey } from '../atlas/api/keys.ts';
import type { Position, Slice } from '../atlas/api/pages.ts';
import type { Scope } from '../atlas/api/admin-api.ts';
import type { RequestContext } from './request-context.ts';
import { explained, type KeyContext } from './find-key.ts';
import { leftoverWarnings, undeliveredOf, type Undelivered, isAllowed, refuseProject } from './refusals.ts';
import type { Intent } from './journal/intent.ts';
import type { Journal, Kept } from './journal/journal.ts';
import type { Project } from '../atlas/api/projects.ts';
import { fitting, partOf, positionOf, readWindow, type ShownPart } from './list-window.ts';
import { nearest } from '../text/text.ts';

/** What a list is asked for. */
interface ListRequest {
  /** Part of the name, whatever its case. */
  readonly nameContains?: string | undefined;
  readonly limit: number;
  /** What the rows may take of a model's context; as much as they need where absent. */
  readonly mostTokens?: number | undefined;
  readonly cursor?: string | undefined;
}

interface KeyListRequest extends ListRequest {
  readonly scope: Scope;
  /** Days since the last use, or since the creation of a key that was never used. */
  readonly unusedForDays?: number | undefined;
}

export interface KeyRow extends ListedKey {
  /** Of a key whose name says that it is not delivered. */
  readonly undelivered?: Undelivered;
  /** Another key of its project, among those that were read, has the same name. */
  readonly double?: true;
  /** In an organization's list, where the project can be seen. */
  readonly projectName?: string;
}

interface KeyList extends Omit<ShownPart<unknown>, 'shown'> {
  readonly keys: readonly KeyRow[];
  /** The keys whose names are most like `nameContains`, where none contains it. */
  readonly nearest?: readonly NamedKey[];
  /** What earlier calls of this machine left. */
  readonly warnings?: readonly string[];
}

export type NamedKey = Pick<KeyRow, 'apiKeyId' | 'name' | 'groupId' | 'projectName'>;

const DAY_MS = 24 * 60 * 60 * 1000;

export interface KeyListContext extends KeyContext {
  readonly journal: Journal;
}

export async function listModelKeys(
  context: KeyListContext,
  request: KeyListRequest,
  call: RequestContext,
): Promise<Result<KeyList>> {
  const { scope, nameContains, unusedForDays, limit, mostTokens, cursor } = request;
  const refused = 'groupId' in scope ? refuseProject(context, scope.groupId) : undefined;
  if (refused) return failed(refused);
  const query = { keys: scope, nameContains, unusedForDays };
  const from = positionOf(cursor, query);
  if (!from.ok) return from;
  const similar = cursor === undefined ? similarNames(context, request) : undefined;
  const filter = keyFilter(context, request);
  const keep = filter && ((key: ListedKey) => (similar?.look(key), filter(key)));
  const names = new Map<string, number>();
  const [window, projects, kept] = await Promise.all([
    readWindow(countingNames(context, scope, names), { from: from.value, limit, keep, identityOf }, call),
    projectNames(context, scope, call.signal),
    context.journal.read(),
  ]);
  if (!window.ok) return failed(await explained(context, window.failure, scope, call.signal));
  const rows = window.value.rows.map((key) => {
    const undelivered = undeliveredOf(key, kept.ok ? kept.value : undefined);
    const isDouble = (names.get(nameIn(key)) ?? 0) > 1;
    const more = { ...(undelivered && { undelivered }), ...(isDouble && { double: true as const }) };
    return { ...rowOf(key, scope, projects), ...more };
  });
  const { shown, ...rest } = partOf(window.value, rows, { query, mostTokens });
  const likely = similar?.nearest().map((key) => rowOf(key, scope, projects)) ?? [];
  return ok({
    keys: shown,
    ...rest,
    ...(likely.length > 0 && { nearest: likely }),
    ...leftovers(context, scope, window.value.rows, kept),
  });
}

export type CountBy = 'project' | 'createdBy' | 'status';

interface KeyCounts {
  /** The greatest count first. The value is null where Atlas says none; of a project it is the id. */
  readonly counts: readonly { readonly value: string | null; readonly count: number; readonly projectName?: string }[];
  /** How many keys there are in all. */
  readonly total: number;
  /** How many values there are besides these. */
  readonly remaining: number;
}

/** Counts all keys that the filter keeps. */
export async function countModelKeys(
  context: KeyListContext,
  request: Omit<KeyListRequest, 'limit'> & { readonly countBy: CountBy },
  call: RequestContext,
): Promise<Result<KeyCounts>> {
  const { scope, countBy, cursor } = request;
  const refused = 'groupId' in scope ? refuseProject(context, scope.groupId) : undefined;
  if (refused) return failed(refused);
  const from = positionOf(cursor, { countBy });
  if (!from.ok) return from;
  const filter = keyFilter(context, request);
  const counts = new Map<string | null, number>();
  const tally = (key: ListedKey) => {
    if (filter?.(key) === false) return false;
    const value = (countBy === 'project' ? rowOf(key, scope, new Map()).groupId : key[countBy]) ?? null;
    counts.set(value, (counts.get(value) ?? 0) + 1);
    return false;
  };
  const read = (position: Position, signal: AbortSignal) => context.atlas.readKeys(scope, position, signal);
  const [window, projects] = await Promise.all([
    readWindow(read, { from: from.value, limit: 0, keep: tally, identityOf }, call),
    countBy === 'project' ? projectNames(context, scope, call.signal) : new Map<string, string>(),
  ]);
  if (!window.ok) return failed(await explained(context, window.failure, scope, call.signal));
  const rows = [...counts]
    .sort(([, one], [, other]) => other - one)
    .map(([value, count]) => ({ value, count, ...named(projects.get(value ?? '')) }));
  const shown = rows.slice(0, fitting(rows, request.mostTokens));
  const total = rows.reduce((sum, { count }) => sum + count, 0);
  return ok({ counts: shown, total, remaining: rows.length - shown.length });
}

function named(projectName: string | undefined): { readonly projectName?: string } {
  return projectName === undefined ? {} : { projectName };
}

function identityOf({ apiKeyId }: ListedKey): string | undefined {
  return apiKeyId;
}

/** Absent where every key is wanted. */
function keyFilter(
  context: KeyContext,
  { scope, nameContains, unusedForDays }: Pick<KeyListRequest, 'scope' | 'nameContains' | 'unusedForDays'>,
): ((key: ListedKey) => boolean) | undefined {
  const filters = [
    ...(nameContains === undefined ? [] : [contains(nameContains)]),
    ...(unusedForDays === undefined ? [] : [unusedSince(Date.now() - unusedForDays * DAY_MS)]),
    ...('orgId' in scope && context.allowedProjects ? [(key: ListedKey) => isAllowed(context, key.groupId)] : []),
  ];
  return filters.length === 0 ? undefined : (key) => filters.every((filter) => filter(key));
}

/** Remembers the names of the keys that may be told of, until one of them contains what is looked for. */
function similarNames(context: KeyContext, { scope, nameContains }: Pick<KeyListRequest, 'scope' | 'nameContains'>) {
  if (nameContains === undefined) return undefined;
  const fits = contains(nameContains);
  let others: Pick<ListedKey, 'apiKeyId' | 'name' | 'groupId'>[] | undefined = [];
  return {
    look(key: ListedKey) {
      if ('orgId' in scope && !isAllowed(context, key.groupId)) return;
      if (fits(key)) others = undefined;
      const { apiKeyId, name, groupId } = key;
      others?.push({ ...(apiKeyId !== undefined && { apiKeyId }), name, ...(groupId !== undefined && { groupId }) });
    },
    nearest: () => nearest(fold(nameContains), others ?? [], ({ name }) => fold(name), MOST_NEAREST),
  };
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

/** With the project, and its name where that is known. */
function rowOf<Key extends Pick<ListedKey, 'groupId'>>(key: Key, scope: Scope, names: ReadonlyMap<string, string>) {
  const groupId = 'groupId' in scope ? scope.groupId : key.groupId;
  return { ...key, ...(groupId !== undefined && { groupId }), ...named(names.get(groupId ?? '')) };
}

interface ProjectList extends Omit<ShownPart<unknown>, 'shown'> {
  readonly projects: readonly Project[];
  /** The projects whose names are most like `nameContains`, where none contains it. */
  readonly nearest?: readonly Project[];
}

const MOST_NEAREST = 5;

export async function listProjects(
  context: KeyContext,
  { orgId, nameContains, limit, mostTokens, cursor }: ListRequest & { readonly orgId?: string | undefined },
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
  const { shown, ...rest } = partOf(window.value, window.value.rows, { query, mostTokens });
  const likely =
    nameContains !== undefined && shown.length === 0 && cursor === undefined
      ? nearest(nameContains.toLowerCase(), [...seen.values()], ({ name }) => name.toLowerCase(), MOST_NEAREST)
      : [];
  return ok({ projects: shown, ...rest, ...(likely.length > 0 && { nearest: likely }) });
}

/** Without regard to case, or to how Unicode spells a letter. */
function contains(part: string): (row: { readonly name: string }) => boolean {
  const folded = fold(part);
  return ({ name }) => fold(name).includes(folded);
}

function fold(text: string): string {
  return text.normalize('NFC').toLowerCase();
}
