// The words of results: facts for the sentence with which a result begins, and the text of a list, with one line per row.
//
// A line has every field of its row. Names, and whatever is not one word, are quoted: they are data, and must not be taken for a
// line or for words of this server.

import type { Project } from '../atlas/api/projects.ts';
import type { RateLimit } from '../atlas/api/limits.ts';
import type { KeyRow } from '../keys/lists.ts';
import type { Delivered, Planned } from '../keys/sink-choice.ts';
import type { Result } from '../failure.ts';
import { counted } from '../text/counted.ts';
import type { Answer } from './tool.ts';

export const howVerified = {
  'read-back': 'verified by reading back',
  metadata: 'verified by metadata',
  none: 'not verified: the sink cannot be read',
} as const;

/** In JSON's quotes, so that it is certain where a name ends, whatever is in it. */
export function quoted(text: string): string {
  return JSON.stringify(text);
}

/** A word, a time or a number as it is; any other text of Atlas in quotes. */
function shown(text: string): string {
  return /^[A-Za-z0-9_:.+-]+$/.test(text) ? text : quoted(text);
}

interface List<Row> {
  /** The field of the result that has the rows. */
  readonly field: 'keys' | 'projects' | 'rateLimits';
  readonly noun: string;
  readonly rows: readonly Row[];
  readonly line: (row: Row) => string;
  /** About how many rows come after these. */
  readonly remaining?: number;
  readonly nextCursor?: string;
}

export function listResult<Row>({ field, noun, rows, line, remaining, nextCursor }: List<Row>): Answer {
  const rest = {
    ...(remaining !== undefined && { remaining }),
    ...(nextCursor !== undefined && { nextCursor }),
  };
  const more =
    nextCursor === undefined ? '' : `, and about ${remaining ?? 0} more: pass nextCursor as cursor to see them`;
  return {
    structured: { outcome: 'listed', [field]: rows, ...rest },
    summary: `${counted(rows.length, noun)}${more}.`,
    text: [headLine({ outcome: 'listed', ...rest }), ...rows.map(line)].join('\n'),
  };
}

/** `outcome listed | remaining 1950 | nextCursor abc` */
function headLine(fields: Readonly<Record<string, string | number>>): string {
  return parts(Object.entries(fields).map(([name, value]) => `${name} ${value}`));
}

export function lastUse({ lastUsedAt }: Pick<KeyRow, 'lastUsedAt'>): string {
  return lastUsedAt === null ? 'never used' : `last used ${shown(lastUsedAt)}`;
}

export function keyLine(key: KeyRow): string {
  return parts([
    key.apiKeyId ?? 'apiKeyId absent',
    quoted(key.name),
    key.maskedSecret,
    key.status === undefined ? undefined : shown(key.status),
    lastUse(key),
    labelled('created', key.createdAt),
    key.createdBy === undefined ? undefined : `by ${quoted(key.createdBy)}`,
    ...scopeFields(key),
    project(key),
    undelivered(key),
    key.double === true && 'another key has the same name',
  ]);
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

export function projectLine({ groupId, name, orgId }: Project): string {
  return parts([groupId ?? 'groupId absent', quoted(name), labelled('organization', orgId)]);
}

export function rateLimitLine(limit: RateLimit): string {
  return parts([
    limit.modelGroupName === undefined ? 'modelGroupName absent' : quoted(limit.modelGroupName),
    `models ${limit.modelNames.map(quoted).join(', ')}`,
    ...limitsOf(limit),
    ...scopeFields(limit),
  ]);
}

function limitsOf(limits: { readonly requestsPerMinuteLimit?: number; readonly tokensPerMinuteLimit?: number }) {
  return [
    labelled('requests per minute', limits.requestsPerMinuteLimit),
    labelled('tokens per minute', limits.tokensPerMinuteLimit),
  ];
}

function scopeFields({
  cloud,
  geography,
  endpoint,
}: {
  readonly cloud?: string;
  readonly geography?: string;
  readonly endpoint?: string;
}) {
  return [labelled('cloud', cloud), labelled('geography', geography), labelled('endpoint', endpoint)];
}

function project({ groupId, projectName }: KeyRow): string | undefined {
  if (groupId === undefined) return projectName === undefined ? undefined : `project ${quoted(projectName)}`;
  return projectName === undefined ? `project ${groupId}` : `project ${groupId} ${quoted(projectName)}`;
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

function parts(texts: readonly (string | false | undefined)[]): string {
  return texts.filter((text) => text !== undefined && text !== false).join(' | ');
}
