// The keys as they are and as they were: every change of a key goes through here, so that a list can show a state of
// earlier, and a read can miss a key that was just made.

import type { LiveKey } from './model-key.ts';
import type { World } from './world.ts';

/** What a key was from one list of its project on; no key where it was deleted. */
export interface KeyVersion {
  /** The lists of its project that there had been. */
  readonly lists: number;
  readonly key: LiveKey | undefined;
}

export function keepKey(world: World, key: LiveKey): void {
  record(world, key, { lists: listsOf(world, key.groupId), key });
  world.state.keys.set(key.apiKeyId, key);
}

/** A key that was there before every list. */
export function keepOldKey(world: World, key: LiveKey): void {
  record(world, key, { lists: Number.NEGATIVE_INFINITY, key });
  world.state.keys.set(key.apiKeyId, key);
}

/** A key that reads by its id may not find yet. */
export function keepNewKey(world: World, key: LiveKey): void {
  keepKey(world, key);
  if (world.lag.reads > 0) world.state.unread.set(key.apiKeyId, world.lag.reads);
}

export function dropKey(world: World, key: LiveKey): void {
  record(world, key, { lists: listsOf(world, key.groupId), key: undefined });
  world.state.keys.delete(key.apiKeyId);
  world.state.unread.delete(key.apiKeyId);
}

/** Whether this read or deletion by id comes too early to find the key; each that does is counted. */
export function isTooEarly(world: World, apiKeyId: string): boolean {
  const left = world.state.unread.get(apiKeyId);
  if (left === undefined) return false;
  if (left > 1) world.state.unread.set(apiKeyId, left - 1);
  else world.state.unread.delete(apiKeyId);
  return true;
}

/** A list begins with its first page: the further ones belong to it. */
export function beginList(world: World, groupIds: readonly string[]): void {
  for (const id of groupIds) world.state.lists.set(id, listsOf(world, id) + 1);
}

/** The keys of these projects, in order of creation, as a list shows them now. */
export function listedKeys(world: World, groupIds: readonly string[]): LiveKey[] {
  const scope = new Set(groupIds);
  const { state, lag } = world;
  if (lag.lists === 0) return [...state.keys.values()].filter(({ groupId }) => scope.has(groupId));
  return [...state.history.values()].flatMap((versions) => {
    const groupId = versions.find(({ key }) => key !== undefined)?.key?.groupId ?? '';
    if (!scope.has(groupId)) return [];
    const shown = listsOf(world, groupId) - lag.lists;
    return versions.findLast(({ lists }) => lists < shown)?.key ?? [];
  });
}

function record(world: World, { apiKeyId }: LiveKey, version: KeyVersion): void {
  world.state.history.set(apiKeyId, [...(world.state.history.get(apiKeyId) ?? []), version]);
}

function listsOf(world: World, groupId: string): number {
  return world.state.lists.get(groupId) ?? 0;
}
