// Composes the whole server and the commands of their parts. A host that only lists the tools does not need it. No logic.

// First: it sets how zod makes schemas.
import './config/schema-issue.ts';
import { rmSync } from 'node:fs';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import type { ApplyCommand } from './apply/apply.ts';
import { deferredAtlas } from './atlas/deferred.ts';
import type { AtlasConnection } from './config/atlas-connection.ts';
import { ConfigError } from './config/config-error.ts';
import type { Config } from './config/config.ts';
import type { Environment } from './config/environment.ts';
import { folderCheck } from './doctor/places.ts';
import { configureMachine } from './files/machine.ts';
import { walk } from './files/path-walk.ts';
import { connect, createServer } from './mcp/server.ts';
import type { HandshakeOptions } from './mcp/handshake.ts';
import { inspectorProblem } from './mcp/hardening.ts';
import type { Serving } from './mcp/stdio.ts';
import { endPrograms } from './programs/child-process.ts';
import { openPages } from './page/pages.ts';
import { createPrompts } from './prompts/prompt-catalog.ts';
import { auditLog } from './keys/journal/audit.ts';
import { openJournal } from './keys/journal/journal.ts';
import type { Log } from './secret/redaction.ts';
import { Secret } from './secret/secret.ts';
import type { Setup } from './setup/setup.ts';
import { openSinks } from './sinks/kinds.ts';
import { createCatalog, refusingCatalog } from './tools/catalog.ts';

interface Start extends HandshakeOptions {
  /** Or why they cannot be used. */
  readonly settings: Config | string;
  readonly log: Log;
}

export async function serve(start: Start, input: Readable, output: Writable): Promise<Serving> {
  const { settings, promptDefinitions } = start;
  const opened = inspectorProblem(typeof settings === 'string' ? undefined : settings.environment.NODE_OPTIONS);
  if (opened !== undefined) throw new ConfigError('inspector', opened);
  if (typeof settings !== 'string') return serveWith(settings, start, input, output);
  const parts = {
    catalog: refusingCatalog(settings),
    prompts: createPrompts(undefined, promptDefinitions),
    audit: () => Promise.resolve(),
  };
  const adapter = createServer({ ...start, ...parts });
  const { closed } = await connect(adapter.server, input, output, start.log);
  return { closed, drain: adapter.drain, endPrograms };
}

async function serveWith(config: Config, start: Start, input: Readable, output: Writable): Promise<Serving> {
  const { log, promptDefinitions } = start;
  configureMachine(config);
  const pages = openPages(config);
  const context = {
    ...config,
    pages,
    atlas: deferredAtlas(() => openAtlas(config)),
    journal: openJournal(config.stateDir),
    sinks: openSinks(config.sinks, config.environment, pages, config.stateDir),
  };
  const catalog = createCatalog(context);
  const prompts = createPrompts(context, promptDefinitions);
  const audit = auditLog(config.stateDir, log);
  const adapter = createServer({ ...start, catalog, prompts, audit });
  const { closed } = await connect(adapter.server, input, output, log);
  for (const { finding } of await folderCheck(config)) log('warning', finding);
  return {
    closed,
    async drain() {
      await adapter.drain();
      await context.atlas.close();
    },
    endPrograms,
  };
}

/**
 * At the end of a process that kept what it made in a folder of its own, where nobody could have put something else in its
 * place. Otherwise the folder stays: the secrets in it are not real.
 */
export function removeTemporary(directory: string): void {
  try {
    const way = walk(directory);
    if (way.ok) rmSync(way.value.directory, { recursive: true, force: true });
  } catch {
    // Nobody reads any more what this process says.
  }
}

/** For people, and loaded only for them. */
export async function doctor(load: () => Promise<Config>, json: boolean): Promise<number> {
  const { runDoctor } = await import('./doctor/doctor.ts');
  const loadTrusting = async () => {
    const config = await load();
    configureMachine(config);
    return config;
  };
  const code = await Promise.race([runDoctor({ load: loadTrusting, openAtlas }, json, process.stdout), stopSignal()]);
  await endPrograms();
  return code;
}

/** How long what `apply` has begun may still run once a person stops it, and the programs of its sinks; in milliseconds. */
const LONGEST_END_MS = 10_000;
const LONGEST_PROGRAM_MS = 8_000;

/** As {@link doctor}. What was begun when a person stops it is finished. */
export async function apply(load: () => Promise<Config>, command: ApplyCommand, version: string): Promise<number> {
  const { runApply } = await import('./apply/apply.ts');
  const stop = new AbortController();
  const loadSafely = async () => {
    const config = await load();
    const opened = inspectorProblem(config.environment.NODE_OPTIONS);
    if (opened !== undefined) throw new ConfigError('inspector', opened);
    configureMachine(config);
    return config;
  };
  const { stdin, stdout, stderr } = process;
  const around = { load: loadSafely, openAtlas, version, stdin, stdout, stderr, signal: stop.signal };
  const running = runApply(command, around);
  const stopped = stopSignal().then(async (code) => {
    stop.abort();
    // A second signal, as a terminal and npm both send one, must not end it before its keys have ended.
    for (const signal of STOPPED_BY) process.on(signal, () => undefined);
    setTimeout(() => void endPrograms(), LONGEST_PROGRAM_MS).unref();
    await Promise.race([running, new Promise((resolve) => setTimeout(resolve, LONGEST_END_MS))]);
    return code;
  });
  // Once it was stopped, that is what the code says.
  const code = await Promise.race([running.then((ended) => (stop.signal.aborted ? stopped : ended)), stopped]);
  await endPrograms();
  return code;
}

/** As {@link doctor}. */
export async function setup(given: Omit<Setup, 'openAtlas' | 'output'>): Promise<number> {
  const { runSetup } = await import('./setup/setup.ts');
  const load = async (environment?: Environment) => {
    const config = await given.load(environment);
    configureMachine(config);
    return config;
  };
  const running = runSetup({ ...given, load, openAtlas, output: process.stdout });
  const code = await Promise.race([running, stopSignal()]);
  await endPrograms();
  return code;
}

const STOPPED_BY = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Resolves with the exit code once a person stops the command: the programs that it started do not get the signal. */
function stopSignal(): Promise<number> {
  return new Promise((resolve) => {
    for (const signal of STOPPED_BY)
      process.once(signal, () => {
        resolve(128 + constants.signals[signal]);
      });
  });
}

/** Loaded with the first call. */
async function openAtlas({ atlas, apiVersion, timeoutMs, endpointHosts }: Config) {
  const { createAtlas } = await import('./atlas/atlas.ts');
  return createAtlas({ endpointHosts, ...(atlas ?? (await startSandbox())), apiVersion, timeoutMs });
}

/** A key of the sandbox works at the sandbox itself, and nowhere else. */
async function startSandbox(): Promise<AtlasConnection & { readonly endpointHosts: readonly string[] }> {
  const sandbox = await import('./sandbox/sandbox.ts');
  const { world } = await sandbox.startSandbox();
  const { clientId, clientSecret } = world.credentials;
  return {
    baseUrl: new URL(world.baseUrl),
    endpointHosts: [new URL(world.baseUrl).hostname],
    credentials: { kind: 'service-account', clientId, clientSecret: new Secret(clientSecret) },
  };
}
