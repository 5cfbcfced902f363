// Says in one sentence what is wrong with a value that a schema refused. It never quotes the value:
// zod's own messages do (unknown keys), and a value may be a secret.

import { config, safeParse } from 'zod/v4/core';
import type * as z from 'zod/v4/core';
import { hasRandomCapitals, looksLikeSecret } from './secret-text.ts';

// zod writes a function for each object schema and evaluates it, which takes longer than most schemas are ever used. What
// is made after this goes without.
config({ jitless: true });

export interface SchemaProblem {
  /** Where, such as `groupId` or `sinks.prod.argv.0`; empty for the whole value. */
  readonly field: string;
  readonly message: string;
}

/** A key that can be shown: an ordinary identifier. */
const SHOWABLE_KEY = /^[A-Za-z0-9_$][A-Za-z0-9_$.-]{0,40}$/;
/** A word that a person made up. An unknown key may be anything that was pasted in the wrong place. */
const WORD = /^[A-Za-z_$][A-Za-z_$.-]*[0-9]{0,3}$/;
const UNREADABLE = '(unreadable name)';

/** The value as the schema gives it, or everything that is wrong with it (at least one entry). */
export function parseWith<Schema extends z.$ZodType>(
  schema: Schema,
  input: unknown,
):
  | { readonly value: z.output<Schema>; readonly problems?: never }
  | { readonly problems: readonly SchemaProblem[]; readonly value?: never } {
  const parsed = safeParse(schema, input, { error: sentenceFor });
  return parsed.success ? { value: parsed.data } : { problems: parsed.error.issues.map(describe) };
}

function describe(issue: z.$ZodIssue): SchemaProblem {
  const unknown = issue.code === 'unrecognized_keys' ? [issue.keys.find(isWord) ?? ''] : [];
  return { field: fieldAt([...issue.path, ...unknown]), message: issue.message };
}

/** The field of a {@link SchemaProblem}. A key may be anything that was written in the wrong place, such as a secret. */
function fieldAt(path: readonly PropertyKey[]): string {
  return path.map((key) => (isShowable(key) ? String(key) : UNREADABLE)).join('.');
}

function isShowable(key: PropertyKey): boolean {
  const text = String(key);
  return SHOWABLE_KEY.test(text) && !looksLikeSecret(text);
}

function isWord(key: string): boolean {
  return isShowable(key) && WORD.test(key) && !hasRandomCapitals(key);
}

/** For issues for which the schema itself has no message (zod's order of precedence). */
function sentenceFor(issue: z.$ZodRawIssue): string {
  if (issue.input === undefined) return 'is required';
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${/^[aeiou]/.test(issue.expected) ? 'an' : 'a'} ${issue.expected}`;
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `must be at least ${Number(issue.minimum)}${unitOf(issue.origin)}`;
    case 'too_big':
      return `must be at most ${Number(issue.maximum)}${unitOf(issue.origin)}`;
    case 'unrecognized_keys':
      return 'is not known here';
    default:
      return 'is not valid';
  }
}

function unitOf(origin: string): string {
  if (origin === 'string') return ' characters long';
  return origin === 'array' ? ' entries long' : '';
}

const FORBIDDEN = '__proto__';
/** No setting is nested deeper (`sinks.NAME.env.VARIABLE`); the schema refuses what is. */
const DEEPEST = 6;

/**
 * Where an object has a member named `__proto__`, as JSON.parse makes one; undefined where no object has. It is the one name that
 * a schema drops without a word instead of refusing it.
 */
export function forbiddenName(value: unknown): SchemaProblem | undefined {
  const place = forbiddenPath(value, DEEPEST);
  return place && { field: fieldAt(place), message: 'cannot be used as a name' };
}

function forbiddenPath(value: unknown, depth: number): string[] | undefined {
  if (typeof value !== 'object' || value === null || depth === 0) return undefined;
  if (Object.hasOwn(value, FORBIDDEN)) return [FORBIDDEN];
  for (const [name, member] of Object.entries(value)) {
    const place = forbiddenPath(member, depth - 1);
    if (place) return [name, ...place];
  }
  return undefined;
}
