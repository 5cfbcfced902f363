// Reads, changes and resets how much of each group of models a project may use.

import type { Atlas } from '../atlas/atlas.ts';
import type { AtlasFailure, AtlasResult } from '../atlas/failure.ts';
import type { Limits, LimitPlace, RateLimit } from '../atlas/rate-limits.ts';
import type { Scope } from '../atlas/scope.ts';
import { nearest } from '../text/nearest.ts';
import type { CallControl } from './call-control.ts';
import { askConsent, type ConfirmPolicy, type ConsentQuestion } from './consent.ts';
import { explained } from './explain.ts';
import { cancelled, fromAtlas, outcomeUnknown, refusal, type Failure } from './failure.ts';
import type { KeyContext } from './keys/known-key.ts';
import { refuseProject } from './policy.ts';
import { failed, type Failed } from './delivery/receipt.ts';

export interface LimitContext extends KeyContext {
  readonly confirm: ConfirmPolicy;
}

export interface RateLimitList {
  readonly outcome: 'listed';
  readonly rateLimits: readonly RateLimit[];
}

export interface RateLimitUpdated {
  readonly outcome: 'updated';
  readonly rateLimit: RateLimit;
  readonly previous: Partial<Limits>;
}

export interface RateLimitsReset {
  readonly outcome: 'reset';
  readonly rateLimits: readonly (RateLimit & { readonly previous?: Partial<Limits> })[];
}

export async function listRateLimits(
  context: KeyContext,
  { scope, modelGroupName }: { readonly scope: Scope; readonly modelGroupName?: string | undefined },
  { signal }: CallControl,
): Promise<RateLimitList | Failed> {
  const rows = await readLimits(context, scope, signal);
  if ('code' in rows) return failed(rows);
  const rateLimits = rows.filter((row) => modelGroupName === undefined || row.modelGroupName === modelGroupName);
  const isUnknown = rateLimits.length === 0 && modelGroupName !== undefined;
  return isUnknown ? failed(unknownGroup(rows, modelGroupName)) : { outcome: 'listed', rateLimits };
}

export async function updateRateLimit(
  context: LimitContext,
  { groupId, modelGroupName, ...limits }: Limits & { readonly groupId: string; readonly modelGroupName: string },
  { signal, progress, ask }: CallControl,
): Promise<RateLimitUpdated | Failed> {
  const rows = await readLimits(context, { groupId }, signal);
  if ('code' in rows) return failed(rows);
  const row = onlyRow(rows, modelGroupName);
  if ('code' in row) return failed(row);
  if (context.confirm === 'required' && isLower(limits, row)) {
    const consent = await askConsent('required', ask, loweringOf(groupId, row, limits));
    if (typeof consent === 'object') return failed(consent);
  }
  if (signal.aborted) return failed(cancelled('not_applicable'));
  progress('Changing the rate limit');
  const changed = await context.atlas.updateRateLimit(placeOf(groupId, row), limits);
  if (changed.ok) return { outcome: 'updated', rateLimit: changed.value, previous: limitsOf(row) };
  const now = await afterwards(context.atlas, changed.failure, groupId);
  const present = now?.find((each) => isSamePlace(each, row));
  if (present && isSame(present, limits)) return { outcome: 'updated', rateLimit: present, previous: limitsOf(row) };
  return failed(outcomeOf(changed.failure, now !== undefined));
}

/** Where Atlas does not say what the limit is, any may be lower. */
function isLower(limits: Limits, row: RateLimit): boolean {
  return (
    limits.requestsPerMinuteLimit < (row.requestsPerMinuteLimit ?? Infinity) ||
    limits.tokensPerMinuteLimit < (row.tokensPerMinuteLimit ?? Infinity)
  );
}

function loweringOf(groupId: string, row: RateLimit, limits: Limits): ConsentQuestion {
  return {
    message: [
      'Lower this rate limit of Atlas?',
      'What uses more is refused from then on.',
      `Model group: ${row.modelGroupName}`,
      `Project: ${groupId}`,
      `Requests per minute: ${limits.requestsPerMinuteLimit} (now ${row.requestsPerMinuteLimit ?? 'unknown'})`,
      `Tokens per minute: ${limits.tokensPerMinuteLimit} (now ${row.tokensPerMinuteLimit ?? 'unknown'})`,
    ].join('\n'),
    what: 'name of the model group',
    expected: row.modelGroupName,
    keyState: 'not_applicable',
  };
}

/** One group, or all of the project where none is named. */
export async function resetRateLimits(
  context: LimitContext,
  { groupId, modelGroupName }: { readonly groupId: string; readonly modelGroupName?: string | undefined },
  call: CallControl,
): Promise<RateLimitsReset | Failed> {
  let rows = await readLimits(context, { groupId }, call.signal);
  if ('code' in rows) return failed(rows);
  const row = modelGroupName === undefined ? undefined : onlyRow(rows, modelGroupName);
  if (row && 'code' in row) return failed(row);
  const consent = await askConsent(context.confirm, call.ask, {
    message: `Reset ${row ? 'a rate limit' : 'every rate limit'} to what the organization has?\nProject: ${groupId}${row ? `\nModel group: ${row.modelGroupName}` : ''}`,
    what: row ? 'name of the model group' : 'id of the project',
    expected: row?.modelGroupName ?? groupId,
    keyState: 'not_applicable',
  });
  if (typeof consent === 'object') return failed(consent);
  // The person took a while.
  if (consent === 'given') rows = await readLimits(context, { groupId }, call.signal);
  if ('code' in rows) return failed(rows);
  if (call.signal.aborted) return failed(cancelled('not_applicable'));
  call.progress('Resetting');
  const reset = await context.atlas.resetRateLimits(row ? placeOf(groupId, row) : { groupId });
  if (!reset.ok) return failed(outcomeOf(reset.failure, false));
  const before = rows;
  return { outcome: 'reset', rateLimits: reset.value.map((each) => withPrevious(each, before)) };
}

async function readLimits(
  context: KeyContext,
  scope: Scope,
  signal: AbortSignal,
): Promise<readonly RateLimit[] | Failure> {
  const refused = 'groupId' in scope ? refuseProject(context, scope.groupId, 'not_applicable') : undefined;
  if (refused) return refused;
  const rows: AtlasResult<readonly RateLimit[]> = await context.atlas.listRateLimits(scope, signal);
  return rows.ok ? rows.value : explained(context, rows.failure, { ...scope, keyState: 'not_applicable' }, signal);
}

/** The tools know a limit by its group alone. */
function onlyRow(rows: readonly RateLimit[], modelGroupName: string): RateLimit | Failure {
  const [row, ...others] = rows.filter((each) => each.modelGroupName === modelGroupName);
  if (!row) return unknownGroup(rows, modelGroupName);
  if (others.length === 0) return row;
  const scopes = [row, ...others].map((each) => `${each.cloud ?? 'ANY'}/${each.geography ?? 'ANY'}`);
  return refusal(
    'INVALID_INPUT',
    'modelGroupName: this group has several limits, of different clouds and geographies.',
    `A person changes the right one in Atlas. There are: ${scopes.join(', ')}.`,
    'not_applicable',
  );
}

function unknownGroup(rows: readonly RateLimit[], modelGroupName: string): Failure {
  const names = nearest(modelGroupName, [...new Set(rows.map((row) => row.modelGroupName))], (name) => name, 10);
  return refusal(
    'INVALID_INPUT',
    'modelGroupName: there is no such group of models.',
    names.length === 0 ? 'list_ai_model_rate_limits lists them.' : `Use one of: ${names.join(', ')}.`,
    'not_applicable',
  );
}

/** What is true after a reply that was lost; undefined where it was not lost, or Atlas does not say. */
async function afterwards(
  atlas: Atlas,
  { maybeCarriedOut }: AtlasFailure,
  groupId: string,
): Promise<readonly RateLimit[] | undefined> {
  if (!maybeCarriedOut) return undefined;
  const rows = await atlas.listRateLimits({ groupId });
  return rows.ok ? rows.value : undefined;
}

function outcomeOf(failure: AtlasFailure, known: boolean): Failure {
  const plain = fromAtlas(failure, 'not_applicable');
  if (!failure.maybeCarriedOut) return plain;
  if (known) return { ...plain, retryable: true };
  const hint = 'Call list_ai_model_rate_limits to see; the same call can be made again.';
  return outcomeUnknown(failure, 'not_applicable', 'Whether the limits were changed is not known.', hint);
}

function placeOf(groupId: string, { cloud = 'ANY', geography = 'ANY', modelGroupName }: RateLimit): LimitPlace {
  return { groupId, cloud, geography, modelGroupName };
}

function isSamePlace(one: RateLimit, other: RateLimit): boolean {
  const [here, there] = [placeOf('', one), placeOf('', other)];
  return (
    here.modelGroupName === there.modelGroupName && here.cloud === there.cloud && here.geography === there.geography
  );
}

function isSame(row: RateLimit, limits: Limits): boolean {
  return (
    row.requestsPerMinuteLimit === limits.requestsPerMinuteLimit &&
    row.tokensPerMinuteLimit === limits.tokensPerMinuteLimit
  );
}

function limitsOf({ requestsPerMinuteLimit, tokensPerMinuteLimit }: RateLimit): Partial<Limits> {
  return {
    ...(requestsPerMinuteLimit !== undefined && { requestsPerMinuteLimit }),
    ...(tokensPerMinuteLimit !== undefined && { tokensPerMinuteLimit }),
  };
}

function withPrevious(row: RateLimit, before: readonly RateLimit[]): RateLimit & { previous?: Partial<Limits> } {
  const old = before.find((each) => isSamePlace(each, row));
  return old ? { ...row, previous: limitsOf(old) } : row;
}
