// Where Atlas is, how to be admitted, and what its ids are by default: all from the environment, by the ecosystem's names.

import { parseBaseUrl } from './base-url.ts';
import { ConfigError } from './config-error.ts';
import { readCredentials, type Credentials } from './credentials.ts';
import { readVariable, type Environment } from './environment.ts';
import { readProxy, type ProxySettings } from './proxy.ts';

/** Where Atlas is, and how to be admitted. */
export interface AtlasConnection {
  readonly baseUrl: URL;
  readonly credentials: Credentials;
  readonly proxy?: ProxySettings;
}

export interface AtlasSettings {
  readonly atlas: AtlasConnection;
  /** The variables under which the credentials were found. */
  readonly credentialVariables: readonly string[];
  /** The default for `groupId`. */
  readonly projectId?: string;
  /** The default for `orgId`. */
  readonly orgId?: string;
}

const BASE_URL = 'MONGODB_ATLAS_BASE_URL';
const PROJECT_ID = 'MONGODB_ATLAS_PROJECT_ID';
const ORG_ID = 'MONGODB_ATLAS_ORG_ID';
const DEFAULT_BASE_URL = 'https://cloud.mongodb.com';

/** For the help text. */
export const connectionVariables: Readonly<Record<string, string>> = {
  [BASE_URL]: `Where Atlas is (default ${DEFAULT_BASE_URL}; https, or http on loopback)`,
  [PROJECT_ID]: 'The project of calls that name none (groupId)',
  [ORG_ID]: 'The organization of calls that name none (orgId)',
  HTTPS_PROXY: 'The proxy to Atlas; NO_PROXY names hosts that are reached without it',
};

/** @throws ConfigError that names the variable to correct */
export function readAtlasSettings(environment: Environment): AtlasSettings {
  const proxy = readProxy(environment);
  const projectId = readId(environment, PROJECT_ID);
  const orgId = readId(environment, ORG_ID);
  const { credentials, variables } = readCredentials(environment);
  return {
    atlas: {
      baseUrl: parseBaseUrl(readVariable(environment, BASE_URL) ?? DEFAULT_BASE_URL),
      credentials,
      ...(proxy && { proxy }),
    },
    credentialVariables: variables,
    ...(projectId !== undefined && { projectId }),
    ...(orgId !== undefined && { orgId }),
  };
}

function readId(environment: Environment, variable: string): string | undefined {
  const id = readVariable(environment, variable);
  if (id !== undefined && !/^[a-f0-9]{24}$/.test(id)) {
    throw new ConfigError(variable, 'must be 24 lower-case hexadecimal digits');
  }
  return id;
}
