// Three machines that share nothing but Atlas create, rotate and reconcile the same names at once, while replies are lost on
// their way there and back, creates are carried out late, lists lag, servers are killed wherever they wait, and people rename,
// use and delete keys. Whatever the order, once everything has settled: every key without a mark that was made here has its
// secret in its sink, or somebody was told of it; every key that was reported delivered lives, unless it was rotated or a
// person deleted it; and no machine changed a key that was not its own.

import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createAtlas, type Atlas } from '../../src/atlas/atlas.ts';
import { createKey } from '../../src/keys/create.ts';
import { rotateKey } from '../../src/keys/rotate.ts';
import { reconcile } from '../../src/keys/reconcile.ts';
import { type LiveKey } from '../../src/sandbox/model-keys.ts';
import { startSimulator, type Simulator } from '../atlas-simulator/simulator.ts';
import { disclose } from '../../src/secret/redaction.ts';
import { Secret } from '../../src/secret/secret.ts';
import { GROUP, quiet, requestFor, told } from './bench.ts';
import { openMachine, startServer, type Machine, type Observer, type Server, type Stop } from './machines.ts';

const LANES = 16;
const RUNS_A_LANE = 2;
const STEPS = 500;
const MOST_STOPS = 8;
const NAMES = ['one', 'two', 'three', 'four', 'five'];
const MARK = /-undelivered-([0-9a-f]{12})$/;

/** @throws where there is nothing to pick from */
function pick<T>(from: readonly T[], which: number): T {
  const picked = from[which % Math.max(from.length, 1)];
  if (picked === undefined) throw new Error('There is nothing to pick from.');
  return picked;
}

type Choice = readonly [what: number, which: number];

class World {
  readonly machines = [openMachine(), openMachine(), openMachine()];
  /** By id: the name under which a key was made, and the secret that it has. */
  readonly born = new Map<string, Pick<LiveKey, 'name' | 'secret'>>();
  /** Keys of which somebody was told, and those that people changed. */
  readonly told = new Set<string>();
  readonly people = new Set<string>();
  readonly delivered = new Set<string>();
  readonly wrong: string[] = [];
  private readonly servers = new Map<Machine, Server>();
  private readonly late: (() => Promise<unknown>)[] = [];
  private readonly running = new Set<Promise<unknown>>();
  private stops: Stop[] = [];
  private wantsLate = false;
  private isCalm = false;
  readonly sandbox: Simulator;
  private readonly atlas: Atlas;
  private readonly observer: Observer = {
    stopped: (stop) => {
      if (this.isCalm) stop.release('go');
      else this.stops.push(stop);
    },
    changing: (machine, what, apiKeyId) => {
      this.judgeChange(machine, what, apiKeyId);
    },
    late: (act) => {
      if (this.isCalm || !this.wantsLate) return false;
      this.wantsLate = false;
      this.late.push(act);
      return true;
    },
  };

  constructor(sandbox: Simulator) {
    this.sandbox = sandbox;
    this.atlas = createAtlas({
      baseUrl: new URL(sandbox.baseUrl),
      credentials: { kind: 'token', token: new Secret(sandbox.credentials.accessToken) },
      apiVersion: 'auto',
      timeoutMs: 10_000,
    });
  }

  /** Only a key that carries a nonce of this machine is renamed; deleted also one whose rotation was asked for here. */
  private judgeChange(machine: Machine, what: string, apiKeyId: string): void {
    this.note();
    const key = this.sandbox.keys(GROUP).find((each) => each.apiKeyId === apiKeyId);
    if (!key) return;
    const isOwn = machine.nonces.has(MARK.exec(this.born.get(apiKeyId)?.name ?? '')?.[1] ?? '');
    const isAsked = what === 'delete' && machine.rotated.has(apiKeyId);
    if (!isOwn && !isAsked) this.wrong.push(`${what} of ${apiKeyId} (${key.name}), which is not its own`);
    // What a person does between a look at a key and its deletion nobody can see.
    if (isAsked || this.people.has(apiKeyId)) return;
    if (what === 'delete' && !MARK.test(key.name)) this.wrong.push(`the committed key ${apiKeyId} was deleted`);
    if (what === 'delete' && key.lastUsedAt !== null) this.wrong.push(`the used key ${apiKeyId} was deleted`);
  }

  private note(): void {
    for (const { apiKeyId, name, secret } of this.sandbox.keys(GROUP))
      if (!this.born.has(apiKeyId)) this.born.set(apiKeyId, { name, secret });
  }

  private server(machine: Machine): Server {
    const server = this.servers.get(machine) ?? startServer(machine, this.atlas, this.observer);
    this.servers.set(machine, server);
    return server;
  }

  private run(machine: Machine, act: (server: Server) => Promise<unknown>): void {
    if (this.stops.length >= MOST_STOPS) return;
    const call = act(this.server(machine)).then(
      (outcome) => {
        this.hear(outcome);
      },
      (error: unknown) => {
        this.wrong.push(`a call threw ${String(error)}`);
      },
    );
    this.running.add(call);
    void call.finally(() => this.running.delete(call));
  }

  /** Whoever is told an id in a result can look after that key. */
  private hear(outcome: unknown): void {
    this.note();
    const text = JSON.stringify(outcome);
    for (const id of this.born.keys()) if (text.includes(id)) this.told.add(id);
    if (typeof outcome !== 'object' || outcome === null || !('key' in outcome)) return;
    const { key } = outcome;
    if (typeof key === 'object' && key !== null && 'apiKeyId' in key) this.delivered.add(String(key.apiKeyId));
  }

  create(which: number): void {
    const machine = pick(this.machines, which);
    const name = pick(NAMES, which >> 2);
    this.run(machine, async ({ context }) =>
      told(await createKey(context, { ...requestFor(name), entry: `place-${(which >> 4) % 6}` }, quiet())),
    );
  }

  rotate(which: number): void {
    const keys = this.sandbox.keys(GROUP).filter(({ name }) => !MARK.test(name));
    if (keys.length === 0) return;
    const { apiKeyId, name, secret } = pick(keys, which >> 2);
    const machine = this.machines.find((each) => [...held(each).values()].includes(secret));
    const entry = machine && [...held(machine)].find(([, value]) => value === secret)?.[0];
    if (!machine || entry === undefined) return;
    machine.rotated.add(apiKeyId);
    const request = { groupId: GROUP, apiKeyId, confirmName: name, entry, keepOld: false, dryRun: false };
    this.run(machine, async ({ context }) => told(await rotateKey(context, request, quiet())));
  }

  reconcile(which: number): void {
    this.run(pick(this.machines, which), ({ context }) => reconcile(context, true, quiet()));
  }

  person(which: number): void {
    const keys = this.sandbox.keys(GROUP);
    if (keys.length === 0) return;
    const { apiKeyId, secret, lastUsedAt } = pick(keys, which >> 2);
    this.note();
    if (which % 4 === 0) this.sandbox.removeKey(apiKeyId);
    if (which % 4 === 1) this.sandbox.renameKey(apiKeyId, `person-${which}`);
    if (which % 4 < 2) this.people.add(apiKeyId);
    const isHeld = this.machines.some((machine) => [...held(machine).values()].includes(secret));
    if (which % 4 >= 2 && isHeld && lastUsedAt === null) this.sandbox.markUsed(apiKeyId);
  }

  async kill(which: number): Promise<void> {
    const machine = pick(this.machines, which);
    const server = this.servers.get(machine);
    this.servers.delete(machine);
    this.stops = this.stops.filter((stop) => stop.server !== server);
    await server?.kill();
  }

  letGo(which: number, isLost: boolean, isLate: boolean): void {
    if (this.stops.length === 0) return;
    const stop = pick(this.stops, which);
    this.stops = this.stops.filter((each) => each !== stop);
    if (isLate && stop.at === 'create before') this.wantsLate = true;
    stop.release(isLost && stop.isLosable ? 'lose' : 'go');
  }

  async commitLate(): Promise<void> {
    await this.late.shift()?.();
  }

  /** Everything ends, and every machine is reconciled by a server that lives. */
  async settle(): Promise<void> {
    this.isCalm = true;
    this.sandbox.setListLag(0);
    for (const stop of this.stops.splice(0)) stop.release('go');
    while (this.running.size > 0 && this.servers.size > 0 && (await this.ended())) await delay(5);
    for (const machine of this.machines) await this.kill(this.machines.indexOf(machine));
    for (const act of this.late.splice(0)) await act();
    for (let round = 0; round < 2; round += 1)
      for (const machine of this.machines) this.hear(await reconcile(this.server(machine).context, true, quiet()));
  }

  /** Whether a call of a server that lives is still under way; those of killed ones never end. */
  private async ended(): Promise<boolean> {
    const before = this.running.size;
    await delay(2_500);
    return this.running.size < before;
  }

  judge(): readonly string[] {
    this.note();
    const secrets = new Set(this.machines.flatMap((machine) => [...held(machine).values()]));
    for (const { apiKeyId, name, secret } of this.sandbox.keys(GROUP)) {
      if (this.people.has(apiKeyId)) continue;
      const isMarked = MARK.test(name);
      const isTold = this.told.has(apiKeyId);
      if (!isMarked && !secrets.has(secret) && !isTold)
        this.wrong.push(`${apiKeyId} (${name}) is lost, and nobody told`);
      if (isMarked && secrets.has(secret) && !isTold) this.wrong.push(`${apiKeyId} (${name}) is held, marked, untold`);
    }
    const live = new Set(this.sandbox.keys(GROUP).map(({ apiKeyId }) => apiKeyId));
    const rotated = new Set(this.machines.flatMap((machine) => [...machine.rotated]));
    for (const id of this.delivered)
      if (!live.has(id) && !rotated.has(id) && !this.people.has(id)) this.wrong.push(`the delivered ${id} is dead`);
    for (const machine of this.machines)
      for (const [place, secret] of held(machine)) {
        const dead = [...this.born].find(([id, key]) => key.secret === secret && !live.has(id))?.[0];
        if (dead !== undefined && !this.people.has(dead))
          this.wrong.push(`${place} holds the secret of the dead ${dead}`);
      }
    return this.wrong;
  }

  async close(): Promise<void> {
    for (const server of this.servers.values()) await server.kill();
    for (const { secret } of this.born.values()) disclose(secret);
    await this.atlas.close();
    await this.sandbox.close();
    for (const { folder } of this.machines) rmSync(folder, { recursive: true, force: true });
  }
}

/** What the sink of a machine holds, by place. */
function held({ folder }: Machine): ReadonlyMap<string, string> {
  const places = join(folder, 'keys');
  const names = existsSync(places) ? readdirSync(places).filter((name) => name.startsWith('place-')) : [];
  return new Map(names.map((name) => [name, readFileSync(join(places, name), 'utf8')]));
}

async function step(world: World, [what, which]: Choice): Promise<void> {
  if (what < 70) world.create(which);
  else if (what < 110) world.rotate(which);
  else if (what < 140) world.reconcile(which);
  else if (what < 165) world.person(which);
  else if (what < 175) await world.kill(which);
  else if (what < 190) await world.commitLate();
  else if (what < 200) world.sandbox.setListLag(which % 3);
  else world.letGo(which, what >= 960, what >= 900);
  await delay(1);
}

/** Each lane tries other values. */
const SEED = fc.readConfigureGlobal().seed ?? 0;
const choices = fc.array(fc.tuple(fc.nat({ max: 1000 }), fc.nat({ max: 1 << 16 })), {
  minLength: STEPS,
  maxLength: STEPS,
});
const unique = fc.constantFrom('never' as const, 'at_rename' as const, 'always' as const);

describe.skipIf(process.platform !== 'linux').concurrent('many machines', () => {
  test.each(Array.from({ length: LANES }, (_unused, lane) => lane))(
    `${STEPS} steps, ${RUNS_A_LANE} times (lane %i)`,
    { timeout: 240_000 },
    async (lane) => {
      // Of a failure the seed and the path are in the message.
      await fc.assert(
        fc.asyncProperty(unique, choices, async (uniqueNames, history) => {
          const world = new World(await startSimulator({ uniqueNames }));
          try {
            for (const choice of history) await step(world, choice);
            await world.settle();
            expect(world.judge()).toEqual([]);
          } finally {
            await world.close();
          }
        }),
        {
          seed: SEED + lane,
          numRuns: RUNS_A_LANE,
          interruptAfterTimeLimit: 200_000,
          endOnFailure: process.env.CI !== undefined,
        },
      );
    },
  );
});
