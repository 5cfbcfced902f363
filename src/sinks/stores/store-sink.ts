// The sink over a store: what may give way, one write onto what was seen, a look afterwards, and taking back. Which store it is,
// and how it is asked, is in the file of each.

import type { Environment } from '../../programs/child-environment.ts';
import type { StoreSpec } from '../../config/store-spec.ts';
import { storeLocation } from '../../config/sinks-at-start.ts';
import { failed, ok, type Result } from '../../failure.ts';
import { serialized } from '../../files/process-owner.ts';
import { fingerprintOfBytes, holdsExactly, type Fingerprint } from '../../secret/opened-secret.ts';
import type { Secret } from '../../secret/secret.ts';
import { changedMeanwhile, heldValue, isLastAt, notTheOldSecret, oldSecretIn, secretIn } from '../old-secret.ts';
import {
  entryExists,
  failedDelivery,
  takesEntry,
  takesProject,
  type Delivery,
  type DeliveryCall,
  type FoundSecret,
  type Held,
  type Preflight,
  type PreparedWrite,
  type Replaced,
  type Retraction,
  type SecretReference,
  type Sink,
  type SinkProblem,
  type Verdict,
  type Verification,
} from '../sink.ts';
import { lookPast, type Look, type Slot, type Store, type StorePlace } from './store.ts';

/** Opens the store at the first use, and again where that failed. */
function placesOf(open: () => Promise<Result<Store, SinkProblem>>) {
  let store: Promise<Result<Store, SinkProblem>> | undefined;
  return async (reference: SecretReference): Promise<Result<StorePlace, SinkProblem>> => {
    const opened = await (store ??= open());
    if (opened.ok) return opened.value.open(reference);
    store = undefined;
    return opened;
  };
}

async function lookIn(place: Result<StorePlace, SinkProblem>): Promise<Look> {
  return place.ok ? place.value.look() : { is: 'unreadable', problem: place.failure };
}

function valueOf<T>(result: Result<T, SinkProblem>): T | undefined {
  return result.ok ? result.value : undefined;
}

/** @param open loads what speaks to the store */
export function storeSink(
  name: string,
  spec: StoreSpec,
  environment: Environment,
  open: (spec: StoreSpec, environment: Environment) => Promise<Result<Store, SinkProblem>>,
): Sink {
  const location = storeLocation(spec);
  const keepsEndpoint = 'endpointField' in spec && spec.endpointField !== undefined;
  const placeOf = placesOf(() => open(spec, environment));
  return {
    name,
    kind: spec.type,
    location,
    takesEntry: takesEntry(location),
    takesProject: takesProject(location),
    ...(spec.type === 'github' && { entryForm: 'variable' }),
    // A request that left before the end may still be carried out.
    mayWriteForMs: spec.timeoutMs,
    verification: spec.type === 'github' ? 'metadata' : 'read-back',
    keepsEndpoint,
    async preflight(reference, _mode, replaced): Promise<Result<Preflight, SinkProblem>> {
      const place = await placeOf(reference);
      return place.ok ? check(place.value, keepsEndpoint, replaced) : place;
    },
    placeOf: async (reference) => valueOf(await placeOf(reference))?.place,
    lookUp: async (reference) => heldBy(await lookIn(await placeOf(reference))),
    async readSecret(reference, key): Promise<FoundSecret> {
      const seen = await lookIn(await placeOf(reference));
      if (seen.is === 'nothing') return { held: 'nothing' };
      return seen.is === 'value' ? secretIn(seen.bytes, key) : { held: 'unknown' };
    },
    async withdraw(reference, fingerprint) {
      const place = valueOf(await placeOf(reference));
      if (place) await serialized(place.turn, () => takeOutIfHeld(place, fingerprint));
    },
    // Of the others nothing is asked.
    ...(spec.type === 'aws-sm' && leftoversIn(placeOf)),
  };
}

function leftoversIn(placeOf: ReturnType<typeof placesOf>): Pick<Sink, 'leftovers' | 'removeLeftovers'> {
  return {
    async leftovers(reference, nonce) {
      const place = await placeOf(reference);
      return place.ok ? place.value.leftovers?.(nonce) : undefined;
    },
    async removeLeftovers(reference, nonce) {
      const place = await placeOf(reference);
      return place.ok && (await place.value.removeLeftovers?.(nonce)) === true;
    },
  };
}

async function check(
  place: StorePlace,
  keepsEndpoint: boolean,
  replaced: Replaced | undefined,
): Promise<Result<Preflight, SinkProblem>> {
  const seen = judge(place, await place.look(), replaced);
  if (!seen.ok) return seen;
  const { slot } = seen.value;
  const problem = await slot.prove();
  if (problem) return failed(problem);
  const warnings = slot.warning === undefined ? {} : { warnings: [slot.warning] };
  return ok({ write: storeWrite(place, seen.value, replaced, keepsEndpoint), ...warnings });
}

/** What a secret may be written onto. */
interface Seen {
  readonly holds: 'nothing' | 'old secret' | 'unknown';
  readonly slot: Slot;
  readonly old?: Secret;
}

function judge({ location, place }: StorePlace, seen: Look, replaced: Replaced | undefined): Result<Seen, SinkProblem> {
  switch (seen.is) {
    case 'nothing':
      return ok({ holds: 'nothing', slot: seen.slot });
    case 'unreadable':
      return failed(seen.problem);
    case 'something':
      if (isLastAt(replaced, place) && (replaced?.version ?? versionOf(seen.slot)) === versionOf(seen.slot))
        return ok({ holds: 'unknown', slot: seen.slot });
      return failed(replaced ? unseen(location) : taken(location));
    case 'value': {
      const old = replaced && oldSecretIn(seen.bytes, replaced);
      seen.bytes.fill(0);
      if (old?.lineEnd === '') return ok({ holds: 'old secret', slot: seen.slot, old: old.secret });
      return failed(replaced ? notTheOldSecret(`${location} holds something already`, replaced) : taken(location));
    }
  }
}

/** A store may call a version what it likes, so that its own text is kept nowhere. */
function versionOf({ id, stamp }: Pick<Slot, 'id' | 'stamp'>): Fingerprint {
  return fingerprintOfBytes(Buffer.from(stamp === undefined ? id : `${id} ${stamp}`, 'utf8'));
}

function taken(location: string): SinkProblem {
  return entryExists(
    `${location} holds something already.`,
    'Nothing is overwritten. Pass another entry, or have that one removed first.',
  );
}

function unseen(location: string): SinkProblem {
  return entryExists(
    `${location} holds something that cannot be read, and the journal does not know it for the secret of the key that is to be replaced.`,
    'Nothing is overwritten that was not seen. Pass another entry or sink, or have that one removed first.',
  );
}

/** What a delivery did, as far as taking it back must know. */
interface Given {
  readonly secret: Secret;
  readonly withEndpoint: boolean;
  /** Of the version that was written; undefined where the store did not say it. */
  readonly id: string | undefined;
  readonly mayCome: boolean;
}

function storeWrite(
  place: StorePlace,
  first: Seen,
  replaced: Replaced | undefined,
  keepsEndpoint: boolean,
): PreparedWrite {
  const { location } = place;
  let given: Given | undefined;
  let onto = first;
  const deliver = async (secret: Secret, { endpoint, nonce }: DeliveryCall = {}): Promise<Delivery> => {
    const still = judge(place, await place.look(), replaced);
    if (!still.ok) return failedDelivery(still.failure);
    const isSame = still.value.holds !== 'unknown' || versionOf(still.value.slot) === versionOf(first.slot);
    if (still.value.holds !== first.holds || !isSame) return failedDelivery(changedMeanwhile(location));
    onto = still.value;
    const { warnings, written } = keepsEndpoint ? endpointFor(location, onto, endpoint) : NO_ENDPOINT;
    const result = await onto.slot.write({ secret, endpoint: written, nonce });
    if (result.is === 'refused') return failedDelivery(result.problem);
    // A conflict may be with this very write, sent twice by what stands between: taking back looks.
    const id = result.is === 'written' ? result.id : undefined;
    given = { secret, withEndpoint: written !== undefined, id, mayCome: result.is === 'uncertain' };
    if (result.is === 'changed') return failedDelivery(changedMeanwhile(location));
    if (result.is === 'uncertain') return { ...failedDelivery(result.problem), outcome: 'uncertain' };
    const told = result.warning === undefined ? warnings : [...warnings, result.warning];
    return { outcome: 'written', warnings: told };
  };
  return {
    location,
    place: place.place,
    overwrites: first.holds,
    ...(first.slot.isHidden === true && { verification: 'metadata' }),
    canRetract: true,
    deliver: (secret, call) => serialized(place.turn, () => deliver(secret, call)),
    verify: async (secret) =>
      verdict(location, await lookBehind(place, onto.slot, given?.id !== undefined), secret, given?.id),
    retract: () =>
      serialized(place.turn, () => (given ? takeBack(place, onto, given) : Promise.resolve<Retraction>('out'))),
  };
}

/** What is there after a change. */
function lookBehind(place: StorePlace, changed: Slot, isConfirmed: boolean): Promise<Look> {
  return isConfirmed && place.readsLag ? lookPast(() => place.look(), changed.id) : place.look();
}

const NO_ENDPOINT = { warnings: [], written: undefined };

/** What is there already stays, as in a .env file. */
function endpointFor(location: string, { holds, slot: { endpoint: held } }: Seen, endpoint: string | undefined) {
  const told = (why: string) => ({
    warnings: [`${location} did not get the endpoint of the key: ${why}`],
    written: undefined,
  });
  if (endpoint === undefined) return told('Atlas names none to which secrets may be sent.');
  if (held === endpoint) return NO_ENDPOINT;
  if (holds === 'unknown') return told('what its field holds is not shown.');
  return held === undefined || held === ''
    ? { warnings: [], written: endpoint }
    : told('the field has another value, which stays.');
}

/** @param id of the version that was written, where the store said it */
function verdict(location: string, seen: Look, secret: Secret, id: string | undefined): Verdict {
  const look = `Look into ${location} before anything else.`;
  const verified = (slot: Slot, verification: Verification): Verdict => ({
    outcome: 'verified',
    verification,
    version: versionOf(slot),
  });
  switch (seen.is) {
    case 'value': {
      const isSame = holdsExactly(seen.bytes, secret);
      seen.bytes.fill(0);
      if (isSame) return verified(seen.slot, 'read-back');
      return {
        outcome: 'mismatch',
        message: `${location} holds something else than the secret that was delivered.`,
        hint: look,
      };
    }
    case 'something':
      // Without the version that was written, it may be what was there before.
      if (id === undefined)
        return { outcome: 'unreadable', message: `${location} does not show what it holds.`, hint: look };
      if (seen.slot.id === id) return verified(seen.slot, 'metadata');
      return {
        outcome: 'mismatch',
        message: `${location} holds another version than the one that was written.`,
        hint: look,
      };
    case 'nothing':
      return { outcome: 'mismatch', message: `${location} holds nothing.`, hint: look };
    case 'unreadable':
      return { outcome: 'unreadable', message: seen.problem.message, hint: seen.problem.hint };
  }
}

function heldBy(seen: Look): Held {
  if (seen.is === 'unreadable') return { held: 'unknown' };
  if (seen.is !== 'value') return { held: seen.is };
  const held = heldValue(seen.bytes);
  seen.bytes.fill(0);
  return held;
}

/** Only the secret that was delivered is taken out, as seen in that moment. */
async function takeBack(place: StorePlace, onto: Seen, given: Given): Promise<Retraction> {
  const before = await place.look();
  const where = whereIs(before, given);
  // The store said that it wrote, and shows what was there before: that may be an old reply, and is no proof.
  const isLate = place.readsLag && given.id !== undefined && 'slot' in before && before.slot.id === onto.slot.id;
  if (where === 'out' && (given.mayCome || isLate)) return 'may be held';
  if (where !== 'held' || !('slot' in before)) return where;
  const { withEndpoint, id: written } = given;
  const wasUnseen = onto.holds === 'unknown';
  const putBack = { old: onto.old, wasUnseen, before: onto.slot.id, written, withEndpoint };
  const removal = await before.slot.takeOut(putBack);
  const seen = await lookBehind(place, before.slot, removal === 'done');
  const after = whereIs(seen, given);
  if (removal === 'refused' || (after === 'out' && removal === 'done')) return after;
  if (removal === 'done' && 'slot' in seen && seen.slot.id === onto.slot.id) return 'out';
  return place.readsLag || removal === 'uncertain' ? 'may be held' : after;
}

function whereIs(seen: Look, { secret, id }: Given): Retraction {
  switch (seen.is) {
    case 'nothing':
      return 'out';
    case 'unreadable':
      return 'unknown';
    case 'something':
      return id !== undefined && seen.slot.id === id ? 'held' : 'unknown';
    case 'value': {
      const isHeld = holdsExactly(seen.bytes, secret);
      seen.bytes.fill(0);
      return isHeld ? 'held' : 'out';
    }
  }
}

async function takeOutIfHeld(place: StorePlace, fingerprint: Fingerprint): Promise<void> {
  const seen = await place.look();
  if (seen.is !== 'value') return;
  const isIt = fingerprintOfBytes(seen.bytes) === fingerprint;
  seen.bytes.fill(0);
  if (isIt) await seen.slot.takeOut({ wasUnseen: false, before: undefined, written: undefined, withEndpoint: false });
}
