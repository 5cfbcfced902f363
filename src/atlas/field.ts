// Fields of a reply's rows: what ids and addresses must look like, else they count as absent; all other text is shown as it
// is, cleaned.

import { sharesRun } from '../secret/redaction.ts';
import { textField, type JsonObject } from './json.ts';
import { cleanName } from './outside-text.ts';

export const LONGEST_NAME = 250;
const LONGEST_PROSE = 100;
const LONGEST_FORMED = 300;

/** Of a project or an organization. */
export const OBJECT_ID = /^[a-f0-9]{24}$/;
export const HOST_NAME = /^(?=.{1,253}$)[a-z0-9-]+(?:\.[a-z0-9-]+)+$/i;
/** An IP address or a CIDR block. */
export const ADDRESS = /^[0-9A-Fa-f.:]{2,45}(?:\/[0-9]{1,3})?$/;

/** An id is shown, kept and sent again as it is: what shares a part with a secret is not an id. */
export function idField(row: JsonObject, name: string, form: RegExp): string | undefined {
  const id = row[name];
  if (typeof id !== 'string' || id.length > LONGEST_FORMED || !form.test(id)) return undefined;
  return sharesRun(id) ? undefined : id;
}

/** A name is prose, for reading only; empty where there is none. */
export function nameField(row: JsonObject): string {
  return typeof row.name === 'string' ? cleanName(row.name, LONGEST_NAME) : '';
}

/** A whole number of at least `least` that no rounding has changed. */
export function wholeField<Name extends string>(
  row: JsonObject,
  name: Name,
  least: number,
): Partial<Record<Name, number>> {
  const value = row[name];
  const fields: Partial<Record<Name, number>> = {};
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) fields[name] = value;
  return fields;
}

/** What fields must look like, else they count as absent; `prose` may be any text but an empty one. */
export type Forms<Name extends string> = Readonly<Record<Name, RegExp | 'prose'>>;

export function optionalFields<Name extends string>(
  row: JsonObject,
  forms: Forms<Name>,
): Partial<Record<Name, string>> {
  const fields: Partial<Record<Name, string>> = {};
  for (const name in forms) {
    const value = formedField(row, name, forms[name]);
    if (value !== undefined) fields[name] = value;
  }
  return fields;
}

function formedField(row: JsonObject, name: string, form: RegExp | 'prose'): string | undefined {
  if (form === 'prose') return textField(row, name, LONGEST_PROSE);
  return idField(row, name, form);
}
