// Reads and writes one member of a JSON object that holds secrets, so that its other members stay what they are.

import { isObject, type JsonObject, parseJson } from '../../text/text.ts';
import { notReady, type SinkProblem } from '../sink.ts';
import type { Look, Slot } from './store.ts';

/** Undefined where the text is not a JSON object, or has something that would not be the same once it was written again. */
export function fieldsOf(text: string): JsonObject | undefined {
  const parsed = parseJson(text);
  const isKept = isObject(parsed) && staysSame(parsed) && tokensOf(text) === tokensOf(JSON.stringify(parsed));
  return isKept ? parsed : undefined;
}

/** Numbers beyond what JavaScript holds exactly would come back as others. */
export function staysSame(fields: JsonObject): boolean {
  return isShallow(fields) && hasWholeNumbers(fields);
}

function hasWholeNumbers(value: unknown): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value) && !Object.is(value, -0);
  return typeof value !== 'object' || value === null || Object.values(value).every(hasWholeNumbers);
}

/** A deeper value would exhaust the stack. */
function isShallow(value: unknown, levels = 100): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((each) => isShallow(each, levels - 1));
}

/** The numbers and words of a JSON text, and how many texts it has, so that one of two members of one name is missed. In no order. */
function tokensOf(text: string): string {
  const tokens = text.replace(/"(?:[^"\\]+|\\.)*"/g, '""').match(/""|[^\s",:{}[\]]+/g) ?? [];
  return tokens.sort().join(' ');
}

/** Of a member as it is read from outside: a text as it is, anything else as JSON. Undefined where it is too deep. */
export function memberBytes(value: unknown): Buffer | undefined {
  if (!isShallow(value)) return undefined;
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value), 'utf8');
}

/** What stands in the field for the endpoint, also where it is not a text; undefined where nothing does. */
export function endpointIn(fields: JsonObject | undefined, endpointField: string | undefined): string | undefined {
  if (!fields || endpointField === undefined || !Object.hasOwn(fields, endpointField)) return undefined;
  return memberBytes(fields[endpointField])?.toString('utf8') ?? 'a value that is too deep';
}

/** A member as it was seen, with the endpoint. */
interface SeenMember {
  readonly field: string;
  readonly fields: JsonObject | undefined;
  readonly endpoint: string | undefined;
}

/** The slot of a look that finds both as they were seen, whatever others made of the members beside them. */
export function slotWhereSame(now: Look, { field, fields, endpoint }: SeenMember): Slot | undefined {
  if (now.is !== 'nothing' && now.is !== 'value') return undefined;
  const seen = fields && Object.hasOwn(fields, field) ? memberBytes(fields[field]) : undefined;
  const isSame = now.is === 'nothing' ? !seen : seen?.equals(now.bytes) === true;
  seen?.fill(0);
  if (now.is === 'value') now.bytes.fill(0);
  return isSame && now.slot.endpoint === endpoint ? now.slot : undefined;
}

/** The endpoint would be written in the place of the secret. */
export function forEndpoint(field: string | undefined, endpointField: string | undefined): SinkProblem | undefined {
  if (field === undefined || field !== endpointField) return undefined;
  return notReady(`The field ${field} is that of the endpoint.`, 'Pass another entry.');
}

/** The object with these members; undefined takes one away. */
export function withFields(fields: JsonObject, changed: Readonly<Record<string, string | undefined>>): string {
  const entries = Object.entries(fields).filter(([name]) => !Object.hasOwn(changed, name));
  const added = Object.entries(changed).filter(([, value]) => value !== undefined);
  return JSON.stringify(Object.fromEntries([...entries, ...added]));
}
