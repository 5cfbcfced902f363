// What a user of the sandbox may do to the simulated Atlas behind the API's back. No request gets here.

import { newClientSecret } from './credentials.ts';
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
  /** A key that was there all along: no list hides it. */
  addKey(groupId: string, seed: KeySeed): LiveKey;
  /** Somebody else deletes the key. */
  removeKey(apiKeyId: string): void;
  markUsed(apiKeyId: string, at?: Date): void;
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
      const key = newKey(groupId, seed, -1);
      world.state.keys.set(key.apiKeyId, key);
      return key;
    },
    removeKey(apiKeyId) {
      world.state.keys.delete(apiKeyId);
    },
    markUsed(apiKeyId, at = new Date()) {
      const key = world.state.keys.get(apiKeyId);
      if (key === undefined) throw new Error(`The sandbox has no key ${apiKeyId}.`);
      world.state.keys.set(apiKeyId, { ...key, lastUsedAt: timestamp(at) });
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
