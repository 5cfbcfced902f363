#!/usr/bin/env node
// Composes the server from its parts and starts it. No logic.

import { deferredAtlas } from './atlas/deferred.ts';
import { helpText, parseCommandLine } from './config/command-line.ts';
import { ConfigError } from './config/config-error.ts';
import { loadConfig, type AtlasConnection, type Config } from './config/config.ts';
import { type CallRecord } from './mcp/call-record.ts';
import { closeSideDoors } from './mcp/hardening.ts';
import { instructions } from './mcp/instructions.ts';
import { createServer } from './mcp/server.ts';
import { serveStdio } from './mcp/stdio.ts';
import { VERSION } from './mcp/version.ts';
import { appendAudit } from './provisioning/audit.ts';
import { openJournal } from './provisioning/journal.ts';
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
  const config = loadConfig(commandLine);
  const log = createLog(process.stderr, config.logLevel);
  const uncaught = closeSideDoors(log);
  const atlas = deferredAtlas(() => openAtlas(config));
  const sandboxProject = config.atlas ? undefined : FIRST_PROJECT;
  const catalog = createCatalog({
    ...config,
    atlas,
    journal: openJournal(config.stateDir),
    sinks: openSinks(config.sinks, config.environment),
    projectId: config.projectId ?? sandboxProject,
  });
  const audit = async (record: CallRecord) => {
    if (!(await appendAudit(config.stateDir, record)))
      log('error', 'the audit log cannot be written (ATLAS_MODEL_KEYS_STATE_DIR)');
  };
  const server = createServer({ version: VERSION, catalog, instructions: instructions(sandboxProject), log, audit });
  const exitCode = await serveStdio(server, uncaught, log);
  await atlas.close();
  return exitCode;
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
