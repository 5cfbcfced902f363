// A simulated Atlas, a state directory and sinks in a folder of their own, for the tests of src/keys. Nothing
// here expects anything.

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createAtlas, type Atlas } from '../../src/atlas/atlas.ts';
import { type RequestContext } from '../../src/keys/request-context.ts';
import { createKey, type CreateRequest } from '../../src/keys/create.ts';
import type { CreateContext } from '../../src/keys/create-and-deliver.ts';
import { serializeIntent, type Intent } from '../../src/keys/journal/intent.ts';
import { openJournal, type Journal } from '../../src/keys/journal/journal.ts';
import { thisProcess, type ProcessOwner } from '../../src/files/process-owner.ts';
import type { Delivered, Planned } from '../../src/keys/sink-choice.ts';
import { reconcile, type ReconcileContext, type Reconciled } from '../../src/keys/reconcile.ts';
import type { Rotated } from '../../src/keys/retire.ts';
import { rotateKey, type RotateContext, type RotateRequest, type RotationPlanned } from '../../src/keys/rotate.ts';
import { ok, type FailureAfterCreate, type KeyState, type Result } from '../../src/failure.ts';
import { FIRST_PROJECT } from '../../src/sandbox/first-project.ts';
import { startSimulator, type Simulator, type SimulatorOptions } from '../atlas-simulator/simulator.ts';
import { disclose } from '../../src/secret/redaction.ts';
import { Secret } from '../../src/secret/secret.ts';
import { openSinks } from '../../src/sinks/kinds.ts';
import type { Sink, PreparedWrite } from '../../src/sinks/sink.ts';

export const GROUP = FIRST_PROJECT;

export interface Bench {
  readonly sandbox: Simulator;
  readonly folder: string;
  /** Of the intents. */
  readonly intentsAt: string;
  readonly journal: Journal;
  /** `file`; `blind`, a program that keeps the secret and cannot show it; `broken`, a program that fails. */
  readonly sinks: ReadonlyMap<string, Sink>;
  /** Another connection to the same Atlas. */
  connect(baseUrl?: string): Atlas;
  context(): CreateContext & RotateContext;
  create(name: string, change?: Partial<CreateRequest>, context?: CreateContext): Promise<Told<Delivered | Planned>>;
  /** Of the key that has this name now. */
  rotate(
    name: string,
    change?: Partial<RotateRequest>,
    context?: RotateContext,
  ): Promise<Told<Rotated | RotationPlanned>>;
  reconcile(apply: boolean, context?: ReconcileContext): Promise<readonly Reconciled[]>;
  intents(): Promise<readonly Intent[]>;
  /** What the file sink holds for a key of that name. */
  held(name: string): string | undefined;
  /** Every secret there ever was here. */
  secrets(): readonly string[];
  close(): Promise<void>;
}

export interface BenchOptions extends SimulatorOptions {
  readonly timeoutMs?: number;
}

/** {@link startBench}, closed when the test has ended. */
export async function benchFor(options?: BenchOptions): Promise<Bench> {
  const bench = await startBench(options);
  onTestFinished(() => bench.close());
  return bench;
}

export async function startBench(options: BenchOptions = {}): Promise<Bench> {
  const sandbox = await startSimulator(options);
  const folder = scratchFolder();
  const journal = openJournal(join(folder, 'state'));
  const sinks = openSinks(
    new Map([
      ['file', { type: 'file', path: join(folder, 'keys', '{entry}') }],
      ['blind', { type: 'command', argv: [program(folder, 'blind', 'cat > "$0.held"')], env: {}, timeoutMs: 20_000 }],
      ['broken', { type: 'command', argv: [program(folder, 'broken', 'exit 3')], env: {}, timeoutMs: 20_000 }],
    ]),
    { PATH: process.env.PATH ?? '' },
  );
  const connections: Atlas[] = [];
  const seen = new Set<string>();
  const connect = (baseUrl = sandbox.baseUrl) => {
    const atlas = atlasAt(baseUrl, sandbox, options.timeoutMs ?? 2_000);
    connections.push(atlas);
    return atlas;
  };
  let atlas: Atlas | undefined;
  const context = (): CreateContext & RotateContext => ({
    atlas: (atlas ??= connect()),
    journal,
    stateDir: join(folder, 'state'),
    sinks,
    defaultSink: 'file',
    maxCreatesPerHour: 10_000,
    confirm: 'if-supported',
  });
  const secrets = () => {
    for (const secret of secretsOf(sandbox)) seen.add(secret);
    return [...seen];
  };
  return {
    sandbox,
    folder,
    intentsAt: join(folder, 'state', 'intents'),
    journal,
    sinks,
    connect,
    context,
    create: async (name, change = {}, given = context()) =>
      told(await createKey(given, { ...requestFor(name), ...change }, quiet())),
    async rotate(name, change = {}, given = context()) {
      const apiKeyId = sandbox.keys(GROUP).find((key) => key.name === name)?.apiKeyId ?? 'none';
      const request = { groupId: GROUP, apiKeyId, confirmName: name, keepOld: false, dryRun: false };
      return told(await rotateKey(given, { ...request, ...change }, quiet()));
    },
    reconcile: (apply, given = context()) => reconciled(given, apply),
    intents: () => intentsOf(journal),
    held(name) {
      const path = join(folder, 'keys', name);
      return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
    },
    secrets,
    async close() {
      // Redaction remembers every secret of this process; hundreds of benches would make it slow.
      for (const secret of secrets()) disclose(secret);
      await Promise.all(connections.map((connection) => connection.close()));
      await sandbox.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function atlasAt(baseUrl: string, { credentials }: Simulator, timeoutMs: number): Atlas {
  const { clientId, clientSecret } = credentials;
  return createAtlas({
    baseUrl: new URL(baseUrl),
    credentials: { kind: 'service-account', clientId, clientSecret: new Secret(clientSecret) },
    apiVersion: 'auto',
    endpointHosts: ['127.0.0.1'],
    timeoutMs,
  });
}

/** The client's secret and what is made of it, the tokens that arrived, and the keys that are alive. */
function secretsOf(sandbox: Simulator): string[] {
  const { credentials, requests } = sandbox;
  const basic = Buffer.from(`${credentials.clientId}:${credentials.clientSecret}`).toString('base64');
  const tokens = requests.flatMap(({ headers }) => /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? []);
  return [credentials.clientSecret, basic, ...tokens, ...sandbox.keys().map(({ secret }) => secret)];
}

/** All that the journal keeps; it must be readable. */
export async function intentsOf(journal: Journal): Promise<readonly Intent[]> {
  const kept = await journal.read();
  if (!kept.ok) throw new Error('The journal cannot be read.');
  return kept.value.intents;
}

export async function reconciliation(context: ReconcileContext, apply: boolean, call: RequestContext = quiet()) {
  const found = await reconcile(context, apply, call);
  if (!found.ok) throw new Error(found.failure.message);
  return found.value;
}

export async function reconciled(context: ReconcileContext, apply: boolean): Promise<readonly Reconciled[]> {
  return (await reconciliation(context, apply)).creates;
}

/** What a use case comes to, as its tool tells it: what a failure leaves out of the key, the tool fills in. */
export type Told<T> = T | { readonly outcome: 'failed'; readonly failure: FailureAfterCreate };

export function told<T>(result: Result<T>, keyStateOfRefusal: KeyState = 'not_created'): Told<T> {
  if (result.ok) return result.value;
  return { outcome: 'failed', failure: { keyState: keyStateOfRefusal, ...result.failure } };
}

export function requestFor(name: string): CreateRequest {
  return { groupId: GROUP, name, cloud: 'ANY', geography: 'ANY', dryRun: false };
}

export function quiet(): RequestContext {
  return { signal: new AbortController().signal, progress: () => undefined };
}

/** A folder that only this user can read, which the caller removes. */
export function scratchFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'amk-keys-')));
  chmodSync(folder, 0o700);
  mkdirSync(join(folder, 'keys'), { mode: 0o700 });
  return folder;
}

/** A sink whose program is told the entry only, and one whose program is told the project too. */
export function sinksByEntry(folder: string) {
  const spec = (...rest: string[]) => ({
    type: 'command' as const,
    argv: [program(folder, 'store', 'cat > "$0.$1.$2"'), ...rest] as [string, ...string[]],
    env: {},
    timeoutMs: 20_000,
  });
  const kinds = new Map([
    ['one', spec('{entry}')],
    ['each', spec('{entry}', '{groupId}')],
  ]);
  return openSinks(kinds, { PATH: process.env.PATH ?? '' });
}

/** A shell script, and its path. */
export function program(folder: string, name: string, body: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o700);
  return path;
}

/** The sink, with another way of doing one thing. */
export function behaving(sink: Sink, change: (target: PreparedWrite) => Partial<PreparedWrite>): Sink {
  return {
    ...sink,
    async preflight(address, mode, replaced) {
      const found = await sink.preflight(address, mode, replaced);
      return found.ok ? ok({ write: { ...found.value.write, ...change(found.value.write) } }) : found;
    },
  };
}

/** A process of this machine and boot that is certainly gone. */
export function deadProcess(): ProcessOwner {
  dead ??= { ...thisProcess(), pid: spawnSync(process.execPath, ['--version']).pid };
  return dead;
}

let dead: ProcessOwner | undefined;

/** Writes an intent as this program would, behind the journal's back. */
export function plant({ intentsAt }: Pick<Bench, 'intentsAt'>, intent: Intent): void {
  mkdirSync(intentsAt, { recursive: true, mode: 0o700 });
  writeFileSync(join(intentsAt, `${intent.nonce}.jsonl`), `${serializeIntent(intent)}\n`, { mode: 0o600 });
}

/** The text of every file in a folder and below. */
export function filesIn(folder: string): ReadonlyMap<string, string> {
  if (!existsSync(folder)) return new Map();
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    entries.map(({ parentPath, name }) => [join(parentPath, name), readFileSync(join(parentPath, name), 'utf8')]),
  );
}

/** Runs the actions, so many of them at a time. */
export async function inParallel<T>(items: readonly T[], lanes: number, action: (item: T) => Promise<void>) {
  const rest = [...items];
  const lane = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await action(item);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
