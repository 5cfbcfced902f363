// The settings of this server: one table from which flags, variables and the help text come. What each may be is in
// settings-schema.ts.

import { delimiter } from 'node:path';
import { parseJson } from '../text/text.ts';
import type { settingsSchema } from './settings-schema.ts';
import { presetUris } from './presets.ts';
import { sinkUris } from './sink-kinds.ts';

export type Settings = ReturnType<typeof settingsSchema.parse>;
export type SettingName = keyof Settings;

/** Names the configuration file; the flag `--config` goes before it. */
export const FILE_VARIABLE = 'ATLAS_MODEL_KEYS_CONFIG';

interface Setting {
  readonly variable: string;
  /** Absent where the setting has no flag. */
  readonly flag?: { readonly name: string; readonly argument?: string; readonly repeatable?: true };
  /** Turns the text of a flag or variable into what the schema expects. */
  readonly fromText: (text: string) => unknown;
  readonly help: string;
  /** The default in words, for people; absent where there is none. */
  readonly standard?: string;
}

const text = (value: string) => value;
const flagValue = (value: string) =>
  ({ true: true, '1': true, false: false, '0': false })[value.toLowerCase()] ?? value;
const number = (value: string) => (/^[0-9]+$/.test(value) ? Number(value) : value);
const words = (value: string) => value.split(/[\s,]+/).filter((word) => word !== '');

export const settings: Readonly<Record<SettingName, Setting>> = {
  sinks: {
    variable: 'ATLAS_MODEL_KEYS_SINKS',
    flag: { name: 'sink', argument: 'NAME=URI', repeatable: true },
    fromText: sinksFromText,
    help: `A place for secrets, one of ${sinkUris}; or a preset, a command that is known: ${presetUris}. The flag and the variable hold one NAME=URI or NAME={…} (a sink as a JSON object), or a JSON object of name to URI or object`,
    standard: 'local, a file in the user data directory',
  },
  defaultSink: {
    variable: 'ATLAS_MODEL_KEYS_DEFAULT_SINK',
    flag: { name: 'default-sink', argument: 'NAME' },
    fromText: text,
    help: 'The sink for calls that name none',
    standard: 'the only sink',
  },
  allowInlineSecret: {
    variable: 'ATLAS_MODEL_KEYS_ALLOW_INLINE_SECRET',
    flag: { name: 'allow-inline-secret' },
    fromText: flagValue,
    help: 'Allow the sink "inline", which shows the secret to the model; adds one where there is none',
    standard: 'false',
  },
  readOnly: {
    variable: 'ATLAS_MODEL_KEYS_READ_ONLY',
    flag: { name: 'read-only' },
    fromText: flagValue,
    help: 'Offer only the tools that change nothing',
    standard: 'false',
  },
  allowedProjects: {
    variable: 'ATLAS_MODEL_KEYS_ALLOWED_PROJECTS',
    fromText: words,
    help: 'The only project ids (groupId) that may be used, separated by commas; a single one is the default',
    standard: 'every project',
  },
  stateDir: {
    variable: 'ATLAS_MODEL_KEYS_STATE_DIR',
    fromText: text,
    help: 'Where the journal and the audit log are kept',
    standard: 'atlas-model-keys in the user state directory',
  },
  trustPaths: {
    variable: 'ATLAS_MODEL_KEYS_TRUST_PATHS',
    fromText: pathsFromText,
    help: 'Absolute directories, separated as in PATH, for which you answer: owners and modes there and below are not checked, and doctor names them each time',
  },
  apiVersion: {
    variable: 'ATLAS_MODEL_KEYS_API_VERSION',
    fromText: text,
    help: 'The version of the Atlas API: auto, 2025-03-12 or preview',
    standard: 'auto',
  },
  timeoutMs: {
    variable: 'ATLAS_MODEL_KEYS_TIMEOUT_MS',
    fromText: number,
    help: 'Limit for one request to Atlas, in milliseconds',
    standard: '30000',
  },
  confirm: {
    variable: 'ATLAS_MODEL_KEYS_CONFIRM',
    fromText: text,
    help: 'Whether a person is asked, by a form of the host, before a key is deleted or rotated or limits are reset: never, if-supported (by the host) or required. required asks also before a key is renamed or a limit lowered, and refuses where no person can be asked. An answer within 300 ms, or a form that the host closes, does not count as the answer of a person',
    standard: 'if-supported',
  },
  maxCreatesPerHour: {
    variable: 'ATLAS_MODEL_KEYS_MAX_CREATES_PER_HOUR',
    fromText: number,
    help: 'How many keys may be created or rotated in an hour, by all servers that share a state directory',
    standard: '30',
  },
  tools: {
    variable: 'ATLAS_MODEL_KEYS_TOOLS',
    fromText: toolsFromText,
    help: 'Which tools are offered, separated by commas or spaces: NAME allows, -NAME denies. In the file an object of two lists, allow and deny',
    standard: 'every tool',
  },
  liveCheck: {
    variable: 'ATLAS_MODEL_KEYS_LIVE_CHECK',
    fromText: flagValue,
    help: 'Whether a create or rotation uses the new key once, for the embedding of one word (billed as such), before it calls it delivered. A key that was not seen to work is warned of, and in a rotation the old key is then kept',
    standard: 'false',
  },
  testModel: {
    variable: 'ATLAS_MODEL_KEYS_TEST_MODEL',
    fromText: text,
    help: 'The embedding model with which a key is tested, where the rate limits of its project name none; it goes before the others that they name',
    standard: 'voyage-3.5-lite',
  },
  endpointHosts: {
    variable: 'ATLAS_MODEL_KEYS_ENDPOINT_HOSTS',
    fromText: words,
    help: 'To what hosts the secret of a key may be sent to test it: host names, or *.DOMAIN for all below it, separated by commas',
    standard: '*.mongodb.com, *.mongodbgov.com',
  },
  outputSchemas: {
    variable: 'ATLAS_MODEL_KEYS_OUTPUT_SCHEMAS',
    fromText: flagValue,
    help: 'Whether the list of tools says what they answer. Set false for a host that takes a whole result for the structured one; structuredContent stays',
    standard: 'true',
  },
  credentialTimeoutMs: {
    variable: 'ATLAS_MODEL_KEYS_CREDENTIAL_TIMEOUT_MS',
    fromText: number,
    help: 'Limit for a program that prints a credential (_COMMAND, the Atlas CLI), 1000 to 50000 milliseconds',
    standard: '30000',
  },
  atlasCliProfile: {
    variable: 'ATLAS_MODEL_KEYS_ATLAS_CLI_PROFILE',
    fromText: text,
    help: 'The profile of the Atlas CLI whose access token is used where no other credential is complete',
  },
  atlasCli: {
    variable: 'ATLAS_MODEL_KEYS_ATLAS_CLI',
    fromText: text,
    help: 'The program of the Atlas CLI: an absolute path, or a name that is found in PATH',
    standard: 'atlas',
  },
  logLevel: {
    variable: 'ATLAS_MODEL_KEYS_LOG_LEVEL',
    flag: { name: 'log-level', argument: 'LEVEL' },
    fromText: text,
    help: 'What is written to stderr: debug, info, warning, error or silent',
    standard: 'warning',
  },
};

/** The names of all settings, in the order of the help text. */
export const settingNames: readonly SettingName[] = names(settings);

function names<Name extends string>(table: Readonly<Record<Name, Setting>>): Name[] {
  return Object.keys(table).filter((name): name is Name => name in table);
}

/** Where a second sink begins in the same text. Commands contain blanks and bars too, with addresses behind them. */
const NEXT_SINK =
  /[,;]\s*[A-Za-z0-9][\w.-]*\s*=\s*(?:[a-z][a-z0-9-]*:|inline\b|reveal\b)|[\s|][A-Za-z0-9][\w.-]*=(?:file:|dotenv:|command:|inline\b)/;

/** One `NAME=URI` or `NAME={…}`, or a JSON object of name to URI or object. A list of several is not read as one path. */
function sinksFromText(value: string): unknown {
  if (value.startsWith('{')) return parseJson(value) ?? value;
  const [, name, object] = /^([^={]*)=(\{.*)$/s.exec(value) ?? [];
  const parsed = object === undefined ? undefined : parseJson(object);
  if (name !== undefined && parsed !== undefined) return { [name]: parsed };
  if (NEXT_SINK.test(value)) return value;
  const equals = value.indexOf('=');
  return equals === -1 ? value : { [value.slice(0, equals)]: value.slice(equals + 1) };
}

/** Separated as those of PATH, or a JSON array. */
function pathsFromText(value: string): unknown {
  return value.startsWith('[') ? (parseJson(value) ?? value) : value.split(delimiter).filter(Boolean);
}

/** Words: `name` allows, `-name` denies. */
function toolsFromText(value: string): unknown {
  const named = words(value);
  const allow = named.filter((word) => !word.startsWith('-'));
  const deny = named.filter((word) => word.startsWith('-')).map((word) => word.slice(1));
  return { ...(allow.length > 0 && { allow }), ...(deny.length > 0 && { deny }) };
}
