// Rules for the address of Atlas. They are strict about the written form: URL parsing itself accepts octal hosts, backslashes
// and IPv6-mapped addresses, by which credentials could be sent elsewhere.

import { ConfigError } from './config-error.ts';

const DEFAULT_SETTING = 'MONGODB_ATLAS_BASE_URL';
export const DEFAULT_BASE_URL = 'https://cloud.mongodb.com';
/** By the name that the Atlas CLI has for each. */
const SERVICES = new Map([
  ['cloud', DEFAULT_BASE_URL],
  ['cloudgov', 'https://cloud.mongodbgov.com'],
]);
const WRITTEN_FORM = /^(https?):\/\/([a-z0-9-]+(?:\.[a-z0-9-]+)*|\[::1\])(?::([0-9]{1,5}))?\/?$/i;
const LOOPBACK = /^(?:localhost|127(?:\.(?:0|[1-9][0-9]{0,2})){3}|\[::1\])$/;

/**
 * An origin to send credentials to: https to a host name, or plain http to loopback.
 *
 * @param setting by which the operator gave it
 * @throws ConfigError for anything else: user info, path, query, fragment, a trailing dot, a number as host
 */
export function parseBaseUrl(text: string, setting = DEFAULT_SETTING): URL {
  const written = WRITTEN_FORM.exec(text);
  const url = written && URL.canParse(text) ? new URL(text) : undefined;
  if (!written || !url) {
    throw new ConfigError(
      setting,
      'must be https://HOST[:PORT] without user, path or query, for example https://cloud.mongodb.com',
    );
  }
  if (url.hostname !== written[2]?.toLowerCase()) {
    throw new ConfigError(
      setting,
      'the host is not written in its normal form; write the host name, or 127.0.0.1 for loopback',
    );
  }
  if (url.protocol === 'http:' && !LOOPBACK.test(url.hostname)) {
    throw new ConfigError(setting, 'plain http is allowed only for loopback (localhost, 127.0.0.1, [::1]); use https');
  }
  return url;
}

/** The address of Atlas by the name that the Atlas CLI has for it; undefined for an unknown name. */
export function urlOfService(service: string): URL | undefined {
  const url = SERVICES.get(service);
  return url === undefined ? undefined : new URL(url);
}
