// Where Atlas is, through which proxy, with which credentials, and which project and organization are the default: from the
// environment, by the names that the ecosystem uses, else from the configuration file.

import { DEFAULT_BASE_URL, parseBaseUrl, urlOfService } from './base-url.ts';
import { ConfigError } from './config-error.ts';
import { readCredentials, type Credentials, type OperatorAtlas } from './credentials.ts';
import { readVariable, type Environment, placeholderIn } from './environment.ts';
import { readProxy, type ProxySettings } from './proxy.ts';

/** Where Atlas is, and with which credentials it is called. */
export interface AtlasConnection {
  readonly baseUrl: URL;
  readonly credentials: Credentials;
  readonly proxy?: ProxySettings;
}

interface AtlasSettings {
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
/** Names that the Atlas CLI and MongoDB's own MCP server use. */
const CLI_URL = 'MONGODB_ATLAS_OPS_MANAGER_URL';
const CLI_SERVICE = 'MONGODB_ATLAS_SERVICE';
const MCP_URL = 'MDB_MCP_API_BASE_URL';

/** For the help text. */
export const connectionVariables: Readonly<Record<string, string>> = {
  [BASE_URL]: `Where Atlas is (default ${DEFAULT_BASE_URL}; https, or http on loopback)`,
  [CLI_URL]: `The same, as the Atlas CLI names it; so is ${CLI_SERVICE} (cloud or cloudgov)`,
  [MCP_URL]: 'The same, for credentials of MDB_MCP_API_…',
  [PROJECT_ID]: 'The project of calls that name none (groupId)',
  [ORG_ID]: 'The organization of calls that name none (orgId)',
  HTTPS_PROXY: 'The proxy to Atlas; NO_PROXY names hosts that are reached without it',
};

/** @throws ConfigError that names the variable to correct */
export function readAtlasSettings(environment: Environment, operator: OperatorAtlas): AtlasSettings {
  const { file } = operator;
  const proxy = readProxy(environment);
  const projectId = readId(environment, PROJECT_ID, file?.projectId, `${file?.where ?? ''}projectId`);
  const orgId = readId(environment, ORG_ID, file?.orgId, `${file?.where ?? ''}orgId`);
  const { credentials, variables } = readCredentials(environment, operator);
  const named = namedBaseUrl(environment, variables) ?? baseUrlOf(file);
  return {
    atlas: {
      baseUrl: named ?? new URL(DEFAULT_BASE_URL),
      credentials: credentials.kind === 'atlas-cli' ? { ...credentials, namesBaseUrl: !named } : credentials,
      ...(proxy && { proxy }),
    },
    credentialVariables: variables,
    ...(projectId !== undefined && { projectId }),
    ...(orgId !== undefined && { orgId }),
  };
}

/** The address by this server's own name, else by the name of the program whose variables give the secret. */
function namedBaseUrl(environment: Environment, credentialNames: readonly string[]): URL | undefined {
  const own = readVariable(environment, BASE_URL);
  if (own !== undefined) return parseBaseUrl(own, BASE_URL);
  const secretName = credentialNames.at(-1) ?? '';
  const isMcp = secretName.startsWith('MDB_MCP_');
  if (!isMcp && !secretName.startsWith('MONGODB_ATLAS_')) return undefined;
  const setting = isMcp ? MCP_URL : CLI_URL;
  const url = readVariable(environment, setting);
  if (url !== undefined) return parseBaseUrl(url, setting);
  const service = isMcp ? undefined : readVariable(environment, CLI_SERVICE);
  if (service === undefined) return undefined;
  const known = urlOfService(service);
  if (!known) throw new ConfigError(CLI_SERVICE, 'must be cloud or cloudgov');
  return known;
}

function baseUrlOf(file: OperatorAtlas['file']): URL | undefined {
  return file?.baseUrl === undefined ? undefined : parseBaseUrl(file.baseUrl, `${file.where}baseUrl`);
}

/** From the environment, else from the file. */
function readId(
  environment: Environment,
  variable: string,
  ofFile: string | undefined,
  key: string,
): string | undefined {
  const ofVariable = readVariable(environment, variable);
  const [id, setting] = ofVariable === undefined ? [ofFile, key] : [ofVariable, variable];
  if (id === undefined || /^[a-f0-9]{24}$/.test(id)) return id;
  throw new ConfigError(setting, placeholderIn(id)?.words ?? 'must be 24 lower-case hexadecimal digits');
}
