// What a user of the sandbox may do to the simulated Atlas behind the API's back. No request gets here.

import { newClientSecret } from './credentials.ts';
import { dropKey, keepKey, keepOldKey } from './key-history.ts';
import { keptName } from './key-name.ts';
import { limitRow, type LimitSeed } from './limit-rows.ts';
import { newKey, timestamp, type KeySeed, type LiveKey } from './model-key.ts';
import { addProject, type ProjectSeed, type World } from './world.ts';

export interface SandboxProject {
  readonly id: string;
  readonly name: string;
}

export interface Levers {
  /** The keys as they really are, secrets included, in order of creation. */
  keys(groupId?: string): readonly LiveKey[];
  addProject(seed?: ProjectSeed): SandboxProject;
  /** A key that was there all along: no list or read hides it. Its name is kept as it is. */
  addKey(groupId: string, seed: KeySeed): LiveKey;
  /** Somebody else deletes the key. */
  removeKey(apiKeyId: string): void;
  /** Somebody renames the key, to whatever name. */
  renameKey(apiKeyId: string, name: string): void;
  markUsed(apiKeyId: string, at?: Date): void;
  /** A row of limits besides those that every organization and project has. */
  addRateLimit(seed: LimitSeed): void;
  /** From now on a list of keys shows the state as of so many lists of its project ago. */
  setListLag(lists: number): void;
  /** So many reads by its id, deletions among them, do not find a key that is created from now on. */
  setReadLag(reads: number): void;
  /** Every token there is answers 401 from now on, the access token too; new ones can be had. */
  expireTokens(): void;
  /** Gives the service account a new secret, as an operator would: the old one is refused from now on. */
  renewSecret(): string;
}

export function leversOf(world: World): Levers {
  return {
    keys: (groupId) => [...world.state.keys.values()].filter((key) => groupId === undefined || key.groupId === groupId),
    addProject: (seed) => {
      const { id, name } = addProject(world, seed);
      return { id, name };
    },
    addKey(groupId, seed) {
      if (!world.projects.has(groupId)) throw new Error(`The sandbox has no project ${groupId}.`);
      const key = newKey(groupId, seed);
      keepOldKey(world, key);
      return key;
    },
    ...peopleOf(world),
    addRateLimit(seed) {
      world.limitRows.push(limitRow(seed));
    },
    setListLag(lists) {
      world.lag.lists = lists;
    },
    setReadLag(reads) {
      world.lag.reads = reads;
    },
    expireTokens() {
      world.state.tokens.clear();
    },
    renewSecret() {
      world.credentials = { ...world.credentials, clientSecret: newClientSecret() };
      return world.credentials.clientSecret;
    },
  };
}

function knownKey(world: World, apiKeyId: string): LiveKey {
  const key = world.state.keys.get(apiKeyId);
  if (key === undefined) throw new Error(`The sandbox has no key ${apiKeyId}.`);
  return key;
}

/** What people do to keys on Atlas's own pages, and by using them. */
function peopleOf(world: World): Pick<Levers, 'removeKey' | 'renameKey' | 'markUsed'> {
  return {
    removeKey(apiKeyId) {
      const key = world.state.keys.get(apiKeyId);
      if (key !== undefined) dropKey(world, key);
    },
    renameKey(apiKeyId, name) {
      keepKey(world, { ...knownKey(world, apiKeyId), name: keptName(world, name) });
    },
    markUsed(apiKeyId, at = new Date()) {
      keepKey(world, { ...knownKey(world, apiKeyId), lastUsedAt: timestamp(at) });
    },
  };
}
