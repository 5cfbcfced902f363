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
/** A command follows. */
const LEADS = new Set(['if', 'then', 'elif', 'else', 'while', 'until', 'do', '{', '!', 'time']);
/** What begins a list of commands, and what ends it. */
const ENDS = new Map([
  ['{', '}'],
  ['if', 'fi'],
  ['do', 'done'],
]);
const LAST_WORDS = [...ENDS.values()];
/** What ends a list of commands, the last words aside. */
const NEXT_WORDS = new Set(['then', 'elif', 'else', 'do']);
/** Not the beginning of a list. */
const PREFIXES = new Set(['!', 'time']);

interface Lists {
  /** The words that are still to come. */
  readonly ends: string[];
  /** Whether the innermost one has no command yet: bash ends none that is so. */
  isEmpty: boolean;
}

const ASSIGNMENT = /^([A-Za-z_]\w*)(\+?=)([^]*)$/;

/**
 * What `source` would assign, as far as that can be told without a shell: assignments, `export`, quotes, comments and
 * continued lines. No command is run and nothing is expanded.
 *
 * Undefined for a text of Windows lines, an open quote, a redirection, a group, a function, a line that begins with `;`, an
 * empty list of commands, or a brace, `fi` or `done` that ends nothing, where bash reads no further.
 */
function readAsBash(text: string): Variables | undefined {
  if (text.includes('\r\n')) return undefined;
  const found = new Map<string, string>();
  const cursor = cursorOn(text);
  const lists: Lists = { ends: [], isEmpty: false };
  let command: Word[] = [];
  let isPiped = false;
  while (cursor.isInside()) {
    if (cursor.take(/(?:[ \t]|\\\n)+|#[^\n]*/y) !== undefined) continue;
    const end = cursor.take(/\n|&&|\|\||[;&|]/y)?.[0];
    if (end !== undefined) {
      // No command to end: bash reads no further.
      if (end !== '\n' && command.length === 0) return undefined;
      if (!isBalanced(command, lists)) return undefined;
      // A part of a pipe, and what runs in the background, is another process.
      if (!isPiped && !/^[|&]$/.test(end)) assignAsBash(command, found);
      isPiped = end === '|' || (isPiped && command.length === 0);
      command = [];
      continue;
    }
    const word = wordAt(cursor);
    if (word === undefined) return undefined;
    command.push(word);
  }
  if (!isBalanced(command, lists) || lists.ends.length > 0) return undefined;
  if (!isPiped) assignAsBash(command, found);
  return found;
}

/** Keeps account of the lists of commands that are open. */
function isBalanced(command: readonly Word[], lists: Lists): boolean {
  for (const { raw } of command) {
    const isLast = LAST_WORDS.includes(raw);
    if (lists.isEmpty && (isLast || NEXT_WORDS.has(raw))) return false;
    lists.isEmpty = LEADS.has(raw) && !PREFIXES.has(raw);
    const end = ENDS.get(raw);
    if (end !== undefined) lists.ends.push(end);
    else if (isLast) return lists.ends.pop() === raw;
    else if (!LEADS.has(raw)) return true;
  }
  return true;
}

function wordAt({ take }: Cursor): Word | undefined {
  let [raw, plain] = ['', ''];
  for (;;) {
    const part =
      take(/\\\n/y) ??
      take(/'([^']*)'|"((?:\\[^]|[^"\\])*)"/y) ??
      take(
        /(\$'(?:\\[^]|[^'\\])*'|`(?:\\[^]|[^`\\])*`|\$\{[^}]*\}|\$?\((?:\\[^]|'[^']*'|"(?:\\[^]|[^"\\])*"|[^()'"\\])*\))/y,
      ) ??
      take(/(\\[^]?|\$|[^\s\\'"`$;&|()<>]+|[^\S \t\n])/y);
    if (part === undefined) break;
    // A group, not a list of values or a command's output.
    if (part[0].startsWith('(') && !raw.endsWith('=')) return undefined;
    raw += part[0] === '\\\n' ? '' : part[0];
    plain += part[1] ?? part[2] ?? '';
  }
  return raw === '' && take(/(?=[ \t\n;&|]|$)/y) === undefined ? undefined : { raw, plain };
}

/** A variable in front of a command is only that command's. */
function assignAsBash(command: readonly Word[], found: Map<string, string>): void {
  const words = command.slice(command.findIndex(({ raw }) => !LEADS.has(raw)));
  const declares = words.findIndex(({ raw }) => !ASSIGNMENT.test(raw));
  if (declares >= 0 && !DECLARES.has(words[declares]?.raw ?? '')) return;
  for (const { plain } of words.slice(declares + 1)) {
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
