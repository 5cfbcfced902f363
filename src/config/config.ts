// Brings flags, environment and file together into one validated Config. Nothing is sent, written or started.

import { join } from 'node:path';
import { readAtlasSettings, type AtlasConnection, type OperatorAtlas } from './atlas-connection.ts';
import type { CommandLine } from './command-line.ts';
import { ConfigError } from './config-error.ts';
import { sandboxDirectory, userDirectory } from './directories.ts';
import { definedVariables, type Environment } from './environment.ts';
import { settingNames, type SettingName, type Settings } from './settings.ts';
import type { SinkSpec } from './sink-spec.ts';
import { fromEnvironment, fromFile, fromFlags, type ConfigurationFile, type Source } from './sources.ts';

/** Everything that the operator decided, checked. */
export interface Config {
  /** Absent where the embedded sandbox takes Atlas's place. */
  readonly atlas?: AtlasConnection;
  /** The variables under which the credentials were found; none in the sandbox. */
  readonly credentialVariables: readonly string[];
  /** The default for `groupId`. */
  readonly projectId?: string;
  /** The default for `orgId`. */
  readonly orgId?: string;
  readonly sinks: ReadonlyMap<string, SinkSpec>;
  /** Absent where there are several sinks and none was made the default. */
  readonly defaultSink?: string;
  readonly allowInlineSecret: boolean;
  readonly readOnly: boolean;
  /** Absent where every project may be used. */
  readonly allowedProjects?: readonly string[];
  /** Where the journal and the audit log are kept. */
  readonly stateDir: string;
  /** Directories whose owners and modes are not judged. */
  readonly trustPaths: readonly string[];
  readonly apiVersion: NonNullable<Settings['apiVersion']>;
  /** Limit for one request to Atlas, in milliseconds. */
  readonly timeoutMs: number;
  /** Whether a person is asked before something is deleted, rotated or reset. */
  readonly confirm: NonNullable<Settings['confirm']>;
  /** Of all servers that share the state directory. */
  readonly maxCreatesPerHour: number;
  /** Which tools are offered; the names are not checked yet. */
  readonly tools: { readonly allow?: readonly string[]; readonly deny?: readonly string[] };
  /** Whether hosts are shown the output schemas of the tools. */
  readonly outputSchemas: boolean;
  readonly logLevel: NonNullable<Settings['logLevel']>;
  /** For people: where each setting comes from, such as `flag --sink`, or `default`. */
  readonly origins: ReadonlyMap<SettingName, string>;
  readonly configurationFile: ConfigurationFile;
  /** From which sinks pick what the programs they start may see. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The secrets of the sandbox are not real: they and its journal go where a flag beside `--sandbox` says, never where real ones go. */
const noPlaces: Settings = { sinks: undefined, defaultSink: undefined, stateDir: undefined };
const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_CREDENTIAL_TIMEOUT_MS = 30_000;
const DEFAULT_MAX_CREATES_PER_HOUR = 30;

/** Rejects with a ConfigError that names the flag, variable or key to correct. */
export async function loadConfig(commandLine: CommandLine, environment: Environment = process.env): Promise<Config> {
  if (environment.NODE_TLS_REJECT_UNAUTHORIZED === '0') {
    throw new ConfigError(
      'NODE_TLS_REJECT_UNAUTHORIZED',
      'turns certificate checks off; unset it (add a private CA with NODE_EXTRA_CA_CERTS)',
    );
  }
  const { sandbox } = commandLine;
  const variables = await fromEnvironment(environment);
  const { source, atlas, file } = await fromFile(commandLine, environment, variables.settings.trustPaths);
  const standing = [source, variables].map((each) => (sandbox ? withoutPlaces(each) : each));
  const sources = [...standing, await fromFlags(commandLine)];
  const chosen = sources.reduce<Settings>((weaker, each) => ({ ...weaker, ...each.settings }), {});
  const directory = sandbox ? sandboxDirectory() : userDirectory;
  return {
    // For the sandbox, real credentials are not even read.
    ...(sandbox ? { credentialVariables: [] } : readAtlasSettings(environment, operatorAtlas(chosen, atlas))),
    ...sinkSettings(chosen, () => directory('data')),
    ...policy(chosen),
    stateDir: chosen.stateDir ?? directory('state'),
    trustPaths: chosen.trustPaths ?? [],
    apiVersion: chosen.apiVersion ?? 'auto',
    timeoutMs: chosen.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    outputSchemas: chosen.outputSchemas ?? true,
    logLevel: chosen.logLevel ?? 'warning',
    origins: new Map(settingNames.map((name) => [name, originOf(name, sources)])),
    configurationFile: file,
    environment: definedVariables(environment),
  };
}

/** What the operator says of Atlas and its credentials elsewhere than in their own variables. */
function operatorAtlas(chosen: Settings, file: OperatorAtlas['file']): OperatorAtlas {
  const { atlasCliProfile: profile, atlasCli: program = 'atlas', credentialTimeoutMs: timeoutMs } = chosen;
  return {
    file,
    atlasCli: profile === undefined ? undefined : { profile, program },
    timeoutMs: timeoutMs ?? DEFAULT_CREDENTIAL_TIMEOUT_MS,
  };
}

function withoutPlaces(source: Source): Source {
  return { ...source, settings: { ...source.settings, ...noPlaces } };
}

/** The last source that has the setting counts. */
function originOf(name: SettingName, sources: readonly Source[]): string {
  return sources.findLast((source) => source.settings[name] !== undefined)?.origin(name) ?? 'default';
}

/** What the operator lets the server do. */
function policy(
  chosen: Settings,
): Pick<Config, 'readOnly' | 'allowedProjects' | 'confirm' | 'maxCreatesPerHour' | 'tools'> {
  const { allow, deny } = chosen.tools ?? {};
  return {
    readOnly: chosen.readOnly ?? false,
    ...(chosen.allowedProjects && { allowedProjects: chosen.allowedProjects }),
    confirm: chosen.confirm ?? 'if-supported',
    maxCreatesPerHour: chosen.maxCreatesPerHour ?? DEFAULT_MAX_CREATES_PER_HOUR,
    tools: { ...(allow && { allow }), ...(deny && { deny }) },
  };
}

/** The sink that there is where the operator configured none. */
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
