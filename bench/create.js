// What one create costs beside its HTTP requests: the first of a server that has warmed up, the second, and the further ones,
// each next to the same requests sent by undici alone.

import { mkdtempSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { difference, pairwise, summary } from './measure.js';
import { startWarmServer, timeCall } from './stdio-server.js';
import { spread, table } from './table.js';
import { undiciAlone } from './undici-alone.js';

export const LATENCIES = [0, 50];
const STARTS = { full: 9, quick: 1 };
/** The first two creates of a server, and so many further ones. */
const FURTHER = { full: 8, quick: 2 };

export async function measureCreate(setting) {
  const { atlas, folder, pace } = setting;
  const samples = LATENCIES.map((latency) => ({ latency, first: [], second: [], further: [] }));
  // The first server is a warm-up of the stand-in, of undici and of the disk.
  for (let start = -1; start < STARTS[pace]; start += 1) {
    for (const each of samples) {
      await atlas.delay(each.latency);
      const [first, second, ...further] = await createsOfOneServer(setting);
      if (start < 0) continue;
      each.first.push(first);
      each.second.push(second);
      each.further.push(...further);
    }
  }
  await atlas.delay(0);
  return { diskMs: summary(await syncedWrites(folder)), latencies: samples.map(summaries) };
}

async function createsOfOneServer(setting) {
  const { atlas, pace } = setting;
  const server = await startWarmServer(setting);
  const alone = undiciAlone(atlas.baseUrl);
  const creates = [];
  for (let n = 0; n < 2 + FURTHER[pace]; n += 1) {
    const known = creates[n - 1]?.requests;
    // The first two differ in what they send, so it has to be seen first; further on they take turns.
    const ahead = n >= 2 && n % 2 === 0;
    const aheadMs = ahead ? await sendAlone(atlas, alone, known) : undefined;
    await atlas.reset();
    const serverMs = await create(server, `bench ${n}`);
    const { requests, sockets } = await atlas.seen();
    const aloneMs = aheadMs ?? (await sendAlone(atlas, alone, requests));
    creates.push({ serverMs, aloneMs, requests, sockets });
  }
  await Promise.all([server.end(), alone.end()]);
  return creates;
}

async function sendAlone(atlas, alone, requests) {
  await atlas.reset();
  return alone.send(requests);
}

export function create(server, name) {
  return timeCall(server, { name: 'create_ai_model_api_key', arguments: { name }, outcome: 'delivered' });
}

function summaries({ latency, first, second, further }) {
  const firstMore = pairwise(first, second, (one, other) => one.serverMs - other.serverMs);
  return {
    latency,
    first: summarize(first),
    second: summarize(second),
    further: summarize(further),
    firstMore: summary(firstMore),
  };
}

function summarize(creates) {
  const [serverMs, aloneMs] = ['serverMs', 'aloneMs'].map((name) => creates.map((create) => create[name]));
  return {
    serverMs: summary(serverMs),
    aloneMs: summary(aloneMs),
    ownMs: summary(pairwise(serverMs, aloneMs, difference)),
    requests: different(creates.map(({ requests }) => requests.map(({ operation }) => operation).join(', '))),
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
    'undici alone, ms',
    'own, ms',
    'requests',
    'new sockets',
  ];
  const rows = latencies.flatMap(({ latency, ...creates }) =>
    ['first', 'second', 'further'].map((which) => {
      const { serverMs, aloneMs, ownMs, requests, sockets } = creates[which];
      const cells = [serverMs, aloneMs, ownMs].map((each) => spread(each));
      return [`${latency} ms`, which, ...cells, requests.join('; or '), sockets.join('; or ')];
    }),
  );
  return [
    '### One create, next to the same HTTP requests sent by undici alone',
    table([head, ...rows]),
    `Requests and sockets as the stand-in counted them. A file of 500 bytes written with fsync takes ${spread(diskMs)} ms here; a create writes several, one after the other.`,
  ].join('\n\n');
}
