// A simulated Atlas, a home and one sink of each kind for servers that are killed, cancelled or many at once; and the
// comparison of what is alive at Atlas with what the sinks hold, what the journal knows and what was said.

import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, vi } from 'vitest';
import * as z from 'zod/v4';
import { type LiveKey } from '../../src/sandbox/model-keys.ts';
import { startSimulator } from '../atlas-simulator/simulator.ts';
import { leaksIn } from '../canary.ts';
import { filesBelow, startHost, temporaryHome, type Host, type Until } from './host.ts';

export const GROUP = '69681d39c9e8cfd375386316';
export const CREATE = 'create_ai_model_api_key';
export const RECONCILE = 'reconcile_ai_model_api_keys';
export const SINKS = ['file', 'env', 'vault'] as const;

/** Where the program of the sink `vault` waits until it is let go. */
export type Stage = 'preflight' | 'before' | 'read' | 'stored' | 'verify';

export type Scene = Awaited<ReturnType<typeof openScene>>;

const found = z.object({
  name: z.string(),
  finding: z.enum(['under_way', 'delivered', 'orphan', 'deleted', 'gone', 'unknown']),
  apiKeyIds: z.array(z.string()),
  advice: z.string(),
});
const reconciled = z.object({ outcome: z.literal('reconciled'), creates: z.array(found) });

export type Found = z.output<typeof found>;

const SLOWNESS = [
  { operation: 'list_keys', when: 'before' },
  { operation: 'create_key', when: 'before' },
  { operation: 'create_key', when: 'after' },
] as const;

interface SceneSettings {
  /** Of the file sinks, where they are not in a folder of the home. */
  readonly place?: string;
  readonly until?: Until;
}

export async function openScene({ place, until = onTestFinished }: SceneSettings = {}) {
  const sandbox = await startSimulator();
  until(() => sandbox.close());
  const home = temporaryHome(until);
  const folder = place ?? join(home, 'sink');
  const stateDir = join(home, '.local/state/atlas-model-keys');
  const program = vaultIn(home, until);
  if (place === undefined) mkdirSync(folder, { mode: 0o700 });
  const { clientId, clientSecret } = sandbox.credentials;
  const env = {
    MONGODB_ATLAS_BASE_URL: sandbox.baseUrl,
    MONGODB_ATLAS_CLIENT_ID: clientId,
    MONGODB_ATLAS_CLIENT_SECRET: clientSecret,
    ATLAS_MODEL_KEYS_MAX_CREATES_PER_HOUR: '10000',
    ATLAS_MODEL_KEYS_SINKS: JSON.stringify({
      file: `file:${folder}/{entry}.key`,
      env: `dotenv:${folder}/.env#{entry}`,
      vault: {
        type: 'command',
        argv: [program.path, 'store', '{entry}'],
        verify: [program.path, 'print', '{entry}'],
        absent: [1],
        timeoutMs: 60_000,
      },
    }),
  };
  return {
    sandbox,
    home,
    env,
    folder,
    stateDir,
    program,
    start: (more: Readonly<Record<string, string>> = {}): Promise<Host> =>
      startHost({ home, env: { ...env, ...more }, until }),
    /** A moment for each exchange, so that a random one is hit. */
    slowDown: () => {
      for (const fault of SLOWNESS) sandbox.inject({ ...fault, kind: 'delay', ms: 20, times: 1000 });
    },
    /** Waits for a request of that kind to have arrived, and to have been carried out where that is asked for. */
    arrived: (wanted: string, carriedOut = false) =>
      vi.waitUntil(
        () => sandbox.requests.some((request) => request.operation === wanted && (!carriedOut || request.carriedOut)),
        { timeout: 10_000, interval: 5 },
      ),
    /** What stands in the sinks, except files that a killed process left unfinished. */
    held: () =>
      [...filesBelow(folder), ...filesBelow(program.vault)].filter(([path]) => !/\.tmp(?:\.\w+)?$/.test(path)),
  };
}

/** A program that keeps and prints secrets, and can be made to wait or to fail. */
function vaultIn(home: string, until: Until) {
  const root = join(home, 'vault');
  const at = (name: string) => join(root, name);
  mkdirSync(at('held'), { recursive: true, mode: 0o700 });
  writeFileSync(at('program'), PROGRAM.replace('ROOT', root));
  chmodSync(at('program'), 0o700);
  let stalled: number | undefined;
  const release = () => {
    rmSync(at('stall'), { force: true });
    writeFileSync(at('go'), '');
  };
  until(release);
  return {
    path: at('program'),
    vault: at('held'),
    stallAt: (stage: Stage) => {
      writeFileSync(at('stall'), stage);
    },
    failFromNow: () => {
      writeFileSync(at('fail'), '');
    },
    stalled: async () => {
      await vi.waitUntil(() => existsSync(at('at')), { timeout: 10_000, interval: 5 });
      stalled = Number(readFileSync(at('at'), 'utf8'));
    },
    release,
    /** The waiting program and whatever it started, if there is one. */
    kill: () => {
      rmSync(at('stall'), { force: true });
      // The shell that pipes the secret to it leads its group.
      if (stalled !== undefined && stalled > 1) process.kill(-groupOf(stalled), 'SIGKILL');
    },
  };
}

function groupOf(pid: number): number {
  return Number(execFileSync('ps', ['-o', 'pgid=', '-p', String(pid)], { encoding: 'utf8' }));
}

const PROGRAM = `#!/bin/sh
F='ROOT'
umask 077
stall() {
  [ "$(cat "$F/stall" 2>/dev/null)" = "$1" ] || return 0
  echo $$ > "$F/at.new"; mv "$F/at.new" "$F/at"
  until [ -e "$F/go" ]; do sleep 0.05; done
}
case $1 in
  store) stall before; secret=$(cat); stall read
    [ -e "$F/fail" ] && exit 3
    [ -n "$secret" ] || exit 4
    printf %s "$secret" > "$F/held/$2"; stall stored; exit 0;;
  print) [ -e "$F/held/$2" ] || { stall preflight; exit 1; }
    stall verify; cat "$F/held/$2";;
esac
`;

export function holds(scene: Scene, { secret }: LiveKey): boolean {
  return scene.held().some(([, content]) => content.includes(secret));
}

export async function reconcileBy(host: Host, apply = false): Promise<Found[]> {
  return reconciled.parse((await host.call(RECONCILE, { apply })).structuredContent).creates;
}

const kept = z.object({
  intent: z.object({
    name: z.string(),
    nonce: z.string(),
    replaces: z.object({ apiKeyId: z.string() }).optional(),
    state: z.looseObject({ step: z.string(), apiKeyId: z.string().optional() }),
  }),
});

interface Unfinished {
  readonly name: string;
  /** In the name of its key, until that is delivered. */
  readonly nonce: string;
  /** Where the journal knows it. */
  readonly apiKeyId: string | undefined;
  /** The id of the key that this one replaces. */
  readonly replaces: string | undefined;
}

/** Each intent that has not ended. */
export function unfinishedIn({ stateDir }: Scene): Unfinished[] {
  const intents = join(stateDir, 'intents');
  if (!existsSync(intents)) return [];
  return readdirSync(intents)
    .filter((file) => /^[0-9a-f]{12}\.jsonl$/.test(file))
    .map((file) => readFileSync(join(intents, file), 'utf8').split('\n').slice(0, -1))
    .map((lines) => lines.findLast((line) => line.includes('"intent"')) ?? '')
    .map((lastStep) => kept.parse(JSON.parse(lastStep)).intent)
    .filter(({ state }) => state.step !== 'ended')
    .map(({ name, nonce, replaces, state }) => ({
      name,
      nonce,
      apiKeyId: state.apiKeyId,
      replaces: replaces?.apiKeyId,
    }));
}

/** The live keys that are in no sink, and of which neither the journal nor an answer knows. There must be none. */
export function forgotten(scene: Scene, reported: readonly (string | undefined)[] = []): string[] {
  const unfinished = unfinishedIn(scene);
  return scene.sandbox
    .keys()
    .filter((key) => !holds(scene, key) && !reported.includes(key.apiKeyId))
    .filter((key) => unfinished.every(({ replaces }) => replaces !== key.apiKeyId))
    .filter((key) => unfinished.every(({ nonce, apiKeyId }) => apiKeyId !== key.apiKeyId && !key.name.endsWith(nonce)))
    .map(({ name }) => name);
}

/** The name that a key has, or is to have once it is delivered. */
function finalName({ name }: Pick<LiveKey, 'name'>): string {
  return name.replace(/-undelivered-[0-9a-f]{12}$/, '');
}

/** Fails unless everything that a reconciliation said is so, right after it was said. */
export function expectTrue(scene: Scene, findings: readonly Found[]): void {
  for (const { name, finding, apiKeyIds } of findings) {
    const live = scene.sandbox.keys().filter((key) => finalName(key) === name);
    const named = live.filter(({ apiKeyId }) => apiKeyIds.includes(apiKeyId));
    const state = { name, finding, live: named.length, held: named.map((key) => holds(scene, key)) };
    // A key that takes another's place may have that one's name by now, and the other be alive.
    const told = scene.sandbox.keys().filter(({ apiKeyId }) => apiKeyIds.includes(apiKeyId));
    if (finding === 'delivered') expect(told.filter((key) => holds(scene, key))).toHaveLength(1);
    if (finding === 'orphan') expect(state).toEqual({ name, finding, live: 1, held: [false] });
    const isMarked = (key: LiveKey) => key.name !== name;
    if (finding === 'deleted' || finding === 'gone') expect(live.filter(isMarked)).toEqual([]);
    if (finding === 'unknown') expect(named).toHaveLength(apiKeyIds.length);
  }
}

/** Fails if a piece of a secret is in a file below the home but in the sinks: journal, audit log, leftovers. */
export function expectNoLeaks({ sandbox, home, folder, program }: Scene): void {
  const secrets = ['al-sandbox-', sandbox.credentials.clientSecret, ...sandbox.keys().map(({ secret }) => secret)];
  const elsewhere = [...filesBelow(home)].filter(
    ([path]) => !path.startsWith(`${folder}/`) && !path.startsWith(`${program.vault}/`),
  );
  expect(elsewhere.filter(([, content]) => leaksIn(content, secrets).length > 0).map(([path]) => path)).toEqual([]);
}

/** How long a first create takes here, in milliseconds. */
export async function durationOfCreate(scene: Scene): Promise<number> {
  const host = await scene.start();
  const started = performance.now();
  const called = await host.call(CREATE, { groupId: GROUP, name: 'measured', sink: 'file' });
  expect(called.structuredContent).toMatchObject({ outcome: 'delivered' });
  host.endInput();
  await host.ended;
  return performance.now() - started;
}

/** Runs the tasks, so many at once. */
export async function inLanes(lanes: number, tasks: readonly (() => Promise<void>)[]): Promise<void> {
  const left = tasks.values();
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (const task of left) await task();
    }),
  );
}

export function randomPause(longest: number): Promise<void> {
  return delay(Math.random() * longest);
}
