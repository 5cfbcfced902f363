// Answers a name where an id is wanted with the id: what the caller may have meant by a groupId or an apiKeyId that has not the
// form of one. To Atlas it sends only reads, and it tells only of projects that the operator allows.

import { keysMeant, projectsMeant, type KeyContext } from '../keys/find-key.ts';
import { firstInvisible } from '../text/text.ts';
import type { Defaults } from './parameter.ts';
import type { Advise } from './tool.ts';

const GROUP_ID = /^[a-f0-9]{24}$/;
/** Longer than any name: it is not looked for. */
const LONGEST_NAME = 250;

export function adviseOnIds(context: KeyContext & Defaults): Advise {
  return async (given, refused, signal) => {
    const fields = refused.map(({ field }) => field);
    // The same project may be named in several parts of one call.
    const projects = new Set(fields.filter(isOf('groupId')).flatMap((field) => nameAt(given, field) ?? []));
    const told = [await projectsMeant(context, [...projects], signal)];
    const keyField = fields.find(isOf('apiKeyId'));
    const text = keyField === undefined ? undefined : nameAt(given, keyField);
    const groupId = projectOf(given, context);
    if (text !== undefined && groupId !== undefined) told.push(await keysMeant(context, groupId, text, signal));
    return told.filter((each) => each !== '').join(' ');
  };
}

/** The project whose keys may be meant: none where another one is named by what is no id. */
function projectOf(given: unknown, { projectId }: Defaults): string | undefined {
  const asked: unknown = typeof given === 'object' && given !== null ? Reflect.get(given, 'groupId') : undefined;
  if (asked === undefined || asked === null || asked === '') return projectId;
  return typeof asked === 'string' && GROUP_ID.test(asked) ? asked : undefined;
}

function isOf(parameter: string): (field: string) => boolean {
  return (field) => field === parameter || field.endsWith(`.${parameter}`);
}

/** An id that was mistyped, or a path, is not worth a request. */
function mayBeName(text: string): boolean {
  if (text.trim() === '' || text.length > LONGEST_NAME || firstInvisible(text) !== undefined) return false;
  return !/[/\\]/.test(text) && !/^[0-9a-f]{16,}$/i.test(text);
}

/** The text of a parameter, or of one of a part such as `keys.0.groupId`. */
function nameAt(given: unknown, field: string): string | undefined {
  let value = given;
  for (const name of field.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = Reflect.get(value, name);
  }
  return typeof value === 'string' && mayBeName(value) ? value : undefined;
}
