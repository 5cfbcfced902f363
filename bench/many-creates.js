// A hundred creates of one server, with some at once, next to the same requests sent by undici alone with as many at once.

import { performance } from 'node:perf_hooks';
import { create } from './create.js';
import { quantile, rotated, summary } from './measure.js';
import { startGreetedServer } from './stdio-server.js';
import { milliseconds, spread, table, whole } from './table.js';
import { undiciAlone } from './undici-alone.js';

const COUNT = { full: 100, quick: 40 };
/** How often, by the latency: fewer where waiting takes most of the time. */
const ROUNDS = { full: { 0: 3, 50: 2 }, quick: { 0: 1 } };
const AT_ONCE = [1, 8, 32];

export async function measureManyCreates(setting) {
  const { atlas, pace } = setting;
  const cases = Object.entries(ROUNDS[pace]).flatMap(([latency, rounds]) =>
    AT_ONCE.map((atOnce) => ({ latency: Number(latency), rounds, atOnce, samples: [] })),
  );
  for (let round = 0; cases.some(({ rounds }) => round < rounds); round += 1) {
    const due = cases.filter(({ rounds }) => round < rounds);
    for (const { latency, atOnce, samples } of rotated(due, round)) {
      await atlas.delay(latency);
      samples.push(await oneServer(setting, atOnce, round));
    }
  }
  await atlas.delay(0);
  return cases.map((each) => summaries(each, COUNT[pace]));
}

async function oneServer(setting, atOnce, round) {
  const { atlas, pace } = setting;
  const server = await startGreetedServer(setting);
  const alone = undiciAlone(atlas.baseUrl);
  // Two creates before: the first fetches the token, the second shows what every further one sends.
  await create(server, 'before 1');
  await atlas.reset();
  await create(server, 'before 2');
  const { requests: pattern } = await atlas.seen();
  await alone.send(pattern);
  const sample = {};
  const turns = [
    async () => {
      sample.served = await allOf(COUNT[pace], atOnce, (n) => create(server, `bench ${n}`));
      const { requests, sockets } = await atlas.seen();
      Object.assign(sample, { requests: requests.length, sockets });
    },
    async () => (sample.sent = await allOf(COUNT[pace], atOnce, () => alone.send(pattern))),
  ];
  for (const turn of rotated(turns, round)) {
    await atlas.reset();
    await turn();
  }
  await Promise.all([server.end(), alone.end()]);
  return sample;
}

/** So many at once, the next as soon as one has ended. */
async function allOf(count, atOnce, act) {
  const each = [];
  let begun = 0;
  const began = performance.now();
  const worker = async () => {
    while (begun < count) {
      begun += 1;
      each.push(await act(begun));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return { ms: performance.now() - began, each };
}

function summaries({ latency, atOnce, samples }, count) {
  const each = samples.flatMap(({ served }) => served.each);
  return {
    latency,
    atOnce,
    creates: count,
    serverMs: summary(samples.map(({ served }) => served.ms)),
    aloneMs: summary(samples.map(({ sent }) => sent.ms)),
    eachMs: { ...summary(each), worstOfTwenty: quantile(each, 0.95) },
    requests: summary(samples.map(({ requests }) => requests)),
    sockets: summary(samples.map(({ sockets }) => sockets)),
  };
}

export function manyCreatesTable(cases) {
  const head = [
    'Atlas answers after',
    'at once',
    'all, ms',
    'undici alone, ms',
    'creates a second',
    'one create, ms',
    '95 of 100 within',
    'requests',
    'new sockets',
  ];
  const rows = cases.map(({ latency, atOnce, creates, serverMs, aloneMs, eachMs, requests, sockets }) => [
    `${latency} ms`,
    atOnce,
    spread(serverMs),
    spread(aloneMs),
    whole((creates / serverMs.median) * 1000),
    spread(eachMs),
    milliseconds(eachMs.worstOfTwenty),
    whole(requests.median),
    whole(sockets.median),
  ]);
  return `### ${cases[0].creates} creates of one server, after its first two\n\n${table([head, ...rows])}`;
}
