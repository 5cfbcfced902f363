// Reads and writes one member of a JSON object that holds secrets, so that its other members stay what they are.

import { isObject, type JsonObject, parseJson } from '../../text/text.ts';

/** Undefined where the text is not a JSON object, or has something that would not be the same once it was written again. */
export function fieldsOf(text: string): JsonObject | undefined {
  const parsed = parseJson(text);
  return isObject(parsed) && staysSame(parsed) ? parsed : undefined;
}

/** Numbers beyond what JavaScript holds exactly would come back as others. */
function staysSame(value: unknown): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value);
  if (typeof value !== 'object' || value === null) return true;
  return Object.values(value).every(staysSame);
}

/** Of a member as it is read from outside: a text as it is, anything else as JSON. */
export function memberBytes(value: unknown): Buffer {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value), 'utf8');
}

/** The object with these members; undefined takes one away. */
export function withFields(fields: JsonObject, changed: Readonly<Record<string, string | undefined>>): string {
  const entries = Object.entries(fields).filter(([name]) => !Object.hasOwn(changed, name));
  const added = Object.entries(changed).filter(([, value]) => value !== undefined);
  return JSON.stringify(Object.fromEntries([...entries, ...added]));
}
