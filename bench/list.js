// How the time and the memory of list_ai_model_api_keys grow with the number of keys: for a call as agents make it (one page),
// and for a filtered one, which has to read them all.

import { difference, growth, pairwise, rotated, summary } from './measure.js';
import { peakMemory, residentMemory } from './memory.js';
import { startGreetedServer, timeCall } from './stdio-server.js';
import { megabytes, spread, table, whole } from './table.js';
import { undiciAlone } from './undici-alone.js';

const SIZES = [10, 1000, 10_000];
const STARTS = { full: 3, quick: 1 };
const CALLS = { full: 6, quick: 2 };
/** Half of the stand-in's keys have it in their names. */
const WAYS = { default: {}, filtered: { nameContains: 'odd' } };

export async function measureList(setting) {
  const cases = SIZES.flatMap((keys) => Object.keys(WAYS).map((way) => ({ keys, way, calls: [], memory: [] })));
  for (let start = 0; start < STARTS[setting.pace]; start += 1) {
    for (const each of rotated(cases, start)) await oneServer(setting, each, start);
  }
  const listed = cases.map(summaries);
  return { cases: listed, growth: Object.keys(WAYS).map((way) => growthOf(way, listed)) };
}

async function oneServer(setting, { keys, way, calls, memory }, start) {
  const { atlas, pace } = setting;
  const server = await startGreetedServer(setting);
  const alone = undiciAlone(atlas.baseUrl);
  await atlas.reset(keys);
  // The first call fetches the token and loads what it needs; it does not count, nor what undici alone sends of it.
  await list(server, way);
  const { requests } = await atlas.seen();
  const pattern = requests.filter(({ operation }) => operation !== 'token');
  await alone.send(pattern);
  const before = residentMemory(server.pid);
  for (let call = 0; call < CALLS[pace]; call += 1) {
    const sample = {};
    const turns = [
      async () => {
        sample.serverMs = await list(server, way);
        sample.requests = (await atlas.seen()).requests.length;
      },
      async () => (sample.aloneMs = await alone.send(pattern)),
    ];
    for (const turn of rotated(turns, start + call)) {
      await atlas.forget();
      await turn();
    }
    calls.push(sample);
  }
  memory.push({ before, after: residentMemory(server.pid), peak: peakMemory(server.pid) });
  await Promise.all([server.end(), alone.end()]);
}

function list(server, way) {
  return timeCall(server, { name: 'list_ai_model_api_keys', arguments: WAYS[way], outcome: 'listed' });
}

function summaries({ keys, way, calls, memory }) {
  const of = (rows, name) => rows.map((row) => row[name]);
  const peaks = of(memory, 'peak').filter((peak) => peak !== undefined);
  return {
    keys,
    way,
    requests: summary(of(calls, 'requests')).median,
    serverMs: summary(of(calls, 'serverMs')),
    aloneMs: summary(of(calls, 'aloneMs')),
    ownMs: summary(pairwise(of(calls, 'serverMs'), of(calls, 'aloneMs'), difference)),
    memoryBefore: summary(of(memory, 'before')),
    memoryAfter: summary(of(memory, 'after')),
    ...(peaks.length > 0 && { memoryPeak: summary(peaks) }),
  };
}

/** For each key more, beyond the first page. */
function growthOf(way, cases) {
  const own = cases.filter((each) => each.way === way);
  const [few, many] = own.slice(-2);
  const by = (value) => growth([few.keys, value(few)], [many.keys, value(many)]);
  return {
    way,
    from: few.keys,
    to: many.keys,
    ownMicroseconds: by(({ ownMs }) => ownMs.median * 1000),
    bytes: by(({ memoryPeak, memoryAfter }) => (memoryPeak ?? memoryAfter).median),
  };
}

export function listTable({ cases, growth: grown }) {
  const head = [
    'keys',
    'call',
    'requests',
    'server, ms',
    'undici alone, ms',
    'own, ms',
    'memory before, MB',
    'after',
    'peak',
  ];
  const rows = cases.map(({ keys, way, requests, serverMs, aloneMs, ownMs, memoryBefore, memoryAfter, memoryPeak }) => [
    whole(keys),
    way,
    requests,
    ...[serverMs, aloneMs, ownMs].map((each) => spread(each)),
    megabytes(memoryBefore.median),
    megabytes(memoryAfter.median),
    memoryPeak ? megabytes(memoryPeak.median) : 'not known',
  ]);
  const lines = grown.map(
    ({ way, from, to, ownMicroseconds, bytes }) =>
      `- ${way}: from ${whole(from)} to ${whole(to)}, each key adds ${ownMicroseconds.toFixed(2)} microseconds of the server's own time and ${whole(bytes)} bytes of memory at the peak`,
  );
  return ['### list_ai_model_api_keys', table([head, ...rows]), lines.join('\n')].join('\n\n');
}
