// Finds out what became of a create whose reply was lost: step 7 of the delivery protocol. The secret is gone for good,
// so the key, if there is one, is deleted; but only a key that must be this call's, and was never used.

import { setTimeout as delay } from 'node:timers/promises';
import type { Atlas } from '../../atlas/atlas.ts';
import type { AtlasFailure } from '../../atlas/failure.ts';
import { hasId, isNamed, type ModelKey } from '../../atlas/model-keys.ts';
import { fromAtlas, type Failure } from '../failure.ts';
import type { Plan } from '../journal/intent.ts';
import type { Journal, OpenIntent } from '../journal/journal.ts';
import { unclaimedNamesakes } from '../journal/namesake.ts';
import { rollBack } from './roll-back.ts';

export interface LostCreate {
  readonly plan: Plan;
  readonly intent: OpenIntent;
  readonly cause: AtlasFailure;
  /** The keys that there were before: they may have got this name since. */
  readonly seen: ReadonlySet<string>;
  /** The key's id, where the reply had it. */
  readonly apiKeyId: string | undefined;
}

/** Atlas does not promise that a list shows a key at once. In milliseconds. */
const LOOK_AFTER_MS = [0, 300, 900];

/** @param signal ends the search; what is not known by then is said to be unknown */
export async function resolveLostCreate(
  atlas: Atlas,
  journal: Journal,
  lost: LostCreate,
  signal: AbortSignal,
): Promise<Failure> {
  const { intent, apiKeyId, cause } = lost;
  if (apiKeyId !== undefined) return takenBack(atlas, lost, apiKeyId);
  for (const wait of LOOK_AFTER_MS) {
    await delay(wait);
    const candidates = await findCandidates(atlas, journal, lost, signal);
    if (!candidates) break;
    const [candidate, ...others] = candidates;
    if (candidate && others.length === 0 && candidate.lastUsedAt === null)
      return takenBack(atlas, lost, candidate.apiKeyId);
    if (candidate) return unknown(lost, candidates);
    if (wait === LOOK_AFTER_MS.at(-1)) {
      await intent.release({ step: 'ended', outcome: 'not_found' });
      return { ...fromAtlas(cause, 'not_created'), message: `${cause.message} No key was made.` };
    }
  }
  return unknown(lost, []);
}

/** Undefined where Atlas or the journal did not say. */
async function findCandidates(
  atlas: Atlas,
  journal: Journal,
  { plan: { groupId, name }, intent: { id }, seen }: LostCreate,
  signal: AbortSignal,
): Promise<readonly ModelKey[] | undefined> {
  const [keys, intents] = await Promise.all([atlas.listKeys(groupId, signal), journal.read()]);
  if (!keys.ok || !intents) return undefined;
  // It may be this call's key, and nobody can say.
  if (keys.value.some((key) => !hasId(key) && isNamed(key, name))) return undefined;
  const unseen = keys.value.filter(hasId).filter(({ apiKeyId }) => !seen.has(apiKeyId));
  return unclaimedNamesakes(unseen, intents, { id, name });
}

async function takenBack(atlas: Atlas, { plan, intent, cause }: LostCreate, apiKeyId: string): Promise<Failure> {
  const { keyState, ending } = await rollBack(atlas, intent, plan.groupId, apiKeyId);
  return {
    ...fromAtlas(cause, keyState),
    message: `${cause.message} A key was made, and its secret is lost.`,
    hint: `${ending} ${keyState === 'rolled_back' ? 'Call again.' : ''}`.trim(),
    retryable: keyState === 'rolled_back',
    apiKeyId,
  };
}

async function unknown({ intent, cause }: LostCreate, candidates: readonly ModelKey[]): Promise<Failure> {
  await intent.release({ step: 'lost' });
  const ids = candidates.map(({ apiKeyId }) => apiKeyId);
  const [only] = ids;
  return {
    ...fromAtlas(cause, 'unknown'),
    code: 'ATLAS_OUTCOME_UNKNOWN',
    message: `Whether Atlas made the key is not known. ${cause.message}`,
    hint:
      ids.length === 0
        ? 'Call reconcile_ai_model_api_keys in a minute: it looks for the key and says what is true.'
        : `Keys of this name that nobody here made or that are in use: ${ids.join(', ')}. A person decides in Atlas which are needed.`,
    retryable: false,
    ...(only !== undefined && ids.length === 1 && { apiKeyId: only }),
  };
}
