// Reads the settings from each place where an operator may put them: file, environment, flags. It does not decide
// between them.

import { join } from 'node:path';
import type { OperatorAtlas } from './atlas-connection.ts';
import type { CommandLine } from './command-line.ts';
import { ConfigError } from './config-error.ts';
import { readConfigurationFile } from './configuration-file.ts';
import { hasUserDirectory, userDirectory } from './directories.ts';
import { readVariable, type Environment } from './environment.ts';
import { forbiddenName } from './forbidden-name.ts';
import { localPath } from './home-path.ts';
import type { FileSettings } from './settings-schema.ts';
import { settingNames, settings, type SettingName, type Settings } from './settings.ts';

/** What one place says, and for people where a setting of it stands. */
export interface Source {
  readonly settings: Settings;
  readonly origin: (name: SettingName) => string;
}

export interface ConfigurationFile {
  /** Absent where none is named, and this user has no home directory that could hold one. */
  readonly path?: string;
  /** The file at the default place may be absent. */
  readonly exists: boolean;
}

export const FILE_VARIABLE = 'ATLAS_MODEL_KEYS_CONFIG';

const withoutFile = { source: { settings: {}, origin: () => 'default' }, file: { exists: false } };

/**
 * @param trustedPaths as the environment has them: the file cannot speak for itself
 * @throws ConfigError as all of these: with the name of the flag, variable or key to correct
 */
export async function fromFile(
  commandLine: CommandLine,
  environment: Environment,
  trustedPaths?: readonly string[],
): Promise<{ readonly source: Source; readonly atlas?: OperatorAtlas['file']; readonly file: ConfigurationFile }> {
  const { config } = commandLine;
  const named = config ?? readVariable(environment, FILE_VARIABLE);
  if (named === undefined && !hasUserDirectory('config')) return withoutFile;
  const setting = config === undefined ? FILE_VARIABLE : '--config';
  const path = named === undefined ? join(userDirectory('config'), 'config.json') : localPath(setting, named);
  const content = await readConfigurationFile(path, named === undefined ? undefined : setting, trustedPaths);
  const { atlas, ...settings } = await check('file', content ?? {}, (field) => `${path}: ${field}`);
  return {
    source: { settings, origin: () => `file ${path}` },
    ...(atlas && { atlas: { ...atlas, where: `${path}: atlas.` } }),
    file: { path, exists: content !== undefined },
  };
}

export async function fromEnvironment(environment: Environment): Promise<Source> {
  const given = settingNames.flatMap((name) => {
    const value = readVariable(environment, settings[name].variable);
    return value === undefined ? [] : [[name, settings[name].fromText(value)] as const];
  });
  const spell = (field: string, name: SettingName) => field.replace(name, settings[name].variable);
  return {
    settings: await check('settings', Object.fromEntries(given), spell),
    origin: (name) => `variable ${settings[name].variable}`,
  };
}

export async function fromFlags(commandLine: CommandLine): Promise<Source> {
  const given = settingNames.flatMap((name) => {
    const { flag, fromText } = settings[name];
    const values = (flag && commandLine.values.get(flag.name)) ?? [];
    return values.length === 0 ? [] : [[name, merged(values.map(fromText))] as const];
  });
  const flagOf = (name: SettingName) => `--${settings[name].flag?.name ?? name}`;
  return {
    settings: await check('settings', Object.fromEntries(given), (field, name) => field.replace(name, flagOf(name))),
    origin: (name) => `flag ${flagOf(name)}`,
  };
}

/** One value as it is; several `--sink` flags as one object. */
function merged(values: readonly unknown[]): unknown {
  if (values.length === 1) return values[0];
  const entries = values.flatMap((value) =>
    typeof value === 'object' && value !== null ? Object.entries(value) : [['', value]],
  );
  if (new Set(entries.map(([name]) => name)).size !== entries.length) {
    throw new ConfigError('--sink', 'names the same sink twice');
  }
  return Object.fromEntries(entries);
}

async function check(
  kind: 'file' | 'settings',
  input: object,
  spell: (field: string, name: SettingName) => string,
): Promise<FileSettings> {
  if (Object.keys(input).length === 0) return {};
  const forbidden = forbiddenName(input);
  const { value, problems } = forbidden ? { problems: [forbidden] } : await judge(kind, input);
  if (!problems) return value;
  // One line, the first problem: the next start tells the next.
  const { field, message } = problems[0] ?? { field: '', message: 'is not valid' };
  const name = settingNames.find((setting) => field.split('.')[0] === setting);
  throw new ConfigError(spell(field, name ?? 'sinks'), message);
}

/** Loads the schemas, for which a start without any setting does not pay. */
async function judge(kind: 'file' | 'settings', input: object) {
  const [{ parseWith }, { fileSchema, settingsSchema }] = await Promise.all([
    import('./schema-issue.ts'),
    import('./settings-schema.ts'),
  ]);
  return parseWith(kind === 'file' ? fileSchema : settingsSchema, input);
}
