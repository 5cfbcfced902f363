// Chooses where a secret goes: the sink by its name or by asking, and the entry within it; and says afterwards what was
// delivered there. Only `holdsSecret` and `temporaryFilesOf` look at a sink's place.

import { isReservedName } from '../files/names.ts';
import type { Fingerprint } from '../secret/opened-secret.ts';
import type { Held, SecretReference, Sink, Verification } from '../sinks/sink.ts';
import type { Ask } from './request-context.ts';
import { inLines } from './consent.ts';
import { failed, ok, refusal, type Result } from '../failure.ts';
import type { Intent } from './journal/intent.ts';
import type { ModelKey } from '../atlas/api/keys.ts';

export interface SinkChoice {
  readonly sink: Sink;
  readonly reference: SecretReference;
}

export interface ConfiguredSinks {
  readonly sinks: ReadonlyMap<string, Sink>;
  /** Absent where the operator has several and made none the default. */
  readonly defaultSink?: string | undefined;
}

export const ENTRY = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/**
 * @param wish what the caller named; the entry is by default made from the key's name
 * @param ask puts the question which sink, where there are several and no default
 */
export async function chooseSink(
  { sinks, defaultSink }: ConfiguredSinks,
  wish: {
    readonly groupId: string;
    readonly name: string;
    readonly sink?: string | undefined;
    readonly entry?: string | undefined;
  },
  ask: Ask | undefined,
): Promise<Result<SinkChoice>> {
  const chosen = await namedOrAskedSink({ sinks, defaultSink }, wish, ask);
  if (!chosen.ok) return chosen;
  const sink = chosen.value;
  if (!sink.takesEntry) {
    if (wish.entry === undefined) return ok({ sink, reference: { groupId: wish.groupId } });
    const hint = 'Leave out entry, or choose another sink (see list_secret_sinks).';
    return failed(refusal('INVALID_INPUT', `entry: the sink ${sink.name} has a fixed target.`, hint));
  }
  const entry = wish.entry ?? (sink.entryForm === 'variable' ? variableFrom(wish.name) : entryFrom(wish.name));
  if (!ENTRY.test(entry) || entry.includes('..')) {
    const message =
      wish.entry === undefined ? 'entry: none can be made from the name of the key.' : 'entry: is not accepted.';
    const hint =
      'Pass entry: 1-128 letters, digits, dots, dashes or underscores, beginning with a letter or digit, without "..".';
    return failed(refusal('INVALID_INPUT', message, hint));
  }
  // Whatever the sink makes of it: files of the person's own program have such names too.
  if (isReservedName(entry)) {
    const message = `entry: Windows reserves the name ${entry}, or cannot keep it; it is refused on every system.`;
    return failed(refusal('INVALID_INPUT', message, 'Pass another entry, such as this one with a word before it.'));
  }
  return ok({ sink, reference: { groupId: wish.groupId, entry } });
}

/** `Production key (EU)` becomes `Production-key-EU`. Empty where nothing is left. */
function entryFrom(name: string): string {
  return name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/\.{2,}/g, '.')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 128)
    .replace(/[^A-Za-z0-9]+$/, '');
}

/** `Production key (EU)` becomes `PRODUCTION_KEY_EU`. A variable begins with a letter. */
function variableFrom(name: string): string {
  const word = entryFrom(name)
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, '_');
  return /^[0-9]/.test(word) ? `KEY_${word}`.slice(0, 128) : word;
}

async function namedOrAskedSink(
  { sinks, defaultSink }: ConfiguredSinks,
  wish: { readonly name: string; readonly sink?: string | undefined },
  ask: Ask | undefined,
): Promise<Result<Sink>> {
  const named = wish.sink ?? defaultSink;
  const sink = sinks.get(named ?? '');
  if (sink) return ok(sink);
  const names = [...sinks.keys()];
  const known = `Pass sink as one of: ${names.join(', ')}.`;
  if (named !== undefined)
    return failed(refusal('SINK_UNKNOWN', 'There is no sink of that name.', `${known} Only the operator can add one.`));
  const answer = await ask?.({
    message: inLines(`Where shall the secret of this AI model API key go?\nKey: ${JSON.stringify(wish.name)}`),
    title: 'Sink',
    description: 'One of the places for secrets that the operator configured',
    options: names,
  });
  if (answer?.answer === 'declined') {
    const hint = 'Nothing was changed. Do not call again unless the user asks for it.';
    return failed(refusal('DECLINED', 'The person who was asked named no sink.', hint));
  }
  const chosen = answer?.answer === 'given' ? sinks.get(answer.value) : undefined;
  if (chosen) return ok(chosen);
  return failed(
    refusal('SINK_UNKNOWN', 'There are several sinks and none is the default.', `${known} Ask the user which.`),
  );
}

/** In milliseconds. */
const REVEAL_MS = 80_000;

/** What the page that asks must leave to the page that shows the secret. */
export function timeForReveal({ sink }: SinkChoice): { readonly keepsMs?: number } {
  return sink.kind === 'reveal' ? { keepsMs: REVEAL_MS } : {};
}

/** Whether that is the secret, though an editor may have ended its line. */
export function isHeldBy(held: Held, fingerprint: Fingerprint | undefined): boolean {
  if (held.held !== 'value' || fingerprint === undefined) return false;
  return held.fingerprint === fingerprint || held.unendedFingerprint === fingerprint;
}

/**
 * Whether the place holds that secret now; `unknown` where it cannot be read.
 *
 * @param at the place where the secret went: what another one holds says nothing of that
 */
export async function holdsSecret(
  { sink, reference }: SinkChoice,
  fingerprint: Fingerprint,
  at: string | undefined,
): Promise<'yes' | 'no' | 'unknown'> {
  const held = await sink.lookUp(reference);
  if (isHeldBy(held, fingerprint)) return 'yes';
  if (held.held !== 'value' && held.held !== 'nothing') return 'unknown';
  return at === undefined || (await sink.placeOf?.(reference)) === at ? 'no' : 'unknown';
}

/** {@link holdsSecret} for a call that the journal knows; `unknown` also where its sink is configured no more. */
export async function holdsSecretOf(
  sinks: ConfiguredSinks['sinks'],
  intent: Intent,
): Promise<'yes' | 'no' | 'unknown'> {
  const { state } = intent;
  const sink = sinks.get(intent.sink);
  if (!sink || !('fingerprint' in state)) return 'unknown';
  return holdsSecret({ sink, reference: referenceOf(intent) }, state.fingerprint, intent.place);
}

/** Where the secret of a call that the journal knows goes. */
export function referenceOf({ groupId, entry }: Intent): SecretReference {
  return { groupId, ...(entry !== undefined && { entry }) };
}

/**
 * The temporary files with the secret that a killed process left, by the nonce in their names; undefined where that cannot
 * be seen.
 */
export async function temporaryFilesOf(
  sinks: ConfiguredSinks['sinks'],
  intent: Intent,
): Promise<readonly string[] | undefined> {
  const sink = sinks.get(intent.sink);
  return sink?.leftovers ? sink.leftovers(referenceOf(intent), intent.nonce) : [];
}

export interface DeliveryReceipt {
  readonly sink: string;
  readonly kind: Sink['kind'];
  readonly location: string;
  readonly entry?: string;
  readonly verification: Verification;
  readonly fingerprint?: Fingerprint;
  /** Only from the inline sink, which the operator must allow. */
  readonly secret?: string;
}

export interface Delivered {
  readonly outcome: 'delivered';
  readonly key: ModelKey;
  readonly delivery: DeliveryReceipt;
  readonly warnings: readonly string[];
}

export interface Planned {
  readonly outcome: 'planned';
  readonly delivery: DeliveryReceipt;
  /** Of the prepared write: tells whether two plans lead to one place. */
  readonly place?: string | undefined;
  readonly warnings: readonly string[];
}

export function receipt(
  { sink, reference }: SinkChoice,
  rest: Pick<DeliveryReceipt, 'location' | 'verification' | 'fingerprint' | 'secret'>,
): DeliveryReceipt {
  return {
    sink: sink.name,
    kind: sink.kind,
    ...(reference.entry !== undefined && { entry: reference.entry }),
    ...rest,
  };
}
