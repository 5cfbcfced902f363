// The words of results: facts for the sentence with which a result begins, and the text of a list, with one line per row.
//
// A line has every field of its row, but for what all rows share: the head says it once. Names, and whatever is not one word, are quoted: they are data, and must not be taken for a
// line or for words of this server.

import type { Project } from '../atlas/api/projects.ts';
import { PROJECT_WRITER } from '../atlas/api/admin-api.ts';
import type { RateLimit } from '../atlas/api/limits.ts';
import type { KeyRow, NamedKey } from '../keys/lists.ts';
import type { Delivered, Planned } from '../keys/sink-choice.ts';
import type { Result } from '../failure.ts';
import { counted } from '../text/text.ts';
import type { Answer } from './tool.ts';

export const howVerified = {
  'read-back': 'verified by reading back',
  metadata: 'verified by metadata',
  person: 'a person said that it is stored',
  none: 'not verified: the sink cannot be read',
} as const;

const ROLE = `whether the credential has the role to do it (${PROJECT_WRITER})`;
const SINK = 'that the sink can take the secret, without writing to it';
const QUOTA = 'whether the hourly quota has room';
const PERSON = 'whether the person who is asked agrees';

/** What a dry run of each tool looked at, and what it cannot see. */
export const dryRunOf = {
  create: {
    checked: ['that the project can be read', 'that the name is free', SINK],
    notChecked: [ROLE, 'whether Atlas accepts the name', QUOTA],
  },
  rotate: {
    checked: ['that the key is there and has that name', 'that the name of the new key is free', SINK],
    notChecked: [ROLE, 'whether Atlas accepts the name', QUOTA, PERSON],
  },
  delete: {
    checked: ['that the key is there and has that name'],
    notChecked: [ROLE, PERSON],
  },
};

/** In JSON's quotes, so that it is certain where a name ends, whatever is in it. */
export function quoted(text: string): string {
  return JSON.stringify(text);
}

/** A word, a time or a number as it is; any other text of Atlas in quotes. */
function shown(text: string): string {
  return /^[A-Za-z0-9_:.+-]+$/.test(text) ? text : quoted(text);
}

/** What may be the same in many rows. */
interface Shared {
  /** As the head says it of all rows. */
  readonly ofAll: string;
  readonly inLine?: string;
  /** Once a line before has said it. */
  readonly later?: string;
}

type Cell = string | false | undefined | Shared;

interface List<Row> {
  /** The field of the result that has the rows. */
  readonly field: 'keys' | 'projects' | 'rateLimits';
  readonly noun: string;
  readonly rows: readonly Row[];
  readonly cells: (row: Row) => readonly Cell[];
  /** About how many rows come after these. */
  readonly remaining?: number;
  readonly nextCursor?: string;
}

export function listResult<Row>({ field, noun, rows, cells, remaining, nextCursor }: List<Row>): Answer {
  const rest = { ...(remaining !== undefined && { remaining }), ...(nextCursor !== undefined && { nextCursor }) };
  const more =
    nextCursor === undefined ? '' : `, and about ${remaining ?? 0} more: pass nextCursor as cursor to see them`;
  const { ofAll, lines } = linesOf(rows.map(cells));
  return {
    structured: { outcome: 'listed', [field]: rows, ...rest },
    summary: `${counted(rows.length, noun)}${more}.`,
    text: [parts([headLine({ outcome: 'listed', ...rest }), ...ofAll]), ...lines].join('\n'),
  };
}

/** A list in which nothing has the text that was looked for in its name, with the rows whose names are most like it. */
export function withNearest<Row extends { readonly name: string }>(
  list: Answer,
  noun: string,
  nearest: readonly Row[],
  cells: (row: Row) => readonly Cell[],
): Answer {
  const { ofAll, lines } = linesOf(nearest.map(cells));
  return {
    ...list,
    structured: { ...list.structured, nearest },
    summary: `No ${noun} has that text in its name. The nearest: ${nearest.map(({ name }) => quoted(name)).join(', ')}.`,
    text: [list.text, ['nearest:', ...ofAll].join(' '), ...lines].join('\n'),
  };
}

/** The rows as lines, without what each of them would say; that is `ofAll`. */
function linesOf(rows: readonly (readonly Cell[])[]): {
  readonly ofAll: readonly string[];
  readonly lines: readonly string[];
} {
  const counts = new Map<string, number>();
  for (const cell of rows.flat())
    if (typeof cell === 'object') counts.set(cell.ofAll, (counts.get(cell.ofAll) ?? 0) + 1);
  const ofAll = [...counts].filter(([, count]) => count > 1 && count === rows.length).map(([text]) => text);
  const said = new Set<string>();
  const inLine = (cell: Cell) => {
    if (typeof cell !== 'object') return cell;
    if (ofAll.includes(cell.ofAll)) return false;
    const isSaid = said.has(cell.ofAll);
    said.add(cell.ofAll);
    const full = cell.inLine ?? cell.ofAll;
    return isSaid ? (cell.later ?? full) : full;
  };
  return { ofAll, lines: rows.map((row) => parts(row.map(inLine))) };
}

/** `outcome listed | remaining 1950 | nextCursor abc` */
export function headLine(fields: Readonly<Record<string, string | number>>): string {
  return parts(Object.entries(fields).map(([name, value]) => `${name} ${value}`));
}

export function lastUse({ lastUsedAt }: Pick<KeyRow, 'lastUsedAt'>): string {
  return lastUsedAt === null ? 'never used' : `last used ${shown(lastUsedAt)}`;
}

/** The answer with what the caller should know besides. */
export function withWarnings(answer: Answer, warnings: readonly string[]): Answer {
  if (warnings.length === 0) return answer;
  const { structured, text = JSON.stringify(structured) } = answer;
  return { ...answer, structured: { ...structured, warnings }, text: [text, ...warnings].join('\n') };
}

/** @param projectOf what names the project of a key; {@link projectNaming} */
export function keyCells(key: KeyRow, projectOf: (key: NamedKey) => Cell): readonly Cell[] {
  return [
    key.apiKeyId ?? 'apiKeyId absent',
    quoted(key.name),
    key.maskedSecret,
    key.status === undefined ? undefined : { ofAll: `status ${shown(key.status)}`, inLine: shown(key.status) },
    key.lastUsedAt === null ? { ofAll: lastUse(key) } : `last used ${shown(toTheMinute(key.lastUsedAt))}`,
    labelled('created', key.createdAt === undefined ? undefined : toTheMinute(key.createdAt)),
    key.createdBy === undefined ? undefined : { ofAll: `by ${quoted(key.createdBy)}` },
    ...scopeCells(key),
    projectOf(key),
    undelivered(key),
    key.double === true && 'another key has the same name',
  ];
}

export function namedKeyCells(key: NamedKey, projectOf: (key: NamedKey) => Cell): readonly Cell[] {
  return [key.apiKeyId ?? 'apiKeyId absent', quoted(key.name), projectOf(key)];
}

/** What became of one key of several. Warnings are not in it: many keys may have the same. */
export function createdLine(
  { groupId, name }: { readonly groupId: string; readonly name: string },
  result: Result<Delivered | Planned>,
): string {
  const about = [quoted(name), `project ${groupId}`];
  if (!result.ok) {
    const { code, message, hint, keyState, apiKeyId, retryAfterSeconds } = result.failure;
    const after = labelled('retry after seconds', retryAfterSeconds);
    return parts([
      'failed',
      ...about,
      code,
      labelled('key', apiKeyId),
      labelled('keyState', keyState),
      after,
      `${message} ${hint}`,
    ]);
  }
  const { outcome, delivery } = result.value;
  const key = result.value.outcome === 'delivered' ? result.value.key : undefined;
  return parts([
    outcome,
    key?.apiKeyId,
    ...(key ? [quoted(key.name), `project ${groupId}`] : about),
    `sink ${delivery.sink}`,
    delivery.location,
    labelled('entry', delivery.entry),
    howVerified[delivery.verification],
    delivery.fingerprint,
    labelled('endpoint', key?.endpoint),
    // Only from the inline sink.
    delivery.secret === undefined ? undefined : `secret ${delivery.secret}`,
  ]);
}

export function projectCells({ groupId, name, orgId }: Project): readonly Cell[] {
  return [groupId ?? 'groupId absent', quoted(name), shareable(labelled('organization', orgId))];
}

export function rateLimitCells(limit: RateLimit): readonly Cell[] {
  return [
    limit.modelGroupName === undefined ? 'modelGroupName absent' : quoted(limit.modelGroupName),
    `models ${limit.modelNames.map(quoted).join(', ')}`,
    labelled('requests per minute', limit.requestsPerMinuteLimit),
    labelled('tokens per minute', limit.tokensPerMinuteLimit),
    ...scopeCells(limit),
  ];
}

function shareable(text: string | undefined): Cell {
  return text === undefined ? undefined : { ofAll: text };
}

/** Seconds tell a person nothing of a key. */
function toTheMinute(time: string): string {
  return time.replace(/^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}):\d{2}(?:\.\d+)?Z$/, '$1Z');
}

function scopeCells({ cloud, geography, endpoint }: Pick<RateLimit, 'cloud' | 'geography' | 'endpoint'>): Cell[] {
  return [labelled('cloud', cloud), labelled('geography', geography), labelled('endpoint', endpoint)].map(shareable);
}

/** Of these keys. A project is named without its id once it was said, where no other project has the name. */
export function projectNaming(keys: readonly NamedKey[]): (key: NamedKey) => Cell {
  const ids = new Map<string | undefined, Set<string | undefined>>();
  for (const { groupId, projectName } of keys) ids.set(projectName, (ids.get(projectName) ?? new Set()).add(groupId));
  return ({ groupId, projectName }) => {
    if (projectName === undefined) return shareable(labelled('project', groupId));
    const name = `project ${quoted(projectName)}`;
    const isOne = ids.get(projectName)?.size === 1;
    return {
      ofAll: groupId === undefined ? name : `project ${groupId} ${quoted(projectName)}`,
      ...(isOne && { later: name }),
    };
  };
}

/** Its secret is in no sink, or was not when the call that made it ended. */
function undelivered({ undelivered: told }: KeyRow): string | undefined {
  if (!told) return undefined;
  const age = told.ageSeconds === undefined ? '' : ` for ${told.ageSeconds} s`;
  return `undelivered${age}, ${told.knownHere ? 'made on this machine' : 'made on another machine'}`;
}

function labelled(label: string, value: string | number | undefined): string | undefined {
  return value === undefined ? undefined : `${label} ${shown(String(value))}`;
}

/** One line of what is there. */
export function parts(texts: readonly (string | false | undefined)[]): string {
  return texts.filter((text) => text !== undefined && text !== false).join(' | ');
}
