// What one create costs beside its HTTP requests: the first of a server that was only greeted, the second, and the further ones,
// each next to the same requests sent by undici alone, and to a create of the least server that does the same.

import { mkdtempSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { difference, pairwise, ratio, rotated, summary } from './measure.js';
import { bundle } from './package.js';
import { greet, startGreetedServer, startServer, timeCall } from './stdio-server.js';
import { spread, table, times } from './table.js';
import { operations, requireSameTraffic } from './traffic.js';
import { undiciAlone } from './undici-alone.js';

const LATENCIES = [0, 50];
/** How many servers, by the latency: more where waiting takes none of the time. */
const STARTS = { full: { 0: 25, 50: 9 }, quick: { 0: 1, 50: 1 } };
/** The first two creates of a server, and so many further ones. */
const FURTHER = { full: 8, quick: 2 };

export async function measureCreate(given) {
  const { atlas, folder, pace } = given;
  const least = await bundle('bench/least-server.js', join(folder, 'least-server.mjs'), { minify: true });
  const setting = { ...given, least };
  const samples = LATENCIES.map((latency) => ({ latency, loads: [], first: [], second: [], further: [] }));
  const starts = STARTS[pace];
  // Start 0 is a warm-up of the stand-in, of undici and of the disk.
  for (let start = 0; start <= Math.max(...Object.values(starts)); start += 1) {
    for (const each of samples.filter(({ latency }) => start <= starts[latency])) {
      await atlas.delay(each.latency);
      const loads = await startsWithoutThisServer(setting);
      const [first, second, ...further] = await createsOfOneServer(setting, start);
      if (start === 0) continue;
      each.loads.push(loads);
      each.first.push(first);
      each.second.push(second);
      each.further.push(...further);
    }
  }
  await atlas.delay(0);
  return { diskMs: summary(await syncedWrites(folder)), latencies: samples.map(summaries) };
}

/**
 * What a first create loads is measured by them: how long a bare responder takes to start, and how much longer the least
 * server does, which loads the SDK and undici before its first answer.
 */
async function startsWithoutThisServer({ atlas, folder, least }) {
  const bareMs = await startOf(fileURLToPath(new URL('bare.js', import.meta.url)), { folder });
  return { bareMs, leastLoadMs: (await startOf(least, { folder, env: atlas.environment })) - bareMs };
}

async function startOf(script, options) {
  const server = startServer(script, options);
  const { toolsListMs } = await greet(server);
  await server.end();
  return toolsListMs;
}

async function createsOfOneServer(setting, start) {
  const { atlas, pace } = setting;
  // Those of the servers before, which have ended: of a service account only so many may be alive.
  await atlas.expireTokens();
  const [server, least] = await Promise.all([startGreetedServer(setting), startGreetedServer(setting, setting.least)]);
  const alone = undiciAlone(atlas.baseUrl);
  const creates = [];
  for (let n = 0; n < 2 + FURTHER[pace]; n += 1) {
    const ms = {};
    const seen = {};
    const acts = {
      server: () => create(server, `bench ${n}`),
      least: () => create(least, `bench ${n}`),
      alone: () => alone.send((seen.server ?? creates[n - 1]).requests),
    };
    for (const who of turns(n, start)) {
      await atlas.reset();
      ms[who] = await acts[who]();
      seen[who] = await atlas.seen();
    }
    requireSameTraffic(seen);
    creates.push({ serverMs: ms.server, leastMs: ms.least, aloneMs: ms.alone, ...seen.server });
  }
  await Promise.all([server.end(), least.end(), alone.end()]);
  return creates;
}

/** The first two creates differ in what they send, so undici alone, which sends it again, comes last. */
function turns(n, start) {
  if (n < 2) return [...rotated(['server', 'least'], start), 'alone'];
  return rotated(['server', 'least', 'alone'], n + start);
}

export function create(server, name) {
  return timeCall(server, { name: 'create_ai_model_api_key', arguments: { name }, outcome: 'delivered' });
}

function summaries({ latency, loads, first, second, further }) {
  const firstMore = pairwise(first, second, (one, other) => one.serverMs - other.serverMs);
  const leastMore = pairwise(first, second, (one, other) => one.leastMs - other.leastMs);
  const leastLoads = pairwise(leastMore, loads, (more, { leastLoadMs }) => leastLoadMs + more);
  return {
    latency,
    first: summarize(first),
    second: summarize(second),
    further: summarize(further),
    firstMoreMs: summary(firstMore),
    firstMoreStarts: summary(pairwise(firstMore, loads, (more, { bareMs }) => more / bareMs)),
    leastMoreMs: summary(leastLoads),
    firstMoreLeasts: summary(pairwise(firstMore, leastLoads, ratio)),
  };
}

function summarize(creates) {
  const [serverMs, leastMs, aloneMs] = ['serverMs', 'leastMs', 'aloneMs'].map((name) =>
    creates.map((create) => create[name]),
  );
  return {
    serverMs: summary(serverMs),
    leastMs: summary(leastMs),
    aloneMs: summary(aloneMs),
    ownMs: summary(pairwise(serverMs, aloneMs, difference)),
    leastOwnMs: summary(pairwise(leastMs, aloneMs, difference)),
    aboveLeastMs: summary(pairwise(serverMs, leastMs, difference)),
    requests: different(creates.map(operations)),
    sockets: different(creates.map(({ sockets }) => sockets)),
  };
}

/** One value, if it was always the same. */
function different(values) {
  return [...new Set(values)];
}

/** What the disk alone costs: a create writes its journal and its key with fsync, step by step. */
async function syncedWrites(folder) {
  const place = mkdtempSync(join(folder, 'disk-'));
  const samples = [];
  for (let n = 0; n < 30; n += 1) {
    const began = performance.now();
    const file = await open(join(place, String(n)), 'wx');
    await file.writeFile('x'.repeat(500));
    await file.sync();
    await file.close();
    samples.push(performance.now() - began);
  }
  return samples;
}

export function createTable({ diskMs, latencies }) {
  const head = [
    'Atlas answers after',
    'create',
    'server, ms',
    'least server, ms',
    'undici alone, ms',
    'own, ms',
    'above the least server, ms',
    'requests',
    'new sockets',
  ];
  const rows = latencies.flatMap(({ latency, ...creates }) =>
    ['first', 'second', 'further'].map((which) => {
      const { serverMs, leastMs, aloneMs, ownMs, aboveLeastMs, requests, sockets } = creates[which];
      const cells = [serverMs, leastMs, aloneMs, ownMs, aboveLeastMs].map((each) => spread(each));
      return [`${latency} ms`, which, ...cells, requests.join('; or '), sockets.join('; or ')];
    }),
  );
  const { firstMoreMs, firstMoreStarts, leastMoreMs, firstMoreLeasts, further } = latencies[0];
  const { leastOwnMs } = further;
  return [
    '### One create, next to the same HTTP requests sent by undici alone, and to the least server that does the same',
    table([head, ...rows]),
    `The first create takes ${spread(firstMoreMs)} ms more than the second: ${spread(firstMoreStarts, times)} times the start of a bare responder. The least server takes ${spread(leastMoreMs)} ms to load and for its own first create above its second: this server takes ${spread(firstMoreLeasts, times)} times that.`,
    `A further create costs the least server ${spread(leastOwnMs)} ms of its own: stdio, the SDK and the waits for the disk. A file of 500 bytes written with fsync takes ${spread(diskMs)} ms here; a create waits for the disk several times, one after the other. Requests and new sockets as the stand-in counted them, the same of all three.`,
  ].join('\n\n');
}
