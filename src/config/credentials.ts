// Finds the credentials for Atlas among the names that the ecosystem uses. It reads secret files, but sends nothing.

import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { Secret } from '../secret/secret.ts';
import { ConfigError } from './config-error.ts';
import { readFirst, type Environment } from './environment.ts';
import { expandHome } from './home-path.ts';

/** One complete set of credentials, or what is missing for one. */
export type Credentials =
  | { readonly kind: 'token'; readonly token: Secret }
  | { readonly kind: 'service-account'; readonly clientId: string; readonly clientSecret: Secret }
  | { readonly kind: 'api-key'; readonly publicKey: string; readonly privateKey: Secret }
  /** `wanted` names the variable that would complete a set that was begun. */
  | { readonly kind: 'missing'; readonly wanted?: string };

/** What was found, and under which variables (never a value of them). */
export interface FoundCredentials {
  readonly credentials: Credentials;
  readonly variables: readonly string[];
}

const TOKEN = ['MONGODB_ATLAS_ACCESS_TOKEN'];
const CLIENT_ID = ['MONGODB_ATLAS_CLIENT_ID', 'MDB_MCP_API_CLIENT_ID'];
const CLIENT_SECRET = ['MONGODB_ATLAS_CLIENT_SECRET', 'MDB_MCP_API_CLIENT_SECRET'];
const PUBLIC_KEY = ['MONGODB_ATLAS_PUBLIC_API_KEY', 'MONGODB_ATLAS_PUBLIC_KEY'];
const PRIVATE_KEY = ['MONGODB_ATLAS_PRIVATE_API_KEY', 'MONGODB_ATLAS_PRIVATE_KEY'];

/** For the help text: the variables of each kind, in the order in which they are looked for, with their other names. */
export const credentialVariables: readonly { readonly name: string; readonly variables: readonly string[][] }[] = [
  { name: 'Access token', variables: [TOKEN] },
  { name: 'Service account', variables: [CLIENT_ID, CLIENT_SECRET] },
  { name: 'API key', variables: [PUBLIC_KEY, PRIVATE_KEY] },
];

/** What can stand in an Authorization header (RFC 9110, field values); ids hold no colon (RFC 7617). */
const VISIBLE = /^[\x21-\x7e]+$/;
/** Could not be told from the structure of a JSON text around it, where redaction takes it out. */
const STRUCTURE = /["\\,{}]/;
const LONGEST_FILE = 64 * 1024;

/**
 * The first complete set wins: access token, service account, API key (the order of MongoDB's Terraform provider).
 *
 * @throws ConfigError when a value cannot be a credential or its file cannot be read
 */
export function readCredentials(environment: Environment): FoundCredentials {
  const token = readSecret(environment, TOKEN);
  if (token) return found({ kind: 'token', token: token.value }, token);

  const clientId = readIdentifier(environment, CLIENT_ID);
  const clientSecret = readSecret(environment, CLIENT_SECRET);
  if (clientId && clientSecret) {
    const pair = { clientId: clientId.value, clientSecret: clientSecret.value };
    return found({ kind: 'service-account', ...pair }, clientId, clientSecret);
  }

  const publicKey = readIdentifier(environment, PUBLIC_KEY);
  const privateKey = readSecret(environment, PRIVATE_KEY);
  if (publicKey && privateKey) {
    return found({ kind: 'api-key', publicKey: publicKey.value, privateKey: privateKey.value }, publicKey, privateKey);
  }

  const halves: [unknown, readonly string[]][] = [
    [clientId, CLIENT_SECRET],
    [clientSecret, CLIENT_ID],
    [publicKey, PRIVATE_KEY],
    [privateKey, PUBLIC_KEY],
  ];
  const wanted = halves.find(([present]) => present !== undefined)?.[1][0];
  return found({ kind: 'missing', ...(wanted !== undefined && { wanted }) });
}

interface Named<Value> {
  /** The variable. */
  readonly name: string;
  readonly value: Value;
}

function found(credentials: Credentials, ...values: readonly Named<unknown>[]): FoundCredentials {
  return { credentials, variables: values.map(({ name }) => name) };
}

function readIdentifier(environment: Environment, names: readonly string[]): Named<string> | undefined {
  const given = readFirst(environment, names);
  if (given && (!VISIBLE.test(given.value) || given.value.includes(':'))) {
    throw new ConfigError(given.name, 'holds a space, a colon or a control character; copy the id again');
  }
  return given;
}

function readSecret(environment: Environment, names: readonly string[]): Named<Secret> | undefined {
  const plain = readFirst(environment, names);
  const file = readFirst(
    environment,
    names.map((name) => `${name}_FILE`),
  );
  if (plain && file) {
    throw new ConfigError(file.name, `is set beside ${plain.name}; set one of them`);
  }
  const given = file ? { name: file.name, value: readSecretFile(file.name, file.value) } : plain;
  if (!given) return undefined;
  if (!VISIBLE.test(given.value)) {
    throw new ConfigError(given.name, 'holds a space, a line break or a control character; copy the secret again');
  }
  if (STRUCTURE.test(given.value)) {
    throw new ConfigError(
      given.name,
      'holds a quotation mark, backslash, comma or brace, which no secret of Atlas does; give the secret alone',
    );
  }
  return { name: given.name, value: new Secret(given.value) };
}

/** Symbolic links are followed: Docker and Kubernetes mount their secrets that way. */
function readSecretFile(setting: string, path: string): string {
  let descriptor: number | undefined;
  try {
    // A FIFO without a writer must not hold up the start.
    descriptor = openSync(expandHome(path), constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = fstatSync(descriptor);
    if (!stat.isFile() || stat.size > LONGEST_FILE) {
      throw new ConfigError(setting, 'must name a regular file that holds the secret and nothing else');
    }
    const value = readFileSync(descriptor, 'utf8').trim();
    if (value === '') throw new ConfigError(setting, 'the file is empty');
    return value;
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(setting, 'the file cannot be read; check that it exists and that this user may read it');
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
