// Brings flags, environment and file together into one validated Config. Nothing is sent, written or started.

import { join } from 'node:path';
import { parseBaseUrl } from './base-url.ts';
import { type CommandLine } from './command-line.ts';
import { ConfigError } from './config-error.ts';
import { readConfigurationFile } from './configuration-file.ts';
import { readCredentials, type Credentials } from './credentials.ts';
import { sandboxDirectory, userDirectory } from './directories.ts';
import { definedVariables, readVariable, type Environment } from './environment.ts';
import { forbiddenName } from './forbidden-name.ts';
import { expandHome } from './home-path.ts';
import { refuseUnknownVariables } from './known-variables.ts';
import { readProxy, type ProxySettings } from './proxy.ts';
import { parseWith } from './schema-issue.ts';
import { settingNames, settings, settingsSchema, type Settings } from './settings.ts';
import { type SinkSpec } from './sink-spec.ts';

export type ApiVersionSetting = NonNullable<Settings['apiVersion']>;
export type LogLevel = NonNullable<Settings['logLevel']>;

/** Where Atlas is, and how to be admitted. */
export interface AtlasConnection {
  readonly baseUrl: URL;
  readonly credentials: Credentials;
  readonly proxy?: ProxySettings;
}

/** Everything that the operator decided, checked. */
export interface Config {
  /** Absent where the embedded sandbox takes Atlas's place. */
  readonly atlas?: AtlasConnection;
  /** The default for `groupId`. */
  readonly projectId?: string;
  readonly sinks: ReadonlyMap<string, SinkSpec>;
  /** Absent where there are several sinks and none was made the default. */
  readonly defaultSink?: string;
  readonly allowInlineSecret: boolean;
  readonly readOnly: boolean;
  /** Absent where every project may be used. */
  readonly allowedProjects?: readonly string[];
  /** Where the journal and the audit log are kept. */
  readonly stateDir: string;
  readonly apiVersion: ApiVersionSetting;
  /** Limit for one request to Atlas, in milliseconds. */
  readonly timeoutMs: number;
  readonly logLevel: LogLevel;
  /** From which sinks pick what the programs they start may see. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The secrets of the sandbox are not real: they go where a flag beside `--sandbox` says, never where real ones go; likewise its journal. */
const noPlaces: Settings = { sinks: undefined, defaultSink: undefined, stateDir: undefined };
const FILE_VARIABLE = 'ATLAS_MODEL_KEYS_CONFIG';
const DEFAULT_BASE_URL = 'https://cloud.mongodb.com';
const DEFAULT_TIMEOUT_MS = 30_000;

/** @throws ConfigError that names the flag, variable or key to correct */
export function loadConfig(commandLine: CommandLine, environment: Environment = process.env): Config {
  if (environment.NODE_TLS_REJECT_UNAUTHORIZED === '0') {
    throw new ConfigError(
      'NODE_TLS_REJECT_UNAUTHORIZED',
      'turns certificate checks off; unset it (add a private CA with NODE_EXTRA_CA_CERTS)',
    );
  }
  refuseUnknownVariables(environment, [FILE_VARIABLE, ...settingNames.map((name) => settings[name].variable)]);
  const { sandbox } = commandLine;
  const standing = { ...fromFile(commandLine, environment), ...fromEnvironment(environment) };
  const chosen = { ...standing, ...(sandbox && noPlaces), ...fromFlags(commandLine) };
  const directory = sandbox ? sandboxDirectory() : userDirectory;
  return {
    ...(!sandbox && atlasSettings(environment)),
    ...sinkSettings(chosen, () => directory('data')),
    readOnly: chosen.readOnly ?? false,
    ...(chosen.allowedProjects && { allowedProjects: chosen.allowedProjects }),
    stateDir: chosen.stateDir ?? directory('state'),
    apiVersion: chosen.apiVersion ?? 'auto',
    timeoutMs: chosen.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    logLevel: chosen.logLevel ?? 'warning',
    environment: definedVariables(environment),
  };
}

/** The sandbox takes no part of this: real credentials are not even read for it. */
function atlasSettings(environment: Environment): Pick<Config, 'atlas' | 'projectId'> {
  const proxy = readProxy(environment);
  const projectId = readProjectId(environment);
  return {
    atlas: {
      baseUrl: parseBaseUrl(readVariable(environment, 'MONGODB_ATLAS_BASE_URL') ?? DEFAULT_BASE_URL),
      credentials: readCredentials(environment),
      ...(proxy && { proxy }),
    },
    ...(projectId !== undefined && { projectId }),
  };
}

/** The sink that exists where the operator configured none. */
function localSink(directory: string): SinkSpec {
  return { type: 'file', path: join(directory, 'keys', '{groupId}', '{entry}.key') };
}

function sinkSettings(
  chosen: Settings,
  localDirectory: () => string,
): Pick<Config, 'sinks' | 'defaultSink' | 'allowInlineSecret'> {
  const allowInlineSecret = chosen.allowInlineSecret ?? false;
  const configured = new Map<string, SinkSpec>(Object.entries(chosen.sinks ?? {}));
  const isInline = ([, spec]: [string, SinkSpec]) => spec.type === 'inline';
  const shown = [...configured].find(isInline);
  if (shown && !allowInlineSecret) {
    throw new ConfigError(
      `sink ${shown[0]}`,
      'shows the secret to the model; allow that with --allow-inline-secret, or use another kind',
    );
  }
  const sinks = configured.size > 0 ? configured : new Map([['local', localSink(localDirectory())]]);
  const onlySink = sinks.size === 1 ? [...sinks.keys()][0] : undefined;
  if (allowInlineSecret && !shown) sinks.set('inline', { type: 'inline' });
  const defaultSink = chosen.defaultSink ?? onlySink;
  if (defaultSink !== undefined && !sinks.has(defaultSink)) {
    throw new ConfigError('--default-sink', `names no configured sink; there are: ${[...sinks.keys()].join(', ')}`);
  }
  return { sinks, ...(defaultSink !== undefined && { defaultSink }), allowInlineSecret };
}

function readProjectId(environment: Environment): string | undefined {
  const projectId = readVariable(environment, 'MONGODB_ATLAS_PROJECT_ID');
  if (projectId !== undefined && !/^[a-f0-9]{24}$/.test(projectId)) {
    throw new ConfigError('MONGODB_ATLAS_PROJECT_ID', 'must be 24 lower-case hexadecimal digits');
  }
  return projectId;
}

function fromFile(commandLine: CommandLine, environment: Environment): Settings {
  const { config } = commandLine;
  const named = config ?? readVariable(environment, FILE_VARIABLE);
  const path = named === undefined ? join(userDirectory('config'), 'config.json') : expandHome(named);
  const setting = config === undefined ? FILE_VARIABLE : '--config';
  const content = readConfigurationFile(path, named === undefined ? undefined : setting);
  return content === undefined ? {} : check(content, (field) => `${path}: ${field}`);
}

function fromEnvironment(environment: Environment): Settings {
  const given = settingNames.flatMap((name) => {
    const value = readVariable(environment, settings[name].variable);
    return value === undefined ? [] : [[name, settings[name].fromText(value)] as const];
  });
  return check(Object.fromEntries(given), (field, name) => field.replace(name, settings[name].variable));
}

function fromFlags(commandLine: CommandLine): Settings {
  const given = settingNames.flatMap((name) => {
    const { flag, fromText } = settings[name];
    const values = (flag && commandLine.values.get(flag.name)) ?? [];
    return values.length === 0 ? [] : [[name, merged(values.map(fromText))] as const];
  });
  return check(Object.fromEntries(given), (field, name) =>
    field.replace(name, `--${settings[name].flag?.name ?? name}`),
  );
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

function check(input: unknown, spell: (field: string, name: keyof Settings) => string): Settings {
  const forbidden = forbiddenName(input);
  const { value, problems } = forbidden ? { problems: [forbidden] } : parseWith(settingsSchema, input);
  if (!problems) return value;
  // One line, the first problem: the next start tells the next.
  const { field, message } = problems[0] ?? { field: '', message: 'is not valid' };
  const name = settingNames.find((setting) => field.split('.')[0] === setting);
  throw new ConfigError(spell(field, name ?? 'sinks'), message);
}
