// The command line: which commands and flags there are. It interprets no value.

import { parseArgs, type ParseArgsConfig } from 'node:util';
import { ConfigError } from './config-error.ts';
import { looksLikeSecret } from './secret-text.ts';
import { settingNames, settings } from './settings.ts';

export interface CommandLine {
  readonly help: boolean;
  readonly version: boolean;
  readonly sandbox: boolean;
  /** The command `doctor`, in place of the server. */
  readonly doctor: boolean;
  /** The command `apply`, in place of the server. */
  readonly apply?: ApplyCommand;
  /** The command `setup`, in place of the server. */
  readonly setup?: SetupCommand;
  /** For the doctor and apply: one JSON document instead of lines for people. */
  readonly json: boolean;
  readonly config?: string;
  /** Each flag's values, by the flag's name. A flag without an argument has the value `true`. */
  readonly values: ReadonlyMap<string, readonly string[]>;
}

interface ApplyCommand {
  /** What the keys are to be: a path, or `-` for standard input. */
  readonly file: string;
  readonly dryRun: boolean;
  /** The consent that a person would give in a form. */
  readonly yes: boolean;
}

interface SetupCommand {
  /** Asks nothing: what is needed comes from flags, environment and configuration file. */
  readonly yes: boolean;
  /** Says what would be written and run, and does none of it. */
  readonly dryRun: boolean;
  /** The only hosts that get the server; every host that is found where none is named. */
  readonly hosts: readonly string[];
  /** Keeps a secret that is given in the keyring of this user, in place of a file. */
  readonly keychain: boolean;
  /** The host that the server is taken out of. */
  readonly remove?: string;
}

const flags = settingNames.flatMap((name) => settings[name].flag ?? []);

const options: NonNullable<ParseArgsConfig['options']> = {
  help: { type: 'boolean' },
  version: { type: 'boolean' },
  sandbox: { type: 'boolean' },
  json: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  yes: { type: 'boolean' },
  host: { type: 'string', multiple: true },
  keychain: { type: 'boolean' },
  remove: { type: 'string' },
  config: { type: 'string' },
  ...Object.fromEntries(
    flags.map(({ name, argument }) => [
      name,
      argument === undefined ? { type: 'boolean' as const } : { type: 'string' as const, multiple: true },
    ]),
  ),
};

/** Whether a person runs it: for a command, `--help` or `--version`, even if the rest is not understood. */
export function isForPeople(argv: readonly string[]): boolean {
  const { values, positionals } = parseArgs({ args: [...argv], options, strict: false, allowPositionals: true });
  return values.help === true || values.version === true || ['doctor', 'apply', 'setup'].includes(positionals[0] ?? '');
}

/** @throws ConfigError for a command or flag that is unknown, given twice, or lacks its argument */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const { values, positionals } = parse(argv);
  const doctor = positionals[0] === 'doctor';
  const apply = applyIn(positionals, values);
  const setup = setupIn(positionals, values);
  if (positionals.length > (doctor || setup ? 1 : apply ? 2 : 0))
    throw new ConfigError('command line', 'is not understood; see --help');
  refuseMisplaced(positionals[0] ?? '', values);
  return {
    help: values.help === true,
    version: values.version === true,
    sandbox: values.sandbox === true,
    doctor,
    ...(apply && { apply }),
    ...(setup && { setup }),
    json: values.json === true,
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

function applyIn(
  [command, file]: readonly string[],
  { help, version, yes, 'dry-run': dryRun }: ReturnType<typeof parse>['values'],
): ApplyCommand | undefined {
  if (command !== 'apply') return undefined;
  if (file !== undefined) return { file, dryRun: dryRun === true, yes: yes === true };
  if (help !== true && version !== true)
    throw new ConfigError('apply', 'wants a FILE, or - for standard input; see --help');
  return undefined;
}

function setupIn(
  [command]: readonly string[],
  { host, keychain, remove, sandbox, yes, 'dry-run': dryRun }: ReturnType<typeof parse>['values'],
): SetupCommand | undefined {
  if (command !== 'setup') return undefined;
  if (sandbox === true) throw new ConfigError('--sandbox', 'has nothing to set up; add it to the command of a host');
  return {
    yes: yes === true,
    dryRun: dryRun === true,
    hosts: [host ?? []].flat().map(String),
    keychain: keychain === true,
    ...(typeof remove === 'string' && { remove }),
  };
}

/** The flags that are for some commands only. */
const FLAGS_OF_COMMANDS = new Map([
  ['json', ['doctor', 'apply']],
  ['dry-run', ['apply', 'setup']],
  ['yes', ['apply', 'setup']],
  ['host', ['setup']],
  ['keychain', ['setup']],
  ['remove', ['setup']],
]);

function refuseMisplaced(command: string, values: ReturnType<typeof parse>['values']): void {
  for (const [flag, commands] of FLAGS_OF_COMMANDS) {
    if (values[flag] === undefined || commands.includes(command)) continue;
    const which = commands.length === 1 ? 'the command' : 'the commands';
    throw new ConfigError(`--${flag}`, `is for ${which} ${commands.join(' and ')}; see --help`);
  }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options, strict: true, allowPositionals: true });
  } catch (error) {
    // The message of parseArgs quotes the argument, which may be a secret in the wrong place.
    const flag = argv
      .map((argument) => /^--([a-z-]{1,40})(?:=|$)/.exec(argument)?.[1])
      .find((name) => name && !(name in options) && !looksLikeSecret(name));
    const missing =
      error instanceof TypeError && 'code' in error && error.code === 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE';
    if (missing) throw new ConfigError('command line', 'a flag has no value, or one that it does not take; see --help');
    throw new ConfigError(flag === undefined ? 'command line' : `--${flag}`, 'is not understood; see --help');
  }
}
