// Reads the settings from each place where an operator may put them: file, environment, flags. Which of them counts is decided
// in config.ts.

import { join } from 'node:path';
import { distance } from 'fastest-levenshtein';
import type { OperatorAtlas } from './atlas-connection.ts';
import type { CommandLine } from './command-line.ts';
import { ConfigError } from './config-error.ts';
import { readConfigurationFile } from './configuration-file.ts';
import { hasUserDirectory, userDirectory, localPath } from './directories.ts';
import { readVariable, type Environment } from './environment.ts';
import type { FileSettings } from './settings-schema.ts';
import { settingNames, settings, type SettingName, type Settings } from './settings.ts';
import { nearest } from '../text/nearest.ts';
import { looksLikeSecret } from './secret-text.ts';

/** The settings of one place, and in words for people where each is set. */
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
 * @param trustedPaths as the environment has them: the file must not declare itself trusted
 * @throws ConfigError that names the flag, variable or key to correct; so do the two functions below
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
  rejectUnknownVariables(environment);
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
  const { value, problems } = await judge(kind, input);
  if (!problems) return value;
  // Only the first problem, in one line: the next start names the next one.
  const { field, message } = problems[0] ?? { field: '', message: 'is not valid' };
  const name = settingNames.find((setting) => field.split('.')[0] === setting);
  throw new ConfigError(spell(field, name ?? 'sinks'), message);
}

/** Loads the schemas, which a start without any setting does not need. */
async function judge(kind: 'file' | 'settings', input: object) {
  const [{ forbiddenName, parseWith }, { fileSchema, settingsSchema }] = await Promise.all([
    import('./schema-issue.ts'),
    import('./settings-schema.ts'),
  ]);
  const forbidden = forbiddenName(input);
  return forbidden ? { problems: [forbidden] } : parseWith(kind === 'file' ? fileSchema : settingsSchema, input);
}

const PREFIX = 'ATLAS_MODEL_KEYS_';
/** A name that can be shown: an ordinary variable, not something pasted. */
const SHOWABLE = /^[A-Z0-9_]{1,60}$/;
const LIKELY_SLIPS = 3;
/** Kubernetes sets these in every pod for a service whose name begins as this server's does ("service links"). */
const SERVICE_LINK =
  /_(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT(?:_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)$/;

/** A misspelt restriction would not restrict anything, so it is refused. A blank variable counts as unset. */
function rejectUnknownVariables(environment: Environment): void {
  const known = [FILE_VARIABLE, ...settingNames.map((name) => settings[name].variable)];
  const unknown = Object.keys(environment).find(
    (name) =>
      name.startsWith(PREFIX) &&
      !known.includes(name) &&
      !SERVICE_LINK.test(name) &&
      readVariable(environment, name) !== undefined,
  );
  if (unknown === undefined) return;
  if (!SHOWABLE.test(unknown) || looksLikeSecret(unknown.slice(PREFIX.length)))
    throw new ConfigError(`${PREFIX}(unreadable name)`, 'is not known here');
  const [meant] = nearest(unknown, known, (name) => name, 1);
  const isLikely = meant !== undefined && distance(unknown, meant) <= LIKELY_SLIPS;
  throw new ConfigError(unknown, `is not known here${isLikely ? `; did you mean ${meant}?` : ''}`);
}
