// Says what is true now of a create or rotation that no process works on any more, and what is to be done about it. It
// reads Atlas and the sink, and changes nothing.

import { hasId, type ModelKey } from '../atlas/api/keys.ts';
import { ownKey, readKey, nonceOf } from './own-key.ts';
import { holdsSecretOf } from './sink-choice.ts';
import { keyOf, type Ending, type Intent } from './journal/intent.ts';
import { isAllowed } from './refusals.ts';
import type { ReconcileContext } from './reconcile.ts';
import { ok } from '../failure.ts';

export type Judgement =
  /** The sink holds the secret, and the key still carries the mark. */
  | { readonly is: 'uncommitted'; readonly key: ModelKey; readonly listed: readonly ModelKey[] }
  /** The key carries the mark, was never used, and its secret is in no sink. */
  | { readonly is: 'orphan'; readonly key: ModelKey }
  /** Nothing is left to do but to say so in the journal. */
  | { readonly is: 'settled'; readonly as: Ending; readonly key?: ModelKey; readonly listed: readonly ModelKey[] }
  /** A person must look, or time must pass. */
  | { readonly is: 'unknown'; readonly keys: readonly ModelKey[]; readonly advice: string };

/** A request that was slow may still be carried out after its sender has gone. In milliseconds. */
const SETTLED_AFTER_MS = 60_000;

export async function judgeIntent(context: ReconcileContext, intent: Intent, signal: AbortSignal): Promise<Judgement> {
  const { atlas } = context;
  const { groupId, nonce } = intent;
  if (!isAllowed(context, groupId)) return undecided([], 'The operator does not allow this project any more.');
  const keys = await atlas.listKeys(groupId, signal);
  if (!keys.ok) return undecided([], `${keys.failure.message} ${keys.failure.hint}`);
  const listed = keys.value.filter(hasId);
  const [own, ...others] = listed.filter((key) => nonceOf(key) === nonce);
  if (own && others.length > 0)
    return undecided([own, ...others], 'Several keys carry the name of this call. A person decides which are needed.');
  if (own) return judgeMarked(context, intent, own, listed);
  if (keys.value.some((key) => !hasId(key) && nonceOf(key) === nonce))
    return undecided([], 'Atlas lists the key of this call without its id; look again later.');
  const apiKeyId = keyOf(intent);
  if (apiKeyId === undefined || intent.state.step === 'ended') return judgeUnseen(intent, listed);
  const key = listed.find((each) => each.apiKeyId === apiKeyId);
  const now = key ? ok(key) : await readKey(atlas, ownKey(intent, apiKeyId));
  if (!now.ok) return undecided([], `${now.failure.message} ${now.failure.hint}`);
  // Of a key that was not delivered no sink holds the secret; of any other one it may.
  if (!now.value) return { is: 'settled', as: intent.state.step === 'undelivered' ? 'rolled_back' : 'gone', listed };
  return nonceOf(now.value) === nonce
    ? judgeMarked(context, intent, now.value, listed)
    : judgeUnmarked(context, intent, now.value, listed);
}

/** No key of a create whose reply was lost is alive. */
function judgeUnseen({ updatedAt }: Intent, listed: readonly ModelKey[]): Judgement {
  if (Date.now() - Date.parse(updatedAt) > SETTLED_AFTER_MS) return { is: 'settled', as: 'not_found', listed };
  return undecided(
    [],
    'No such key is alive. The request was sent a moment ago and may still be carried out: look again in a minute.',
  );
}

async function judgeMarked(
  { sinks }: ReconcileContext,
  intent: Intent,
  key: ModelKey,
  listed: readonly ModelKey[],
): Promise<Judgement> {
  const { state } = intent;
  const { step } = state;
  if (step === 'delivered' || step === 'retiring') return { is: 'uncommitted', key, listed };
  const held = step === 'created' ? await holdsSecretOf(sinks, intent) : 'no';
  if (held === 'yes') return { is: 'uncommitted', key, listed };
  if (key.lastUsedAt !== null)
    return undecided([key], 'The key is in use, so somebody has its secret. It is not touched.');
  // Atlas did not show it, and the journal says that its secret may be in its sink.
  if (state.step === 'ended' && state.outcome === 'gone') return undecided([key], SHOWN_AGAIN);
  if (held === 'unknown') return undecided([key], LOOK_THERE);
  const mayWriteForMs = step === 'created' ? (sinks.get(intent.sink)?.mayWriteForMs ?? 0) : 0;
  if (Date.now() - Date.parse(intent.updatedAt) < mayWriteForMs)
    return undecided(
      [key],
      'The program of the sink may still be running and store the secret: look again in a while.',
    );
  return { is: 'orphan', key };
}

/** Somebody gave the key a name, or its commit was answered late: this server must not delete it any more. */
async function judgeUnmarked(
  { sinks }: ReconcileContext,
  intent: Intent,
  key: ModelKey,
  listed: readonly ModelKey[],
): Promise<Judgement> {
  const { step } = intent.state;
  const held = step === 'created' ? await holdsSecretOf(sinks, intent) : step === 'undelivered' ? 'no' : 'yes';
  if (held === 'yes') return { is: 'settled', as: 'delivered', key, listed };
  if (held === 'unknown') return undecided([key], LOOK_THERE);
  return undecided(
    [key],
    'Somebody renamed the key, and its secret is in no sink. A person decides in Atlas about it.',
  );
}

const LOOK_THERE =
  'The sink cannot be read, or leads elsewhere than when the secret was sent, so the secret may be in it. A person looks there: if it is, the key gets its name by update_ai_model_api_key or in Atlas, and if not, the key is deleted.';

const SHOWN_AGAIN =
  'Atlas did not show the key for a while and now does; its secret may be in the sink. A person looks there: if it is, the key gets its name in Atlas, and if not, the key is deleted.';

function undecided(keys: readonly ModelKey[], advice: string): Judgement {
  return { is: 'unknown', keys, advice };
}
