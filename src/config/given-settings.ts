// What flags and environment say, spelled as the configuration file spells it, for the command that writes that file. It judges
// nothing: loadConfig does that, with the same flags and the same environment.

import type { CommandLine } from './command-line.ts';
import { givenByFlags, givenByVariables } from './config.ts';
import { readVariable, type Environment } from './environment.ts';
import { FILE_VARIABLE } from './settings.ts';

/** Flags go before variables. Where neither says a setting, it is not there. */
export function givenSettings(commandLine: CommandLine, environment: Environment): Readonly<Record<string, unknown>> {
  return { ...givenByVariables(environment), ...givenByFlags(commandLine) };
}

/** Whether the configuration file is where a server that is told nothing but HOME looks for it. */
export function isAtCustomaryPlace({ config }: CommandLine, environment: Environment): boolean {
  const named = [config, readVariable(environment, FILE_VARIABLE), readVariable(environment, 'XDG_CONFIG_HOME')];
  return named.every((value) => value === undefined);
}
