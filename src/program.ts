// Composes the whole server, the doctor and the setup of their parts. A host that only lists the tools does not need it. No logic.

import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { deferredAtlas } from './atlas/deferred.ts';
import type { AtlasConnection } from './config/atlas-connection.ts';
import { ConfigError } from './config/config-error.ts';
import type { Config } from './config/config.ts';
import type { Environment } from './config/environment.ts';
import { folderCheck } from './doctor/places.ts';
import { configureMachine } from './files/machine.ts';
import { connect, createServer } from './mcp/server.ts';
import type { HandshakeOptions } from './mcp/handshake.ts';
import { inspectorProblem } from './mcp/hardening.ts';
import type { Serving } from './mcp/stdio.ts';
import { endPrograms } from './programs/child-process.ts';
import { createPrompts } from './prompts/prompt-catalog.ts';
import { auditLog } from './keys/journal/audit.ts';
import { openJournal } from './keys/journal/journal.ts';
import type { Log } from './secret/redacted-output.ts';
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
  const context = {
    ...config,
    atlas: deferredAtlas(() => openAtlas(config)),
    journal: openJournal(config.stateDir),
    sinks: openSinks(config.sinks, config.environment),
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

/** Resolves with the exit code once a person stops the command: the programs that it started do not get the signal. */
function stopSignal(): Promise<number> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => {
        resolve(128 + constants.signals[signal]);
      });
  });
}

/** Loaded with the first call. */
async function openAtlas({ atlas, apiVersion, timeoutMs }: Config) {
  const { createAtlas } = await import('./atlas/atlas.ts');
  return createAtlas({ ...(atlas ?? (await startSandbox())), apiVersion, timeoutMs });
}

async function startSandbox(): Promise<AtlasConnection> {
  const sandbox = await import('./sandbox/sandbox.ts');
  const { world } = await sandbox.startSandbox();
  const { clientId, clientSecret } = world.credentials;
  return {
    baseUrl: new URL(world.baseUrl),
    credentials: { kind: 'service-account', clientId, clientSecret: new Secret(clientSecret) },
  };
}
