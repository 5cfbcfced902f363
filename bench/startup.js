// How long a host waits for the first answers, and what memory that takes: a bare responder, a minimal server on the SDK, and
// this server as packed, in turn, each started anew for every sample.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { bundle } from './package.js';
import { pairwise, ratio, rotated, summary } from './measure.js';
import { residentMemory } from './memory.js';
import { greet, startServer } from './stdio-server.js';
import { megabytes, spread, table, times } from './table.js';

const ROUNDS = { full: 25, quick: 3 };
const MEMORY_ROUNDS = { full: 7, quick: 1 };
const WARM_UPS = 2;
/** What a server loads after it was greeted counts too. */
const LATER_MS = { full: 2000, quick: 200 };

/** Configured as hosts do it. Nothing listens there, and nothing is to be sent anyway. */
const ENVIRONMENT = {
  MONGODB_ATLAS_BASE_URL: 'http://127.0.0.1:9',
  MONGODB_ATLAS_CLIENT_ID: 'mdb_sa_id_bench',
  MONGODB_ATLAS_CLIENT_SECRET: 'mdb_sa_sk_bench',
};

export async function measureStartup({ folder, installed, pace }) {
  const contenders = [
    { name: 'bare', script: fileURLToPath(new URL('bare.js', import.meta.url)) },
    { name: 'sdk', script: await bundle('bench/sdk-server.js', join(folder, 'sdk-server.mjs'), { minify: true }) },
    { name: 'server', script: installed.script },
  ].map((contender) => ({ ...contender, home: join(folder, contender.name), samples: [], later: [] }));
  for (const { home } of contenders) mkdirSync(home, { mode: 0o700 });

  for (let round = -WARM_UPS; round < ROUNDS[pace]; round += 1) {
    for (const contender of rotated(contenders, round + WARM_UPS)) {
      const sample = await startOnce(contender, folder);
      if (round >= 0) contender.samples.push(sample);
    }
  }
  // Side by side, since they do nothing but wait.
  for (let round = 0; round < MEMORY_ROUNDS[pace]; round += 1) {
    await Promise.all(contenders.map(async (each) => each.later.push(await memoryLater(each, folder, LATER_MS[pace]))));
  }
  return Object.fromEntries(contenders.map((each) => [each.name, summaries(each, contenders[0])]));
}

async function startOnce({ script, home }, folder) {
  const server = startServer(script, { folder, home, env: ENVIRONMENT });
  const { initializeMs, toolsListMs } = await greet(server);
  const memory = residentMemory(server.pid);
  await server.end();
  return { initialize: initializeMs, toolsList: toolsListMs, memory };
}

async function memoryLater({ script, home }, folder, laterMs) {
  const server = startServer(script, { folder, home, env: ENVIRONMENT });
  await greet(server);
  await delay(laterMs);
  const memory = residentMemory(server.pid);
  await server.end();
  return memory;
}

/** Each number, and how many times that of the bare responder in the same round. */
function summaries(contender, bare) {
  const series = ({ samples, later }) => ({
    initialize: samples.map(({ initialize }) => initialize),
    toolsList: samples.map(({ toolsList }) => toolsList),
    memory: samples.map(({ memory }) => memory),
    memoryLater: later,
  });
  const [own, least] = [series(contender), series(bare)];
  return Object.fromEntries(
    Object.keys(own).map((name) => [
      name,
      { ...summary(own[name]), ratio: summary(pairwise(own[name], least[name], ratio)) },
    ]),
  );
}

export function startupTable(startup) {
  const titles = {
    bare: '(a) bare readline responder',
    sdk: '(b) minimal server on the SDK, bundled',
    server: '(c) this server, as packed',
  };
  const head = [
    '',
    'initialize, ms',
    'tools/list, ms',
    'times (a)',
    'memory, MB',
    'times (a)',
    '2 s later, MB',
    'times (a)',
  ];
  const rows = Object.entries(startup).map(([name, { initialize, toolsList, memory, memoryLater }]) => [
    titles[name],
    spread(initialize),
    spread(toolsList),
    spread(toolsList.ratio, times),
    megabytes(memory.median),
    times(memory.ratio.median),
    megabytes(memoryLater.median),
    times(memoryLater.ratio.median),
  ]);
  return `### Start-up: from spawn to the answer, and resident memory then\n\n${table([head, ...rows])}`;
}
