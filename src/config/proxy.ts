// Reads the customary proxy variables. Only https goes through a proxy, since plain http is for loopback alone.

import { Secret } from '../secret/secret.ts';
import { ConfigError } from './config-error.ts';
import { readFirst, type Environment } from './environment.ts';

export interface ProxySettings {
  /** The proxy's own address, without user info. */
  readonly url: string;
  readonly login?: { readonly user: string; readonly password: Secret };
  /** Hosts that are reached directly: the text of NO_PROXY. */
  readonly noProxy: string;
}

/** @throws ConfigError when the proxy's address is no http or https URL */
export function readProxy(environment: Environment): ProxySettings | undefined {
  const found = readFirst(environment, ['HTTPS_PROXY', 'https_proxy']);
  if (!found) return undefined;
  const url = URL.canParse(found.value) ? new URL(found.value) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw new ConfigError(found.name, 'must be a URL such as http://proxy.example.com:3128');
  }
  const [user, password] = [url.username, url.password].map(decoded);
  if (user === undefined || password === undefined) {
    throw new ConfigError(found.name, 'has a user or password that is not percent-encoded as URLs ask');
  }
  return {
    url: url.origin,
    ...(user !== '' && { login: { user, password: new Secret(password, { isCompared: false }) } }),
    noProxy: readFirst(environment, ['NO_PROXY', 'no_proxy'])?.value ?? '',
  };
}

function decoded(component: string): string | undefined {
  try {
    return decodeURIComponent(component);
  } catch {
    return undefined;
  }
}
