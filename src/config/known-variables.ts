// Refuses variables of this server that it does not know: a misspelt restriction must not be a restriction that is not there.

import { ConfigError } from './config-error.ts';
import { readVariable, type Environment } from './environment.ts';

const PREFIX = 'ATLAS_MODEL_KEYS_';
/** A name that can be shown: an ordinary variable, not something pasted. */
const SHOWABLE = /^[A-Z0-9_]{1,60}$/;
const LIKELY_SLIPS = 3;

/**
 * @param known every variable that begins with the prefix of this server
 * @throws ConfigError for another one that is set; a blank one counts as unset
 */
export function refuseUnknownVariables(environment: Environment, known: readonly string[]): void {
  const unknown = Object.keys(environment).find(
    (name) => name.startsWith(PREFIX) && !known.includes(name) && readVariable(environment, name) !== undefined,
  );
  if (unknown === undefined) return;
  if (!SHOWABLE.test(unknown)) throw new ConfigError(`${PREFIX}(unreadable name)`, 'is not known here');
  const [nearest] = known
    .map((name) => ({ name, slips: editDistance(unknown, name) }))
    .filter(({ slips }) => slips <= LIKELY_SLIPS)
    .sort((one, other) => one.slips - other.slips);
  throw new ConfigError(unknown, `is not known here${nearest ? `; did you mean ${nearest.name}?` : ''}`);
}

/** How many letters to put in, take out or change (Levenshtein). */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  Array.from(from).forEach((letter, index) => {
    const next = [index + 1];
    Array.from(to).forEach((other, column) => {
      const [left = 0, above = 0, diagonal = 0] = [next[column], row[column + 1], row[column]];
      next.push(Math.min(left + 1, above + 1, diagonal + (letter === other ? 0 : 1)));
    });
    row = next;
  });
  return row.at(-1) ?? 0;
}
