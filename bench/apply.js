// The command `apply` over many projects: whether its time grows as their number does, its memory, and the same requests sent by
// undici alone.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { clearInterval, setInterval } from 'node:timers';
import { startAtlas } from './atlas-stand-in.js';
import { ratio, summary, pairwise } from './measure.js';
import { peakMemory } from './memory.js';
import { megabytes, spread, table, times } from './table.js';
import { undiciAlone } from './undici-alone.js';

/** With 20 keys each, so that there are 10,000 in the end. */
const PROJECTS = [100, 500];
const KEYS_EACH = 20;
const ROUNDS = { full: 3, quick: 1 };
/** As `apply` has it. */
const AT_ONCE = 4;
const MEMORY_EVERY_MS = 20;

export async function measureApply(setting) {
  const { folder, pace } = setting;
  // One that nothing else has used: its access token is good.
  const atlas = await startAtlas(folder);
  const projects = await atlas.addProjects({ count: Math.max(...PROJECTS), keys: KEYS_EACH });
  const cases = PROJECTS.map((count) => ({ count, applied: [], sent: [], memory: [] }));
  for (let round = 0; round < ROUNDS[pace]; round += 1) {
    for (const each of cases) {
      const groups = projects.slice(0, each.count);
      await atlas.forget();
      const { ms, memory } = await apply({ ...setting, atlas }, groups, `bench ${round} of ${each.count}`);
      const { requests } = await atlas.seen();
      await atlas.forget();
      each.applied.push(ms);
      each.memory.push(memory);
      each.sent.push(await sendAlone(atlas, requests, groups));
    }
  }
  await atlas.end();
  return cases.map((each) => summaries(each, cases[0]));
}

/** In a home of its own, until it has ended well. */
async function apply({ folder, installed, atlas }, groups, name) {
  const home = mkdtempSync(join(folder, 'apply-'));
  const file = join(home, 'keys.json');
  writeFileSync(file, JSON.stringify({ keys: groups.map((groupId) => ({ groupId, name })) }));
  const began = performance.now();
  const child = spawn(process.execPath, [installed.script, 'apply', file], {
    cwd: home,
    // A token that it was given is not revoked when it ends, so that undici alone can send it again.
    env: { PATH: process.env.PATH, HOME: home, TMPDIR: home, ...atlas.environment, ...tokenOf(atlas) },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  let memory = 0;
  const look = setInterval(() => {
    try {
      memory = peakMemory(child.pid) ?? 0;
    } catch {
      // It has ended.
    }
  }, MEMORY_EVERY_MS);
  const [code] = await once(child, 'close');
  clearInterval(look);
  if (code !== 0) throw new Error(`apply ended with ${code}.`);
  return { ms: performance.now() - began, memory };
}

/** The requests of each project in their order, some projects at once. */
async function sendAlone(atlas, requests, groups) {
  const alone = undiciAlone(atlas.baseUrl);
  const patterns = groups.map((groupId) => requests.filter(({ path }) => path.includes(groupId)));
  const left = patterns.values();
  const lane = async () => {
    for (const pattern of left) await alone.send(pattern.map(renamed));
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  const ms = performance.now() - began;
  await alone.end();
  return ms;
}

/** Another name than the key that is there by now. */
function renamed(request) {
  return { ...request, body: request.body?.replace('bench', 'alone') };
}

function summaries({ count, applied, sent, memory }, { count: firstCount, applied: first }) {
  return {
    projects: count,
    keys: count * KEYS_EACH,
    ms: summary(applied),
    aloneMs: summary(sent),
    toAlone: summary(pairwise(applied, sent, ratio)),
    eachToFirst: summary(pairwise(applied, first, (one, other) => one / count / (other / firstCount))),
    memory: summary(memory),
  };
}

export function applyTable(cases) {
  const head = [
    'projects',
    'keys before',
    'apply, ms',
    'undici alone, ms',
    'times',
    'a key, times the first',
    'peak, MB',
  ];
  const rows = cases.map(({ projects, keys, ms, aloneMs, toAlone, eachToFirst, memory }) => [
    projects,
    keys,
    spread(ms),
    spread(aloneMs),
    spread(toAlone, times),
    spread(eachToFirst, times),
    spread(memory, megabytes),
  ]);
  return `### apply, one new key in each project\n\n${table([head, ...rows])}`;
}

function tokenOf({ accessToken }) {
  return { MONGODB_ATLAS_ACCESS_TOKEN: accessToken };
}
