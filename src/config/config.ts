// Reads the settings from each place where an operator may put them (file, environment, flags), and makes one validated Config of
// them. Nothing is sent, written or started.

import { join } from 'node:path';
import { distance } from 'fastest-levenshtein';
import { readAtlasSettings, type AtlasConnection } from './atlas-connection.ts';
import type { CommandLine } from './command-line.ts';
import { ConfigError } from './config-error.ts';
import { readConfigurationFile } from './configuration-file.ts';
import type { OperatorAtlas } from './credentials.ts';
import { hasUserDirectory, localPath, pageDirectory, sandboxDirectory, userDirectory } from './directories.ts';
import { definedVariables, readVariable, type Environment } from './environment.ts';
import { looksLikeSecret } from './secret-text.ts';
import type { FileSettings } from './settings-schema.ts';
import { FILE_VARIABLE, settingNames, settings, type SettingName, type Settings } from './settings.ts';
import type { SinkSpec } from './sink-spec.ts';
import { keyFileIn, pickedSinks } from './sinks-at-start.ts';
import { nearest } from '../text/text.ts';

/** Everything that the operator decided, checked. */
export interface Config {
  /** Absent where the embedded sandbox takes Atlas's place. */
  readonly atlas?: AtlasConnection;
  /** The variables under which the credentials were found; none in the sandbox. */
  readonly credentialVariables: readonly string[];
  /** The default for `groupId`: what the operator said, else the only project that is allowed. */
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
  /** Of the embedded sandbox, made with the first create: nobody needs it once this process has ended. */
  readonly temporaryDirectory?: string;
  /** Directories whose owners and modes are not judged. */
  readonly trustPaths: readonly string[];
  readonly apiVersion: NonNullable<Settings['apiVersion']>;
  /** Limit for one request to Atlas, in milliseconds. */
  readonly timeoutMs: number;
  /** Whether a person is asked before something is deleted, rotated or reset. */
  readonly confirm: NonNullable<Settings['confirm']>;
  /** How that person is asked. */
  readonly confirmWith: NonNullable<Settings['confirmWith']>;
  /** The tools that ask although nothing is lost by them. */
  readonly confirmTools: readonly string[];
  /** A program that opens a file's URL in the browser, and its arguments. */
  readonly browserCommand?: readonly string[];
  /** Of the file that leads a browser to a page: not hidden, since browsers in sandboxes see no hidden ones. */
  readonly pageDirectory?: string;
  /** Of all servers that share the state directory. */
  readonly maxCreatesPerHour: number;
  /** Which tools are offered; the names are not checked yet. */
  readonly tools: { readonly allow?: readonly string[]; readonly deny?: readonly string[] };
  /** Whether a new key is used once before it is called delivered. */
  readonly liveCheck: boolean;
  /** The embedding model for that, where Atlas names none. */
  readonly testModel?: string;
  /** To what hosts the secret of a key may be sent: names, or `*.` and a domain. */
  readonly endpointHosts: readonly string[];
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
const noPlaces: Settings = {
  sinks: undefined,
  folder: undefined,
  dotenv: undefined,
  defaultSink: undefined,
  stateDir: undefined,
};
const DEFAULT_ENDPOINT_HOSTS = ['*.mongodb.com', '*.mongodbgov.com'];
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
  const temporary = sandbox ? sandboxDirectory() : undefined;
  const directory = temporary ?? userDirectory;
  const [onlyProject, ...otherProjects] = chosen.allowedProjects ?? [];
  return {
    ...(onlyProject !== undefined && otherProjects.length === 0 && { projectId: onlyProject }),
    // For the sandbox, real credentials are not even read.
    ...(sandbox ? { credentialVariables: [] } : readAtlasSettings(environment, operatorAtlas(chosen, atlas))),
    ...sinkSettings(chosen, () => directory('data')),
    ...policy(chosen),
    stateDir: chosen.stateDir ?? directory('state'),
    ...(temporary && { temporaryDirectory: temporary('data') }),
    trustPaths: chosen.trustPaths ?? [],
    ...pageDirectory(),
    apiVersion: chosen.apiVersion ?? 'auto',
    timeoutMs: chosen.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    liveCheck: chosen.liveCheck ?? false,
    ...(chosen.testModel !== undefined && { testModel: chosen.testModel }),
    endpointHosts: chosen.endpointHosts ?? DEFAULT_ENDPOINT_HOSTS,
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
function policy(chosen: Settings) {
  const { allow, deny } = chosen.tools ?? {};
  return {
    readOnly: chosen.readOnly ?? false,
    ...(chosen.allowedProjects && { allowedProjects: chosen.allowedProjects }),
    confirm: chosen.confirm ?? 'if-supported',
    confirmWith: chosen.confirmWith ?? 'either',
    confirmTools: chosen.confirmTools ?? [],
    ...(chosen.browserCommand && { browserCommand: chosen.browserCommand }),
    maxCreatesPerHour: chosen.maxCreatesPerHour ?? DEFAULT_MAX_CREATES_PER_HOUR,
    tools: { ...(allow && { allow }), ...(deny && { deny }) },
  } satisfies Partial<Config>;
}

/** @throws ConfigError where two settings make a sink of one name */
function configuredSinks({ sinks = {}, folder, dotenv }: Settings): Map<string, SinkSpec> {
  const configured = new Map<string, SinkSpec>(Object.entries(sinks));
  for (const [name, spec] of pickedSinks(folder, dotenv)) {
    if (configured.has(name))
      throw new ConfigError(
        `sink ${name}`,
        `is configured twice, in sinks and by the setting ${name}; rename the one in sinks`,
      );
    configured.set(name, spec);
  }
  return configured;
}

function sinkSettings(chosen: Settings, localDirectory: () => string) {
  const allowInlineSecret = chosen.allowInlineSecret ?? false;
  const configured = configuredSinks(chosen);
  const isInline = ([, spec]: [string, SinkSpec]) => spec.type === 'inline';
  const shown = [...configured].find(isInline);
  if (shown && !allowInlineSecret) {
    throw new ConfigError(
      `sink ${shown[0]}`,
      'shows the secret to the model; allow that with --allow-inline-secret, or use another kind',
    );
  }
  const sinks = configured.size > 0 ? configured : new Map([['local', keyFileIn(join(localDirectory(), 'keys'))]]);
  // Of both settings that name a bare path, `folder` goes first.
  const isPicked = chosen.folder !== undefined && Object.keys(chosen.sinks ?? {}).length === 0;
  const onlySink = sinks.size === 1 || isPicked ? [...sinks.keys()][0] : undefined;
  if (allowInlineSecret && !shown) sinks.set('inline', { type: 'inline' });
  const defaultSink = chosen.defaultSink ?? onlySink;
  if (defaultSink !== undefined && !sinks.has(defaultSink)) {
    throw new ConfigError('--default-sink', `names no configured sink; there are: ${[...sinks.keys()].join(', ')}`);
  }
  return { sinks, ...(defaultSink !== undefined && { defaultSink }), allowInlineSecret };
}

/** The settings of one place, and in words for people where each is set. */
interface Source {
  readonly settings: Settings;
  readonly origin: (name: SettingName) => string;
}

interface ConfigurationFile {
  /** Absent where none is named, and this user has no home directory that could hold one. */
  readonly path?: string;
  /** The file at the default place may be absent. */
  readonly exists: boolean;
}

const withoutFile = { source: { settings: {}, origin: () => 'default' }, file: { exists: false } };

/**
 * @param trustedPaths as the environment has them: the file must not declare itself trusted
 * @throws ConfigError that names the flag, variable or key to correct; so do the two functions below
 */
async function fromFile(
  commandLine: CommandLine,
  environment: Environment,
  trustedPaths?: readonly string[],
): Promise<{ readonly source: Source; readonly atlas?: OperatorAtlas['file']; readonly file: ConfigurationFile }> {
  const { config } = commandLine;
  const named = config ?? readVariable(environment, FILE_VARIABLE);
  if (named === undefined && !hasUserDirectory('config')) return withoutFile;
  const setting = config === undefined ? FILE_VARIABLE : '--config';
  const path = named === undefined ? join(userDirectory('config'), 'config.json') : localPath(setting, named);
  const content = await readConfigurationFile(
    path,
    // What is still to be written need not be there.
    named === undefined || commandLine.setup ? undefined : setting,
    trustedPaths,
  );
  const { atlas, ...settings } = await check('file', content ?? {}, (field) => `${path}: ${field}`);
  return {
    source: { settings, origin: () => `file ${path}` },
    ...(atlas && { atlas: { ...atlas, where: `${path}: atlas.` } }),
    file: { path, exists: content !== undefined },
  };
}

/** What variables say, unchecked, spelled as the configuration file spells it; where one sets nothing, it is not there. */
export function givenByVariables(environment: Environment): Readonly<Record<string, unknown>> {
  const given = settingNames.flatMap((name) => {
    const text = readVariable(environment, settings[name].variable);
    const value = text === undefined ? undefined : settings[name].fromText(text);
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(given);
}

/** As {@link givenByVariables}, of flags. */
export function givenByFlags({ values }: CommandLine): Readonly<Record<string, unknown>> {
  const given = settingNames.flatMap((name) => {
    const { flag, fromText } = settings[name];
    const texts = (flag && values.get(flag.name)) ?? [];
    return texts.length === 0 ? [] : [[name, merged(texts.map(fromText))] as const];
  });
  return Object.fromEntries(given);
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

async function fromEnvironment(environment: Environment): Promise<Source> {
  rejectUnknownVariables(environment);
  const spell = (field: string, name: SettingName) => field.replace(name, settings[name].variable);
  return {
    settings: await check('settings', givenByVariables(environment), spell),
    origin: (name) => `variable ${settings[name].variable}`,
  };
}

async function fromFlags(commandLine: CommandLine): Promise<Source> {
  const flagOf = (name: SettingName) => `--${settings[name].flag?.name ?? name}`;
  return {
    settings: await check('settings', givenByFlags(commandLine), (field, name) => field.replace(name, flagOf(name))),
    origin: (name) => `flag ${flagOf(name)}`,
  };
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
