// What Node reads in a .env file. `util.parseEnv` of the running version is asked; where versions differ, the text is
// tidied first, so that the answer is what the author of the file meant.

import { isDeepStrictEqual, parseEnv } from 'node:util';

/** What a program gets for the variable. */
export function valueOf(text: string, variable: string): string | undefined {
  return parsed(text).get(variable);
}

/** The values of all lines that some version of Node takes for the variable. */
export function valuesIn(text: string, variable: string): string[] {
  return [...parsedTidied(text)].flatMap(([key, value]) => (nameIn(key) === variable ? [value] : []));
}

/** Whether all variables but this one read the same in both texts. */
export function hasSameOthers(before: string, after: string, variable: string): boolean {
  return isDeepStrictEqual(othersIn(before, variable), othersIn(after, variable));
}

/** An open quote swallows what is added below in some dialects, up to the next quote of its kind. */
export function hasOpenQuote(text: string): boolean {
  const read = parsedTidied(text);
  return ['"', "'", '`'].some((quote) => !isDeepStrictEqual(parsedTidied(`${text}\n${quote}`), read));
}

export function othersIn(text: string, variable: string): Map<string, string> {
  return new Map([...parsedTidied(text)].filter(([key]) => nameIn(key) !== variable));
}

function parsed(text: string): Map<string, string> {
  return new Map(Object.entries(parseEnv(text)).map(([key, value]) => [key, value ?? '']));
}

/**
 * Without blanks at the ends of lines, over which Node 22 and later take the next line for the value, and Node 20 loses
 * the variable below a line of them; and with a last newline, without which Node 20 takes a commented-out assignment for one.
 */
function parsedTidied(text: string): Map<string, string> {
  const lines = text.split('\n').map((line) => line.trimEnd());
  return parsed(`${lines.join('\n')}\n`);
}

/** Versions of the parser leave in a key `export`, blanks, the byte order mark, and lines without an assignment. */
function nameIn(key: string): string {
  const line = key
    .slice(key.lastIndexOf('\n') + 1)
    .replace(/^\uFEFF/, '')
    .trim();
  return line.replace(/^export\s+/, '');
}
