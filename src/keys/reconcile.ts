// Finds the creates and rotations that did not end, says of each what is true now at Atlas and in the sink, and, when asked
// to, ends them: delivered keys get their name, keys whose secret nobody has are deleted. It deletes
// only keys that carry the nonce of a call of this journal and were never used; what it does to an intent it does under a
// claim, by what is true at that moment.

import type { Atlas } from '../atlas/atlas.ts';
import { hasId, type ModelKey } from '../atlas/api/keys.ts';
import { isPlace, type Sink } from '../sinks/sink.ts';
import type { RequestContext } from './request-context.ts';
import { askConsent, type ConsentPolicy } from './consent.ts';
import { commitName, ownKey, type Commit, deleteOwnKey, datedName, finalNameOf } from './own-key.ts';
import { deadSecretWords } from './create-and-deliver.ts';
import { holdsSecretOf, referenceOf, temporaryFilesOf } from './sink-choice.ts';
import { undeliveredOf, isAllowed, type ProjectPolicy } from './refusals.ts';
import { ok, type Result } from '../failure.ts';
import type { Ending, Intent, Step } from './journal/intent.ts';
import { isUnderWay, isUnfinished, type Journal, type OpenIntent } from './journal/journal.ts';
import { judgeIntent, type Judgement } from './judge-intent.ts';
import { listingOnce } from './listing-once.ts';

/**
 * `under_way`: its process still works on it. `delivered`: the sink holds the secret. `orphan`: the key is alive, was never
 * used, and its secret is in no sink. `deleted`: it was such an orphan, until now. `gone`: no such key is alive.
 */
type Finding = 'under_way' | 'delivered' | 'orphan' | 'deleted' | 'gone' | 'unknown';

export interface Reconciled {
  readonly groupId: string;
  readonly name: string;
  readonly sink: string;
  readonly entry?: string;
  readonly openedAt: string;
  readonly finding: Finding;
  readonly apiKeyIds: readonly string[];
  /** What a person should know or do. */
  readonly advice: string;
}

/** A key that another machine has not delivered, as its name says. It is never touched here. */
export interface Stray {
  readonly groupId: string;
  readonly apiKeyId: string;
  readonly name: string;
  readonly ageSeconds?: number;
  readonly inUse: boolean;
}

interface Reconciliation {
  readonly creates: readonly Reconciled[];
  readonly others: readonly Stray[];
}

export interface ReconcileContext extends ProjectPolicy, ConsentPolicy {
  readonly atlas: Atlas;
  readonly journal: Journal;
  readonly sinks: ReadonlyMap<string, Sink>;
  /** The operator's own, which is looked at too. */
  readonly projectId?: string | undefined;
}

const KEYS_A_FORM = 10;

/** @param apply ends what it finds; otherwise nothing is changed, at Atlas or in the journal */
export async function reconcile(
  context: ReconcileContext,
  apply: boolean,
  call: RequestContext,
): Promise<Result<Reconciliation>> {
  const kept = await context.journal.read();
  if (!kept.ok) return kept;
  const looking = { ...context, atlas: { ...context.atlas, listKeys: listingOnce(context.atlas).listKeys } };
  const looks: Look[] = [];
  for (const intent of kept.value.intents) {
    if (call.signal.aborted) break;
    if (isUnderWay(intent)) looks.push({ intent });
    else if (isUnfinished(intent) || isWatched(intent))
      looks.push({ intent, judgement: await judgeIntent(looking, intent, call.signal) });
  }
  const mayDelete = apply ? await consented(context, looks, call) : new Set<string>();
  const creates: Reconciled[] = [];
  for (const { intent, judgement } of looks) {
    if (!judgement) creates.push(report(intent, 'under_way', [], 'Its process still works on it; look again later.'));
    else if (!isWatched(intent) || keysIn(judgement).length > 0)
      creates.push(
        apply
          ? await claimAndFinish(context, intent, { judgement, mayDelete, call })
          : await reportWithFiles(context, intent, judgement),
      );
  }
  return ok({ creates, others: await straysIn(looking, looks, kept.value.intents, call.signal) });
}

interface Look {
  readonly intent: Intent;
  /** Absent while its process works on it. */
  readonly judgement?: Judgement;
}

/** What is said without apply, and which files hold a secret that nobody will read. */
async function reportWithFiles({ sinks }: ReconcileContext, intent: Intent, judgement: Judgement): Promise<Reconciled> {
  const row = reportUnchanged(intent, judgement);
  const temporary = (await temporaryFilesOf(sinks, intent)) ?? [];
  if (temporary.length === 0) return row;
  const files = `A delivery that was killed left the secret in: ${temporary.join(', ')}. Call again with apply to clean this up.`;
  return { ...row, advice: `${row.advice} ${files}` };
}

/** A key that no list showed, or that was deleted, may still appear. */
function isWatched({ state }: Intent): boolean {
  return state.step === 'ended' && state.outcome !== 'delivered' && state.outcome !== 'not_created';
}

/** The ids of the orphans that may be deleted: all, or those to which the person who was asked has said yes. */
async function consented(
  context: ReconcileContext,
  looks: readonly Look[],
  call: RequestContext,
): Promise<ReadonlySet<string>> {
  const orphans = looks.flatMap(({ judgement }) => (judgement?.is === 'orphan' ? [judgement.key] : []));
  const allowed = new Set<string>();
  for (let from = 0; from < orphans.length; from += KEYS_A_FORM) {
    const keys = orphans.slice(from, from + KEYS_A_FORM);
    const consent = await askConsent(context, call, {
      message: `Delete these undelivered AI model API keys of Atlas for good?\n${keys.map(orphanLine).join('\n')}`,
      what: 'number of keys',
      expected: `delete ${keys.length} keys`,
    });
    if (!consent.ok) break;
    for (const { apiKeyId } of keys) allowed.add(apiKeyId);
  }
  return allowed;
}

function orphanLine(key: ModelKey): string {
  const { ageSeconds } = undeliveredOf(key, undefined) ?? {};
  const age = ageSeconds === undefined ? 'age unknown' : `${Math.round(ageSeconds / 60)} min old`;
  return `${key.apiKeyId} (${key.maskedSecret ?? 'no mask'}), ${age}, ${key.lastUsedAt === null ? 'never used' : `last used ${key.lastUsedAt}`}`;
}

interface Action {
  /** As it was when the call looked. */
  readonly judgement: Judgement;
  readonly mayDelete: ReadonlySet<string>;
  readonly call: RequestContext;
}

/** Judges once more, under a claim that keeps every other process away from the intent. */
async function claimAndFinish(context: ReconcileContext, intent: Intent, action: Action): Promise<Reconciled> {
  const { judgement, mayDelete } = action;
  const temporary = (await temporaryFilesOf(context.sinks, intent)) ?? [];
  // A claim is a line of the journal: none where nothing would be done.
  const isRefused = judgement.is === 'orphan' && !mayDelete.has(judgement.key.apiKeyId);
  if ((judgement.is === 'unknown' || isRefused) && temporary.length === 0) return reportUnchanged(intent, judgement);
  if (isWatched(intent)) return deleteOrCommit(context, intent, undefined, action);
  const claimed = await context.journal.claim(intent.nonce);
  return claimed ? deleteOrCommit(context, claimed, claimed, action) : endedElsewhere(context, intent);
}

async function deleteOrCommit(
  context: ReconcileContext,
  intent: Intent,
  open: OpenIntent | undefined,
  { mayDelete, call }: Action,
): Promise<Reconciled> {
  // A file that has another name still, the temporary one, is not read.
  await context.sinks.get(intent.sink)?.removeLeftovers?.(referenceOf(intent), intent.nonce);
  const judgement = await judgeIntent(context, intent, call.signal);
  const recordEnd = async (outcome: Ending, apiKeyId?: string) => {
    await open?.release(endOf(intent, outcome, apiKeyId));
  };
  switch (judgement.is) {
    case 'settled': {
      const left = judgement.key ? undefined : await withdrawSecret(context.sinks, intent);
      await recordEnd(judgement.as, judgement.key?.apiKeyId);
      return reportUnchanged(intent, judgement, left);
    }
    case 'uncommitted':
      if (open) return commitDelivered(context, open, judgement);
      break;
    case 'orphan': {
      if (!mayDelete.has(judgement.key.apiKeyId)) break;
      const { apiKeyId } = judgement.key;
      const left = await withdrawSecret(context.sinks, intent);
      const rolledBack = await deleteOwnKey(context.atlas, ownKey(intent, apiKeyId));
      if (rolledBack.state === 'gone') {
        await recordEnd('rolled_back', apiKeyId);
        return report(intent, 'deleted', [apiKeyId], `The key was deleted. ${left ?? 'Nothing is left to do.'}`);
      }
      await open?.release(intent.state);
      return report(intent, 'orphan', [apiKeyId], `It could not be deleted: ${rolledBack.reason}`);
    }
    case 'unknown':
      break;
  }
  await open?.release(intent.state);
  return reportUnchanged(intent, judgement);
}

/** Of a secret that is in its sink the fingerprint stays known: it tells later whose it is. */
function endOf({ state }: Intent, outcome: Ending, apiKeyId: string | undefined): Step {
  const known = outcome === 'delivered' && 'fingerprint' in state ? { fingerprint: state.fingerprint } : {};
  return { step: 'ended', outcome, ...(apiKeyId !== undefined && { apiKeyId }), ...known };
}

/**
 * Takes a secret out of its sink where the key is to be deleted and its server was killed before it could.
 *
 * @returns what a person must know where it stays there
 */
async function withdrawSecret(sinks: ReconcileContext['sinks'], intent: Intent): Promise<string | undefined> {
  const { state } = intent;
  const sink = sinks.get(intent.sink);
  if (state.step !== 'undelivered' || state.fingerprint === undefined || !sink || !isPlace(sink)) return undefined;
  await sink.withdraw?.(referenceOf(intent), state.fingerprint);
  const held = await holdsSecretOf(sinks, intent);
  const left = held === 'no' ? 'out' : held === 'yes' ? 'held' : 'unknown';
  return deadSecretWords(sink.location, state.fingerprint, left)[0];
}

/** The sink holds the secret: the key gets its name. A rotation takes a dated one where the name is another key's. */
async function commitDelivered(
  { atlas }: ReconcileContext,
  intent: OpenIntent,
  { key, listed }: Extract<Judgement, { is: 'uncommitted' }>,
): Promise<Reconciled> {
  const { apiKeyId } = key;
  const own = ownKey(intent, apiKeyId);
  const name = finalNameOf(key) ?? intent.name;
  let committed: Commit = await commitName(atlas, own, name, true);
  if (committed.state === 'taken' && intent.replaces)
    committed = await commitName(atlas, own, datedName(name, listed), true);
  switch (committed.state) {
    case 'committed':
      await intent.release(endOf(intent, 'delivered', apiKeyId));
      return reportDelivered(intent, committed.key, listed, '');
    case 'gone':
      await intent.release({ step: 'ended', outcome: 'gone', apiKeyId });
      return report(intent, 'gone', [], 'No such key is alive. The sink holds the secret of a key that is gone.');
    case 'taken': {
      await intent.release(intent.state);
      const ids = [apiKeyId, ...committed.holders.flatMap((holder) => holder.apiKeyId ?? [])];
      const advice =
        'Another key has got its name, so it keeps the one that it has; its secret is in the sink and may be in use. update_ai_model_api_key gives it another name.';
      return report(intent, 'delivered', ids, advice);
    }
    case 'pending':
      await intent.release(intent.state);
      return reportDelivered(intent, key, listed, ` It could not get its name: ${committed.failure.message}`);
  }
}

/** Another process was quicker. */
async function endedElsewhere({ journal }: ReconcileContext, intent: Intent): Promise<Reconciled> {
  const kept = await journal.read();
  const now = kept.ok ? kept.value.intents.find(({ nonce }) => nonce === intent.nonce) : undefined;
  if (now && now.state.step !== 'ended')
    return report(intent, 'under_way', [], 'Another process works on it; look again later.');
  const finding = now?.state.step === 'ended' && now.state.outcome === 'delivered' ? 'delivered' : 'gone';
  return report(intent, finding, [], 'Another process ended it.');
}

/** What is said of an intent where nothing is done about it. */
function reportUnchanged(intent: Intent, judgement: Judgement, deadSecret?: string): Reconciled {
  switch (judgement.is) {
    case 'unknown':
      return report(intent, 'unknown', idsOf(judgement.keys), judgement.advice);
    case 'orphan': {
      const advice =
        'The key is alive, was never used, and nobody has its secret. Call again with apply to delete it; the user may be asked.';
      return report(intent, 'orphan', [judgement.key.apiKeyId], advice);
    }
    case 'uncommitted':
      return reportDelivered(intent, judgement.key, judgement.listed, ' Call again with apply to give it its name.');
    case 'settled': {
      if (judgement.key) return reportDelivered(intent, judgement.key, judgement.listed, '');
      const old = oldKeyOf(intent, judgement.listed);
      const rest = old
        ? `The key that it was to replace, ${old.apiKeyId}, is alive; look whether the sink still holds its secret.`
        : (deadSecret ?? 'Nothing is left to do.');
      return report(intent, 'gone', [], `No such key is alive. ${rest}`);
    }
  }
}

function reportDelivered(intent: Intent, key: ModelKey, keys: readonly ModelKey[], rest: string): Reconciled {
  const old = intent.replaces?.keepOld === false ? oldKeyOf(intent, keys) : undefined;
  const todo = old
    ? ` The key that it replaces, ${old.apiKeyId}, is still alive: delete_ai_model_api_key deletes it.`
    : '';
  const ids = [key.apiKeyId, ...(old ? [old.apiKeyId] : [])];
  return report(intent, 'delivered', ids, `The sink has got the secret. The key can be used.${rest}${todo}`);
}

function oldKeyOf({ replaces }: Intent, keys: readonly ModelKey[]): ModelKey | undefined {
  return keys.find(({ apiKeyId }) => apiKeyId === replaces?.apiKeyId);
}

/** The undelivered keys of other machines, in the projects that were looked at. */
async function straysIn(
  context: ReconcileContext,
  looks: readonly Look[],
  intents: readonly Intent[],
  signal: AbortSignal,
): Promise<readonly Stray[]> {
  const { projectId } = context;
  const looked = looks.filter(({ judgement }) => judgement).map(({ intent }) => intent.groupId);
  const groups = new Set([...looked, ...(projectId === undefined ? [] : [projectId])]);
  const strays: Stray[] = [];
  for (const groupId of groups) {
    const keys = isAllowed(context, groupId) ? await context.atlas.listKeys(groupId, signal) : undefined;
    for (const key of keys?.ok ? keys.value.filter(hasId) : []) {
      const { knownHere, ...age } = undeliveredOf(key, { intents, unreadable: [] }) ?? { knownHere: true };
      const { apiKeyId, name, lastUsedAt } = key;
      if (!knownHere) strays.push({ groupId, apiKeyId, name, ...age, inUse: lastUsedAt !== null });
    }
  }
  return strays;
}

function report(
  { groupId, name, sink, entry, openedAt }: Intent,
  finding: Finding,
  apiKeyIds: readonly string[],
  advice: string,
): Reconciled {
  return { groupId, name, sink, ...(entry !== undefined && { entry }), openedAt, finding, apiKeyIds, advice };
}

function keysIn(judgement: Judgement): readonly ModelKey[] {
  return judgement.is === 'unknown' ? judgement.keys : judgement.key ? [judgement.key] : [];
}

function idsOf(keys: readonly ModelKey[]): string[] {
  return keys.map(({ apiKeyId }) => apiKeyId);
}
