#!/usr/bin/env node
// Starts: the operator's settings, the first answers to a host, and then the rest of the program. No logic.

import './first-statements.ts';
import { existsSync } from 'node:fs';
import packageJson from '../package.json' with { type: 'json' };
import { isForPeople, parseCommandLine, type CommandLine } from './config/command-line.ts';
import { ConfigError, orConfigError } from './config/config-error.ts';
import { loadConfig, type Config } from './config/config.ts';
import { shownSink } from './config/sinks-at-start.ts';
import type { Environment } from './config/environment.ts';
import { helpText } from './config/help-text.ts';
import { createHandshake } from './mcp/handshake.ts';
import { closeSideDoors } from './mcp/hardening.ts';
import { instructions } from './mcp/instructions.ts';
import { serveStdio } from './mcp/stdio.ts';
import { promptDefinitions } from './prompts/prompt-definitions.ts';
import { FIRST_PROJECT } from './sandbox/first-project.ts';
import { classOf, createLog, say } from './secret/redaction.ts';
import { configuredTools, type ToolDefinition } from './tools/tool-definition.ts';
import { toolDefinitions } from './tools/tool-definitions.ts';

async function main(argv: readonly string[]): Promise<number> {
  if (isForPeople(argv)) return carryOut(parseCommandLine(argv));
  const config = await orConfigError(async () => settingsFrom(parseCommandLine(argv)));
  const problem = config instanceof ConfigError ? config.message : undefined;
  if (problem !== undefined) say(`atlas-model-keys-mcp: ${problem}`);
  // A person at a terminal has read it. A host shows nobody stderr: there the server stays, and says it to every call.
  if (problem !== undefined && process.stdin.isTTY) return 2;
  const exitCode = await serveHost(config instanceof ConfigError ? config.message : config);
  return problem === undefined ? exitCode : 2;
}

function serveHost(settings: Config | string): Promise<number> {
  const config = typeof settings === 'string' ? undefined : settings;
  const log = createLog(config?.logLevel ?? 'warning');
  const uncaught = closeSideDoors(log);
  const shown = config ? definitionsWith(config) : configuredTools(toolDefinitions, { readOnly: false });
  const start = {
    version: packageJson.version,
    instructions: instructions(
      shown.map(({ name }) => name),
      config && !config.atlas ? FIRST_PROJECT : undefined,
    ),
    toolDefinitions: shown,
    promptDefinitions: promptsFor(shown),
    settings,
    log,
  };
  return serveStdio({
    handshake: createHandshake(start),
    // Loaded when something is asked that the handshake cannot answer.
    serve: async (input, output) => (await import('./program.ts')).serve(start, input, output),
    uncaught,
    log,
  });
}

async function carryOut(commandLine: CommandLine): Promise<number> {
  const { doctor, apply, help, version, setup } = commandLine;
  const isAsked = !help && !version;
  if (isAsked && (doctor || apply)) return run(commandLine);
  if (isAsked && setup) return setUp(commandLine);
  process.stdout.write(commandLine.help ? helpText() : `${packageJson.version}\n`);
  return 0;
}

/** In the sandbox, its first project is the default. */
async function settingsFrom(commandLine: CommandLine, environment?: Environment): Promise<Config> {
  const config = await loadConfig(commandLine, environment);
  temporaryDirectory = config.temporaryDirectory;
  // It throws where the settings name a tool that there is not.
  definitionsWith(config);
  return config.atlas ? config : { projectId: FIRST_PROJECT, ...config };
}

function definitionsWith(config: Config) {
  return configuredTools(toolDefinitions, {
    ...config,
    sinks: [...config.sinks].map(([name, spec]) => shownSink(name, spec)),
  });
}

/** The prompts that an agent can follow with these tools. */
function promptsFor(tools: readonly ToolDefinition[]) {
  const names = tools.map(({ name }) => name);
  const followable = promptDefinitions.filter((prompt) => prompt.tools.every((tool) => names.includes(tool)));
  return followable.map(({ definition }) => definition);
}

async function run(commandLine: CommandLine): Promise<number> {
  const { apply: wanted, json } = commandLine;
  const uncaught = closeSideDoors(createLog('warning'));
  const { apply, doctor } = await import('./program.ts');
  const load = () => settingsFrom(commandLine);
  const ended = wanted ? apply(load, { ...wanted, json }, packageJson.version) : doctor(load, json);
  return Promise.race([ended, uncaught.then(() => 1)]);
}

/** Of the embedded sandbox of this process. */
let temporaryDirectory: string | undefined;

/** Whatever the command was. Where there is nothing, nothing loaded the program either. */
async function removeTemporary(): Promise<void> {
  if (temporaryDirectory === undefined || !existsSync(temporaryDirectory)) return;
  (await import('./program.ts')).removeTemporary(temporaryDirectory);
}

async function setUp(commandLine: CommandLine): Promise<number> {
  const uncaught = closeSideDoors(createLog('warning'));
  const { setup } = await import('./program.ts');
  const { givenSettings, isAtCustomaryPlace } = await import('./config/given-settings.ts');
  const { execPath, argv, stdin, stdout } = process;
  const ended = setup({
    commandLine,
    load: (environment) => settingsFrom(commandLine, environment),
    given: ({ environment }) => givenSettings(commandLine, environment),
    isAtCustomaryPlace: ({ environment }) => isAtCustomaryPlace(commandLine, environment),
    started: { execPath, entry: argv[1] ?? '', version: packageJson.version },
    isTerminal: stdin.isTTY && stdout.isTTY,
  });
  return Promise.race([ended, uncaught.then(() => 1)]);
}

/** Writes only the class of a defect: its message may quote anything. */
function reportEnd(error: unknown): number {
  const isConfig = error instanceof ConfigError;
  const defect = `INTERNAL (${classOf(error)})`;
  say(`atlas-model-keys-mcp: ${isConfig ? error.message : defect}`);
  return isConfig ? 2 : 1;
}

// Without an await here, which old Nodes do not understand: the first statements must be able to refuse them.
void main(process.argv.slice(2))
  .catch(reportEnd)
  .then((exitCode) =>
    removeTemporary()
      .catch(() => undefined)
      .then(() => process.exit(exitCode)),
  );
