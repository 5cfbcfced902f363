// The contract of a store: a place of secrets behind an API. A look says what is there, and gives a slot: what may be done to
// exactly that, so that nothing is written over or taken away that was not seen, as far as the store can refuse it.

import { setTimeout as delay } from 'node:timers/promises';
import type { Result } from '../../failure.ts';
import type { Secret } from '../../secret/secret.ts';
import { expand, type SecretReference, type SinkProblem } from '../sink.ts';

/** The places of one store, as one sink is configured. */
export interface Store {
  /** One place of it. Sends nothing but what finds the credential and the address. */
  open(reference: SecretReference): Promise<Result<StorePlace, SinkProblem>>;
}

export interface StorePlace {
  /** For people. */
  readonly location: string;
  /** One text for the place, with the address of the store. */
  readonly place: string;
  /** One text for what is written as one whole, of which the place may be a part: one write to it at a time. */
  readonly turn: string;
  /** Whether a look may show for a while what was there before a write that the store has confirmed. */
  readonly readsLag: boolean;
  /** Changes nothing; never throws. */
  look(): Promise<Look>;
  /** As those of a sink; absent where a store makes nothing beside the place. */
  leftovers?(nonce: string): Promise<readonly string[] | undefined>;
  removeLeftovers?(nonce: string): Promise<boolean>;
}

/**
 * Two stores have two places of one name.
 *
 * @param location what is written as one whole, and behind a `#` the part of it
 */
export function placeAt(location: string, origin: string, look: StorePlace['look'], readsLag = false): StorePlace {
  const turn = `${location.replace(/#.*$/, '')} at ${origin}`;
  return { location, place: `${location} at ${origin}`, turn, readsLag, look };
}

/** After which times, in milliseconds, it is looked again where reads lag and show what was there before. */
export const LATE_MS = [200, 800];

/**
 * Looks after a change that a store has confirmed, and again while it still shows what was changed.
 *
 * @param changed the id of that slot
 */
export async function lookPast(look: StorePlace['look'], changed: string): Promise<Look> {
  let seen = await look();
  for (const waitMs of LATE_MS) {
    if (seen.is === 'unreadable' || seen.slot.id !== changed) break;
    if (seen.is === 'value') seen.bytes.fill(0);
    await delay(waitMs);
    seen = await look();
  }
  return seen;
}

/** {@link expand} of what may be left out. */
export function expandGiven(template: string | undefined, reference: SecretReference): string | undefined {
  return template === undefined ? undefined : expand(template, reference);
}

export type Look =
  | { readonly is: 'nothing'; readonly slot: Slot }
  /** For the caller to wipe. */
  | { readonly is: 'value'; readonly bytes: Buffer; readonly slot: Slot }
  /** There is a value, which is not shown. */
  | { readonly is: 'something'; readonly slot: Slot }
  | { readonly is: 'unreadable'; readonly problem: SinkProblem };

/** What was seen in a place. */
export interface Slot {
  /** Of the version that was seen. */
  readonly id: string;
  /** What tells this version from one of the same id that is made after all of them were deleted; absent where ids do not come again. */
  readonly stamp?: string | undefined;
  /** Whether the value may not be read, so that a look tells the version at most. */
  readonly isHidden?: boolean;
  /** What stands in the field for the endpoint; absent where nothing does, or where it cannot be read. */
  readonly endpoint?: string | undefined;
  /** What a person should know before a write, which says it again. */
  readonly warning?: string | undefined;
  /** Asks the store whether it would take a value here, without writing one. Undefined where it would, or cannot say. */
  prove(): Promise<SinkProblem | undefined>;
  write(value: StoredValue): Promise<Written>;
  /**
   * Takes this version out of the store, or puts `old` in its place. Best effort; never throws. Called only where the slot is that
   * of the secret that this sink wrote.
   */
  takeOut(putBack: PutBack): Promise<Removal>;
}

export interface StoredValue {
  readonly secret: Secret;
  /** Goes into the field for it; absent where nothing is to be written there. */
  readonly endpoint?: string | undefined;
  /** Of the call; what a killed write leaves is named by it. */
  readonly nonce?: string | undefined;
}

export interface PutBack {
  /** What stood there before; undefined where nothing did, or where it was not shown. */
  readonly old?: Secret | undefined;
  /** Something stood there that was not shown. */
  readonly wasUnseen: boolean;
  /** The id of the slot that was written onto; undefined where this process did not write it. */
  readonly before: string | undefined;
  /** The id that the write got, which others may have written beside since; undefined where that is not known. */
  readonly written: string | undefined;
  /** Whether the endpoint was written with the secret, so that it goes with it. */
  readonly withEndpoint: boolean;
}

export type Written =
  /** `id` is that of the slot that a look now finds. */
  | { readonly is: 'written'; readonly id: string; readonly warning?: string }
  /** The store says that it is not what was seen any more. */
  | { readonly is: 'changed' }
  /** Nothing was written. */
  | { readonly is: 'refused'; readonly problem: SinkProblem }
  /** The store did not say what it did: it may have been carried out, or be so later. */
  | { readonly is: 'uncertain'; readonly problem: SinkProblem };

/** `done`: the store has confirmed it. `refused`: nothing was changed. `uncertain`: it may have been, or be so later. */
export type Removal = 'done' | 'refused' | 'uncertain';

export function removalBy(written: Written): Removal {
  if (written.is === 'written') return 'done';
  return written.is === 'uncertain' ? 'uncertain' : 'refused';
}
