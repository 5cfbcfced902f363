// The sandbox as tests have it: it wraps the one that ships with faults, a gate, lagging replies, a log of requests, and
// controls over its state.

import { setMaxListeners } from 'node:events';
import type { Credentials } from '../../src/sandbox/authentication.ts';
import { startSandbox, type Sandbox } from '../../src/sandbox/sandbox.ts';
import { ownProjects, type Rules } from '../../src/sandbox/world.ts';
import { createTestControls, type SimulatedProject, type TestControls } from './controls.ts';
import { createFaultQueue, type Fault } from './faults.ts';
import type { Gate } from './gate.ts';
import { answerOf, type Hindrances } from './intercept.ts';
import { createKeyHistory } from './key-history.ts';
import { createLateRequests } from './late-requests.ts';
import { createRequestLog, type RecordedRequest, type RequestLog } from './request-log.ts';
import { sendAnswer } from './wire.ts';

export interface SimulatorOptions extends Partial<Rules> {
  /** A list of keys shows the state as of so many lists of its project ago; default 0. */
  readonly listLag?: number;
  /** So many reads by its id, deletions among them, do not find a new key; default 0. */
  readonly readLag?: number;
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
}

export interface Simulator extends TestControls {
  readonly baseUrl: string;
  readonly orgId: string;
  /** Those that the credentials can see, in order of creation. */
  readonly projects: readonly SimulatedProject[];
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

export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { listLag = 0, readLag = 0, links = true, totalCount = (rows: number) => rows } = options;
  const { omit = [], add = {}, lowerCaseWords = false } = options;
  const log = createRequestLog();
  const sandbox = await startSandbox({
    rules: options,
    async intercept(request, response) {
      const record = log.add(request, response.socket);
      record.status = sendAnswer(response, await answerOf(hindrances, request, record));
    },
  });
  const closing = new AbortController();
  // Every request that is delayed listens to it, and many may be.
  setMaxListeners(0, closing.signal);
  const hindrances: Hindrances = {
    history: createKeyHistory(sandbox.world, { lists: listLag, reads: readLag }),
    shape: { omit, add, lowerCaseWords, links, totalCount },
    faults: createFaultQueue(),
    gate: undefined,
    late: createLateRequests(closing.signal),
    closing: closing.signal,
  };
  const close = () => {
    closing.abort();
    return sandbox.close();
  };
  return assemble(sandbox, hindrances, log, close);
}

function assemble({ world }: Sandbox, hindrances: Hindrances, log: RequestLog, close: () => Promise<void>): Simulator {
  const { history, faults, late } = hindrances;
  return {
    ...createTestControls(world, history),
    baseUrl: world.baseUrl,
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
    clearRequests: () => {
      log.clear();
    },
    inject: (fault) => {
      faults.inject(fault);
    },
    get pendingFaults() {
      return faults.pending();
    },
    clearFaults: () => {
      faults.clear();
    },
    get gate() {
      return hindrances.gate;
    },
    set gate(gate) {
      hindrances.gate = gate;
    },
    commitLate: (most) => late.commit(most),
    close,
  };
}
