// Reads, changes and resets how much of each group of models a project may use.

import { isDeepStrictEqual } from 'node:util';
import { failed, ok, refusal, type Failure, type Result } from '../failure.ts';
import { explained, type KeyContext } from './find-key.ts';
import { cancelled, outcomeUnknown, refuseProject } from './refusals.ts';
import { ANY, isSamePlace, type LimitPlace, type Limits, type RateLimit } from '../atlas/api/limits.ts';
import type { Scope } from '../atlas/api/admin-api.ts';
import { nearest } from '../text/text.ts';
import type { RequestContext } from './request-context.ts';
import { askConsent, isTypable, type ConsentPolicy, type ConsentQuestion } from './consent.ts';

export type LimitContext = KeyContext & ConsentPolicy;

/** Which limits are meant. Cloud and geography are needed only where a group has several; case does not matter. */
interface LimitChoice {
  readonly modelGroupName?: string | undefined;
  readonly cloud?: string | undefined;
  readonly geography?: string | undefined;
}

interface LimitUpdate extends LimitChoice {
  readonly groupId: string;
  readonly modelGroupName: string;
  /** What is absent stays as it is. */
  readonly requestsPerMinuteLimit?: number | undefined;
  readonly tokensPerMinuteLimit?: number | undefined;
}

export interface RateLimitUpdated {
  readonly rateLimit: RateLimit;
  readonly previous: Partial<Limits>;
}

export type RateLimitReset = RateLimit & { readonly previous?: Partial<Limits> };

const MOST_NAMED = 10;
const LIMIT_NAMES = ['requestsPerMinuteLimit', 'tokensPerMinuteLimit'] as const;

export async function listRateLimits(
  context: KeyContext,
  { scope, ...choice }: LimitChoice & { readonly scope: Scope },
  { signal }: RequestContext,
): Promise<Result<readonly RateLimit[]>> {
  const rows = await readLimits(context, scope, signal);
  if (!rows.ok) return rows;
  const meant = rows.value.filter((row) => isMeant(row, choice));
  const isUnknown = meant.length === 0 && choice.modelGroupName !== undefined;
  return isUnknown ? failed(unknownLimit(rows.value, choice)) : ok(meant);
}

export async function updateRateLimit(
  context: LimitContext,
  update: LimitUpdate,
  call: RequestContext,
): Promise<Result<RateLimitUpdated>> {
  const { signal, progress } = call;
  const { groupId } = update;
  let change = await changeOf(context, update, signal);
  if (!change.ok) return change;
  while (context.confirm === 'required' && isLower(change.value)) {
    const shown = change.value;
    const consent = await askConsent(context, call, loweringOf(shown));
    if (!consent.ok) return consent;
    // The person took a while, and consented to what was shown.
    change = await changeOf(context, update, signal);
    if (!change.ok) return change;
    if (isDeepStrictEqual(limitsOf(change.value.row), limitsOf(shown.row))) break;
  }
  if (signal.aborted) return failed(cancelled);
  progress('Changing the rate limit');
  const { row, limits } = change.value;
  const changed = await context.atlas.updateRateLimit(placeOf(groupId, row), limits);
  const updated = (now: RateLimit) => ok({ rateLimit: { ...limits, ...now }, previous: limitsOf(row) });
  if (changed.ok) return updated(changed.value);
  if (!changed.failure.maybeCarriedOut) return changed;
  // What is true after a reply that was lost, where Atlas says it.
  const now = await context.atlas.listRateLimits({ groupId });
  if (!now.ok) return failed(unknownOutcome(changed.failure));
  const present = now.value.find((each) => isSamePlace(each, row));
  if (present && isDeepStrictEqual(limitsOf(present), limits)) return updated(present);
  return failed({ ...changed.failure, retryable: true });
}

interface Change {
  readonly groupId: string;
  readonly row: NamedLimit;
  readonly limits: Limits;
}

/** What would be changed at this moment, or why nothing can be. */
async function changeOf(
  context: KeyContext,
  { groupId, requestsPerMinuteLimit, tokensPerMinuteLimit, ...choice }: LimitUpdate,
  signal: AbortSignal,
): Promise<Result<Change>> {
  const rows = await readLimits(context, { groupId }, signal);
  const row = rows.ok ? onlyRow(rows.value, choice) : rows;
  if (!row.ok) return row;
  const limits = limitsAsked(row.value, { requestsPerMinuteLimit, tokensPerMinuteLimit });
  if (!limits.ok) return limits;
  const change = { groupId, row: row.value, limits: limits.value };
  const tooHigh = await aboveOrganization(context, change, signal);
  return tooHigh ? failed(tooHigh) : ok(change);
}

/** Where Atlas does not say what the limit is, any may be lower. */
function isLower({ limits, row }: Change): boolean {
  return LIMIT_NAMES.some((name) => limits[name] < (row[name] ?? Infinity));
}

function loweringOf({ groupId, row, limits }: Change): ConsentQuestion {
  return {
    message: [
      'Lower this rate limit of Atlas?',
      'What uses more is refused from then on.',
      `Limit: ${named(row)}`,
      `Project: ${groupId}`,
      `Requests per minute: ${limits.requestsPerMinuteLimit} (now ${row.requestsPerMinuteLimit ?? 'unknown'})`,
      `Tokens per minute: ${limits.tokensPerMinuteLimit} (now ${row.tokensPerMinuteLimit ?? 'unknown'})`,
    ].join('\n'),
    ...typedFor(groupId, row),
    losesNothing: true,
  };
}

/** What a person types for a limit, or for all of the project. */
function typedFor(groupId: string, row: NamedLimit | undefined): Pick<ConsentQuestion, 'what' | 'expected'> {
  return row && isTypable(row.modelGroupName)
    ? { what: 'name of the model group', expected: row.modelGroupName }
    : { what: 'id of the project', expected: groupId };
}

/** One group, or all of the project where none is named. */
export async function resetRateLimits(
  context: LimitContext,
  { groupId, ...choice }: LimitChoice & { readonly groupId: string },
  call: RequestContext,
): Promise<Result<readonly RateLimitReset[]>> {
  const { modelGroupName, cloud, geography } = choice;
  const isAll = modelGroupName === undefined;
  if (isAll && (cloud ?? geography) !== undefined) {
    const message = 'modelGroupName: is required where cloud or geography is given.';
    const hint = 'Pass modelGroupName too, or leave out cloud and geography to reset every limit of the project.';
    return failed(refusal('INVALID_INPUT', message, hint));
  }
  let rows = await readLimits(context, { groupId }, call.signal);
  if (!rows.ok) return rows;
  const only = isAll ? ok(undefined) : onlyRow(rows.value, choice);
  if (!only.ok) return only;
  const row = only.value;
  const consent = await askConsent(context, call, {
    message: `Reset ${row ? `the rate limit ${named(row)}` : 'every rate limit'} to what the organization has?\nProject: ${groupId}${row ? `\nModel group: ${row.modelGroupName}` : ''}`,
    ...typedFor(groupId, row),
  });
  if (!consent.ok) return consent;
  // The person took a while.
  if (consent.value === 'given') rows = await readLimits(context, { groupId }, call.signal);
  if (!rows.ok) return rows;
  if (call.signal.aborted) return failed(cancelled);
  call.progress('Resetting');
  const reset = await context.atlas.resetRateLimits(row ? placeOf(groupId, row) : { groupId });
  if (!reset.ok) return failed(unknownOutcome(reset.failure));
  const before = rows.value;
  return ok(
    reset.value.map((each) => {
      const old = before.find((one) => isSamePlace(one, each));
      return old ? { ...each, previous: limitsOf(old) } : each;
    }),
  );
}

async function readLimits(
  context: KeyContext,
  scope: Scope,
  signal: AbortSignal,
): Promise<Result<readonly RateLimit[]>> {
  const refused = 'groupId' in scope ? refuseProject(context, scope.groupId) : undefined;
  if (refused) return failed(refused);
  const rows = await context.atlas.listRateLimits(scope, signal);
  return rows.ok ? rows : failed(await explained(context, rows.failure, scope, signal));
}

function isMeant(row: RateLimit, { modelGroupName, cloud, geography }: LimitChoice): boolean {
  const fits = (asked: string | undefined, has: string) =>
    asked === undefined || has.toLowerCase() === asked.toLowerCase();
  return (
    fits(modelGroupName, row.modelGroupName ?? '') &&
    fits(cloud, row.cloud ?? ANY) &&
    fits(geography, row.geography ?? ANY)
  );
}

/** A limit that can be changed: Atlas knows one by its group, cloud and geography. */
type NamedLimit = RateLimit & { readonly modelGroupName: string };

function onlyRow(rows: readonly RateLimit[], choice: LimitChoice): Result<NamedLimit> {
  const [row, ...others] = rows.filter((each) => isNamed(each)).filter((each) => isMeant(each, choice));
  if (!row) return failed(unknownLimit(rows, choice));
  if (others.length === 0) return ok(row);
  const message = 'modelGroupName: this group has several limits, by cloud and geography.';
  return failed(refusal('INVALID_INPUT', message, `Pass cloud and geography too. ${thereAre([row, ...others])}`));
}

/** Its words are segments of a path, which dots would leave. */
function isNamed(row: RateLimit): row is NamedLimit {
  const { modelGroupName = '', cloud = ANY, geography = ANY } = row;
  return [modelGroupName, cloud, geography].every((word) => !/^\.{0,2}$/.test(word));
}

function unknownLimit(rows: readonly RateLimit[], choice: LimitChoice): Failure {
  const { modelGroupName = '' } = choice;
  const ofGroup = rows.filter((row) => isMeant(row, { modelGroupName }));
  if (ofGroup.length > 0) {
    const message = 'cloud, geography: this group of models has no limit there.';
    return refusal('INVALID_INPUT', message, thereAre(ofGroup));
  }
  const groups = [...new Set(rows.filter(isNamed).map((row) => row.modelGroupName))];
  const names = nearest(modelGroupName, groups, (name) => name, MOST_NAMED).map(shown);
  return refusal(
    'INVALID_INPUT',
    'modelGroupName: there is no such group of models.',
    names.length === 0 ? 'list_ai_model_rate_limits lists them.' : `Use one of: ${names.join(', ')}.`,
  );
}

/** Words of a usual form stay as they are; all else is data from outside, and quoted. */
function shown(text: string): string {
  return /^[A-Za-z0-9_.-]+$/.test(text) ? text : JSON.stringify(text);
}

/** The limits of one group, as a caller passes them. */
function thereAre(rows: readonly RateLimit[]): string {
  const each = rows.map(
    ({ cloud = ANY, geography = ANY }) => `cloud ${shown(cloud)} with geography ${shown(geography)}`,
  );
  return `There are: ${each.slice(0, MOST_NAMED).join('; ')}.`;
}

function named({ modelGroupName, cloud = ANY, geography = ANY }: NamedLimit): string {
  return `${shown(modelGroupName)} (cloud ${shown(cloud)}, geography ${shown(geography)})`;
}

/** Atlas wants both numbers: the one that is left out is sent as it is. */
function limitsAsked(row: RateLimit, asked: Pick<LimitUpdate, keyof Limits>): Result<Limits> {
  const { requestsPerMinuteLimit = row.requestsPerMinuteLimit, tokensPerMinuteLimit = row.tokensPerMinuteLimit } =
    asked;
  if (requestsPerMinuteLimit !== undefined && tokensPerMinuteLimit !== undefined)
    return ok({ requestsPerMinuteLimit, tokensPerMinuteLimit });
  const missing = requestsPerMinuteLimit === undefined ? 'requestsPerMinuteLimit' : 'tokensPerMinuteLimit';
  const message = `${missing}: Atlas does not say what it is now, so that it cannot be kept.`;
  return failed(refusal('INVALID_INPUT', message, `Pass ${missing} too.`));
}

/** Where a number is raised, the organization's limit is looked at. What cannot be seen, Atlas judges. */
async function aboveOrganization(
  { atlas }: KeyContext,
  { groupId, row, limits }: Change,
  signal: AbortSignal,
): Promise<Failure | undefined> {
  const raised = LIMIT_NAMES.filter((name) => limits[name] > (row[name] ?? 0));
  if (raised.length === 0) return undefined;
  const projects = await atlas.listProjects(undefined, signal);
  const orgId = projects.ok ? projects.value.find((project) => project.groupId === groupId)?.orgId : undefined;
  const maxima = orgId === undefined ? undefined : await atlas.listRateLimits({ orgId }, signal);
  const maximum = maxima?.ok ? maxima.value.find((each) => isSamePlace(each, row)) : undefined;
  const above = raised.filter((name) => limits[name] > (maximum?.[name] ?? Number.POSITIVE_INFINITY));
  if (above.length === 0) return undefined;
  return refusal(
    'INVALID_INPUT',
    `${above.join(', ')}: above the limit of the organization.`,
    `The organization has ${above.map((name) => `${name} ${maximum?.[name] ?? ''}`).join(', ')}.`,
  );
}

function unknownOutcome(failure: Failure): Failure {
  if (!failure.maybeCarriedOut) return failure;
  const hint = 'Call list_ai_model_rate_limits to see; the same call can be made again.';
  return outcomeUnknown(failure, 'Whether the limits were changed is not known.', hint);
}

function placeOf(groupId: string, { cloud = ANY, geography = ANY, modelGroupName }: NamedLimit): LimitPlace {
  return { groupId, cloud, geography, modelGroupName };
}

function limitsOf({ requestsPerMinuteLimit, tokensPerMinuteLimit }: RateLimit): Partial<Limits> {
  return {
    ...(requestsPerMinuteLimit !== undefined && { requestsPerMinuteLimit }),
    ...(tokensPerMinuteLimit !== undefined && { tokensPerMinuteLimit }),
  };
}
