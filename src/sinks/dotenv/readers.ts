// The programs that read a .env file, each by its own rules: which variables each finds in a text. They agree on a plain
// line `NAME=value` and on little else. A value is given as it stands between its quotes: no escape is decoded and no
// `$` expanded. Node itself is asked in dotenv-text.ts; the tests compare the rules here with the programs.

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
  // Blanks in front of a backslash that ends the text stay.
  const kept = take(/\\$/y) ? plain : withoutLastBlanks(plain);
  return value + kept.replaceAll(/\\[\n\r]/g, '');
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

/** A word of a command of bash: as it is written, and without its quotes. */
interface Word {
  readonly raw: string;
  readonly plain: string;
}

const DECLARES = new Set(['export', 'declare', 'typeset', 'readonly']);
/** By the word in front of a list of commands: the words that may end it, of which some begin the next one. */
const LISTS = new Map([
  ['{', ['}']],
  ['if', ['then']],
  ['elif', ['then']],
  ['then', ['elif', 'else', 'fi']],
  ['else', ['fi']],
  ['while', ['do']],
  ['until', ['do']],
  ['do', ['done']],
]);
const FIRST_WORDS = ['{', 'if', 'while', 'until'];
/** After bash(1), Reserved words. */
const RESERVED = new Set([
  ...[...LISTS].flatMap(([word, ends]) => [word, ...ends]),
  ...['!', 'time', 'for', 'select', 'in', 'case', 'esac', 'function', 'coproc', '[[', ']]'],
]);

/** Where the reading of commands stands. */
interface Place {
  /** The words in front of the lists that are open. */
  readonly lists: string[];
  /** Whether bash ends no list here, and no text: a list has no command yet, or a pipe, `&&` or `||` goes on. */
  isUnfinished: boolean;
  isPiped: boolean;
  /** Whether `&&` or `||` stands in front. */
  isJoined: boolean;
}

const ASSIGNMENT = /^([A-Za-z_]\w*)(\+?=)([^]*)$/;

/**
 * What `source` would assign, as far as that can be told without a shell: assignments, `export`, quotes, comments and
 * continued lines, also in braces, `if`, `while` and `until`. No command is run and nothing is expanded.
 *
 * Undefined for a text of Windows lines, an open quote, a redirection, a parenthesis, other reserved words, lists of commands
 * that another process runs, and for what bash refuses: it reads no further there.
 */
function readAsBash(text: string): Variables | undefined {
  if (text.includes('\r\n')) return undefined;
  const found = new Map<string, string>();
  const cursor = cursorOn(text);
  const place: Place = { lists: [], isUnfinished: false, isPiped: false, isJoined: false };
  let command: Word[] = [];
  while (cursor.isInside()) {
    if (cursor.take(/(?:[ \t]|\\\n)+|#[^\n]*/y) !== undefined) continue;
    const end = cursor.take(/\n|&&|\|\||[;&|]/y)?.[0];
    if (end !== undefined) {
      if (!runAsBash(command, end, place, found)) return undefined;
      command = [];
      continue;
    }
    const word = wordAt(cursor);
    if (word === undefined) return undefined;
    command.push(word);
  }
  const isRead = runAsBash(command, '\n', place, found) && !place.isUnfinished && place.lists.length === 0;
  return isRead ? found : undefined;
}

/** Assigns what a command assigns, up to its end. False where bash refuses it, or these rules do not tell. */
function runAsBash(command: readonly Word[], end: string, place: Place, found: Map<string, string>): boolean {
  if (command.length === 0) return end === '\n';
  const simple = behindReserved(command, place);
  if (simple === undefined) return false;
  const isList = simple.length < command.length;
  if (simple.length > 0) place.isUnfinished = false;
  if (place.isUnfinished) return end === '\n' && !place.isPiped;
  // What is in a pipe, and what runs in the background, is another process.
  const isElsewhere = place.isPiped || end === '|' || end === '&';
  if ((place.isPiped && isList) || (isElsewhere && simple.length === 0) || (end === '&' && place.isJoined))
    return false;
  if (!isElsewhere) assignAsBash(simple, found);
  place.isPiped = end === '|';
  place.isJoined = end === '&&' || end === '||' || (place.isPiped && place.isJoined);
  place.isUnfinished = place.isPiped || place.isJoined;
  return true;
}

/** The command without the words in front that begin and end lists. Undefined where bash takes no such word. */
function behindReserved(command: readonly Word[], place: Place): readonly Word[] | undefined {
  let isEnded = false;
  for (const [each, { raw }] of command.entries()) {
    if (!RESERVED.has(raw)) return isEnded ? undefined : command.slice(each);
    const isEnd = LISTS.get(place.lists.at(-1) ?? '')?.includes(raw) ?? false;
    if (isEnd ? place.isUnfinished : isEnded || !FIRST_WORDS.includes(raw)) return undefined;
    if (isEnd) place.lists.pop();
    isEnded = !LISTS.has(raw);
    if (!isEnded) place.lists.push(raw);
    place.isUnfinished = !isEnded;
  }
  return [];
}

function wordAt({ take }: Cursor): Word | undefined {
  let [raw, plain] = ['', ''];
  for (;;) {
    const part =
      take(/\\\n/y) ??
      take(/'([^']*)'|"((?:\\[^]|[^"\\])*)"/y) ??
      take(
        /(\$'(?:\\[^]|[^'\\])*'|`(?:\\[^]|[^`\\])*`|\$\{[^}]*\}|\$\((?:\\[^]|'[^']*'|"(?:\\[^]|[^"\\])*"|[^()'"\\])*\))/y,
      ) ??
      take(/(\\[^]?|\$|[^\s\\'"`$;&|()<>]+|[^\S \t\n])/y);
    if (part === undefined) break;
    raw += part[0] === '\\\n' ? '' : part[0];
    plain += part[1] ?? part[2] ?? '';
  }
  return raw === '' && take(/(?=[ \t\n;&|]|$)/y) === undefined ? undefined : { raw, plain };
}

/** A variable in front of a command is only that command's. */
function assignAsBash(command: readonly Word[], found: Map<string, string>): void {
  const declares = command.findIndex(({ raw }) => !ASSIGNMENT.test(raw));
  if (declares >= 0 && !DECLARES.has(command[declares]?.raw ?? '')) return;
  for (const { plain } of command.slice(declares + 1)) {
    const [, name = '', sign, value = ''] = ASSIGNMENT.exec(plain) ?? [];
    if (sign !== undefined) found.set(name, sign === '+=' ? (found.get(name) ?? '') + value : value);
  }
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

/** Reads a text from left to right. */
interface Cursor {
  readonly isInside: () => boolean;
  /** What the sticky expression finds where the cursor is, which then stands behind it; else it stays. */
  readonly take: (pattern: RegExp) => RegExpExecArray | undefined;
}

function cursorOn(text: string): Cursor {
  let at = 0;
  return {
    isInside: () => at < text.length,
    take(pattern) {
      pattern.lastIndex = at;
      const match = pattern.exec(text) ?? undefined;
      at += match?.[0].length ?? 0;
      return match;
    },
  };
}
