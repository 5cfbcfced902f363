// Uses a key once, to see whether it works: which model that takes, and what a create or rotation says of its new key where the
// operator wants that seen before the key is called delivered.

import { setTimeout as delay } from 'node:timers/promises';
import type { KeyUsed } from '../atlas/api/embeddings.ts';
import type { ModelKey } from '../atlas/api/keys.ts';
import type { RateLimit } from '../atlas/api/limits.ts';
import { failed, ok, refusal, type Result } from '../failure.ts';
import type { Secret } from '../secret/secret.ts';
import type { KeyContext } from './find-key.ts';
import type { RequestContext } from './request-context.ts';

export interface KeyUseContext extends KeyContext {
  /** The operator's choice, where the rate limits of the project name no model. */
  readonly testModel?: string | undefined;
  /** Whether a new key is used once before it is called delivered. */
  readonly liveCheck?: boolean | undefined;
}

/** A key in use, with its secret. */
interface Use {
  readonly groupId: string;
  readonly key: ModelKey;
  readonly secret: Secret;
}

export interface KeyTrial extends KeyUsed {
  readonly model: string;
  readonly endpoint: string;
}

/** Small and cheap. */
const DEFAULT_MODEL = 'voyage-3.5-lite';
/** Those that take text at `/v1/embeddings`: reranking, contextualized and multimodal models have other calls. */
const EMBEDDING_MODEL = /^voyage-(?!context|multimodal)[a-z0-9.-]{1,60}$/;
/** Before each try, in milliseconds: a new key may take a moment. */
const TRY_AFTER_MS = [0, 1_000, 3_000];
/** Of all tries. In milliseconds. */
const LONGEST_CHECK_MS = 15_000;

/** One request, billed as one word is. Fails where nothing was sent. */
export async function tryKey(context: KeyUseContext, use: Use, signal: AbortSignal): Promise<Result<KeyTrial>> {
  const { endpoint } = use.key;
  if (endpoint === undefined) return failed(noEndpoint);
  const model = await modelFor(context, use, signal);
  const used = await context.atlas.useKey({ endpoint, secret: use.secret, model }, signal);
  return used.ok ? ok({ ...used.value, model, endpoint }) : used;
}

const noEndpoint = refusal(
  'ATLAS_PROTOCOL',
  'Atlas does not say at which endpoint the key works, so that its secret was sent nowhere.',
  'The preview of the API names none: the operator sets ATLAS_MODEL_KEYS_API_VERSION to auto or 2025-03-12.',
);

/** A model that the project may use: the operator's one, else a small one. Where Atlas names none, the operator's or a known one. */
async function modelFor({ atlas, testModel }: KeyUseContext, use: Use, signal: AbortSignal): Promise<string> {
  const limits = await atlas.listRateLimits({ groupId: use.groupId }, signal);
  const models = (limits.ok ? limits.value : [])
    .filter((limit) => isOfScope(limit, use.key))
    .flatMap(({ modelNames }) => modelNames.filter((name) => EMBEDDING_MODEL.test(name)));
  const preferred = models.find((name) => name === testModel) ?? models.find((name) => name.includes('lite'));
  return preferred ?? models[0] ?? testModel ?? DEFAULT_MODEL;
}

/** What is not said differs from nothing. */
function isOfScope(limit: RateLimit, key: ModelKey): boolean {
  return (['cloud', 'geography'] as const).every((name) => {
    const [ofLimit, ofKey] = [limit[name]?.toLowerCase() ?? 'any', key[name]?.toLowerCase() ?? 'any'];
    return ofLimit === 'any' || ofKey === 'any' || ofLimit === ofKey;
  });
}

/** What a caller must know of a new key that was not seen to work; empty where it was. It is delivered in any case. */
export async function liveCheckWarnings(
  context: KeyUseContext,
  use: Use,
  call: RequestContext,
): Promise<readonly string[]> {
  call.progress('Testing the new key');
  const signal = AbortSignal.any([call.signal, AbortSignal.timeout(LONGEST_CHECK_MS)]);
  let tried: Result<KeyTrial> | undefined;
  for (const wait of TRY_AFTER_MS) {
    await delay(wait, undefined, { signal }).catch(() => undefined);
    if (tried && signal.aborted) break;
    tried = await tryKey(context, use, signal);
    if (tried.ok && tried.value.works === 'yes') return [];
    if (!tried.ok || !['refused', 'unreachable'].includes(tried.value.works)) break;
  }
  const why = !tried ? '' : tried.ok ? trialText(tried.value) : `${tried.failure.message} ${tried.failure.hint}`;
  return [`The new key ${use.key.apiKeyId} is delivered, and was not seen to work. ${why}`];
}

/** What a trial says, and what to do about it. */
export function trialText({ works, status, errorCode, model, endpoint }: KeyTrial): string {
  const code = errorCode === undefined ? '' : ` and the code ${errorCode}`;
  const answer = status === undefined ? 'without an answer' : `with status ${status}${code}`;
  switch (works) {
    case 'yes':
      return `It works: ${endpoint} took it for one embedding by ${model}.`;
    case 'refused':
      return `${endpoint} refused it ${answer}. A key that was made a moment ago may need a minute: test it again then. An older one may be disabled or deleted (get_ai_model_api_key tells); rotate_ai_model_api_key makes a new one.`;
    case 'rate-limited':
      return `${endpoint} limits its requests (${answer}), so that whether it works is open. Test it again in a minute; list_ai_model_rate_limits has the limits of ${model}.`;
    case 'unreachable':
      return `${endpoint} did not serve the request (${answer}). Check from this machine the network, HTTPS_PROXY and NO_PROXY, then test it again.`;
    case 'unknown':
      return `${endpoint} gave no answer that tells (${answer}). The model ${model} may not be offered there: the operator names another one with ATLAS_MODEL_KEYS_TEST_MODEL.`;
  }
}
