// Creates several keys in one call. All are checked before the first is created: where one cannot be, none is. Then each is
// created and delivered as by a call of its own, a few at once, and what fails stops nothing else.

import { sameName } from '../atlas/api/keys.ts';
import { counted } from '../text/text.ts';
import { failed, ok, refusal, type Failure, type Result } from '../failure.ts';
import { askConsent, inLines, type ConsentPolicy } from './consent.ts';
import { createKey, type CreateRequest } from './create.ts';
import type { CreateContext } from './create-and-deliver.ts';
import { isSpent, quotaExceeded } from './journal/intent.ts';
import { listingOnce, type KeptLists } from './listing-once.ts';
import { cancelled } from './refusals.ts';
import type { Ask, RequestContext } from './request-context.ts';
import type { Delivered, Planned } from './sink-choice.ts';

export interface CreateManyRequest {
  readonly keys: readonly Omit<CreateRequest, 'dryRun'>[];
  /** Check everything, change nothing. */
  readonly dryRun: boolean;
}

export interface CreatedMany {
  /** `planned`: all could be created. `failed`: none was. */
  readonly outcome: 'completed' | 'partial' | 'failed' | 'planned';
  /** In the order of the request. Where none was created because one cannot be, the others are planned. */
  readonly results: readonly Result<Delivered | Planned>[];
}

/** So many creates at once: Atlas limits the rate of requests. */
const LANES = 4;
/** A list of a project that is older says too little of the names that are free. In milliseconds. */
export const LONGEST_LIST_MS = 30_000;

export async function createKeys(
  context: CreateContext & Partial<ConsentPolicy>,
  { keys, dryRun }: CreateManyRequest,
  call: RequestContext,
): Promise<Result<CreatedMany>> {
  const refused = refuseSameNames(keys) ?? (await refuseByQuota(context, keys.length));
  if (refused) return failed(refused);
  const lists = listingOnce(context.atlas, { longestMs: LONGEST_LIST_MS });
  // The person is asked once, for all.
  const unasked = { ...context, confirmTools: [] };
  const ask = askOnce(call.ask, keys);
  call.progress(`Checking ${counted(keys.length, 'key')}`);
  const checks = await inLanes(keys, call.signal, async (key, signal) => {
    if (signal.aborted) return failed(cancelled);
    return createKey(context, { ...key, dryRun: true }, { signal, progress: silent, ...(ask && { ask }) }, lists);
  });
  const plans = checks.flatMap((check) => (check.ok ? [check.value] : []));
  if (plans.length < keys.length) return ok({ outcome: 'failed', results: checks });
  const planned = keys.flatMap(({ groupId }, index) => (plans[index] ? [{ groupId, plan: plans[index] }] : []));
  const unfit = refuseSeveralReveals(plans) ?? refuseSamePlaces(planned);
  if (unfit) return failed(unfit);
  if (dryRun) return ok({ outcome: 'planned', results: checks });
  const consent = await askToCreateAll(context, keys, plans, call);
  if (!consent.ok) return consent;
  let ended = 0;
  const results = await inLanes(keys, call.signal, async (key, signal, index) => {
    const { sink, entry } = plans[index]?.delivery ?? key;
    const result = await createUnlessCancelled(unasked, { ...key, sink, entry, dryRun: false }, signal, lists);
    ended += 1;
    call.progress(`${ended} of ${keys.length}`);
    return result;
  });
  const made = results.filter((result) => result.ok).length;
  const outcome = made === keys.length ? 'completed' : made === 0 ? 'failed' : 'partial';
  return ok({ outcome, results });
}

/** A defect in one create must not take the answer about the others away. */
async function createUnlessCancelled(
  context: CreateContext,
  request: CreateRequest,
  signal: AbortSignal,
  lists: KeptLists,
): Promise<Result<Delivered | Planned>> {
  if (signal.aborted) return failed(cancelled);
  return withoutDefect(() => createKey(context, request, { signal, progress: silent }, lists));
}

/** The error itself may quote anything. */
export async function withoutDefect<Outcome>(act: () => Promise<Result<Outcome>>): Promise<Result<Outcome>> {
  try {
    return await act();
  } catch {
    const hint = 'Report it as a defect. reconcile_ai_model_api_keys says what is true of the key.';
    return failed({ ...refusal('INTERNAL', 'This server failed in an unforeseen way.', hint), keyState: 'unknown' });
  }
}

const silent = () => undefined;

/**
 * Acts on all items, a few at once and begun in their order; the results are in that order too. Each act gets a signal of its
 * own, which follows the given one until the act has ended: what listens to it goes with it.
 */
export async function inLanes<Item, Outcome>(
  items: readonly Item[],
  signal: AbortSignal,
  act: (item: Item, signal: AbortSignal, index: number) => Promise<Outcome>,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const left = items.entries();
  const lane = async () => {
    for (const [index, item] of left) {
      const own = new AbortController();
      const stop = () => {
        own.abort();
      };
      if (signal.aborted) stop();
      signal.addEventListener('abort', stop);
      outcomes[index] = await act(item, own.signal, index).finally(() => {
        signal.removeEventListener('abort', stop);
      });
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return outcomes;
}

/** The person is asked once for all keys that name no sink. */
function askOnce(ask: Ask | undefined, keys: CreateManyRequest['keys']): Ask | undefined {
  if (!ask) return undefined;
  const names = keys.filter(({ sink }) => sink === undefined).map(({ name }) => JSON.stringify(name));
  let answer: ReturnType<Ask> | undefined;
  return (question) => {
    const message = `Where shall the secrets of these AI model API keys go?\nKeys: ${names.join(', ')}`;
    answer ??= ask(names.length === 1 ? question : { ...question, message: inLines(message) });
    return answer;
  };
}

/** {@link askConsent} for all keys in one question. */
function askToCreateAll(
  { confirm = 'never', confirmTools = [], ...policy }: Partial<ConsentPolicy>,
  keys: CreateManyRequest['keys'],
  plans: readonly (Delivered | Planned)[],
  call: RequestContext,
): Promise<Result<'given' | 'unasked'>> {
  if (confirmTools.length === 0) return Promise.resolve(ok('unasked'));
  const facts = keys.map(
    ({ groupId, name }, index) =>
      `Key: ${JSON.stringify(name)} of project ${groupId}, to ${plans[index]?.delivery.location ?? 'its sink'}`,
  );
  return askConsent({ ...policy, confirm }, call, {
    message: [`Create these AI model API keys of Atlas (${keys.length})?`, ...facts].join('\n'),
    what: 'number of the keys',
    expected: `${keys.length}`,
    losesNothing: true,
  });
}

/** A page waits for a person, and a call has time for one. */
function refuseSeveralReveals(plans: readonly (Delivered | Planned)[]): Failure | undefined {
  const index = plans.length === 1 ? -1 : plans.findIndex(({ delivery }) => delivery.kind === 'reveal');
  if (index === -1) return undefined;
  const what = `keys.${index}.sink: shows one secret in a call to a person.`;
  return refusal('INVALID_INPUT', what, 'Create the keys of this sink one by one, by create_ai_model_api_key.');
}

function refuseSameNames(keys: CreateManyRequest['keys']): Failure | undefined {
  return refusePair(
    keys,
    (one, other) => one.groupId === other.groupId && sameName(one.name, other.name),
    'have one name in one project',
  );
}

type PlannedKey = Pick<CreateRequest, 'groupId'> & { readonly plan: Delivered | Planned };

function refuseSamePlaces(planned: readonly PlannedKey[]): Failure | undefined {
  return refusePair(
    planned,
    isOnePlace,
    'lead to one place, which holds one secret only: pass another entry or sink for one of them',
  );
}

function isOnePlace({ plan: one }: PlannedKey, { plan: other }: PlannedKey): boolean {
  if (one.outcome !== 'planned' || other.outcome !== 'planned') return false;
  return one.place !== undefined && one.place === other.place;
}

/** Names both, by their position in the call. */
function refusePair<Item>(
  items: readonly Item[],
  isSame: (one: Item, other: Item) => boolean,
  what: string,
): Failure | undefined {
  for (const [index, item] of items.entries()) {
    const earlier = items.slice(0, index).findIndex((other) => isSame(other, item));
    if (earlier !== -1)
      return refusal('INVALID_INPUT', `keys.${earlier} and keys.${index} ${what}.`, 'Correct it and call again.');
  }
  return undefined;
}

async function refuseByQuota(
  { journal, maxCreatesPerHour }: CreateContext,
  wanted: number,
): Promise<Failure | undefined> {
  const kept = await journal.read();
  if (!kept.ok) return kept.failure;
  const spent = kept.value.intents.filter(isSpent);
  const left = maxCreatesPerHour - spent.length;
  if (wanted <= left) return undefined;
  const message = `The operator allows ${maxCreatesPerHour} creates and rotations an hour on this machine; ${Math.max(0, left)} are left, and ${wanted} are asked for.`;
  return { ...quotaExceeded(maxCreatesPerHour, spent), message };
}
