// Finds the credentials for Atlas among the names that the ecosystem uses. It opens no file, runs nothing and sends nothing:
// where a secret is in a file, or a program prints it, only that is said here, and the first call fetches it.

import { isAbsolute } from 'node:path';
import { Secret } from '../secret/secret.ts';
import { ConfigError } from './config-error.ts';
import { readVariable, withoutAtlasCredentials, type Environment, placeholderIn } from './environment.ts';
import { localPath, foreignPathWords } from './directories.ts';
import { secretProblem, VISIBLE } from './secret-text.ts';
import type { FileSettings } from './settings-schema.ts';
import { parseJson } from '../text/text.ts';

/** One complete set of credentials, or what is missing for one. */
export type Credentials =
  | { readonly kind: 'token'; readonly token: HeldSecret; readonly setting?: string }
  | {
      readonly kind: 'service-account';
      readonly clientId: string;
      readonly clientSecret: HeldSecret;
      readonly setting?: string;
    }
  | {
      readonly kind: 'api-key';
      readonly publicKey: string;
      readonly privateKey: HeldSecret;
      readonly setting?: string;
    }
  | ({ readonly kind: 'atlas-cli' } & AtlasCliProfile)
  /** `wanted` names the variable that would complete a set that was begun. */
  | { readonly kind: 'missing'; readonly wanted?: string; readonly unfilled?: Unfilled };

/** A secret, or how to get it when it is needed. */
export type HeldSecret = Secret | SecretFile | SecretCommand;

export interface SecretFile {
  readonly setting: string;
  /** Its path. */
  readonly file: string;
}

export interface SecretCommand extends ProgramRun {
  readonly setting: string;
  readonly argv: Argv;
}

/** How to run a program that gives a credential. */
interface ProgramRun {
  /** All of its environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

export interface AtlasCliProfile extends ProgramRun {
  readonly profile: string;
  /** An absolute path, or a name that is looked up in PATH. */
  readonly program: string;
  /** Whether Atlas is where the profile says, since the operator does not say it. */
  readonly namesBaseUrl: boolean;
}

/** A setting whose value is still a placeholder. */
interface Unfilled {
  readonly setting: string;
  /** To put behind the name of the setting. */
  readonly words: string;
}

/** What the operator says of Atlas elsewhere than in its own variables. */
export interface OperatorAtlas {
  readonly file?: FileAtlas | undefined;
  readonly atlasCli?: Pick<AtlasCliProfile, 'profile' | 'program'> | undefined;
  /** For a program that prints a secret. */
  readonly timeoutMs: number;
}

/** The section `atlas` of the configuration file. The environment goes before it; it never holds a secret. */
type FileAtlas = NonNullable<FileSettings['atlas']> & {
  /** What to put before the name of a key, in a message. */
  readonly where: string;
};

/** What was found, and under which variables (never a value of them). */
interface FoundCredentials {
  readonly credentials: Credentials;
  readonly variables: readonly string[];
}

const TOKEN = ['MONGODB_ATLAS_ACCESS_TOKEN'];
const CLIENT_ID = ['MONGODB_ATLAS_CLIENT_ID', 'MDB_MCP_API_CLIENT_ID'];
const CLIENT_SECRET = ['MONGODB_ATLAS_CLIENT_SECRET', 'MDB_MCP_API_CLIENT_SECRET'];
const PUBLIC_KEY = ['MONGODB_ATLAS_PUBLIC_API_KEY', 'MONGODB_ATLAS_PUBLIC_KEY'];
const PRIVATE_KEY = ['MONGODB_ATLAS_PRIVATE_API_KEY', 'MONGODB_ATLAS_PRIVATE_KEY'];
const CLI_PROFILE = 'ATLAS_MODEL_KEYS_ATLAS_CLI_PROFILE';

/** For the help text: the variables of each kind, in the order in which they are looked for, with their other names. */
export const credentialVariables: readonly { readonly name: string; readonly variables: readonly string[][] }[] = [
  { name: 'Access token', variables: [TOKEN] },
  { name: 'Service account', variables: [CLIENT_ID, CLIENT_SECRET] },
  { name: 'API key', variables: [PUBLIC_KEY, PRIVATE_KEY] },
];

/**
 * The first complete set wins: access token, service account, API key (the order of MongoDB's Terraform provider), then
 * what the configuration file completes, then a profile of the Atlas CLI.
 *
 * @throws ConfigError when a value cannot be a credential, or a secret is given in two ways
 */
export function readCredentials(environment: Environment, others: OperatorAtlas): FoundCredentials {
  const search: Search = {
    environment,
    run: { environment: withoutAtlasCredentials(environment), timeoutMs: others.timeoutMs },
    unfilled: [],
  };
  const token = readSecret(search, TOKEN);
  if (token) return found({ kind: 'token', token: token.value, setting: token.name }, token);

  const clientId = readIdentifier(search, CLIENT_ID);
  const clientSecret = readSecret(search, CLIENT_SECRET);
  if (clientId && clientSecret) return serviceAccount(clientId, clientSecret);

  const publicKey = readIdentifier(search, PUBLIC_KEY);
  const privateKey = readSecret(search, PRIVATE_KEY);
  if (publicKey && privateKey) {
    const pair = { publicKey: publicKey.value, privateKey: privateKey.value };
    return found({ kind: 'api-key', ...pair, setting: privateKey.name }, publicKey, privateKey);
  }

  const idOfFile = clientId ?? (others.file && identifierOf(search, others.file));
  const secretOfFile = clientSecret ?? (others.file && secretOf(search, others.file));
  if (idOfFile && secretOfFile) return serviceAccount(idOfFile, secretOfFile);
  if (others.atlasCli) return atlasCli(search, others.atlasCli);

  const halves: [unknown, readonly string[]][] = [
    [idOfFile, CLIENT_SECRET],
    [secretOfFile, CLIENT_ID],
    [publicKey, PRIVATE_KEY],
    [privateKey, PUBLIC_KEY],
  ];
  const wanted = halves.find(([present]) => present !== undefined)?.[1][0];
  const [unfilled] = search.unfilled;
  return found({ kind: 'missing', ...(wanted !== undefined && { wanted }), ...(unfilled && { unfilled }) });
}

interface Search {
  readonly environment: Environment;
  readonly run: ProgramRun;
  /** Settings that are ignored, and named where no set is complete. */
  readonly unfilled: Unfilled[];
}

interface Named<Value> {
  /** The variable, or the key of the configuration file. */
  readonly name: string;
  readonly value: Value;
}

function found(credentials: Credentials, ...values: readonly Named<unknown>[]): FoundCredentials {
  return { credentials, variables: values.map(({ name }) => name) };
}

function serviceAccount(id: Named<string>, secret: Named<HeldSecret>): FoundCredentials {
  const pair = { clientId: id.value, clientSecret: secret.value };
  return found({ kind: 'service-account', ...pair, setting: secret.name }, id, secret);
}

/** None of the Atlas CLI's own variables may reach it: they would go before the profile. */
function atlasCli({ run }: Search, cli: Pick<AtlasCliProfile, 'profile' | 'program'>): FoundCredentials {
  const kept = Object.entries(run.environment).filter(([name]) => !/^MCLI_/i.test(name));
  const environment = { ...Object.fromEntries(kept), DO_NOT_TRACK: '1' };
  return {
    credentials: { kind: 'atlas-cli', ...cli, environment, timeoutMs: run.timeoutMs, namesBaseUrl: true },
    variables: [CLI_PROFILE],
  };
}

/** The first of several names that holds what somebody filled in. */
function readFilled(search: Search, names: readonly string[]): Named<string> | undefined {
  for (const name of names) {
    const value = readVariable(search.environment, name);
    if (value !== undefined && isFilled(search, name, value)) return { name, value };
  }
  return undefined;
}

function isFilled({ unfilled }: Search, setting: string, value: string): boolean {
  const placeholder = placeholderIn(value);
  if (!placeholder) return true;
  const { words, unquoted } = placeholder;
  // What is in quotation marks is probably the secret itself, so redaction must know it.
  if (unquoted !== undefined) new Secret(unquoted);
  unfilled.push({ setting, words });
  return false;
}

function readIdentifier(search: Search, names: readonly string[]): Named<string> | undefined {
  const given = readFilled(search, names);
  return given && checkedIdentifier(given);
}

function identifierOf(search: Search, { where, clientId }: FileAtlas): Named<string> | undefined {
  const name = `${where}clientId`;
  if (clientId === undefined || clientId === '' || !isFilled(search, name, clientId)) return undefined;
  return checkedIdentifier({ name, value: clientId });
}

/** An id must not contain a colon (RFC 7617, section 2). */
function checkedIdentifier(given: Named<string>): Named<string> {
  if (!VISIBLE.test(given.value) || given.value.includes(':')) {
    throw new ConfigError(given.name, 'holds a space, a colon or a control character; copy the id again');
  }
  return given;
}

function readSecret(search: Search, names: readonly string[]): Named<HeldSecret> | undefined {
  const ending = (suffix: string) =>
    readFilled(
      search,
      names.map((name) => name + suffix),
    );
  const plain = ending('');
  const file = ending('_FILE');
  const command = ending('_COMMAND');
  refuseTwo(plain, file, command);
  if (plain) return plainSecret(plain);
  if (file) return secretFile(file);
  return command && secretCommand(search, command);
}

function secretOf(search: Search, { where, clientSecretFile, clientSecretCommand }: FileAtlas) {
  const filled = (key: string, value: string | undefined) => {
    const name = where + key;
    return value !== undefined && value !== '' && isFilled(search, name, value) ? { name, value } : undefined;
  };
  const file = filled('clientSecretFile', clientSecretFile);
  const name = `${where}clientSecretCommand`;
  const command =
    typeof clientSecretCommand === 'object'
      ? { name, value: clientSecretCommand }
      : filled('clientSecretCommand', clientSecretCommand);
  refuseTwo(file, command);
  return file ? secretFile(file) : command && secretCommand(search, command);
}

function refuseTwo(...given: readonly (Named<unknown> | undefined)[]): void {
  const [first, second] = given.filter((each) => each !== undefined);
  if (first && second) throw new ConfigError(second.name, `is set beside ${first.name}; set one of them`);
}

function plainSecret({ name, value }: Named<string>): Named<Secret> {
  const problem = secretProblem(value);
  if (problem !== undefined) throw new ConfigError(name, problem);
  return { name, value: new Secret(value) };
}

function secretFile({ name, value }: Named<string>): Named<SecretFile> {
  return { name, value: { setting: name, file: localPath(name, value) } };
}

function secretCommand({ run }: Search, { name, value }: Named<string | readonly string[]>): Named<SecretCommand> {
  return { name, value: { setting: name, argv: parseCommand(name, value), ...run } };
}

type Argv = readonly [program: string, ...args: string[]];

/** What a shell would interpret. */
const SHELL = /["'\\$`|;&<>*]/;
// eslint-disable-next-line no-control-regex -- control characters are what is refused here
const CONTROL = /[\u0000-\u001f\u007f]/;

/**
 * A program that prints a secret, written as a JSON array or as plain words. No shell runs it, so what only a shell understands
 * is refused.
 *
 * @throws ConfigError for what is not a program with its arguments; it quotes nothing, since a secret may be in its place
 */
function parseCommand(setting: string, written: string | readonly string[]): Argv {
  const words = typeof written === 'string' ? wordsOf(setting, written) : written;
  const [program, ...args] = words;
  if (program === undefined || program === '' || words.some((word) => CONTROL.test(word))) {
    throw new ConfigError(setting, 'must be a program and its arguments, without control characters');
  }
  const foreign = foreignPathWords(program);
  if (foreign !== undefined) throw new ConfigError(setting, foreign);
  if (!isAbsolute(program) && /[\\/]/.test(program)) {
    throw new ConfigError(setting, 'must begin with an absolute path, or a name that is found in PATH');
  }
  return [program, ...args];
}

function wordsOf(setting: string, written: string): readonly string[] {
  if (!written.startsWith('[')) {
    if (SHELL.test(written)) {
      throw new ConfigError(
        setting,
        'holds a character that only a shell understands, and no shell runs it; write a JSON array such as ["op","read","op://Private/atlas/secret"]',
      );
    }
    return written.split(/[ \t]+/);
  }
  const parsed = parseJson(written);
  const isText = (word: unknown) => typeof word === 'string';
  if (!Array.isArray(parsed) || !parsed.every(isText)) {
    throw new ConfigError(setting, 'must be a JSON array of strings: the program and its arguments');
  }
  return parsed;
}
