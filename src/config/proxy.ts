// The proxy to whatever is asked over HTTPS, from the customary variables.

import { ConfigError } from './config-error.ts';
import { readVariable, type Environment } from './environment.ts';
import { Secret } from '../secret/secret.ts';

export interface ProxySettings {
  /** The proxy's own address, without user info. */
  readonly url: string;
  readonly login?: { readonly user: string; readonly password: Secret };
  /** Hosts that are reached directly: the text of NO_PROXY. */
  readonly noProxy: string;
}

/**
 * From the customary variables. Only https goes through a proxy, since plain http is only for loopback.
 *
 * @throws ConfigError when the proxy's address is not an http or https URL
 */
export function readProxy(environment: Environment): ProxySettings | undefined {
  const inEither = (name: string) => [name, name.toLowerCase()].find((each) => readVariable(environment, each));
  const name = inEither('HTTPS_PROXY');
  if (name === undefined) return undefined;
  const address = readVariable(environment, name) ?? '';
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw new ConfigError(name, 'must be a URL such as http://proxy.example.com:3128');
  }
  const [user, password] = [url.username, url.password].map(decoded);
  if (user === undefined || password === undefined) {
    throw new ConfigError(name, 'has a user or password that is not percent-encoded as URLs ask');
  }
  return {
    url: url.origin,
    ...(user !== '' && { login: { user, password: new Secret(password, { isCompared: false }) } }),
    noProxy: readVariable(environment, inEither('NO_PROXY') ?? '') ?? '',
  };
}

function decoded(component: string): string | undefined {
  try {
    return decodeURIComponent(component);
  } catch {
    return undefined;
  }
}
