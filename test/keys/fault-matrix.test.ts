// Every request of a create, hit by every fault, with a sink that works and one that fails: what is reported equals what
// the simulated Atlas and the sink really hold. The cells are generated; none is left out because it is awkward.

import { expect, test } from 'vitest';
import type { CreateContext } from '../../src/keys/create-and-deliver.ts';
import { isUnfinished } from '../../src/keys/journal/journal.ts';
import type { Delivered, Planned } from '../../src/keys/sink-choice.ts';
import { type Simulator } from '../atlas-simulator/simulator.ts';
import { leaksIn } from '../canary.ts';
import { behaving, filesIn, GROUP, inParallel, startBench, type Bench, type Told } from './bench.ts';
import { ALWAYS, FAULTS, status } from './named-faults.ts';

type Operation = 'token' | 'list_keys' | 'create_key' | 'get_key' | 'update_key' | 'delete_key';

const NAME = 'a-key';
const LOST = { operation: 'create_key', when: 'after', kind: 'reset' } as const;
/** A way to the request that is hit, and where the listener is closed for a refused connection. */
interface Scenario {
  readonly title: string;
  readonly operation: Operation;
  readonly sinks: readonly ('file' | 'broken')[];
  readonly arrange?: (sandbox: Simulator) => void;
  readonly skip?: number;
  readonly closes?: 'at once' | 'before create' | 'before delete' | 'before rename';
  /** That nobody can look afterwards what became of the create. */
  readonly blind?: true;
}

const BOTH = ['file', 'broken'] as const;
const SCENARIOS: readonly Scenario[] = [
  { title: 'the token', operation: 'token', sinks: BOTH, closes: 'at once' },
  {
    title: 'a new token for the list',
    operation: 'token',
    sinks: BOTH,
    skip: 1,
    arrange: (sandbox) => {
      sandbox.inject({ operation: 'list_keys', when: 'before', ...status(401, { body: '' }) });
    },
  },
  { title: 'the list', operation: 'list_keys', sinks: BOTH },
  { title: 'the create', operation: 'create_key', sinks: BOTH, closes: 'before create' },
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
  { title: 'the rename', operation: 'update_key', sinks: ['file'], closes: 'before rename' },
  {
    title: 'the look after a lost rename',
    operation: 'get_key',
    sinks: ['file'],
    arrange: (sandbox) => {
      sandbox.inject({ operation: 'update_key', when: 'after', kind: 'reset' });
    },
  },
  { title: 'the look before the delete', operation: 'get_key', sinks: ['broken'] },
  { title: 'the delete after a failed delivery', operation: 'delete_key', sinks: ['broken'], closes: 'before delete' },
  {
    title: 'the delete after a lost create',
    operation: 'delete_key',
    sinks: ['file'],
    arrange: (sandbox) => {
      sandbox.inject(LOST);
    },
  },
];

interface Cell {
  readonly title: string;
  readonly sink: 'file' | 'broken';
  readonly prepare: (sandbox: Simulator) => void;
  readonly closes?: Scenario['closes'];
  readonly mayBeUnknown: boolean;
}

const CELLS: readonly Cell[] = SCENARIOS.flatMap((scenario) =>
  scenario.sinks.flatMap((sink) => [...faultCells(scenario, sink), ...refusedCells(scenario, sink)]),
);

function faultCells({ title, operation, arrange, skip = 0, blind }: Scenario, sink: Cell['sink']): Cell[] {
  return FAULTS.filter(({ not }) => not?.includes(operation) !== true).flatMap((named) =>
    [1, ALWAYS].map((times) => ({
      title: `${title}: ${named.title}${times === 1 ? '' : ', always'}, sink ${sink}`,
      sink,
      mayBeUnknown: blind === true && (times > 1 || named.mended !== true),
      prepare: (sandbox) => {
        arrange?.(sandbox);
        sandbox.inject({ operation, when: named.when, times, skip, ...named.fault });
      },
    })),
  );
}

function refusedCells({ title, closes }: Scenario, sink: Cell['sink']): Cell[] {
  if (!closes) return [];
  const prepare = () => undefined;
  return [
    { title: `${title}: refused, sink ${sink}`, sink, prepare, closes, mayBeUnknown: closes === 'before create' },
  ];
}

/** The bench's context, with Atlas's listener closed at that point. */
async function contextFor(bench: Bench, { sink, closes }: Cell): Promise<CreateContext> {
  const context = { ...bench.context(), defaultSink: sink };
  const inner = bench.sinks.get(sink);
  if (!closes || !inner) return context;
  if (closes === 'at once') await bench.sandbox.close();
  const closing = behaving(inner, (target) => ({
    async deliver(secret) {
      if (closes === 'before delete') await bench.sandbox.close();
      const delivery = await target.deliver(secret);
      if (closes === 'before rename') await bench.sandbox.close();
      return delivery;
    },
  }));
  return {
    ...context,
    sinks: new Map([
      [
        sink,
        {
          ...closing,
          async preflight(address, mode) {
            if (mode === 'prove' && closes === 'before create') await bench.sandbox.close();
            return closing.preflight(address, mode);
          },
        },
      ],
    ]),
  };
}

/** What is wrong with what the cell came to; empty where all is true. */
async function examine(bench: Bench, cell: Cell, outcome: Told<Delivered | Planned>): Promise<string[]> {
  const { sandbox } = bench;
  const live = sandbox.keys(GROUP).filter(({ name }) => finalNameIn(name) === NAME);
  const isNamed = live.every(({ name }) => name === NAME);
  const intents = await bench.intents();
  const pending = intents.filter(isUnfinished);
  const named = new Set(intents.flatMap(({ state }) => ('apiKeyId' in state ? [state.apiKeyId] : [])));
  const problems: string[] = [];
  const must = (holds: boolean, what: string) => {
    if (!holds) problems.push(what);
  };
  const state = outcome.outcome === 'failed' ? outcome.failure.keyState : outcome.outcome;
  const reported = outcome.outcome === 'failed' ? outcome.failure.apiKeyId : undefined;
  const held = bench.held(NAME);
  must(live.length <= 1, 'there are several keys');
  must(state === 'delivered' ? held === live[0]?.secret : held === undefined, 'the sink does not hold what it should');
  if (state === 'delivered') must(live.length === 1 && cell.sink === 'file', 'it was not delivered');
  else must(live.length === 0 || !isNamed, 'a key that is not delivered has its final name');
  const isWarned = outcome.outcome === 'delivered' && outcome.warnings.length > 0;
  if (state === 'delivered') must(isNamed || isWarned, 'nobody is told of its name');
  if (state === 'orphaned') must(live.length === 1 && live[0]?.apiKeyId === reported, 'no such orphan is alive');
  else if (state === 'unknown') must(cell.mayBeUnknown || live.length === 0, 'the truth could have been known');
  else if (state !== 'delivered') must(live.length === 0, 'a key is alive');
  const isOpen = state === 'orphaned' || state === 'unknown' || isWarned;
  must(pending.length === (isOpen ? 1 : 0), `the journal has ${pending.length} unfinished intents`);
  if (state === 'orphaned')
    must(
      live.every(({ apiKeyId }) => named.has(apiKeyId)),
      'the journal has not its id',
    );
  must(
    intents.every(({ owner }) => owner === null),
    'the intent is still owned',
  );
  const sent = sandbox.requests.filter(({ operation }) => operation === 'create_key');
  const again = sent.slice(0, -1).filter((request) => ![401, 406, 429].includes(Number(request.status)));
  must(again.length === 0, 'a create was sent again');
  must(sent.filter(({ carriedOut }) => carriedOut).length <= 1, 'two keys were made');
  must(
    sandbox.pendingFaults.every(({ times }) => times === ALWAYS),
    'the fault was not met',
  );
  return [...problems, ...traces(bench, outcome)];
}

function finalNameIn(name: string): string {
  return name.replace(/-undelivered-[0-9a-f]{12}$/, '');
}

/** Secrets where none may be, and files that nobody needs. */
function traces(bench: Bench, outcome: Told<Delivered | Planned>): string[] {
  const files = filesIn(bench.folder);
  const foreign = [...files.keys()].filter(
    (path) => !/\/(?:broken|blind|keys\/a-key|intents\/[0-9a-f]{12}\.jsonl)$/.test(path),
  );
  const outside = [...files].filter(([path]) => !path.endsWith('/keys/a-key')).map(([, text]) => text);
  const leaks = leaksIn([JSON.stringify(outcome), ...outside].join('\n'), bench.secrets());
  return [...foreign.map((path) => `${path} was left`), ...(leaks.length > 0 ? ['a secret leaked'] : [])];
}

test(`${CELLS.length} cells: what is reported is what is true`, { timeout: 300_000 }, async () => {
  const wrong: string[] = [];
  const seen = new Map<string, number>();
  await inParallel(CELLS, 24, async (cell) => {
    const bench = await startBench({ timeoutMs: 1_500 });
    try {
      cell.prepare(bench.sandbox);
      const outcome = await bench.create(NAME, {}, await contextFor(bench, cell));
      const state = outcome.outcome === 'failed' ? outcome.failure.keyState : outcome.outcome;
      seen.set(state, (seen.get(state) ?? 0) + 1);
      const problems = await examine(bench, cell, outcome);
      if (problems.length > 0) wrong.push(`${cell.title} [${state}]: ${problems.join('; ')}`);
    } finally {
      await bench.close();
    }
  });
  expect(wrong).toEqual([]);
  expect([...seen.keys()].sort()).toEqual(['delivered', 'not_created', 'orphaned', 'rolled_back', 'unknown']);
});
