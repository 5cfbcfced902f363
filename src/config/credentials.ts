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

const TOKEN = ['MONGODB_ATLAS_ACCESS_TOKEN'];
const CLIENT_ID = ['MONGODB_ATLAS_CLIENT_ID', 'MDB_MCP_API_CLIENT_ID'];
const CLIENT_SECRET = ['MONGODB_ATLAS_CLIENT_SECRET', 'MDB_MCP_API_CLIENT_SECRET'];
const PUBLIC_KEY = ['MONGODB_ATLAS_PUBLIC_API_KEY', 'MONGODB_ATLAS_PUBLIC_KEY'];
const PRIVATE_KEY = ['MONGODB_ATLAS_PRIVATE_API_KEY', 'MONGODB_ATLAS_PRIVATE_KEY'];

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
export function readCredentials(environment: Environment): Credentials {
  const token = readSecret(environment, TOKEN);
  if (token) return { kind: 'token', token };

  const clientId = readIdentifier(environment, CLIENT_ID);
  const clientSecret = readSecret(environment, CLIENT_SECRET);
  if (clientId !== undefined && clientSecret) return { kind: 'service-account', clientId, clientSecret };

  const publicKey = readIdentifier(environment, PUBLIC_KEY);
  const privateKey = readSecret(environment, PRIVATE_KEY);
  if (publicKey !== undefined && privateKey) return { kind: 'api-key', publicKey, privateKey };

  const halves: [unknown, readonly string[]][] = [
    [clientId, CLIENT_SECRET],
    [clientSecret, CLIENT_ID],
    [publicKey, PRIVATE_KEY],
    [privateKey, PUBLIC_KEY],
  ];
  const wanted = halves.find(([present]) => present !== undefined)?.[1][0];
  return { kind: 'missing', ...(wanted !== undefined && { wanted }) };
}

function readIdentifier(environment: Environment, names: readonly string[]): string | undefined {
  const found = readFirst(environment, names);
  if (found && (!VISIBLE.test(found.value) || found.value.includes(':'))) {
    throw new ConfigError(found.name, 'holds a space, a colon or a control character; copy the id again');
  }
  return found?.value;
}

function readSecret(environment: Environment, names: readonly string[]): Secret | undefined {
  const plain = readFirst(environment, names);
  const file = readFirst(
    environment,
    names.map((name) => `${name}_FILE`),
  );
  if (plain && file) {
    throw new ConfigError(file.name, `is set beside ${plain.name}; set one of them`);
  }
  const found = file ? { name: file.name, value: readSecretFile(file.name, file.value) } : plain;
  if (!found) return undefined;
  if (!VISIBLE.test(found.value)) {
    throw new ConfigError(found.name, 'holds a space, a line break or a control character; copy the secret again');
  }
  if (STRUCTURE.test(found.value)) {
    throw new ConfigError(
      found.name,
      'holds a quotation mark, backslash, comma or brace, which no secret of Atlas does; give the secret alone',
    );
  }
  return new Secret(found.value);
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
