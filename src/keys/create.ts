// Creates a key and delivers its secret. Nothing is sent to create before the name is free and the sink has proved
// ready; afterwards the delivery protocol runs to its end, even where the call is cancelled.

import type { Atlas } from '../atlas/atlas.ts';
import { isNamed, type ModelKey, type NewKey } from '../atlas/api/keys.ts';
import { PROJECT_WRITER } from '../atlas/api/admin-api.ts';
import type { RequestContext } from './request-context.ts';
import { askConsent, isTypable, projectInWords, type ConsentPolicy } from './consent.ts';
import { commitName, ownKey, type Commit, deleteUndelivered } from './own-key.ts';
import {
  createAndDeliver,
  deadSecretWords,
  takeOutSecret,
  type CreateContext,
  type Issued,
  type PreparedCreate,
} from './create-and-deliver.ts';
import { chooseSink, timeForReveal, type SinkChoice, receipt, type Delivered, type Planned } from './sink-choice.ts';
import { liveCheckWarnings } from './live-check.ts';
import { explained, type KeyContext } from './find-key.ts';
import type { KeptLists } from './listing-once.ts';
import { type ReadyPlace, nameTaken, judgeUnseen, replacesDeadSecret, withLeftovers } from './taken.ts';
import {
  leftoverOfName,
  leftoverWarnings,
  youngRivalOf,
  refuseMarkedName,
  cancelled,
  nameInUse,
  refuseProject,
} from './refusals.ts';
import { failed, ok, refusal, type FailureAfterCreate, type Result } from '../failure.ts';

export interface CreateRequest extends NewKey {
  readonly sink?: string | undefined;
  readonly entry?: string | undefined;
  /** Check everything, change nothing. */
  readonly dryRun: boolean;
}

/** @param lists where the caller keeps one of the project: for the look before the create, and for no later one */
export async function createKey(
  context: CreateContext & Partial<ConsentPolicy>,
  request: CreateRequest,
  call: RequestContext,
  lists?: KeptLists,
): Promise<Result<Delivered | Planned>> {
  const refused = refuseProject(context, request.groupId) ?? refuseMarkedName('name', request.name);
  if (refused) return failed(refused);
  const chosen = await chooseSink(context, request, call.ask);
  if (!chosen.ok) return chosen;
  const choice = chosen.value;
  const looked = lists?.listedAt(request.groupId) ?? Date.now();
  call.progress('Looking at the project and the sink');
  let free = await prepareWrite({ ...context, lists: lists ?? context.atlas }, choice, request, call.signal);
  if (!free.ok) return free;
  if (!request.dryRun) {
    const consent = await askToCreate(context, request, { choice, location: free.value.write.location }, call);
    if (!consent.ok) return consent;
    // The person took a while.
    if (consent.value === 'given')
      free = await prepareWrite({ ...context, lists: context.atlas }, choice, request, call.signal);
    if (!free.ok) return free;
  }
  const { write, seen, warnings } = free.value;
  if (request.dryRun) {
    const { location, place, verification = choice.sink.verification } = write;
    return ok({ outcome: 'planned', delivery: receipt(choice, { location, verification }), place, warnings });
  }
  if (call.signal.aborted) return failed(cancelled);
  const { groupId, name, cloud, geography } = request;
  const key = { groupId, name, cloud, geography };
  const issued = await createAndDeliver(context, { key, name, choice, write, looked, seen }, call);
  if (!issued.ok) return issued;
  call.progress('Giving the key its name');
  return commitCreated(context, { ...issued.value, warnings: [...issued.value.warnings, ...warnings] }, name, call);
}

/** Only where the operator wants it: by a create nothing is lost. */
async function askToCreate(
  { confirm = 'never', confirmTools = [], ...policy }: Partial<ConsentPolicy> & KeyContext,
  { groupId, name, cloud, geography }: CreateRequest,
  { choice, location }: { readonly choice: SinkChoice; readonly location: string },
  call: RequestContext,
): Promise<Result<'given' | 'unasked'>> {
  if (confirmTools.length === 0) return ok('unasked');
  const project = await projectInWords({ ...policy, confirm }, groupId, call);
  const facts = [`Key: ${JSON.stringify(name)}`, `Project: ${project}`, `Scope: ${cloud}, ${geography}`];
  const message = ['Create this AI model API key of Atlas?', ...facts, 'Its secret goes to:', location].join('\n');
  const typed = isTypable(name)
    ? { what: 'name of the key', expected: name }
    : { what: 'id of the project', expected: groupId };
  return askConsent({ ...policy, confirm }, call, { message, ...typed, losesNothing: true, ...timeForReveal(choice) });
}

/** Asks Atlas whether the name is free and the sink whether it can write, both at once. A dry run changes nothing. */
async function prepareWrite(
  context: CreateContext & { readonly lists: Pick<Atlas, 'listKeys'> },
  choice: SinkChoice,
  { groupId, name, dryRun }: CreateRequest,
  signal: AbortSignal,
): Promise<Result<Pick<PreparedCreate, 'write' | 'seen'> & { readonly warnings: readonly string[] }>> {
  const mode = dryRun ? 'inspect' : 'prove';
  const [keys, kept, preflight] = await Promise.all([
    context.lists.listKeys(groupId, signal, PROJECT_WRITER),
    context.journal.read(),
    choice.sink.preflight(choice.reference, mode),
  ]);
  if (!keys.ok) return failed(await explained(context, keys.failure, { groupId }, signal));
  if (!kept.ok) return kept;
  const seen = { groupId, keys: keys.value, kept: kept.value };
  const namesake = keys.value.find((key) => isNamed(key, name));
  if (namesake) return failed(await nameTaken(context, namesake, seen));
  const rival = leftoverOfName(name, groupId, kept.value) ?? youngRivalOf(name, keys.value, kept.value);
  if (rival) return failed(withLeftovers(rival, seen));
  const ready: Result<ReadyPlace> = !preflight.ok
    ? await replacesDeadSecret(context, choice, preflight.failure, seen, { mode, signal })
    : preflight.value.write.overwrites === 'unknown'
      ? await judgeUnseen(context, choice, preflight.value, seen, signal)
      : preflight;
  if (!ready.ok) return ready;
  const { write, warnings = [], dead } = ready.value;
  const givesWay = `${write.location} ${dryRun ? 'holds' : 'held'} ${dead ?? ''}, which ${dryRun ? 'would give' : 'gave'} way.`;
  const told = [...(dryRun ? warnings : []), ...(dead === undefined ? [] : [givesWay])];
  return ok({ write, seen: keys.value, warnings: [...told, ...leftoverWarnings(groupId, keys.value, kept.value)] });
}

/** Steps 6 and 7 of the delivery protocol for a create: the rename is what commits it. */
async function commitCreated(
  context: CreateContext,
  issued: Issued,
  name: string,
  call: RequestContext,
): Promise<Result<Delivered, FailureAfterCreate>> {
  const { atlas } = context;
  const { key, intent, fingerprint } = issued;
  const { apiKeyId } = key;
  const commit = await commitIssued(atlas, issued, name);
  switch (commit.state) {
    case 'committed': {
      // Only now: a key that was used could not be deleted again. Killed here, it is delivered, as the journal says.
      const warnings = [...issued.warnings, ...(await liveCheckOf(context, issued, call))];
      return ok(await recordDelivered({ ...issued, warnings }, commit.key));
    }
    case 'gone':
    case 'taken': {
      const ended = await retractAndDelete(atlas, issued, commit);
      if (ended.ok) await intent.release({ step: 'delivered', apiKeyId, fingerprint });
      return ended;
    }
    case 'pending':
      await intent.release({ step: 'delivered', apiKeyId, fingerprint });
      return ok(
        deliveredOutcome(issued, key, [
          `${notNamed(key, name, 'may still be')} ${commit.failure.message} ${COMMITS_LATER}`,
        ]),
      );
  }
}

export function commitIssued(atlas: Atlas, { key, intent, isUnsure }: Issued, name: string): Promise<Commit> {
  return commitName(atlas, ownKey(intent, key.apiKeyId), name, isUnsure);
}

/** {@link liveCheckWarnings} of a key whose secret is verified in its sink; none where the operator does not want to know. */
export async function liveCheckOf(
  context: CreateContext,
  { key, secret, intent: { groupId } }: Issued,
  call: RequestContext,
): Promise<readonly string[]> {
  return context.liveCheck === true ? liveCheckWarnings(context, { groupId, key, secret }, call) : [];
}

/** Writes the end of a delivered key into the journal. */
export async function recordDelivered(issued: Issued, now: ModelKey): Promise<Delivered> {
  const { fingerprint } = issued;
  const { apiKeyId } = issued.key;
  const noted = await issued.intent.release({ step: 'ended', outcome: 'delivered', apiKeyId, fingerprint });
  return deliveredOutcome(issued, now, noted ? [] : [NOT_NOTED]);
}

/** @param now the key as Atlas gave it last, which may lack what the reply to the create had */
function deliveredOutcome(
  { key, delivery, intent, warnings }: Issued,
  now: ModelKey,
  more: readonly string[],
): Delivered {
  const shown = { ...key, name: now.name, groupId: intent.groupId };
  return { outcome: 'delivered', key: shown, delivery, warnings: [...warnings, ...more] };
}

/**
 * Takes the secret out of the sink again and deletes the key, since it cannot have its name. A secret that the sink keeps may be
 * in use already: then the key stays, and says so.
 */
async function retractAndDelete(
  atlas: Atlas,
  issued: Issued,
  commit: Extract<Commit, { state: 'taken' | 'gone' }>,
): Promise<Result<Delivered, FailureAfterCreate>> {
  const { key, intent, fingerprint, choice, write } = issued;
  const { apiKeyId } = key;
  const isDead = commit.state === 'gone';
  const holderId = isDead ? '' : (commit.holders[0]?.apiKeyId ?? '');
  // From here on a later look may delete the key; so a secret that stays must be known before.
  if (!isDead && !write.canRetract) {
    const told = `${notNamed(key, intent.name, 'is still')} The key ${holderId} has that name.`;
    return ok(deliveredOutcome(issued, key, [told]));
  }
  await intent.record({ step: 'undelivered', apiKeyId, fingerprint });
  const left = await takeOutSecret(choice, write, fingerprint);
  // It could not be taken out, and may be in use.
  if (!isDead && left === 'held') {
    await intent.record({ step: 'delivered', apiKeyId, fingerprint });
    return ok(deliveredOutcome(issued, key, [notNamed(key, intent.name, 'is still')]));
  }
  const stays = left === 'out' ? undefined : fingerprint;
  const { keyState, ending } = await deleteUndelivered(atlas, intent, apiKeyId, stays);
  const why = isDead
    ? refusal('ATLAS_NOT_FOUND', 'Somebody deleted the new key before it got its name.', 'Call again.')
    : { ...nameInUse(), message: 'Another key got this name while this one was being delivered.' };
  const hint = [ending, ...deadSecretWords(write.location, fingerprint, left), why.hint].join(' ');
  return failed({ ...why, hint, keyState, apiKeyId: isDead ? apiKeyId : holderId });
}

function notNamed({ apiKeyId, name }: ModelKey, wanted: string, verb: 'is still' | 'may still be'): string {
  return `The key ${apiKeyId} is delivered and can be used, but it ${verb} named ${JSON.stringify(name)} and not ${JSON.stringify(wanted)}.`;
}

const COMMITS_LATER = 'reconcile_ai_model_api_keys with apply gives it its name.';

const NOT_NOTED =
  'The journal could not be written at the end; reconcile_ai_model_api_keys may report this key, and will find it delivered.';
