// Every request of a rotation and of a delete, hit by every fault: what is reported equals what the simulated Atlas and the
// sink really hold, and at every end the sink holds the secret of a key that lives.

import { expect, test } from 'vitest';
import { deleteKey, type Deleted } from '../../src/keys/delete.ts';
import { isUnfinished } from '../../src/keys/journal/journal.ts';
import type { Rotated } from '../../src/keys/retire.ts';
import { type RotationPlanned } from '../../src/keys/rotate.ts';
import { type Operation } from '../../src/sandbox/routes.ts';
import { type Simulator } from '../atlas-simulator/simulator.ts';
import { leaksIn } from '../canary.ts';
import { filesIn, GROUP, inParallel, quiet, startBench, told, type Bench, type Told } from './bench.ts';
import { ALWAYS, FAULTS, status } from './named-faults.ts';

const NAME = 'app';
const LOST = { operation: 'create_key', when: 'after', kind: 'reset' } as const;
/** A page of a proxy in place of the reply: nobody knows whether it was carried out. */
const HIDDEN = { when: 'before', times: ALWAYS, ...status(404, { body: '<html>' }) } as const;

interface Scenario {
  readonly title: string;
  readonly operation: Operation;
  readonly sinks: readonly ('file' | 'broken')[];
  readonly arrange?: (sandbox: Simulator) => void;
  readonly skip?: number;
  /** That nobody can look afterwards what became of the create. */
  readonly blind?: true;
}

const BOTH = ['file', 'broken'] as const;
const ROTATIONS: readonly Scenario[] = [
  { title: 'the list', operation: 'list_keys', sinks: ['file'] },
  { title: 'the create', operation: 'create_key', sinks: BOTH },
  { title: 'the delete', operation: 'delete_key', sinks: BOTH },
  { title: 'the new name', operation: 'update_key', sinks: ['file'] },
  { title: 'the look at the old key', operation: 'get_key', sinks: ['file'] },
  {
    title: 'the list after a lost create',
    operation: 'list_keys',
    sinks: ['file'],
    skip: 1,
    blind: true,
    arrange: (sandbox) => {
      sandbox.inject(LOST);
    },
  },
  {
    title: 'the delete after a lost create',
    operation: 'delete_key',
    sinks: ['file'],
    arrange: (sandbox) => {
      sandbox.inject(LOST);
    },
  },
  {
    title: 'the look after a lost delete',
    operation: 'get_key',
    sinks: ['file'],
    arrange: (sandbox) => {
      sandbox.inject({ operation: 'delete_key', ...HIDDEN });
    },
  },
  {
    title: 'the look after a lost rename',
    operation: 'get_key',
    sinks: ['file'],
    arrange: (sandbox) => {
      sandbox.inject({ operation: 'update_key', when: 'after', kind: 'reset' });
    },
  },
];

const DELETES: readonly Scenario[] = [
  { title: 'the look', operation: 'get_key', sinks: ['file'] },
  { title: 'the delete', operation: 'delete_key', sinks: ['file'] },
  {
    title: 'the look after a lost delete',
    operation: 'get_key',
    sinks: ['file'],
    skip: 1,
    arrange: (sandbox) => {
      sandbox.inject({ operation: 'delete_key', ...HIDDEN });
    },
  },
];

interface Cell {
  readonly title: string;
  readonly sink: 'file' | 'broken';
  readonly prepare: (sandbox: Simulator) => void;
  readonly mayBeUnknown: boolean;
}

function cellsOf(scenarios: readonly Scenario[]): readonly Cell[] {
  return scenarios.flatMap(({ title, operation, sinks, arrange, skip = 0, blind }) =>
    sinks.flatMap((sink) =>
      FAULTS.filter(({ not }) => not?.includes(operation) !== true).flatMap((named) =>
        [1, ALWAYS].map((times) => ({
          title: `${title}: ${named.title}${times === 1 ? '' : ', always'}, sink ${sink}`,
          sink,
          mayBeUnknown: blind === true && (times > 1 || named.mended !== true),
          prepare: (sandbox: Simulator) => {
            arrange?.(sandbox);
            sandbox.inject({ operation, when: named.when, times, skip, ...named.fault });
          },
        })),
      ),
    ),
  );
}

/** What is wrong with what a rotation came to; empty where all is true. */
async function examine(
  bench: Bench,
  cell: Cell,
  oldId: string,
  outcome: Told<Rotated | RotationPlanned>,
): Promise<string[]> {
  const live = bench.sandbox.keys(GROUP);
  const old = live.find(({ apiKeyId }) => apiKeyId === oldId);
  const successors = live.filter(({ apiKeyId }) => apiKeyId !== oldId);
  const [successor] = successors;
  const held = bench.held(NAME);
  const pending = (await bench.intents()).filter(isUnfinished);
  const problems: string[] = [];
  const must = (holds: boolean, what: string) => {
    if (!holds) problems.push(what);
  };
  const state = stateOf(outcome);
  const reported = outcome.outcome === 'failed' ? outcome.failure.apiKeyId : undefined;
  must(
    live.some(({ secret }) => secret === held),
    'the sink holds no secret of a living key',
  );
  must(successors.length <= 1, 'there are several new keys');
  if (state === 'rotated') must(!old && successor?.secret === held, 'it was not rotated');
  else if (state === 'delivered') must(successor?.secret === held && reported === successor?.apiKeyId, 'not delivered');
  else must(old?.secret === held, 'the old secret is not where it was');
  if (state === 'not_created' || state === 'rolled_back') must(!successor, 'the new key is alive');
  if (state === 'orphaned') must(successor?.apiKeyId === reported, 'no such orphan is alive');
  if (state === 'unknown') must(cell.mayBeUnknown || !successor, 'the truth could have been known');
  const isNamed = successor === undefined || successor.name === NAME;
  const isWarned = outcome.outcome === 'rotated' && outcome.warnings.length > 0;
  if (state === 'rotated') must(isNamed || isWarned, 'nobody is told of its name');
  else if (state !== 'delivered') must(successor === undefined || !isNamed, 'a key has the name too early');
  const isOpen = ['orphaned', 'unknown', 'delivered'].includes(state) || isWarned;
  must(pending.length === (isOpen ? 1 : 0), `the journal has ${pending.length} unfinished intents`);
  const sent = bench.sandbox.requests.filter(({ operation }) => operation === 'create_key');
  must(sent.filter(({ carriedOut }) => carriedOut).length <= 1, 'two keys were made');
  return [...problems, ...traces(bench, outcome)];
}

function stateOf(outcome: Told<Rotated | RotationPlanned>): string {
  return outcome.outcome === 'failed' ? outcome.failure.keyState : outcome.outcome;
}

/** Secrets where none may be, and files that nobody needs. */
function traces(bench: Bench, outcome: object): string[] {
  const files = filesIn(bench.folder);
  const foreign = [...files.keys()].filter(
    (path) => !/\/(?:broken|blind|keys\/app|intents\/[0-9a-f]{12}\.jsonl)$/.test(path),
  );
  const outside = [...files].filter(([path]) => !path.endsWith('/keys/app')).map(([, text]) => text);
  const leaks = leaksIn([JSON.stringify(outcome), ...outside].join('\n'), bench.secrets());
  return [...foreign.map((path) => `${path} was left`), ...(leaks.length > 0 ? ['a secret leaked'] : [])];
}

const ROTATION_CELLS = cellsOf(ROTATIONS);

test(`${ROTATION_CELLS.length} cells of a rotation`, { timeout: 240_000 }, async () => {
  const wrong: string[] = [];
  const seen = new Set<string>();
  await inParallel(ROTATION_CELLS, 24, async (cell) => {
    const bench = await startBench({ timeoutMs: 3_000 });
    try {
      const created = await bench.create(NAME);
      if (created.outcome !== 'delivered') throw new Error(`There is no old key for ${cell.title}.`);
      const oldId = created.key.apiKeyId;
      // Seen now: the secret of the old key is to leak no more than the new one.
      bench.secrets();
      bench.sandbox.clearRequests();
      cell.prepare(bench.sandbox);
      const outcome = await bench.rotate(NAME, cell.sink === 'file' ? {} : { sink: cell.sink });
      seen.add(stateOf(outcome));
      const problems = await examine(bench, cell, oldId, outcome);
      if (problems.length > 0) wrong.push(`${cell.title} [${stateOf(outcome)}]: ${problems.join('; ')}`);
    } finally {
      await bench.close();
    }
  });
  expect(wrong).toEqual([]);
  expect([...seen].sort()).toEqual(['delivered', 'not_created', 'orphaned', 'rolled_back', 'rotated', 'unknown']);
});

const DELETE_CELLS = cellsOf(DELETES);

test(`${DELETE_CELLS.length} cells of a delete`, { timeout: 300_000 }, async () => {
  const wrong: string[] = [];
  const seen = new Set<string>();
  await inParallel(DELETE_CELLS, 24, async (cell) => {
    const bench = await startBench({ timeoutMs: 1_500 });
    try {
      const { apiKeyId } = bench.sandbox.addKey(GROUP, { name: NAME });
      cell.prepare(bench.sandbox);
      const request = { groupId: GROUP, apiKeyId, confirmName: NAME, dryRun: false };
      const outcome = told(await deleteKey(bench.context(), request, quiet()), 'not_applicable');
      const end = endOf(outcome);
      seen.add(end);
      const isAlive = bench.sandbox.keys(GROUP).length === 1;
      const isTrue = end === 'unknown' || isAlive === (end === 'alive');
      if (!isTrue || traces(bench, outcome).length > 0) wrong.push(`${cell.title} [${end}]`);
    } finally {
      await bench.close();
    }
  });
  expect(wrong).toEqual([]);
  expect([...seen].sort()).toEqual(['alive', 'deleted', 'unknown']);
});

function endOf(outcome: Told<Deleted>): 'deleted' | 'alive' | 'unknown' {
  if (outcome.outcome !== 'failed') return 'deleted';
  return outcome.failure.code === 'ATLAS_OUTCOME_UNKNOWN' ? 'unknown' : 'alive';
}
