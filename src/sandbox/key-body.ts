// Checks the body of a create or update call for a key. Says everything that is wrong with it, as Atlas does.

import type { AttributeProblem } from './errors.ts';
import type { Json } from './reply.ts';

type Field = 'name' | 'cloud' | 'geography';

export interface CheckedKeyBody {
  readonly name: string;
  readonly cloud: string;
  readonly geography: string;
}

/** In code points. */
const LONGEST_NAME = 250;
const CLOUDS = ['ANY', 'AWS', 'GCP', 'AZURE'];
const GEOGRAPHIES = ['ANY', 'eu', 'us'];

/** `fields` are those that the version knows; each is required, any other is refused. */
export function checkKeyBody(
  body: Json,
  fields: readonly Field[],
): CheckedKeyBody | { readonly problems: [AttributeProblem, ...AttributeProblem[]] } {
  const known: readonly string[] = fields;
  const [first, ...rest] = [
    ...Object.keys(body)
      .filter((field) => !known.includes(field))
      .map((field) => problem('INVALID_ATTRIBUTE', field, 'is not an attribute of this resource')),
    ...fields.flatMap((field) => checkField(field, body[field])),
  ];
  if (first !== undefined) return { problems: [first, ...rest] };
  return {
    name: textOf(body.name),
    cloud: textOf(body.cloud ?? 'ANY').toUpperCase(),
    geography: wordOf(textOf(body.geography ?? 'ANY')),
  };
}

function checkField(field: Field, value: unknown): AttributeProblem[] {
  if (value === undefined || value === null) return [problem('MISSING_ATTRIBUTE', field, 'must be given')];
  if (typeof value !== 'string') return [problem('INVALID_ATTRIBUTE', field, 'must be a string')];
  switch (field) {
    case 'name':
      if (value !== '' && Array.from(value).length <= LONGEST_NAME) return [];
      return [problem('INVALID_ATTRIBUTE', field, `must have 1 to ${LONGEST_NAME} characters`)];
    case 'cloud':
      if (CLOUDS.includes(value.toUpperCase())) return [];
      return [problem('INVALID_ENUM_VALUE', field, `must be one of ${CLOUDS.join(', ')}`)];
    case 'geography':
      if (GEOGRAPHIES.includes(wordOf(value))) return [];
      return [problem('INVALID_ENUM_VALUE', field, `must be one of ${GEOGRAPHIES.join(', ')}`)];
  }
}

function problem(code: AttributeProblem['code'], field: string, description: string): AttributeProblem {
  return { code, field, description };
}

/** `any` is `ANY`; any other word is as it is. */
function wordOf(value: string): string {
  return value.toUpperCase() === 'ANY' ? 'ANY' : value;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
