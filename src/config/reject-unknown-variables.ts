// Refuses variables of this server that it does not know: a misspelt restriction must not be a restriction that is not there.

import { distance } from 'fastest-levenshtein';
import { nearest } from '../text/nearest.ts';
import { ConfigError } from './config-error.ts';
import { readVariable, type Environment } from './environment.ts';
import { looksLikeSecret } from './secret-text.ts';

const PREFIX = 'ATLAS_MODEL_KEYS_';
/** A name that can be shown: an ordinary variable, not something pasted. */
const SHOWABLE = /^[A-Z0-9_]{1,60}$/;
const LIKELY_SLIPS = 3;
/** Kubernetes sets these in every pod for a service whose name begins as this server's does ("service links"). */
const SERVICE_LINK =
  /_(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT(?:_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)$/;

/**
 * @param known every variable that begins with the prefix of this server
 * @throws ConfigError for another one that is set; a blank one counts as unset
 */
export function rejectUnknownVariables(environment: Environment, known: readonly string[]): void {
  const unknown = Object.keys(environment).find(
    (name) =>
      name.startsWith(PREFIX) &&
      !known.includes(name) &&
      !SERVICE_LINK.test(name) &&
      readVariable(environment, name) !== undefined,
  );
  if (unknown === undefined) return;
  if (!SHOWABLE.test(unknown) || looksLikeSecret(unknown.slice(PREFIX.length)))
    throw new ConfigError(`${PREFIX}(unreadable name)`, 'is not known here');
  const [meant] = nearest(unknown, known, (name) => name, 1);
  const isLikely = meant !== undefined && distance(unknown, meant) <= LIKELY_SLIPS;
  throw new ConfigError(unknown, `is not known here${isLikely ? `; did you mean ${meant}?` : ''}`);
}
