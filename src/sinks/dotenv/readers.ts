// The programs that read a .env file, each by its own rules: which variables each finds in a text. They agree on a plain
// line `NAME=value` and on little else. A value is given as it stands between its quotes: no escape is decoded and no
// `$` expanded. Node itself is asked in dotenv-text.ts; the tests compare the rules here with the programs.

import { readAsBash } from './bash-reader.ts';
import { cursorOn, type Cursor } from './cursor.ts';

export type Variables = ReadonlyMap<string, string>;

export interface Reader {
  readonly name: string;
  /** To it, `export` in front of a name and a comment behind a value are parts of them. */
  readonly isLiteral: boolean;
  /** Undefined where the program refuses the whole text, or where these rules cannot tell what it would do. */
  read(text: string): Variables | undefined;
}

export const READERS: readonly Reader[] = [
  { name: "Docker's --env-file", isLiteral: true, read: readAsDocker },
  { name: 'systemd', isLiteral: true, read: (text) => readAsSystemd(text, /[#;][^\n\r]*/y) },
  // Before version 254 a comment that ends in a backslash goes on in the next line.
  { name: 'systemd', isLiteral: true, read: (text) => readAsSystemd(text, /[#;](?:\\[^]|[^\n\r\\])*/y) },
  { name: 'Compose', isLiteral: false, read: readAsCompose },
  { name: 'bash', isLiteral: false, read: readAsBash },
  { name: 'npm dotenv', isLiteral: false, read: readAsNpm },
  { name: 'python-dotenv', isLiteral: false, read: readAsPython },
];

/** After docker/cli, pkg/kvfile: line by line, quotes and comments behind a value are part of it. */
function readAsDocker(text: string): Variables | undefined {
  const found = new Map<string, string>();
  for (const whole of unmarked(text).split('\n')) {
    const line = whole.replace(/\r$/, '').replace(/^[^\S\uFEFF]+/, '');
    if (line === '' || line.startsWith('#')) continue;
    const [name = '', ...rest] = line.split('=');
    if (name === '' || /[ \t]/.test(name)) return undefined;
    if (rest.length > 0) found.set(name, rest.join('='));
  }
  return found;
}

/** After systemd.exec(5), EnvironmentFile, and src/basic/env-file.c. */
function readAsSystemd(text: string, comment: RegExp): Variables {
  const found = new Map<string, string>();
  const cursor = cursorOn(text);
  while (cursor.isInside()) {
    if (cursor.take(/[ \t\n\r]+/y) ?? cursor.take(comment)) continue;
    const name = cursor.take(/([^\n\r][^=\n\r]*)=/y)?.[1];
    if (name === undefined) {
      cursor.take(/[^\n\r]+/y);
      continue;
    }
    const value = systemdValue(cursor);
    if (/^[A-Za-z_][A-Za-z0-9_]*[ \t]*$/.test(name)) found.set(name.trimEnd(), value);
  }
  return found;
}

/** Quotes count only in front of the first character that stands outside of them. */
function systemdValue({ take }: Cursor): string {
  let value = '';
  for (;;) {
    take(/[ \t]+/y);
    const quoted = take(/'([^']*)(?:'|$)/y) ?? take(/"((?:\\[^]|[^"\\])*)(?:"|\\?$)/y);
    if (quoted === undefined) break;
    value += quoted[1] ?? '';
  }
  const plain = take(/(?:\\[^]|[^\n\r\\])+/y)?.[0] ?? '';
  return value + withoutLastBlanks(plain).replaceAll(/\\[\n\r]/g, '');
}

/** Not by an expression, which takes a time that grows with the square of the number of blanks. */
function withoutLastBlanks(text: string): string {
  let end = text.length;
  while (end > 0 && ' \t'.includes(text.charAt(end - 1))) end -= 1;
  const isEscaped = end < text.length && text.charAt(end - 1) === '\\';
  return text.slice(0, isEscaped ? end + 1 : end);
}

/** After compose-go, dotenv/parser.go. It refuses a file for one line that it does not understand. */
function readAsCompose(text: string): Variables | undefined {
  const found = new Map<string, string>();
  const { isInside, take } = cursorOn(unmarked(text));
  for (;;) {
    while (take(/[^\S\uFEFF]+|#[^\n]*/y) !== undefined);
    if (!isInside()) return found;
    take(/export[^\S\uFEFF\u2028\u2029]+/y);
    const assigned = take(/([\p{L}\p{N}_.[\]\t\v\f\r \x85\xA0-]*)([=:\n]|$)/uy);
    const name = assigned?.[1]?.trimEnd();
    if (name === undefined || name.includes(' ')) return undefined;
    if (assigned?.[2] === '\n' || assigned?.[2] === '') continue;
    take(/[\t\v\f\r \x85\xA0]+/y);
    const value = composeValue(take);
    if (value === undefined) return undefined;
    found.set(name, value);
  }
}

function composeValue(take: Cursor['take']): string | undefined {
  const quoted = take(/"((?:\\[^]|[^"\\])*)"|'((?:\\[^]|[^'\\])*)'/y);
  if (quoted !== undefined) return quoted[1] ?? quoted[2] ?? '';
  if (take(/(?=["'])/y) !== undefined) return undefined;
  const plain = take(/([^\n]*)\n?/y)?.[1] ?? '';
  return plain.split(' #', 1)[0]?.trimEnd();
}

const NPM_VALUE = ["'", '"', '`'].map((quote) => String.raw`\s*${quote}(?:\\${quote}|[^${quote}])*${quote}`).join('|');
const NPM_LINE = String.raw`^[^\S\n]*(?:export\s+)?([\w.-]+)(?:\s*=|:\s)(${NPM_VALUE}|[^#\n]+)?\s*(?:#.*)?$`;

/** After dotenv 16 to 18, which look for lines of one shape and pass over all else. */
function readAsNpm(text: string): Variables {
  const found = new Map<string, string>();
  for (const [, name = '', value = ''] of text.replaceAll(/\r\n?/g, '\n').matchAll(new RegExp(NPM_LINE, 'gm'))) {
    found.set(name, value.trim().replaceAll(/^(['"`])([^]*)\1$/gm, '$2'));
  }
  return found;
}

/** After python-dotenv, src/dotenv/parser.py: what it does not understand it passes over up to the end of the line. */
function readAsPython(text: string): Variables {
  const found = new Map<string, string>();
  const { isInside, take } = cursorOn(text.replaceAll(/\r\n?/g, '\n'));
  for (;;) {
    take(/[^\S\uFEFF]+/y);
    if (!isInside()) return found;
    take(/export[^\S\n\uFEFF]+/y);
    const name = take(/(?=#)/y) ?? take(/'([^']+)'/y) ?? take(/(?!')((?:[^=#\s]|\uFEFF)+)/y);
    const value = name === undefined ? undefined : pythonValue(take);
    const isWhole = value !== undefined && take(/(?:[^\S\n]*#[^\n]*)?[^\S\n]*(?:\n|$)/y) !== undefined;
    if (!isWhole) take(/[^\n]*\n?/y);
    else if (name?.[1] === undefined) continue;
    else if (value === 'none') found.delete(name[1]);
    else found.set(name[1], value.text);
  }
}

/** `none` where the name has no sign behind it, and so has no value any more; undefined where a quote does not end. */
function pythonValue(take: Cursor['take']): { text: string } | 'none' | undefined {
  take(/[^\S\n\uFEFF]+/y);
  if (take(/=[^\S\n\uFEFF]*/y) === undefined) return 'none';
  const quoted = take(/'((?:\\'|[^'])*)'|"((?:\\"|[^"])*)"/y);
  if (quoted !== undefined) return { text: quoted[1] ?? quoted[2] ?? '' };
  if (take(/(?=["'])/y) !== undefined) return undefined;
  const plain = take(/[^\n]*/y)?.[0] ?? '';
  return { text: (plain.split(/\s#/, 1)[0] ?? '').trimEnd() };
}

function unmarked(text: string): string {
  return text.replace(/^\uFEFF/, '');
}
