// What an operator may write down for the command `apply`, by the same rules as the parameters of a create.

import * as z from 'zod/v4';
import { forbiddenName, parseWith } from '../config/schema-issue.ts';
import type { WantedKey } from '../keys/apply.ts';
import { failed, ok, type Result } from '../failure.ts';
import { keyParameters } from './create-ai-model-api-key.ts';

export const MOST_WANTED = 10_000;
const LONGEST_DAYS = 3_650;
const MOST_TOLD = 20;

/** The names of sinks are looked at for each key, so that one that is wrong stops no other. */
const key = keyParameters({ sinks: new Map() }).extend({
  rotateAfterDays: z.int().min(1).max(LONGEST_DAYS).optional(),
});
const wantedSchema = z.strictObject({ keys: z.array(key).max(MOST_WANTED) });

/** The keys, or what is wrong with the file: one line each, such as `keys.12.name: is required`. Never quotes a value. */
export function parseWanted(value: unknown): Result<readonly WantedKey[], readonly string[]> {
  const forbidden = forbiddenName(value);
  const parsed = forbidden ? { problems: [forbidden] } : parseWith(wantedSchema, value);
  if (parsed.problems) {
    const lines = parsed.problems.map(({ field, message }) => `${field === '' ? 'the file' : field}: ${message}`);
    const more = lines.length > MOST_TOLD ? [`and ${lines.length - MOST_TOLD} more`] : [];
    return failed([...lines.slice(0, MOST_TOLD), ...more]);
  }
  const doubles = sameNames(parsed.value.keys);
  return doubles.length > 0 ? failed(doubles) : ok(parsed.value.keys);
}

function sameNames(keys: readonly WantedKey[]): readonly string[] {
  const first = new Map<string, number>();
  return keys.flatMap(({ groupId, name }, index) => {
    const whole = JSON.stringify([groupId, name.normalize('NFC')]);
    const earlier = first.get(whole);
    if (earlier === undefined) first.set(whole, index);
    return earlier === undefined ? [] : [`keys.${index}: has the name of keys.${earlier}, in the same project`];
  });
}
