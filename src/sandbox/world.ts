// What the simulated Atlas knows: organizations, projects, keys, changed limits, live tokens, and the rules that it keeps.
// Plain state; who may see or change it is decided elsewhere.

import { randomBytes } from 'node:crypto';
import { newCredentials, type Caller, type Credentials } from './authentication.ts';
import { FIRST_PROJECT } from './first-project.ts';
import type { LiveKey } from './model-keys.ts';

/** What Atlas does not promise, or leaves to the account. `--sandbox` has those of RULES. */
export interface Rules {
  /** The versions it answers, such as `2025-03-12` or `preview`. Any other is refused with 406. */
  readonly versions: readonly string[];
  /** Versions that once were: refused with 410. */
  readonly withdrawn: readonly string[];
  /** Versions whose replies carry `Deprecation` and `Sunset`. */
  readonly deprecated: readonly string[];
  /** When a name that the project has already, to the letter, is refused. */
  readonly uniqueNames: 'never' | 'at_rename' | 'always';
  /** How a name is kept, and shown in every reply: as it was sent; composed; with runs of whitespace made one, and none around it. */
  readonly spelling: 'exact' | 'NFC' | 'collapsed';
  /** `read_only`: every write is refused with 401 USER_UNAUTHORIZED. */
  readonly role: 'model_owner' | 'read_only';
  /** No page is larger than this, whatever was asked for. */
  readonly pageCap: number;
  /** Of a service account's token. */
  readonly tokenLifetimeSeconds: number;
  /** After so many uses a digest nonce is stale. */
  readonly nonceUses: number;
}

const RULES: Rules = {
  versions: ['2025-03-12'],
  withdrawn: [],
  deprecated: [],
  uniqueNames: 'never',
  spelling: 'exact',
  role: 'model_owner',
  pageCap: Number.POSITIVE_INFINITY,
  tokenLifetimeSeconds: 3600,
  nonceUses: Number.POSITIVE_INFINITY,
};

/** What a person's login gives. */
const PERSONAL_MS = 12 * 60 * 60 * 1000;

interface Organization {
  readonly id: string;
  readonly name: string;
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

/** An organization has one for each group of models, cloud and geography. */
export interface LimitRow {
  readonly modelGroupName: string;
  readonly modelNames: readonly string[];
  readonly cloud: string;
  readonly geography: string;
  /** What the organization has: a project's default, and the most that it can set. */
  readonly maximum: Limits;
}

/** All that requests change. Values are replaced, never altered, so a copy of the maps is a copy of all. */
interface State {
  readonly keys: Map<string, LiveKey>;
  /** Limits that a project changed, by project and scope. */
  readonly limits: Map<string, Limits>;
  /** They expire at that time, in milliseconds since 1970. */
  readonly tokens: Map<string, { readonly caller: Caller; readonly expiresAt: number }>;
}

export interface World {
  readonly baseUrl: string;
  readonly rules: Rules;
  readonly organization: Organization;
  /** Somebody else's: it exists, but no credential of the sandbox may look into it. */
  readonly foreignOrganization: Organization;
  readonly projects: Map<string, Project>;
  /** Of every organization and project. */
  readonly limitRows: LimitRow[];
  /** Those of HTTP digest, in the order in which they were given out. */
  readonly nonces: Map<string, { readonly count: number; readonly uses: number }>;
  credentials: Credentials;
  state: State;
}

export function createWorld(baseUrl: string, rules: Partial<Rules>): World {
  const credentials = newCredentials();
  const person = { kind: 'person', name: 'Simulated User' } as const;
  const world: World = {
    baseUrl,
    rules: { ...RULES, ...rules },
    organization: { id: newId(), name: 'Sandbox Organization' },
    foreignOrganization: { id: newId(), name: 'Foreign Organization' },
    projects: new Map(),
    limitRows: firstLimitRows(),
    nonces: new Map(),
    credentials,
    state: {
      keys: new Map(),
      limits: new Map(),
      tokens: new Map([[credentials.accessToken, { caller: person, expiresAt: Date.now() + PERSONAL_MS }]]),
    },
  };
  addProject(world, { id: FIRST_PROJECT, name: 'Production' });
  addProject(world, { name: 'Staging' });
  addProject(world, { name: 'Development' });
  return world;
}

export function addProject(world: World, seed: Partial<Project> & Pick<Project, 'name'>): Project {
  const project = { id: newId(), orgId: world.organization.id, created: new Date().toISOString(), ...seed };
  world.projects.set(project.id, project);
  return project;
}

/** The projects that the sandbox's credentials can see, in order of creation. */
export function ownProjects(world: World): Project[] {
  return [...world.projects.values()].filter(({ orgId }) => orgId === world.organization.id);
}

/** Those that are there from the start, of the only published scope. */
function firstLimitRows(): LimitRow[] {
  return [
    limitRow('embed_large', ['voyage-3-large'], 2000, 3_000_000),
    limitRow('embed_small', ['voyage-3.5-lite'], 4000, 16_000_000),
    limitRow('embed_context', ['voyage-context-3'], 2000, 3_000_000),
    limitRow('embed_multimodal', ['voyage-multimodal-3'], 2000, 2_000_000),
    limitRow('rerank', ['rerank-2.5', 'rerank-2.5-lite'], 2000, 4_000_000),
  ];
}

function limitRow(modelGroupName: string, modelNames: readonly string[], requests: number, tokens: number): LimitRow {
  const maximum = { requestsPerMinuteLimit: requests, tokensPerMinuteLimit: tokens };
  return { modelGroupName, modelNames, cloud: 'ANY', geography: 'ANY', maximum };
}

/** 24 hexadecimal digits, as Atlas gives to everything but model keys. */
function newId(): string {
  return randomBytes(12).toString('hex');
}
