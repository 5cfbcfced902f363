// The command line: which flags there are, and the help text. It interprets no value.

import { parseArgs, type ParseArgsConfig } from 'node:util';
import { ConfigError } from './config-error.ts';
import { settingNames, settings } from './settings.ts';

export interface CommandLine {
  readonly help: boolean;
  readonly version: boolean;
  readonly sandbox: boolean;
  readonly config?: string;
  /** Each flag's values, by the flag's name. A flag without an argument has the value `true`. */
  readonly values: ReadonlyMap<string, readonly string[]>;
}

const flags = settingNames.flatMap((name) => settings[name].flag ?? []);

const options: NonNullable<ParseArgsConfig['options']> = {
  help: { type: 'boolean' },
  version: { type: 'boolean' },
  sandbox: { type: 'boolean' },
  config: { type: 'string' },
  ...Object.fromEntries(
    flags.map(({ name, argument }) => [
      name,
      argument === undefined ? { type: 'boolean' as const } : { type: 'string' as const, multiple: true },
    ]),
  ),
};

/** @throws ConfigError for a flag that is unknown, given twice, or lacks its argument */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const { values } = parse(argv);
  return {
    help: values.help === true,
    version: values.version === true,
    sandbox: values.sandbox === true,
    ...(typeof values.config === 'string' && { config: values.config }),
    values: new Map(
      flags.flatMap(({ name, repeatable }) => {
        const given = [values[name] ?? []].flat().map(String);
        if (given.length > 1 && !repeatable) throw new ConfigError(`--${name}`, 'is given more than once');
        return given.length === 0 ? [] : [[name, given] as const];
      }),
    ),
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options, strict: true, allowPositionals: false });
  } catch (error) {
    // The message of parseArgs quotes the argument, which may be a secret in the wrong place.
    const flag = argv
      .map((argument) => /^--([a-z-]{1,40})(?:=|$)/.exec(argument)?.[1])
      .find((name) => name && !(name in options));
    const missing =
      error instanceof TypeError && 'code' in error && error.code === 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE';
    if (missing) throw new ConfigError('command line', 'a flag has no value, or one that it does not take; see --help');
    throw new ConfigError(flag === undefined ? 'command line' : `--${flag}`, 'is not understood; see --help');
  }
}

export function helpText(): string {
  const lines = [
    ['--sandbox', 'Work against an embedded simulated Atlas: no account, no network'],
    ['--config FILE', 'The configuration file (variable ATLAS_MODEL_KEYS_CONFIG)'],
    ...settingNames.flatMap((name) => {
      const { flag, help, variable } = settings[name];
      return flag
        ? [[`--${flag.name}${flag.argument === undefined ? '' : ` ${flag.argument}`}`, `${help} (${variable})`]]
        : [];
    }),
    ['--version', 'Print the version'],
    ['--help', 'Print this text'],
  ];
  return [
    'Usage: atlas-model-keys-mcp [flags]',
    '',
    'An MCP server over stdio that provisions MongoDB Atlas AI model API keys and hands',
    'each secret to a sink, never to the model. Credentials come from the environment.',
    '',
    ...lines.map(([flag = '', help = '']) => `  ${flag.padEnd(22)} ${help}`),
    '',
  ].join('\n');
}
