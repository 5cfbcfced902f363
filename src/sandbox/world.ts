// What the simulated Atlas knows: organizations, projects, keys, changed limits, live tokens. Plain state;
// who may see or change it is decided elsewhere.

import { randomBytes } from 'node:crypto';
import type { Caller, Credentials } from './caller.ts';
import { FIRST_PROJECT } from './first-project.ts';
import type { KeyVersion } from './key-history.ts';
import { firstLimitRows, type LimitRow } from './limit-rows.ts';
import type { LiveKey } from './model-key.ts';
import type { PageHabits } from './pages.ts';
import type { Shape } from './reply-shape.ts';

export interface Organization {
  readonly id: string;
  readonly name: string;
  /** Somebody else's: it exists, but no credential of the sandbox may look into it. */
  readonly foreign: boolean;
}

export interface Project {
  readonly id: string;
  readonly name: string;
  readonly orgId: string;
  readonly created: string;
}

export interface Limits {
  readonly requestsPerMinuteLimit: number;
  readonly tokensPerMinuteLimit: number;
}

export interface LiveToken {
  readonly caller: Caller;
  readonly expiresAt: number;
}

/** All that requests change. Values are replaced, never altered, so a copy of the maps is a copy of all. */
export interface State {
  readonly keys: Map<string, LiveKey>;
  /** Limits that a project changed, by project and scope. */
  readonly limits: Map<string, Limits>;
  readonly tokens: Map<string, LiveToken>;
  /** How often the keys of a project were listed. */
  readonly lists: Map<string, number>;
  /** What every key there ever was has been, by its id, in order of creation. */
  readonly history: Map<string, readonly KeyVersion[]>;
  /** How many reads by its id a new key is still hidden from. */
  readonly unread: Map<string, number>;
}

export interface Rules {
  readonly uniqueNames: UniqueNames;
  readonly spelling: Spelling;
  readonly role: 'model_owner' | 'read_only';
  readonly tokenLifetimeSeconds: number;
  readonly pages: PageHabits;
  readonly shape: Shape;
}

/** When a name that the project has already is refused. */
export type UniqueNames = 'never' | 'at_rename' | 'always';

/** How Atlas keeps a name: as it was sent; composed; with runs of whitespace made one, and none around it. */
export type Spelling = 'exact' | 'NFC' | 'collapsed';

/** How far replies are behind. */
export interface Lag {
  /** A list of keys shows the state as of so many lists of its project ago. */
  lists: number;
  /** So many reads by its id, deletions among them, do not find a key that was created from now on. */
  reads: number;
}

export interface World {
  readonly baseUrl: string;
  readonly rules: Rules;
  readonly lag: Lag;
  readonly organization: Organization;
  readonly organizations: Map<string, Organization>;
  readonly projects: Map<string, Project>;
  /** Of every organization and project. */
  readonly limitRows: LimitRow[];
  credentials: Credentials;
  state: State;
}

export function createWorld(baseUrl: string, rules: Rules, lag: Lag, credentials: Credentials): World {
  const organization = { id: newId(), name: 'Sandbox Organization', foreign: false };
  const foreign = { id: newId(), name: 'Foreign Organization', foreign: true };
  const world: World = {
    baseUrl,
    rules,
    lag,
    organization,
    organizations: new Map([organization, foreign].map((each) => [each.id, each])),
    projects: new Map(),
    limitRows: firstLimitRows(),
    credentials,
    state: {
      keys: new Map(),
      limits: new Map(),
      tokens: new Map(),
      lists: new Map(),
      history: new Map(),
      unread: new Map(),
    },
  };
  addProject(world, { id: FIRST_PROJECT, name: 'Production' });
  addProject(world, { name: 'Staging' });
  addProject(world, { name: 'Development' });
  return world;
}

export interface ProjectSeed {
  readonly name?: string;
  readonly id?: string;
  /** Puts it into another organization, where the sandbox's credentials are refused. */
  readonly foreign?: boolean;
}

export function addProject(world: World, seed: ProjectSeed = {}): Project {
  const owner = [...world.organizations.values()].find(({ foreign }) => foreign === (seed.foreign ?? false));
  const project: Project = {
    id: seed.id ?? newId(),
    name: seed.name ?? `Project ${world.projects.size + 1}`,
    orgId: owner?.id ?? world.organization.id,
    created: new Date().toISOString(),
  };
  world.projects.set(project.id, project);
  return project;
}

/** The projects that the sandbox's credentials can see. */
export function ownProjects(world: World): Project[] {
  return [...world.projects.values()].filter(({ orgId }) => orgId === world.organization.id);
}

/** What a request would do and answer, with nothing kept of it. */
export function rehearse<Result>(world: World, act: () => Result): Result {
  const kept = world.state;
  world.state = {
    keys: new Map(kept.keys),
    limits: new Map(kept.limits),
    tokens: new Map(kept.tokens),
    lists: new Map(kept.lists),
    history: new Map(kept.history),
    unread: new Map(kept.unread),
  };
  try {
    return act();
  } finally {
    world.state = kept;
  }
}

/** 24 hexadecimal digits, as Atlas gives to everything but model keys. */
export function newId(): string {
  return randomBytes(12).toString('hex');
}
