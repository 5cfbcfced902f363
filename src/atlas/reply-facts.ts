// What an error reply says, cleaned and capped, and whether it is Atlas's word at all. It gives no advice.

import { parseJson } from '../text/json.ts';
import type { AtlasFacts } from './failure.ts';
import { isObject, listField, textField, type JsonObject } from './json.ts';
import { cleanProse } from './outside-text.ts';
import type { HttpReply } from './transport.ts';

const LONGEST_DETAIL = 500;
const LONGEST_WORD = 120;
const MOST_ENTRIES = 10;
/**
 * Atlas's error codes and OAuth's, which are told apart by their letters, since decisions hang on Atlas's own. Anything
 * else in those fields (such as a secret) is not passed on.
 */
const ATLAS_CODE = /^[A-Z][A-Z0-9_]{0,79}$/;
const OAUTH_CODE = /^[a-z_]{1,39}$/;

/** Whether Atlas itself refused: a reply without its error code may be a page of a proxy over a success. */
export function hasAtlasCode({ errorCode }: AtlasFacts): boolean {
  return errorCode !== undefined && ATLAS_CODE.test(errorCode);
}

export function factsOf(reply: HttpReply): AtlasFacts {
  const body = parseJson(reply.body ?? '');
  if (!isObject(body)) return { status: reply.status };
  // The token endpoint answers as OAuth does (RFC 6749, 5.2): `error` is a word, not the status.
  const code = codeField(body, 'errorCode', ATLAS_CODE) ?? codeField(body, 'error', OAUTH_CODE);
  const reason = proseField(body, 'reason', LONGEST_WORD);
  const detail = proseField(body, 'detail', LONGEST_DETAIL) ?? proseField(body, 'error_description', LONGEST_DETAIL);
  const parameters = parametersOf(body);
  const fields = fieldsOf(body);
  return {
    status: reply.status,
    ...(code !== undefined && { errorCode: code }),
    ...(reason !== undefined && { reason }),
    ...(detail !== undefined && { detail }),
    ...(parameters.length > 0 && { parameters }),
    ...(fields.length > 0 && { fields }),
  };
}

/** Only as it was sent: what cleaning would turn into a code is none. */
function codeField(object: JsonObject, name: string, pattern: RegExp): string | undefined {
  const code = textField(object, name, LONGEST_WORD);
  return code !== undefined && code === object[name] && pattern.test(code) ? code : undefined;
}

function proseField(object: JsonObject, name: string, longest: number): string | undefined {
  const value = object[name];
  return typeof value === 'string' ? cleanProse(value, longest) : undefined;
}

function parametersOf(body: JsonObject): (string | number)[] {
  return listField(body, 'parameters')
    .slice(0, MOST_ENTRIES)
    .flatMap((value): (string | number)[] => {
      if (typeof value === 'number') return Number.isFinite(value) ? [value] : [];
      return typeof value === 'string' ? [cleanProse(value, LONGEST_WORD)] : [];
    });
}

function fieldsOf(body: JsonObject): { field: string; description: string }[] {
  const { badRequestDetail } = body;
  if (!isObject(badRequestDetail)) return [];
  return listField(badRequestDetail, 'fields')
    .slice(0, MOST_ENTRIES)
    .filter(isObject)
    .map((entry) => ({
      field: proseField(entry, 'field', LONGEST_WORD) ?? '',
      description: proseField(entry, 'description', LONGEST_DETAIL) ?? '',
    }));
}
