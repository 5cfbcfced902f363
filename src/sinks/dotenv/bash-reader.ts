// What `source` of bash would assign in a .env file, as far as that can be told without a shell: assignments, `export`,
// quotes, comments and continued lines. No command is run and nothing is expanded.

import { cursorOn, type Cursor } from './cursor.ts';

/** A word of a command: as it is written, and without its quotes. */
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

const ASSIGNMENT = /^([A-Za-z_]\w*)(\+?=)([^]*)$/;

/**
 * Undefined for a text of Windows lines, an open quote, a redirection, a group, a function, a line that begins with `;`, or
 * a brace, `fi` or `done` that ends nothing, where bash reads no further.
 */
export function readAsBash(text: string): ReadonlyMap<string, string> | undefined {
  if (text.includes('\r\n')) return undefined;
  const found = new Map<string, string>();
  const cursor = cursorOn(text);
  const open: string[] = [];
  let command: Word[] = [];
  let isPiped = false;
  while (cursor.isInside()) {
    if (cursor.take(/(?:[ \t]|\\\n)+|#[^\n]*/y) !== undefined) continue;
    const end = cursor.take(/\n|&&|\|\||[;&|]/y)?.[0];
    if (end !== undefined) {
      // No command to end: bash reads no further.
      if (end !== '\n' && command.length === 0) return undefined;
      if (!isBalanced(command, open)) return undefined;
      // A part of a pipe, and what runs in the background, is another process.
      if (!isPiped && !/^[|&]$/.test(end)) assign(command, found);
      isPiped = end === '|' || (isPiped && command.length === 0);
      command = [];
      continue;
    }
    const word = wordAt(cursor);
    if (word === undefined) return undefined;
    command.push(word);
  }
  if (!isBalanced(command, open) || open.length > 0) return undefined;
  if (!isPiped) assign(command, found);
  return found;
}

/** Keeps account, in `open`, of the words that are still to come. */
function isBalanced(command: readonly Word[], open: string[]): boolean {
  for (const { raw } of command) {
    const end = ENDS.get(raw);
    if (end !== undefined) open.push(end);
    else if (LAST_WORDS.includes(raw)) return open.pop() === raw;
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
function assign(command: readonly Word[], found: Map<string, string>): void {
  const words = command.slice(command.findIndex(({ raw }) => !LEADS.has(raw)));
  const declares = words.findIndex(({ raw }) => !ASSIGNMENT.test(raw));
  if (declares >= 0 && !DECLARES.has(words[declares]?.raw ?? '')) return;
  for (const { plain } of words.slice(declares + 1)) {
    const [, name = '', sign, value = ''] = ASSIGNMENT.exec(plain) ?? [];
    if (sign !== undefined) found.set(name, sign === '+=' ? (found.get(name) ?? '') + value : value);
  }
}
