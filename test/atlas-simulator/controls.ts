// What a test may do to the simulated Atlas behind the API's back. No request gets here.

import { newCredentials } from '../../src/sandbox/authentication.ts';
import { keptName, newKey, timestamp, type LiveKey } from '../../src/sandbox/model-keys.ts';
import { addProject, type Limits, type World } from '../../src/sandbox/world.ts';
import type { KeyHistory } from './key-history.ts';

export interface SimulatedProject {
  readonly id: string;
  readonly name: string;
}

interface ProjectSeed {
  readonly name?: string;
  readonly id?: string;
  /** Puts it into another organization, where the sandbox's credentials are refused. */
  readonly foreign?: boolean;
}

/** What a test may decide about a key that it puts in place. */
interface KeySeed {
  readonly name: string;
  readonly cloud?: string;
  readonly geography?: string;
  readonly status?: string;
  readonly createdAt?: Date;
  readonly createdBy?: string;
  readonly lastUsedAt?: Date | null;
}

/** A row that a test puts in place. */
interface LimitSeed extends Partial<Limits> {
  readonly modelGroupName: string;
  readonly modelNames?: readonly string[];
  readonly cloud?: string;
  readonly geography?: string;
}

export interface TestControls {
  /** The keys as they really are, secrets included, in order of creation. */
  keys(groupId?: string): readonly LiveKey[];
  addProject(seed?: ProjectSeed): SimulatedProject;
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

export function createTestControls(world: World, history: KeyHistory): TestControls {
  return {
    ...keyControls(world, history),
    addProject({ id, name = `Project ${world.projects.size + 1}`, foreign = false } = {}) {
      const { id: orgId } = foreign ? world.foreignOrganization : world.organization;
      const project = addProject(world, { name, orgId, ...(id !== undefined && { id }) });
      return { id: project.id, name };
    },
    addRateLimit(seed) {
      const { modelGroupName, modelNames = ['voyage-4'], cloud = 'ANY', geography = 'ANY' } = seed;
      const { requestsPerMinuteLimit = 2000, tokensPerMinuteLimit = 3_000_000 } = seed;
      const maximum = { requestsPerMinuteLimit, tokensPerMinuteLimit };
      world.limitRows.push({ modelGroupName, modelNames, cloud, geography, maximum });
    },
    setListLag(lists) {
      history.lag.lists = lists;
    },
    setReadLag(reads) {
      history.lag.reads = reads;
    },
    expireTokens() {
      world.state.tokens.clear();
    },
    renewSecret() {
      world.credentials = { ...world.credentials, clientSecret: newCredentials().clientSecret };
      return world.credentials.clientSecret;
    },
  };
}

/** What people do to keys on Atlas's own pages, and by using them. */
function keyControls(
  world: World,
  history: KeyHistory,
): Pick<TestControls, 'keys' | 'addKey' | 'removeKey' | 'renameKey' | 'markUsed'> {
  const knownKey = (apiKeyId: string) => {
    const key = world.state.keys.get(apiKeyId);
    if (key === undefined) throw new Error(`The sandbox has no key ${apiKeyId}.`);
    return key;
  };
  return {
    keys: (groupId) => [...world.state.keys.values()].filter((key) => groupId === undefined || key.groupId === groupId),
    addKey(groupId, seed) {
      if (!world.projects.has(groupId)) throw new Error(`The sandbox has no project ${groupId}.`);
      const key = seededKey(world, groupId, seed);
      history.setOldKey(key);
      return key;
    },
    removeKey(apiKeyId) {
      const key = world.state.keys.get(apiKeyId);
      if (key !== undefined) history.deleteKey(key);
    },
    renameKey(apiKeyId, name) {
      history.setKey({ ...knownKey(apiKeyId), name: keptName(world, name) });
    },
    markUsed(apiKeyId, at = new Date()) {
      history.setKey({ ...knownKey(apiKeyId), lastUsedAt: timestamp(at) });
    },
  };
}

function seededKey(world: World, groupId: string, seed: KeySeed): LiveKey {
  const { name, cloud = 'ANY', geography = 'ANY', createdBy = 'Simulated User' } = seed;
  const key = newKey(world, groupId, { name, cloud, geography, createdBy });
  return {
    ...key,
    ...(seed.status !== undefined && { status: seed.status }),
    ...(seed.createdAt && { createdAt: timestamp(seed.createdAt) }),
    ...(seed.lastUsedAt && { lastUsedAt: timestamp(seed.lastUsedAt) }),
  };
}
