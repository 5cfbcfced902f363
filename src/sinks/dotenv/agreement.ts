// Whether the readers of a .env file agree on one variable, before and after an edit.

import { isDeepStrictEqual } from 'node:util';
import { hasSameOthers, valueOf, valuesIn } from './node-reader.ts';
import { READERS, type Reader, type Variables } from './readers.ts';

/** The names of the readers that find a value there, and not only a placeholder. */
export function holders(text: string, variable: string): string[] {
  const isHeldByNode = valuesIn(text, variable).some((value) => value.trim() !== '');
  // Not even bash refuses this, and only it tells `NAME=#a` from `NAME= #a`.
  const withoutReturns = text.replaceAll('\r\n', '\n');
  const others = READERS.filter((reader) => !isPlaceholder(reader.read(withoutReturns)?.get(variable) ?? '', reader));
  return namesOf([...(isHeldByNode ? [{ name: 'Node' }] : []), ...others]);
}

/**
 * Judges edits of one text: the names of the readers that would not get the value, or not all else as before. A reader
 * that refuses the text as it was cannot be done wrong, and no harm is done to one that does not know `export`.
 */
export function judgeOf(
  before: string,
  variable: string,
  value: string,
): (after: string, isExport: boolean) => string[] {
  const was = READERS.map((reader) => reader.read(before));
  return (after, isExport) => {
    const isRightForNode = valueOf(after, variable) === value && hasSameOthers(before, after, variable);
    // Node is the quickest to ask, and what it cannot read is not written anyway.
    if (!isRightForNode) return ['Node'];
    const expected = { variable, value, isExport };
    return namesOf(READERS.filter((reader, each) => !isRightFor(reader, was[each], reader.read(after), expected)));
  };
}

/** What a reader is to find. */
interface Expected {
  readonly variable: string;
  readonly value: string;
  readonly isExport: boolean;
}

function isRightFor(
  reader: Reader,
  old: Variables | undefined,
  found: Variables | undefined,
  expected: Expected,
): boolean {
  if (found === undefined) return old === undefined || (reader.isLiteral && expected.isExport);
  const { variable } = expected;
  const isSame = old === undefined || isDeepStrictEqual(without(old, variable), without(found, variable));
  return isSame && isRead(reader, found, expected);
}

/** The names of the readers that find another value than this one, or none. */
export function misreaders(text: string, variable: string, value: string): string[] {
  const isExport = text.includes(`export ${variable}=${value}`);
  const others = READERS.filter((reader) => {
    const found = reader.read(text);
    return found !== undefined && !isRead(reader, found, { variable, value, isExport });
  });
  return namesOf([...(valueOf(text, variable) === value ? [] : [{ name: 'Node' }]), ...others]);
}

/** The names of the readers that do not get the value, since they refuse the text or do not know `export`. */
export function blindReaders(text: string, variable: string, value: string): string[] {
  return namesOf(READERS.filter((reader) => reader.read(text)?.get(variable) !== value));
}

/** The names of all the others. */
export function seeingReaders(blind: readonly string[]): string[] {
  return namesOf([{ name: 'Node' }, ...READERS]).filter((name) => !blind.includes(name));
}

function isRead({ isLiteral }: Reader, found: Variables, { variable, value, isExport }: Expected): boolean {
  const read = found.get(variable);
  return read === value || (isLiteral && isExport && (read ?? '') === '');
}

/** Most readers take the comment behind a blank for the value where the line has no other value. */
function isPlaceholder(value: string, { name }: Reader): boolean {
  return name === 'bash' ? /^(?:``)?$/.test(value) : /^(?:""|''|``)?(?:\s*#.*)?$/s.test(value.trim());
}

function without(variables: Variables, variable: string): Variables {
  return new Map([...variables].filter(([name]) => name !== variable));
}

function namesOf(readers: readonly { readonly name: string }[]): string[] {
  return [...new Set(readers.map(({ name }) => name))];
}
