// Tests a key with its own secret, taken from where it is: the place where this machine put it, or the only one that holds it. A
// value that is not known to be that secret is not used, wherever it stands.

import { failed, ok, refusal, type Failure, type Result } from '../failure.ts';
import type { ModelKey } from '../atlas/api/keys.ts';
import type { Secret } from '../secret/secret.ts';
import type { FoundSecret } from '../sinks/sink.ts';
import type { Intent } from './journal/intent.ts';
import type { Journal } from './journal/journal.ts';
import { tryKey, type KeyTrial, type KeyUseContext } from './live-check.ts';
import { findKey } from './find-key.ts';
import type { RequestContext } from './request-context.ts';
import { placesGiven, replacedBy } from './secret-places.ts';
import { chooseSink, type ConfiguredSinks, type SinkChoice } from './sink-choice.ts';
import { refuseMarkedKey } from './refusals.ts';

export interface KeyTestContext extends KeyUseContext, ConfiguredSinks {
  readonly journal: Journal;
}

export interface KeyTestRequest {
  readonly groupId: string;
  /** One of both. */
  readonly apiKeyId?: string | undefined;
  readonly name?: string | undefined;
  readonly sink?: string | undefined;
  readonly entry?: string | undefined;
}

export interface KeyTested extends KeyTrial {
  readonly key: ModelKey;
  readonly sink: string;
  readonly entry?: string;
}

export async function testKey(
  context: KeyTestContext,
  request: KeyTestRequest,
  call: RequestContext,
): Promise<Result<KeyTested>> {
  const { groupId } = request;
  call.progress('Looking for the key and its secret');
  const [found, kept] = [await findKey(context, request, call), await context.journal.read()];
  if (!found.ok) return found;
  if (!kept.ok) return kept;
  const key = found.value;
  // A use would keep it from being deleted again, should its delivery fail.
  const refused = refuseMarkedKey(key);
  if (refused) return failed(refused);
  const own = await secretOf(context, { ...request, key, intents: kept.value.intents });
  if (!own.ok) return own;
  const { choice, secret } = own.value;
  call.progress('Testing the key');
  const tried = await tryKey(context, { groupId, key, secret }, call.signal);
  if (!tried.ok) return tried;
  const { entry } = choice.reference;
  return ok({ ...tried.value, sink: choice.sink.name, ...(entry !== undefined && { entry }), key });
}

interface Wish extends Omit<KeyTestRequest, 'apiKeyId' | 'name'> {
  readonly key: ModelKey;
  readonly intents: readonly Intent[];
}

interface Look {
  readonly choice: SinkChoice;
  readonly found: FoundSecret;
}

/** Where the journal says that it is; else where the caller says; else in the only place that holds it. */
async function secretOf(
  context: ConfiguredSinks,
  wish: Wish,
): Promise<Result<{ readonly choice: SinkChoice; readonly secret: Secret }>> {
  const known = await looksAt(knownPlaces(context, wish), wish);
  const others = holding(known).length > 0 ? ok([]) : await possiblePlaces(context, wish);
  if (!others.ok) return others;
  const looked = [...known, ...(await looksAt(others.value, wish))];
  const [first, ...more] = holding(looked);
  if (!first) return failed(notFound(looked, wish.key));
  // Each of several places that the journal knows has the same secret; it knows the last one best.
  if (more.length > 0 && known.length === 0) return failed(ambiguous([first, ...more]));
  return ok(first);
}

function holding(looks: readonly Look[]): { readonly choice: SinkChoice; readonly secret: Secret }[] {
  return looks.flatMap(({ choice, found }) => (found.held === 'secret' ? [{ choice, secret: found.secret }] : []));
}

async function looksAt(choices: readonly SinkChoice[], { groupId, key, intents }: Wish): Promise<readonly Look[]> {
  const looks: Look[] = [];
  for (const choice of choices) {
    const { sink, reference } = choice;
    const found = (await sink.readSecret?.(reference, replacedBy(groupId, key, intents))) ?? { held: 'unknown' };
    looks.push({ choice, found });
  }
  return looks;
}

/** The last first. */
function knownPlaces({ sinks }: ConfiguredSinks, wish: Wish): readonly SinkChoice[] {
  const { groupId, key, intents, sink: name, entry } = wish;
  return placesGiven(sinks, intents, groupId, key.apiKeyId).filter(
    ({ sink, reference }) => (name ?? sink.name) === sink.name && (entry ?? reference.entry) === reference.entry,
  );
}

/** What the caller named; else every sink that such a place can be in. */
async function possiblePlaces(
  context: ConfiguredSinks,
  { groupId, key, sink, entry }: Wish,
): Promise<Result<readonly SinkChoice[]>> {
  const wish = { groupId, name: key.name, entry };
  if (sink !== undefined) {
    const chosen = await chooseSink(context, { ...wish, sink }, undefined);
    return chosen.ok ? ok([chosen.value]) : chosen;
  }
  const readable = [...context.sinks.values()].filter(({ verification }) => verification === 'read-back');
  const places = await Promise.all(readable.map(({ name }) => chooseSink(context, { ...wish, sink: name }, undefined)));
  return ok(places.flatMap((place) => (place.ok ? [place.value] : [])));
}

const WORDS = {
  secret: 'the secret',
  'another value': 'another value',
  nothing: 'nothing',
  unknown: 'cannot be read',
} as const satisfies Readonly<Record<FoundSecret['held'], string>>;

function notFound(looks: readonly Look[], { apiKeyId }: ModelKey): Failure {
  const told = looks.map(({ choice, found }) => `${nameOf(choice)}: ${WORDS[found.held]}`).join('; ');
  return {
    ...refusal(
      'SINK_NOT_READY',
      `The key was not tested: no place that was looked at holds its secret (${told === '' ? 'no sink can be read' : told}).`,
      'Pass the sink and entry that hold it; check_secret_sinks says what each place holds. Where the secret is lost, rotate_ai_model_api_key puts a new one into a place.',
    ),
    apiKeyId,
  };
}

function ambiguous(places: readonly { readonly choice: SinkChoice }[]): Failure {
  const names = places.map(({ choice }) => nameOf(choice)).join(', ');
  return refusal(
    'INVALID_INPUT',
    `sink: several places may hold the secret of this key: ${names}.`,
    'Pass the sink to test the key with, or ask the user which.',
  );
}

function nameOf({ sink, reference: { entry } }: SinkChoice): string {
  return entry === undefined ? sink.name : `${sink.name} ${entry}`;
}
