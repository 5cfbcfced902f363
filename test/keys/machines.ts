// Machines that share nothing but Atlas, with servers on them that can be killed wherever they wait. Every call of a server
// to Atlas, to its journal and to its sinks stops before it, and those to Atlas after it too, until the schedule lets it go on, loses it, or has
// killed the server.

import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Atlas } from '../../src/atlas/atlas.ts';
import { ok, type Failure } from '../../src/failure.ts';
import { thisProcess, type ProcessOwner } from '../../src/files/process-owner.ts';
import { openJournal, type Journal, type OpenIntent } from '../../src/keys/journal/journal.ts';
import type { CreateContext } from '../../src/keys/create-and-deliver.ts';
import type { RotateContext } from '../../src/keys/rotate.ts';
import { openSinks } from '../../src/sinks/kinds.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { scratchFolder } from './bench.ts';

/** What becomes of a call that has stopped. */
type Fate = 'go' | 'lose';

/** A call that waits for the schedule. */
export interface Stop {
  readonly server: Server;
  readonly at: string;
  /** Whether its reply can be lost, or the request: only what goes to Atlas. */
  readonly isLosable: boolean;
  readonly release: (fate: Fate) => void;
}

export interface Server {
  readonly machine: Machine;
  readonly context: CreateContext & RotateContext;
  /** It does nothing more; whoever looks finds its process gone. */
  kill(): Promise<void>;
}

export interface Machine {
  readonly folder: string;
  /** Of every call that was begun here. */
  readonly nonces: Set<string>;
  /** Keys whose rotation was asked for here. */
  readonly rotated: Set<string>;
}

/** What the schedule sees of the servers. */
export interface Observer {
  stopped(stop: Stop): void;
  /** Just before a server changes a key. */
  changing(machine: Machine, what: 'rename' | 'delete', apiKeyId: string): void;
  /** A create is answered now, and carried out whenever the schedule wants. */
  late(act: () => Promise<unknown>): boolean;
}

export function openMachine(): Machine {
  return { folder: scratchFolder(), nonces: new Set(), rotated: new Set() };
}

export function startServer(machine: Machine, atlas: Atlas, observer: Observer): Server {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  const state = { isDead: false };
  const server: Server = {
    machine,
    context: contextOf(machine, watched(machine, atlas, observer), ownerOf(child), (...given) => halt(...given)),
    async kill() {
      state.isDead = true;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    },
  };
  const halt: Halt = (at, isLosable) =>
    new Promise<Fate>((resolve) => {
      if (state.isDead) return;
      observer.stopped({
        server,
        at,
        isLosable,
        release: (fate) => {
          if (!state.isDead) resolve(fate);
        },
      });
    });
  return server;
}

function ownerOf({ pid = 0 }: ChildProcess): ProcessOwner {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return { ...thisProcess(), pid, startTicks: fields[19] ?? '' };
}

type Halt = (at: string, isLosable: boolean) => Promise<Fate>;

function contextOf(machine: Machine, atlas: Atlas, owner: ProcessOwner, halt: Halt): CreateContext & RotateContext {
  const spec = { type: 'file', path: join(machine.folder, 'keys', '{entry}') } as const;
  const sinks = [...openSinks(new Map([['file', spec]]), { PATH: process.env.PATH ?? '' })];
  return {
    atlas: losing(atlas, halt),
    journal: halting(machine, openJournal(join(machine.folder, 'state'), owner), halt),
    stateDir: join(machine.folder, 'state'),
    sinks: new Map(sinks.map(([name, sink]) => [name, haltingSink(sink, halt)])),
    defaultSink: 'file',
    maxCreatesPerHour: 100_000,
    confirm: 'if-supported',
  };
}

const LOST: Failure = {
  code: 'ATLAS_UNAVAILABLE',
  message: 'Lost.',
  hint: 'Again.',
  retryable: true,
  maybeCarriedOut: true,
};

/** Each call may be lost on its way there or back. */
function losing(atlas: Atlas, halt: Halt): Atlas {
  const lost = { ok: false, failure: LOST } as const;
  const through = async <T>(at: string, call: () => Promise<T>): Promise<T | typeof lost> => {
    if ((await halt(`${at} before`, true)) === 'lose') return lost;
    const reply = await call();
    return (await halt(`${at} after`, true)) === 'lose' ? lost : reply;
  };
  return {
    ...atlas,
    listKeys: (...given) => through('list', () => atlas.listKeys(...given)),
    getKey: (...given) => through('get', () => atlas.getKey(...given)),
    createKey: (...given) => through('create', () => atlas.createKey(...given)),
    renameKey: (...given) => through('rename', () => atlas.renameKey(...given)),
    deleteKey: (...given) => through('delete', () => atlas.deleteKey(...given)),
  };
}

function watched(machine: Machine, atlas: Atlas, observer: Observer): Atlas {
  return {
    ...atlas,
    async createKey(...given) {
      if (observer.late(() => atlas.createKey(...given))) return { ok: false, failure: LOST };
      return atlas.createKey(...given);
    },
    renameKey(groupId, apiKeyId, name) {
      observer.changing(machine, 'rename', apiKeyId);
      return atlas.renameKey(groupId, apiKeyId, name);
    },
    deleteKey(groupId, apiKeyId) {
      observer.changing(machine, 'delete', apiKeyId);
      return atlas.deleteKey(groupId, apiKeyId);
    },
  };
}

function halting(machine: Machine, journal: Journal, halt: Halt): Journal {
  const through = async <T>(at: string, call: () => Promise<T>): Promise<T> => {
    await halt(at, false);
    return call();
  };
  const haltingIntent = (intent: OpenIntent): OpenIntent => ({
    ...intent,
    record: (state) => through(`record ${state.step}`, () => intent.record(state)),
    release: (state) => through(`release ${state.step}`, () => intent.release(state)),
  });
  return {
    read: () => journal.read(),
    async open(plan, limits) {
      const opened = await through('open', () => {
        machine.nonces.add(plan.nonce);
        return journal.open(plan, limits);
      });
      return opened.ok ? ok(haltingIntent(opened.value)) : opened;
    },
    async claim(nonce) {
      const claimed = await through('claim', () => journal.claim(nonce));
      return claimed && haltingIntent(claimed);
    },
  };
}

function haltingSink(sink: Sink, halt: Halt): Sink {
  return {
    ...sink,
    async preflight(...given) {
      const found = await sink.preflight(...given);
      if (!found.ok) return found;
      const { write: target } = found.value;
      return ok({
        write: {
          ...target,
          async deliver(secret) {
            await halt('deliver', false);
            return target.deliver(secret);
          },
          async retract() {
            await halt('retract', false);
            return target.retract();
          },
        },
      });
    },
  };
}
