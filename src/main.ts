#!/usr/bin/env node
// Composes the server from its parts and starts it. No logic.

import { deferredAtlas } from './atlas/deferred.ts';
import { parseCommandLine, type CommandLine } from './config/command-line.ts';
import { ConfigError } from './config/config-error.ts';
import { type AtlasConnection } from './config/atlas-connection.ts';
import { loadConfig, type Config } from './config/config.ts';
import { helpText } from './config/help-text.ts';
import { type CallRecord } from './mcp/call-record.ts';
import { closeSideDoors } from './mcp/hardening.ts';
import { instructions } from './mcp/instructions.ts';
import { createServer } from './mcp/server.ts';
import { serveStdio } from './mcp/stdio.ts';
import { VERSION } from './mcp/version.ts';
import { appendAudit } from './provisioning/journal/audit.ts';
import { createPrompts } from './prompts/prompt-catalog.ts';
import { openJournal } from './provisioning/journal/journal.ts';
import { createLog } from './secret/way-out.ts';
import { FIRST_PROJECT } from './sandbox/first-project.ts';
import { Secret } from './secret/secret.ts';
import { openSinks } from './sinks/open-sinks.ts';
import { createCatalog } from './tools/catalog.ts';

async function main(argv: readonly string[]): Promise<number> {
  const commandLine = parseCommandLine(argv);
  if (commandLine.help || commandLine.version) {
    process.stdout.write(commandLine.help ? helpText() : `${VERSION}\n`);
    return 0;
  }
  if (commandLine.doctor) return doctor(commandLine);
  const config = loadConfig(commandLine);
  const log = createLog(process.stderr, config.logLevel);
  const uncaught = closeSideDoors(log);
  const context = contextOf(config);
  const catalog = createCatalog(context);
  const offered = catalog.offered.map(({ name }) => name);
  const audit = async (record: CallRecord) => {
    if (!(await appendAudit(config.stateDir, record)))
      log('error', 'the audit log cannot be written (ATLAS_MODEL_KEYS_STATE_DIR)');
  };
  const server = createServer({
    version: VERSION,
    catalog,
    prompts: createPrompts(context, offered),
    instructions: instructions(config.atlas ? undefined : FIRST_PROJECT),
    log,
    audit,
  });
  const exitCode = await serveStdio(server, uncaught, log);
  await context.atlas.close();
  return exitCode;
}

/** What the use cases work with. */
function contextOf(config: Config) {
  return {
    ...config,
    atlas: deferredAtlas(() => openAtlas(config)),
    journal: openJournal(config.stateDir),
    sinks: openSinks(config.sinks, config.environment),
    projectId: config.projectId ?? (config.atlas ? undefined : FIRST_PROJECT),
  };
}

/** For people, and loaded for them alone. */
async function doctor(commandLine: CommandLine): Promise<number> {
  const uncaught = closeSideDoors(createLog(process.stderr, 'warning'));
  const { runDoctor } = await import('./doctor/doctor.ts');
  const load = () => {
    const config = loadConfig(commandLine);
    // For what it refuses of them.
    createCatalog(contextOf(config));
    return config;
  };
  // A defect stays uncaught: it is told by its class alone, and is no health.
  const examined = new Promise<number>((resolve) => {
    void runDoctor({ load, openAtlas }, commandLine.json, process.stdout).then(resolve);
  });
  return Promise.race([examined, uncaught.then(() => 1)]);
}

/** Loaded with the first call, so that a host's look at the server costs little. */
async function openAtlas({ atlas, apiVersion, timeoutMs }: Config) {
  const { createAtlas } = await import('./atlas/atlas.ts');
  return createAtlas({ ...(atlas ?? (await startSandbox())), apiVersion, timeoutMs });
}

async function startSandbox(): Promise<AtlasConnection> {
  const sandbox = await import('./sandbox/sandbox.ts');
  const { baseUrl, credentials } = await sandbox.startSandbox();
  const { clientId, clientSecret } = credentials;
  return {
    baseUrl: new URL(baseUrl),
    credentials: { kind: 'service-account', clientId, clientSecret: new Secret(clientSecret) },
  };
}

try {
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`atlas-model-keys-mcp: ${error.message}\n`);
  process.exit(2);
}
