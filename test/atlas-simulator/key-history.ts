// The keys as they were, so that a list can show a state of earlier, and a read can miss a key that was just made. The sandbox
// knows nothing of it: it carries such a request out with other keys in its state, which are put back then.

import type { LiveKey } from '../../src/sandbox/model-keys.ts';
import type { Reply } from '../../src/sandbox/call.ts';
import type { AtlasRequest } from '../../src/sandbox/routes.ts';
import { ownProjects, type World } from '../../src/sandbox/world.ts';

/** How far replies are behind. */
interface Lag {
  /** A list of keys shows the state as of so many lists of its project ago. */
  lists: number;
  /** So many reads by its id, deletions among them, do not find a key that is created from now on. */
  reads: number;
}

export interface KeyHistory {
  readonly lag: Lag;
  /** As far as the replies lag. */
  carryOut(request: AtlasRequest): Reply;
  /** What a request would do and answer, with nothing kept of it. */
  rehearse<Result>(act: () => Result): Result;
  setKey(key: LiveKey): void;
  /** A key that was there before every list. */
  setOldKey(key: LiveKey): void;
  deleteKey(key: LiveKey): void;
}

/** What a key was from one list of its project on; no key where it was deleted. */
interface KeyVersion {
  readonly groupId: string;
  /** The lists of its project that there had been. */
  readonly lists: number;
  readonly key: LiveKey | undefined;
}

/** Values are replaced, never altered, so a copy of the maps is a copy of all. */
interface Past {
  /** How often the keys of a project were listed. */
  readonly lists: Map<string, number>;
  /** What every key there ever was has been, by its id, in order of creation. */
  readonly versions: Map<string, readonly KeyVersion[]>;
  /** How many reads by its id a new key is still hidden from. */
  readonly unread: Map<string, number>;
}

export function createKeyHistory(world: World, lag: Lag): KeyHistory {
  let past: Past = { lists: new Map(), versions: new Map(), unread: new Map() };
  return {
    lag,
    carryOut(request) {
      if (request.operation === 'list_keys' || request.operation === 'list_org_keys') {
        return carryOutList(world, past, lag, request);
      }
      const id = request.segments.apiKeyId;
      const before = world.state.keys.get(id ?? '');
      const reply = isTooEarly(past, request) ? withoutKey(world, request) : request.carryOut();
      const after = world.state.keys.get(id ?? String(reply.content?.apiKeyId));
      const key = after ?? before;
      if (after !== before && key !== undefined) record(past, key, after);
      if (after !== undefined && before === undefined && lag.reads > 0) past.unread.set(after.apiKeyId, lag.reads);
      return reply;
    },
    rehearse(act) {
      const kept = past;
      past = { lists: new Map(kept.lists), versions: new Map(kept.versions), unread: new Map(kept.unread) };
      const { keys, limits, tokens } = world.state;
      try {
        return withState(world, { keys: new Map(keys), limits: new Map(limits), tokens: new Map(tokens) }, act);
      } finally {
        past = kept;
      }
    },
    setKey(key) {
      record(past, key, key);
      world.state.keys.set(key.apiKeyId, key);
    },
    setOldKey(key) {
      record(past, key, key, Number.NEGATIVE_INFINITY);
      world.state.keys.set(key.apiKeyId, key);
    },
    deleteKey(key) {
      record(past, key, undefined);
      world.state.keys.delete(key.apiKeyId);
    },
  };
}

/** A list begins with its first page: the further ones belong to it. */
function carryOutList(world: World, past: Past, lag: Lag, request: AtlasRequest): Reply {
  const { groupId } = request.segments;
  const isFirstPage = (new URLSearchParams(request.path.split('?')[1]).get('pageNum') ?? '1') === '1';
  const number = (id: string) => listsOf(past, id) + (isFirstPage ? 1 : 0);
  const keys = lag.lists === 0 ? world.state.keys : keysAsOf(past, (id) => number(id) - lag.lists);
  const reply = withState(world, { ...world.state, keys }, () => request.carryOut());
  if (reply.status < 300) {
    const listed = groupId === undefined ? ownProjects(world).map(({ id }) => id) : [groupId];
    for (const id of listed) past.lists.set(id, number(id));
  }
  return reply;
}

/** As the list of this number of each project showed them, or would have. */
function keysAsOf({ versions }: Past, numberOf: (groupId: string) => number): Map<string, LiveKey> {
  const shown = new Map<string, LiveKey>();
  for (const [id, all] of versions) {
    const key = all.findLast(({ groupId, lists }) => lists < numberOf(groupId))?.key;
    if (key !== undefined) shown.set(id, key);
  }
  return shown;
}

/** Whether this read or deletion by id comes too early to find the key; each that does is counted. */
function isTooEarly({ unread }: Past, { operation, segments }: AtlasRequest): boolean {
  if (operation !== 'get_key' && operation !== 'get_org_key' && operation !== 'delete_key') return false;
  const id = segments.apiKeyId ?? '';
  const left = unread.get(id);
  if (left === undefined) return false;
  if (left > 1) unread.set(id, left - 1);
  else unread.delete(id);
  return true;
}

function withoutKey(world: World, request: AtlasRequest): Reply {
  const keys = new Map(world.state.keys);
  keys.delete(request.segments.apiKeyId ?? '');
  return withState(world, { ...world.state, keys }, () => request.carryOut());
}

function withState<Result>(world: World, state: World['state'], act: () => Result): Result {
  const kept = world.state;
  world.state = state;
  try {
    return act();
  } finally {
    world.state = kept;
  }
}

/** @param lists how many lists of its project had been before this */
function record(
  { versions, lists: counts }: Past,
  { apiKeyId, groupId }: LiveKey,
  key: LiveKey | undefined,
  lists = counts.get(groupId) ?? 0,
): void {
  versions.set(apiKeyId, [...(versions.get(apiKeyId) ?? []), { groupId, lists, key }]);
}

function listsOf({ lists }: Past, groupId: string): number {
  return lists.get(groupId) ?? 0;
}
