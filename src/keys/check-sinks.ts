// Says what the places for secrets hold now: whose key it is, or that it is nobody's. It looks at the places that the operator
// fixed, at those that the journal knows, and at the one that the caller names; to Atlas it sends only reads.

import type { ListedKey, ModelKey } from '../atlas/api/keys.ts';
import { failed, ok, refusal, type Result } from '../failure.ts';
import { isPlace, expand, type Held, type Sink } from '../sinks/sink.ts';
import type { Fingerprint } from '../secret/opened-secret.ts';
import { isDelivered, type Intent } from './journal/intent.ts';
import { inLanes } from './create-many.ts';
import type { KeyListContext } from './lists.ts';
import { explained } from './find-key.ts';
import { cancelled, isAllowed, refuseProject } from './refusals.ts';
import type { RequestContext } from './request-context.ts';
import { confirmHolder, holderOf, knownOf, placesOfSecret, type Holder } from './secret-places.ts';
import { chooseSink, isHeldBy, referenceOf, type ConfiguredSinks, type SinkChoice } from './sink-choice.ts';

export interface SinkCheckContext extends KeyListContext, ConfiguredSinks {}

interface SinkCheckRequest {
  /** Absent for every project that the journal knows. */
  readonly groupId?: string | undefined;
  readonly sink?: string | undefined;
  readonly entry?: string | undefined;
}

export interface PlaceSeen {
  readonly sink: string;
  readonly kind: Sink['kind'];
  readonly location: string;
  readonly entry?: string;
  readonly groupId?: string;
  readonly holds: Holder['is'];
  /** Of a deleted key, or one that no list shows, only what the journal knows. */
  readonly key?: Pick<ListedKey, 'apiKeyId' | 'name' | 'maskedSecret' | 'status'> & {
    readonly lastUsedAt?: string | null;
  };
  /** Only where the journal knows it: that of another value could be guessed from. */
  readonly fingerprint?: Fingerprint;
}

interface SinksChecked {
  readonly places: readonly PlaceSeen[];
  /** How many places and projects were not looked at. */
  readonly leftOut: number;
}

const MOST_PROJECTS = 10;
const MOST_PLACES = 50;

export async function checkSinks(
  context: SinkCheckContext,
  request: SinkCheckRequest,
  call: RequestContext,
): Promise<Result<SinksChecked>> {
  const refused = request.groupId === undefined ? undefined : refuseProject(context, request.groupId);
  if (refused) return failed(refused);
  const kept = await context.journal.read();
  if (!kept.ok) return kept;
  const intents = kept.value.intents.filter(({ groupId }) => isAllowed(context, groupId));
  const groupIds = request.groupId === undefined ? projectsOf(context, intents) : [request.groupId];
  if (groupIds.length === 0) return failed(noProject);
  const places = await placesOf(context, request, groupIds.slice(0, MOST_PROJECTS), intents);
  if (!places.ok) return places;
  const seen = await lookAt(context, places.value.slice(0, MOST_PLACES), kept.value.intents, call);
  if (!seen.ok) return seen;
  const leftOut = Math.max(0, groupIds.length - MOST_PROJECTS) + Math.max(0, places.value.length - MOST_PLACES);
  return ok({ places: seen.value, leftOut });
}

const noProject = refusal(
  'INVALID_INPUT',
  'groupId: is required, since this machine has delivered to no project yet.',
  'Pass the project whose keys the places are compared with; list_projects finds it by name.',
);

/** The last one used first. */
function projectsOf({ allowedProjects = [] }: SinkCheckContext, intents: readonly Intent[]): readonly string[] {
  const used = intents.filter(isDelivered).map(({ groupId }) => groupId);
  return [...new Set([...used.toReversed(), ...allowedProjects])];
}

/** Of each sink that can hold a secret: where it is fixed, where the caller says, and where the journal knows one. */
async function placesOf(
  context: SinkCheckContext,
  { sink, entry }: SinkCheckRequest,
  groupIds: readonly string[],
  intents: readonly Intent[],
): Promise<Result<readonly SinkChoice[]>> {
  const places = new Map<string, SinkChoice>();
  const add = (place: SinkChoice) => {
    const { reference } = place;
    places.set(JSON.stringify([place.sink.name, reference.groupId, reference.entry]), place);
  };
  if (sink !== undefined) {
    const [groupId = ''] = groupIds;
    const named = await chooseSink(context, { groupId, name: 'any', sink, entry }, undefined);
    if (!named.ok) return named;
  }
  const wanted = [...context.sinks.values()].filter((each) => isPlace(each) && (sink ?? each.name) === each.name);
  for (const groupId of groupIds) {
    for (const each of wanted) {
      if (each.takesEntry && entry === undefined) continue;
      const fixed = each.takesEntry ? { groupId, entry } : { groupId };
      const chosen = await chooseSink(context, { ...fixed, name: '', sink: each.name }, undefined);
      if (chosen.ok) add(chosen.value);
    }
  }
  for (const intent of intents.toReversed()) {
    const each = wanted.find(({ name }) => name === intent.sink);
    const isMeant = (entry ?? intent.entry) === intent.entry && groupIds.includes(intent.groupId);
    // The operator may have changed the sink since.
    if (!each || !isMeant || !isDelivered(intent) || each.takesEntry !== (intent.entry !== undefined)) continue;
    add({ sink: each, reference: referenceOf(intent) });
  }
  return ok([...places.values()]);
}

/** A fixed place that several projects share is told of once, with the key of the project whose secret it is. */
async function lookAt(
  context: SinkCheckContext,
  places: readonly SinkChoice[],
  intents: readonly Intent[],
  call: RequestContext,
): Promise<Result<readonly PlaceSeen[]>> {
  const looks: Look[] = [];
  const keysOf = new Map<string, readonly ListedKey[]>();
  for (const place of places) {
    const { groupId } = place.reference;
    if (call.signal.aborted) return failed(cancelled);
    call.progress(`Looking at the sink ${place.sink.name}`);
    let keys = keysOf.get(groupId);
    if (!keys) {
      const listed = await context.atlas.listKeys(groupId, call.signal);
      if (!listed.ok) return failed(await explained(context, listed.failure, { groupId }, call.signal));
      keys = listed.value;
      keysOf.set(groupId, keys);
    }
    const held = await place.sink.lookUp(place.reference);
    const known = knownOf(held, intents).find((intent) => isAllowed(context, intent.groupId));
    looks.push({ place, known, holder: holderOf(held, groupId, keys, intents) });
  }
  return ok(await tell(context, looks, call));
}

interface Look {
  readonly place: SinkChoice;
  readonly holder: Holder;
  /** What the journal knows of the value that is there, of a project that is allowed. */
  readonly known: Intent | undefined;
}

/** That a key is deleted may take several looks to be seen, so that it is looked at for a few at once. */
async function tell(context: SinkCheckContext, looks: readonly Look[], call: RequestContext) {
  const seen = new Map<string, PlaceSeen>();
  const holders = await inLanes(looks, call.signal, ({ place, holder }, signal) =>
    confirmHolder(context.atlas, holder, place.reference.groupId, signal),
  );
  for (const [index, look] of looks.entries()) {
    const told = placeSeen({ ...look, holder: holders[index] ?? look.holder });
    const { sink, reference } = look.place;
    const identity = JSON.stringify([told.sink, told.location, told.entry, sink.takesProject && reference.groupId]);
    if (seen.get(identity)?.key === undefined) seen.set(identity, told);
  }
  return [...seen.values()];
}

function placeSeen({ place, holder, known }: Look): PlaceSeen {
  const { groupId } = place.reference;
  const isOfProject = holder.is === 'key' || holder.is === 'deleted key' || place.sink.takesProject;
  return {
    ...whereIs(place),
    ...(isOfProject && { groupId }),
    holds: holder.is,
    ...keySeen(holder),
    ...(known && 'fingerprint' in known.state && { fingerprint: known.state.fingerprint }),
  };
}

function whereIs({ sink, reference }: SinkChoice): Pick<PlaceSeen, 'sink' | 'kind' | 'location' | 'entry'> {
  const { name, kind, location } = sink;
  const { entry } = reference;
  return { sink: name, kind, location: expand(location, reference), ...(entry !== undefined && { entry }) };
}

function keySeen(holder: Holder): Pick<PlaceSeen, 'key'> {
  if (holder.is === 'deleted key') return { key: { apiKeyId: holder.apiKeyId, name: holder.name } };
  if (holder.is !== 'key') return {};
  const { apiKeyId, name, maskedSecret, status, lastUsedAt } = holder.key;
  // Without an answer of Atlas neither its state nor its use is known.
  const use = status === undefined && maskedSecret === undefined ? {} : { lastUsedAt };
  return {
    key: {
      ...(apiKeyId !== undefined && { apiKeyId }),
      name,
      ...(maskedSecret !== undefined && { maskedSecret }),
      ...(status !== undefined && { status }),
      ...use,
    },
  };
}

export interface SecretDelivered extends Pick<PlaceSeen, 'sink' | 'kind' | 'location' | 'entry' | 'fingerprint'> {
  /** Absent where this machine did not deliver it: then its mask is that of the value in the only fixed place that fits. */
  readonly at?: string;
  readonly holds: 'it' | 'another value' | 'nothing' | 'unreadable';
}

/** Where this machine put the secret of a key, and whether it is still there; else the only fixed place whose value fits its mask. */
export async function placesOfKey(
  { sinks, journal }: ConfiguredSinks & Pick<KeyListContext, 'journal'>,
  groupId: string,
  key: ModelKey,
): Promise<readonly SecretDelivered[]> {
  const kept = await journal.read();
  const intents = kept.ok ? kept.value.intents : [];
  const known = await Promise.all(
    placesOfSecret(sinks, intents, groupId, key.apiKeyId).map(
      async ({ intent: { state, updatedAt: at }, ...place }) => {
        const held = await place.sink.lookUp(place.reference);
        return 'fingerprint' in state
          ? [{ ...whereIs(place), fingerprint: state.fingerprint, at, holds: wordFor(held, state.fingerprint) }]
          : [];
      },
    ),
  );
  return known.length > 0 || !kept.ok ? known.flat() : onlyFit(sinks, groupId, key, intents);
}

function wordFor(held: Held, fingerprint: Fingerprint): SecretDelivered['holds'] {
  if (held.held === 'value') return isHeldBy(held, fingerprint) ? 'it' : 'another value';
  return held.held === 'nothing' ? 'nothing' : 'unreadable';
}

async function onlyFit(
  sinks: ConfiguredSinks['sinks'],
  groupId: string,
  key: ModelKey,
  intents: readonly Intent[],
): Promise<readonly SecretDelivered[]> {
  const fixed = [...sinks.values()].filter((sink) => !sink.takesEntry && isPlace(sink));
  const places = fixed.map((sink) => ({ sink, reference: { groupId } }));
  const fits = await Promise.all(
    places.map(async ({ sink, reference }) => {
      return holderOf(await sink.lookUp(reference), groupId, [key], intents).is === 'key';
    }),
  );
  const [fit, ...others] = places.filter((_place, index) => fits[index]);
  return fit && others.length === 0 ? [{ ...whereIs(fit), holds: 'it' }] : [];
}
