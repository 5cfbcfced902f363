// Edits the text of a .env file: fills in one variable, takes it out again, or exchanges its value, and leaves all else
// byte for byte. It does not parse the format itself: `util.parseEnv` is asked before and after, and an edit that
// changes anything but the variable is not made. It touches no file.

import { isDeepStrictEqual, parseEnv } from 'node:util';

export type Edit =
  | {
      readonly outcome: 'edited';
      readonly text: string;
      /** The line that was filled in, as it was; absent where a line was added. */
      readonly placeholder?: string;
    }
  | { readonly outcome: 'has value' }
  /** The variable does not read as the value that is to be exchanged. */
  | { readonly outcome: 'has changed' }
  /** By no edit the file would say what it said before, and the variable. */
  | { readonly outcome: 'unclear' };

/** A file full of the variable's name costs one parse for each; nobody has more than a few. */
const MOST_LINES_TRIED = 16;

/** A value that means the same in every dialect without quotes. */
export function needsNoQuotes(value: string): boolean {
  return /^[A-Za-z0-9_.~+/=-]+$/.test(value);
}

export function isVariableName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
}

/** What a reader of the file gets for the variable. */
export function valueOf(text: string, variable: string): string | undefined {
  return parsed(text).get(variable);
}

/**
 * Gives the variable its value: in its last empty assignment, or else in a new line. The variable's name
 * and the value must be as {@link isVariableName} and {@link needsNoQuotes} ask.
 */
export function setVariable(text: string, variable: string, value: string): Edit {
  const before = parsedTidied(text);
  for (const [key, present] of before) {
    if (nameIn(key) === variable && present.trim() !== '') return { outcome: 'has value' };
  }
  if (hasOpenQuote(text, before)) return { outcome: 'unclear' };
  const others = othersIn(before, variable);
  const filled = fillings(text, variable, value).find((edit) => changesOnly(others, edit.text, variable, value));
  if (filled !== undefined) return { outcome: 'edited', ...filled };
  // An assignment that reads as empty but is no plain placeholder, such as `A=#b`, is not for us to judge.
  if (valueOf(text, variable) !== undefined) return { outcome: 'unclear' };
  const added = additions(text, variable, `${variable}=${value}`).find((each) =>
    changesOnly(others, each, variable, value),
  );
  return added === undefined ? { outcome: 'unclear' } : { outcome: 'edited', text: added };
}

/**
 * Undoes {@link setVariable}, given the placeholder of its edit. Undefined where the variable no longer
 * has that value, or where that would change anything else.
 */
export function unsetVariable(
  text: string,
  variable: string,
  value: string,
  placeholder: string | undefined,
): string | undefined {
  if (valueOf(text, variable) !== value) return undefined;
  const added = placeholder === undefined ? `${variable}=${value}` : filledLine(placeholder, variable, value);
  const { mark, lines } = linesOf(text);
  const others = othersIn(parsedTidied(text), variable);
  const undone = lastAssignments(lines, variable).map((index) => {
    const line = lines[index]?.line ?? '';
    if (line !== added) return withLine(lines, index, line.replace(value, ''));
    return placeholder === undefined ? withoutLine(lines, index) : withLine(lines, index, placeholder);
  });
  return undone
    .map((body) => mark + body)
    .find((result) => {
      const left = valueOf(result, variable);
      return left !== value && changesOnly(others, result, variable, left);
    });
}

/**
 * Gives the variable another value, in the one line whose value readers see: its quotes, `export` and comment stay, and
 * so do earlier lines of the variable. The new value must be as {@link needsNoQuotes} asks.
 */
export function exchangeVariable(text: string, variable: string, from: string, to: string): Edit {
  if (valueOf(text, variable) !== from) return { outcome: 'has changed' };
  const before = parsedTidied(text);
  const names = [...before.keys()].filter((key) => nameIn(key) === variable);
  // Where versions of the parser do not agree on the variable, the line that all readers see cannot be told.
  const isPlain = names.length === 1 && before.get(variable) === from;
  if (!isPlain || hasOpenQuote(text, before)) return { outcome: 'unclear' };
  const exchanged = withValue(text, variable, from, to);
  return exchanged === undefined ? { outcome: 'unclear' } : { outcome: 'edited', text: exchanged };
}

/** Undoes {@link exchangeVariable}, given its values in turn, whatever else was edited since. Undefined as for {@link unsetVariable}. */
export function withValue(text: string, variable: string, from: string, to: string): string | undefined {
  if (valueOf(text, variable) !== from) return undefined;
  const { mark, lines } = linesOf(text);
  const others = othersIn(parsedTidied(text), variable);
  return lastAssignments(lines, variable)
    .map((index) => ({ index, line: exchangedLine(lines[index]?.line ?? '', from, to) }))
    .flatMap(({ index, line }) => (line === undefined ? [] : [mark + withLine(lines, index, line)]))
    .find((result) => changesOnly(others, result, variable, to));
}

/** The line of an assignment with another value; undefined where it does not plainly have the first one. */
function exchangedLine(line: string, from: string, to: string): string | undefined {
  const valueAt = /^[^=]*=[ \t]*/.exec(line)?.[0].length ?? 0;
  const [lead, rest] = [line.slice(0, valueAt), line.slice(valueAt)];
  for (const quote of ['"', "'", '`', '']) {
    const written = quote + from + quote;
    const tail = rest.slice(written.length);
    // Without quotes, some readers take `a#b` for a value and others for a value and a comment.
    const isTail = quote === '' ? /^[ \t]*$|^[ \t]+#/ : /^[ \t]*(?:#|$)/;
    if (rest.startsWith(written) && isTail.test(tail)) return lead + quote + to + quote + tail;
  }
  return undefined;
}

/** Each empty assignment with the value in it, the last first: a line may stand inside of a quoted value. */
function fillings(text: string, variable: string, value: string): { text: string; placeholder: string }[] {
  const { mark, lines } = linesOf(text);
  return lastAssignments(lines, variable).flatMap((index) => {
    const placeholder = lines[index]?.line ?? '';
    const line = filledLine(placeholder, variable, value);
    return line === undefined ? [] : [{ text: mark + withLine(lines, index, line), placeholder }];
  });
}

/**
 * The text with one line more: at the end, or else at the beginning, since Node 20 loses a variable below a
 * line of blanks. Not there where a line below might take the value back for readers other than Node.
 */
function additions(text: string, variable: string, line: string): string[] {
  const { mark, body, lines } = linesOf(text);
  const ending = endingOf(body);
  const isEnded = body === '' || body.endsWith('\n');
  // A file whose last line has no ending has none afterwards.
  const atEnd = isEnded ? `${text}${line}${ending}` : `${text}${ending}${line}`;
  return lastAssignments(lines, variable).length > 0 ? [atEnd] : [atEnd, `${mark}${line}${ending}${body}`];
}

function endingOf(body: string): string {
  return /\r\n[^\n]*$/.test(body) ? '\r\n' : '\n';
}

/** The line of an empty assignment with the value in it; undefined where it is not plainly empty. */
function filledLine(line: string, variable: string, value: string): string | undefined {
  const empty = String.raw`(?:(""|''|${'``'})([ \t]*))?`;
  const form = String.raw`^([ \t]*(?:export[ \t]+)?${variable})([ \t]*=)([ \t]*)${empty}((?<!=)#.*)?$`;
  const match = new RegExp(form).exec(line);
  if (match === null) return undefined;
  const [, name = '', equals = '', gap = '', quotes = '', blank = '', comment = ''] = match;
  if (quotes !== '') {
    // A shell would run what stands in backticks.
    const quote = quotes.startsWith('`') ? '"' : quotes.charAt(0);
    return `${name}${equals}${gap}${quote}${value}${quote}${blank}${comment}`;
  }
  // `A= # b` becomes `A=value # b`, and `A = # b` becomes `A = value # b`.
  const lead = equals.length > 1 ? gap.slice(0, 1) : '';
  const rest = comment === '' ? '' : `${gap.slice(lead.length) || ' '}${comment}`;
  return `${name}${equals}${lead}${value}${rest}`;
}

interface Line {
  readonly line: string;
  readonly ending: string;
}

/** The byte order mark, if any, belongs to no line. */
function linesOf(text: string): { mark: string; body: string; lines: Line[] } {
  const mark = text.startsWith('\uFEFF') ? '\uFEFF' : '';
  const body = text.slice(mark.length);
  const lines = body.split(/(?<=\n)/).map((whole) => {
    const line = whole.replace(/\r?\n$/, '');
    return { line, ending: whole.slice(line.length) };
  });
  return { mark, body, lines };
}

function lastAssignments(lines: readonly Line[], variable: string): number[] {
  const assignment = new RegExp(`^[ \\t]*(?:export[ \\t]+)?${variable}[ \\t]*=`);
  return lines
    .flatMap(({ line }, index) => (assignment.test(line) ? [index] : []))
    .slice(-MOST_LINES_TRIED)
    .reverse();
}

function withLine(lines: readonly Line[], index: number, replacement: string): string {
  return lines.map(({ line, ending }, at) => `${at === index ? replacement : line}${ending}`).join('');
}

/** A last line without an ending got one before it when it was added. */
function withoutLine(lines: readonly Line[], index: number): string {
  const left = lines
    .filter((_, at) => at !== index)
    .map(({ line, ending }) => line + ending)
    .join('');
  if (lines[index]?.ending !== '') return left;
  const withoutTwo = left.slice(0, -2);
  return left.endsWith('\r\n') && endingOf(withoutTwo) === '\r\n' ? withoutTwo : left.slice(0, -1);
}

/** Whether the variable reads as expected afterwards, and all others as they were. */
function changesOnly(
  others: ReadonlyMap<string, string>,
  after: string,
  variable: string,
  expected: string | undefined,
): boolean {
  if (valueOf(after, variable) !== expected) return false;
  return isDeepStrictEqual(others, othersIn(parsedTidied(after), variable));
}

function othersIn(variables: ReadonlyMap<string, string>, variable: string): Map<string, string> {
  return new Map([...variables].filter(([key]) => nameIn(key) !== variable));
}

function parsed(text: string): Map<string, string> {
  return new Map(Object.entries(parseEnv(text)).map(([key, value]) => [key, value ?? '']));
}

/**
 * What the author of the file meant. Without blanks at the ends of lines, over which Node 22 and later take
 * the next line for the value, and Node 20 loses the variable below a line of them; and with a last newline,
 * without which Node 20 takes a commented-out assignment for one.
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

/** An open quote swallows what is added below in some dialects, up to the next quote of its kind. */
function hasOpenQuote(text: string, before: ReadonlyMap<string, string>): boolean {
  return ['"', "'", '`'].some((quote) => !isDeepStrictEqual(parsedTidied(`${text}\n${quote}`), before));
}
