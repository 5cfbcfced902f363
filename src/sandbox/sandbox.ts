// Starts a simulated Atlas Admin API on the loopback interface, and gives its user the levers: seeds, faults,
// the true state. It never reads the environment and never writes to disk or to an output.

import { setMaxListeners } from 'node:events';
import type { Credentials } from './caller.ts';
import { newCredentials } from './credentials.ts';
import { createDigestGuard } from './digest.ts';
import { answer, type Machinery } from './exchange.ts';
import { createFaultQueue, type Fault } from './faults.ts';
import type { Gate, Hindrances } from './gate.ts';
import { createLateRequests, type LateRequests } from './late-requests.ts';
import { leversOf, type Levers, type SandboxProject } from './levers.ts';
import type { RecordedRequest } from './requests.ts';
import { listen } from './server.ts';
import { admitPerson } from './tokens.ts';
import {
  createWorld,
  ownProjects,
  type Lag,
  type Rules,
  type Spelling,
  type UniqueNames,
  type World,
} from './world.ts';

export interface SandboxOptions {
  /** The versions it answers; default `['2025-03-12']`. Any other is refused with 406. */
  readonly versions?: readonly string[];
  /** Versions that once were: refused with 410. */
  readonly withdrawn?: readonly string[];
  /** Versions whose replies carry `Deprecation` and `Sunset`. */
  readonly deprecated?: readonly string[];
  /** A list of keys shows the state as of so many lists of its project ago; default 0. */
  readonly listLag?: number;
  /** So many reads by its id, deletions among them, do not find a new key; default 0. */
  readonly readLag?: number;
  /** When a name that the project has already, to the letter, is refused; default `never`. */
  readonly uniqueNames?: UniqueNames;
  /** How a name is kept, and shown in every reply; default `exact`. */
  readonly spelling?: Spelling;
  /** `read_only`: every write is refused with 401 USER_UNAUTHORIZED; default `model_owner`. */
  readonly role?: 'model_owner' | 'read_only';
  /** No page is larger than this, whatever was asked for. */
  readonly pageCap?: number;
  /** Whether pages have links; default true. */
  readonly links?: boolean;
  /** What a page says of the number of rows, undefined for nothing; default: the truth. */
  readonly totalCount?: (rows: number) => number | undefined;
  /** Members that no reply of the Admin API has. */
  readonly omit?: readonly string[];
  /** Members that every reply and every row has besides its own. */
  readonly add?: Readonly<Record<string, unknown>>;
  /** Whether replies say `any` for `ANY`, and so of each cloud and geography; default false. */
  readonly lowerCaseWords?: boolean;
  /** Of a service account's token; default 3600. */
  readonly tokenLifetimeSeconds?: number;
  /** After so many uses a digest nonce is stale; default: never. */
  readonly nonceUses?: number;
}

export interface Sandbox extends Levers {
  readonly baseUrl: string;
  readonly orgId: string;
  /** Those that the credentials can see, in order of creation. */
  readonly projects: readonly SandboxProject[];
  readonly credentials: Credentials;
  /** Every request that arrived, in order. */
  readonly requests: readonly RecordedRequest[];
  clearRequests(): void;
  inject(fault: Fault): void;
  /** The faults that are not used up yet. */
  readonly pendingFaults: readonly Fault[];
  clearFaults(): void;
  /** Asked about every request, twice; see its type. */
  gate: Gate | undefined;
  /** Carries out the requests that a fault made late, in order, so many at most; returns how many. */
  commitLate(most?: number): number;
  /** Ends every connection at once. */
  close(): Promise<void>;
}

export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const listener = await listen();
  const world = createWorld(listener.baseUrl, rulesOf(options), lagOf(options), newCredentials());
  admitPerson(world);
  const hindrances: Hindrances = { faults: createFaultQueue(), gate: undefined };
  const closing = new AbortController();
  // Every request that is delayed listens to it, and many may be.
  setMaxListeners(0, closing.signal);
  const machinery: Machinery = {
    world,
    digest: createDigestGuard(world.credentials, options.nonceUses ?? Number.POSITIVE_INFINITY),
    hindrances,
    late: createLateRequests(closing.signal),
    versions: {
      offered: options.versions ?? ['2025-03-12'],
      withdrawn: options.withdrawn ?? [],
      deprecated: options.deprecated ?? [],
    },
    closing: closing.signal,
  };
  const log: { requests: RecordedRequest[] } = { requests: [] };
  listener.serve({
    record: (request) => {
      log.requests.push(request);
    },
    answer: (exchange) => answer(machinery, exchange),
  });
  const { baseUrl } = listener;
  const close = () => {
    closing.abort();
    return listener.close();
  };
  return assemble({ ...machinery, baseUrl, log, close });
}

interface Parts extends Pick<Sandbox, 'baseUrl' | 'close'> {
  readonly world: World;
  readonly hindrances: Hindrances;
  readonly late: LateRequests;
  readonly log: { requests: RecordedRequest[] };
}

function assemble({ world, baseUrl, hindrances, late, log, close }: Parts): Sandbox {
  return {
    ...leversOf(world),
    baseUrl,
    close,
    orgId: world.organization.id,
    get projects() {
      return ownProjects(world).map(({ id, name }) => ({ id, name }));
    },
    get credentials() {
      return world.credentials;
    },
    get requests() {
      return log.requests;
    },
    clearRequests() {
      log.requests = [];
    },
    inject(fault) {
      hindrances.faults.inject(fault);
    },
    get pendingFaults() {
      return hindrances.faults.pending();
    },
    clearFaults() {
      hindrances.faults.clear();
    },
    get gate() {
      return hindrances.gate;
    },
    set gate(gate) {
      hindrances.gate = gate;
    },
    commitLate: (most) => late.commit(most),
  };
}

function rulesOf(options: SandboxOptions): Rules {
  return {
    uniqueNames: options.uniqueNames ?? 'never',
    spelling: options.spelling ?? 'exact',
    role: options.role ?? 'model_owner',
    tokenLifetimeSeconds: options.tokenLifetimeSeconds ?? 3600,
    pages: {
      pageCap: options.pageCap ?? Number.POSITIVE_INFINITY,
      links: options.links ?? true,
      totalCount: options.totalCount ?? ((rows) => rows),
    },
    shape: {
      omit: options.omit ?? [],
      add: options.add ?? {},
      lowerCaseWords: options.lowerCaseWords ?? false,
    },
  };
}

function lagOf(options: SandboxOptions): Lag {
  return { lists: options.listLag ?? 0, reads: options.readLag ?? 0 };
}
