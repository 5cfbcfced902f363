// Brings the keys of several projects to what an operator wrote down: makes those that are missing, and rotates those that are too
// old. It deletes only the key that a rotation has just replaced.

import { hasId, isNamed, type ListedKey } from '../atlas/api/keys.ts';
import { PROJECT_WRITER } from '../atlas/api/admin-api.ts';
import { isPlace } from '../sinks/sink.ts';
import { failed, ok, refusal, type Failure, type Result } from '../failure.ts';
import { listed } from '../text/text.ts';
import { typedNameOf } from './consent.ts';
import { createKey, type CreateRequest } from './create.ts';
import { inLanes, LONGEST_LIST_MS, withoutDefect } from './create-many.ts';
import { isDelivered, isOfKey, type Intent } from './journal/intent.ts';
import type { Kept } from './journal/journal.ts';
import { listingOnce, type KeptLists } from './listing-once.ts';
import { cancelled, leftoverWarnings, refuseMarkedName, refuseProject } from './refusals.ts';
import type { Rotated } from './retire.ts';
import { rotateKey, type RotateContext, type RotationPlanned } from './rotate.ts';
import { knownOf } from './secret-places.ts';
import { chooseSink, type Delivered, type Planned, type SinkChoice } from './sink-choice.ts';
import { nonceIn } from './own-key.ts';

export interface WantedKey extends Omit<CreateRequest, 'dryRun'> {
  /** Absent where the key may get as old as it likes. */
  readonly rotateAfterDays?: number | undefined;
}

export interface ApplyContext extends RotateContext {
  readonly readOnly: boolean;
}

export interface ApplyOptions {
  /** Check everything, change nothing. */
  readonly dryRun: boolean;
  /** The operator's own word, where a person must consent to a rotation. */
  readonly isConfirmed: boolean;
  /** Stops what is not begun yet. */
  readonly signal: AbortSignal;
  /** Told of each key once it has ended. */
  readonly onEnd: (wanted: WantedKey, applied: Applied) => Promise<void> | void;
}

/** There is one key of that name, and nothing is to be done about it. */
interface Exists {
  readonly outcome: 'exists';
  readonly key: ListedKey;
  readonly warnings: readonly string[];
}

export type Applied = Result<Exists | Delivered | Planned | Rotated | RotationPlanned>;

/** So many lists of projects are kept at once: the keys of one project follow each other. */
const LISTS = 8;
const DAY_MS = 24 * 60 * 60 * 1000;

/** A failure says that the whole cannot be begun; otherwise the answer is what to tell besides. */
export async function applyKeys(
  context: ApplyContext,
  wanted: readonly WantedKey[],
  options: ApplyOptions,
): Promise<Result<readonly string[]>> {
  const clash = await refuseSamePlaces(context, wanted);
  if (clash) return failed(clash);
  const kept = await context.journal.read();
  if (!kept.ok) return kept;
  const lists = listingOnce(context.atlas, { longestMs: LONGEST_LIST_MS, most: LISTS });
  // The operator's own act: it counts for the limit that agents have, and is not held by it.
  const run = { ...context, maxCreatesPerHour: Number.POSITIVE_INFINITY, lists, kept: kept.value };
  await inLanes(byProject(wanted), options.signal, async (key, signal) => {
    const applied = signal.aborted
      ? failed(cancelled)
      : await withoutDefect(() => applyKey(run, key, { ...options, signal }));
    await options.onEnd(key, applied);
  });
  return ok(leftoverWarnings('', [], kept.value));
}

/** Whether the key is now as the operator wrote it. */
export function isAsWritten(applied: Applied): boolean {
  if (!applied.ok) return false;
  switch (applied.value.outcome) {
    case 'exists':
      return true;
    case 'delivered':
      return nonceIn(applied.value.key.name) === undefined;
    case 'rotated':
      return applied.value.oldKey.state === 'deleted' && nonceIn(applied.value.key.name) === undefined;
    case 'planned':
      return false;
  }
}

/** The keys of one project follow each other, so that its list is kept for as long as it is needed. */
function byProject(wanted: readonly WantedKey[]): readonly WantedKey[] {
  const groups = new Map<string, WantedKey[]>();
  for (const key of wanted) {
    const group = groups.get(key.groupId);
    if (group) group.push(key);
    else groups.set(key.groupId, [key]);
  }
  return [...groups.values()].flat();
}

interface Run extends ApplyContext {
  /** Each project is listed once. */
  readonly lists: KeptLists;
  readonly kept: Kept;
}

type Step = Pick<ApplyOptions, 'dryRun' | 'isConfirmed' | 'signal'>;

async function applyKey(run: Run, wanted: WantedKey, step: Step): Promise<Applied> {
  const { groupId, name } = wanted;
  const refused = refuseProject(run, groupId) ?? refuseMarkedName('name', name);
  if (refused) return failed(refused);
  const chosen = await chooseSink(run, wanted, undefined);
  if (!chosen.ok) return chosen;
  if (!isPlace(chosen.value.sink)) return failed(shownSecret);
  const keys = await run.lists.listKeys(groupId, step.signal, PROJECT_WRITER);
  if (!keys.ok) return keys;
  const [key, ...others] = keys.value.filter((each) => isNamed(each, name));
  if (key && others.length > 0) return failed(doubled([key, ...others]));
  if (key && !isDue(key, wanted)) return exists(run, key, chosen.value);
  if (run.readOnly && !step.dryRun) return failed(readOnlyRefusal);
  return key ? rotate(run, key, wanted, step) : create(run, wanted, step);
}

function create(run: Run, wanted: WantedKey, { dryRun, signal }: Step): Promise<Applied> {
  const { groupId, name, sink, entry, cloud, geography } = wanted;
  const request = { groupId, name, sink, entry, cloud, geography, dryRun };
  const call = { signal, progress: () => undefined };
  // The operator's own act: nobody is asked.
  return createKey({ ...run, confirmTools: [] }, request, call, run.lists);
}

/** By its own account; a key that does not say when it was made is due, and then refused. */
function isDue({ createdAt }: ListedKey, { rotateAfterDays }: WantedKey): boolean {
  if (rotateAfterDays === undefined) return false;
  const age = Date.now() - Date.parse(createdAt ?? '');
  return Number.isNaN(age) || age > rotateAfterDays * DAY_MS;
}

/** Looks at the project again: what is deleted is judged by what is true at that moment. */
async function rotate(run: Run, key: ListedKey, wanted: WantedKey, step: Step): Promise<Applied> {
  if (!hasId(key) || Number.isNaN(Date.parse(key.createdAt ?? ''))) return failed(ageUnknown(key));
  if (run.confirm === 'required' && !step.isConfirmed) return failed(notConfirmed(key));
  const { groupId, sink, entry } = wanted;
  const { apiKeyId } = key;
  const { expected: confirmName } = typedNameOf(key);
  const request = { groupId, apiKeyId, confirmName, sink, entry, keepOld: false, mustRetire: true };
  const call = { signal: step.signal, progress: () => undefined };
  return rotateKey({ ...run, confirm: 'never' }, { ...request, dryRun: step.dryRun }, call);
}

/** Says where the place of the secret certainly does not hold it. It may be on another machine, so nothing is made. */
async function exists({ kept }: Run, key: ListedKey, { sink, reference }: SinkChoice): Promise<Applied> {
  const held = await sink.lookUp(reference);
  const place = `The sink ${sink.name} holds`;
  const told = () => {
    if (held.held === 'nothing') return [`${place} nothing in its place here.`];
    if (held.held !== 'value') return [];
    const isOfIt = (intent: Intent) => isOfKey(intent, reference.groupId, key.apiKeyId);
    const known = knownOf(held, kept.intents).filter(isDelivered);
    const own = kept.intents.filter((intent) => isOfIt(intent) && isDelivered(intent));
    const isOwn = known.some(isOfIt);
    return isOwn || (known.length === 0 && own.length === 0) ? [] : [`${place} another secret in its place here.`];
  };
  return ok({ outcome: 'exists', key, warnings: told() });
}

/** Two keys of one place: the second would take it from the first, unseen where a sink cannot be read. */
async function refuseSamePlaces(context: ApplyContext, wanted: readonly WantedKey[]): Promise<Failure | undefined> {
  const places = new Map<string, number>();
  for (const [index, key] of wanted.entries()) {
    const chosen = await chooseSink(context, key, undefined);
    if (!chosen.ok || !isPlace(chosen.value.sink)) continue;
    const { sink, reference } = chosen.value;
    const place = JSON.stringify([sink.name, reference.entry, sink.takesProject && key.groupId]);
    const earlier = places.get(place);
    if (earlier !== undefined) {
      const what = `keys.${earlier} and keys.${index} lead to one place of the sink ${sink.name}, which holds one secret only.`;
      return refusal('INVALID_INPUT', what, 'Give one of them another entry or sink.');
    }
    places.set(place, index);
  }
  return undefined;
}

const shownSecret = refusal(
  'INVALID_INPUT',
  'sink: shows the secret instead of keeping it, and nobody is there to see it.',
  'Name another sink.',
);

const readOnlyRefusal = refusal(
  'READ_ONLY',
  'The key is not as it is written, and the settings say read-only.',
  'Take away --read-only (readOnly), or run with --dry-run.',
);

function doubled(keys: readonly ListedKey[]): Failure {
  const ids = listed(keys.map(({ apiKeyId }) => apiKeyId ?? 'one without an id'));
  return refusal(
    'NAME_IN_USE',
    `${keys.length} keys have this name: ${ids}.`,
    'A person renames or deletes all but the one that is in use. None was touched.',
  );
}

function ageUnknown({ apiKeyId }: ListedKey): Failure {
  const refused = refusal(
    'ATLAS_PROTOCOL',
    'Atlas does not say when this key was made, or not its id, so that it is not rotated.',
    'Rotate it by rotate_ai_model_api_key, or leave out rotateAfterDays.',
  );
  return { ...refused, ...(apiKeyId !== undefined && { apiKeyId }) };
}

function notConfirmed({ apiKeyId }: ListedKey): Failure {
  const refused = refusal(
    'CONFIRMATION_UNAVAILABLE',
    'The key is due for rotation, and the settings want a person to consent (confirm: required).',
    'Run with --yes, which is that consent.',
  );
  return { ...refused, ...(apiKeyId !== undefined && { apiKeyId }) };
}
