// Rules for the address of Atlas. Strict about the written form, since URL parsing itself forgives
// (octal hosts, backslashes, IPv6-mapped addresses) and a forgiven trick would send credentials elsewhere.

import { ConfigError } from './config-error.ts';

const SETTING = 'MONGODB_ATLAS_BASE_URL';
const WRITTEN_FORM = /^(https?):\/\/([a-z0-9-]+(?:\.[a-z0-9-]+)*|\[::1\])(?::([0-9]{1,5}))?\/?$/i;
const LOOPBACK = /^(?:localhost|127(?:\.(?:0|[1-9][0-9]{0,2})){3}|\[::1\])$/;

/**
 * An origin to send credentials to: https to a host name, or plain http to loopback.
 *
 * @throws ConfigError for anything else: user info, path, query, fragment, a trailing dot, a number as host
 */
export function parseBaseUrl(text: string): URL {
  const written = WRITTEN_FORM.exec(text);
  const url = written && URL.canParse(text) ? new URL(text) : undefined;
  if (!written || !url) {
    throw new ConfigError(
      SETTING,
      'must be https://HOST[:PORT] without user, path or query, for example https://cloud.mongodb.com',
    );
  }
  if (url.hostname !== written[2]?.toLowerCase()) {
    throw new ConfigError(
      SETTING,
      'the host is not written in its normal form; write the host name, or 127.0.0.1 for loopback',
    );
  }
  if (url.protocol === 'http:' && !LOOPBACK.test(url.hostname)) {
    throw new ConfigError(SETTING, 'plain http is allowed for loopback only (localhost, 127.0.0.1, [::1]); use https');
  }
  return url;
}
