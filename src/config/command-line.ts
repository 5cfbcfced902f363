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
  /** The command `setup`, in place of the server. */
  readonly setup?: SetupCommand;
  /** For the doctor: one JSON document instead of a table. */
  readonly json: boolean;
  readonly config?: string;
  /** Each flag's values, by the flag's name. A flag without an argument has the value `true`. */
  readonly values: ReadonlyMap<string, readonly string[]>;
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
  return values.help === true || values.version === true || ['doctor', 'setup'].includes(positionals[0] ?? '');
}

/** @throws ConfigError for a command or flag that is unknown, given twice, or lacks its argument */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const { values, positionals } = parse(argv);
  const doctor = positionals[0] === 'doctor';
  const setup = setupIn(positionals, values);
  if (positionals.length > (doctor || setup ? 1 : 0))
    throw new ConfigError('command line', 'is not understood; see --help');
  if (values.json === true && !doctor) throw new ConfigError('--json', 'is for the command doctor; see --help');
  return {
    help: values.help === true,
    version: values.version === true,
    sandbox: values.sandbox === true,
    doctor,
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

function setupIn(
  [command]: readonly string[],
  { host, keychain, remove, sandbox, yes, 'dry-run': dryRun }: ReturnType<typeof parse>['values'],
): SetupCommand | undefined {
  if (command !== 'setup') {
    const own = { '--host': host, '--keychain': keychain, '--remove': remove, '--yes': yes, '--dry-run': dryRun };
    const misplaced = Object.entries(own);
    const [flag] = misplaced.find(([, value]) => value !== undefined) ?? [];
    if (flag !== undefined) throw new ConfigError(flag, 'is for the command setup; see --help');
    return undefined;
  }
  if (sandbox === true) throw new ConfigError('--sandbox', 'has nothing to set up; add it to the command of a host');
  return {
    yes: yes === true,
    dryRun: dryRun === true,
    hosts: [host ?? []].flat().map(String),
    keychain: keychain === true,
    ...(typeof remove === 'string' && { remove }),
  };
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
