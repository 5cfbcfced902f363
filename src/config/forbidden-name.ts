// Finds the one member name that a schema would drop in silence instead of refusing it. Pure.

import { fieldAt, type SchemaProblem } from './schema-issue.ts';

const FORBIDDEN = '__proto__';
/** No setting is nested deeper (`sinks.NAME.env.VARIABLE`); what is, the schema refuses. */
const DEEPEST = 6;

/** Where an object has a member named `__proto__`, as JSON.parse makes one; undefined where none does. */
export function forbiddenName(value: unknown): SchemaProblem | undefined {
  const place = placeOf(value, DEEPEST);
  return place && { field: fieldAt(place), message: 'cannot be used as a name' };
}

function placeOf(value: unknown, depth: number): string[] | undefined {
  if (typeof value !== 'object' || value === null || depth === 0) return undefined;
  if (Object.hasOwn(value, FORBIDDEN)) return [FORBIDDEN];
  for (const [name, member] of Object.entries(value)) {
    const place = placeOf(member, depth - 1);
    if (place) return [name, ...place];
  }
  return undefined;
}
