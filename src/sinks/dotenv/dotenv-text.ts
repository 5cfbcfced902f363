// Edits the text of a .env file: fills in one variable, replaces its value, or takes it back, and leaves all else byte
// for byte. The line is written plainly, since that is what all readers of such files understand; an edit after which one
// of them would read anything except the variable otherwise than before is not made. It touches no file.

import { blindReaders, holders, judgeOf } from './agreement.ts';
import { hasOpenQuote, hasSameOthers, othersIn, valueOf, valuesIn } from './node-reader.ts';

type Edit =
  | ({ readonly outcome: 'edited'; readonly blind: readonly string[] } & Written)
  /** The readers that find a value. */
  | { readonly outcome: 'has value'; readonly readers: readonly string[] }
  /** The variable does not read as the value that is to be replaced. */
  | { readonly outcome: 'has changed' }
  /** By no edit all readers would find what they found before, and the variable. These would not. */
  | { readonly outcome: 'unclear'; readonly readers: readonly string[] };

interface Written {
  readonly text: string;
  readonly trace: Trace;
  /** What stood on the line beside its value, and does not any more. */
  readonly dropped: readonly ('quotes' | 'a comment')[];
}

/** What {@link takeBack} must know of an edit. It holds no value. */
export interface Trace {
  readonly lead: '' | 'export ';
  /** What stood around the value; absent where a line was added. */
  readonly was?: { readonly start: string; readonly rest: string };
  /** What was put in front of a line that was added. */
  readonly gap?: string;
}

/** Each line with the name of the variable costs a judgement; nobody has more than a few. */
const MOST_LINES_TRIED = 16;

/** A value that means the same to every reader without quotes. A shell takes "~" at the beginning for a directory. */
export function needsNoQuotes(value: string): boolean {
  return /^[A-Za-z0-9_.+/=-][A-Za-z0-9_.~+/=-]*$/.test(value);
}

export function isVariableName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
}

/**
 * Gives the variable its value: in its last empty assignment, or else in a new line. The variable's name and the value
 * must be as {@link isVariableName} and {@link needsNoQuotes} ask. `isScript`: only shells read the file.
 */
export function setVariable(text: string, variable: string, value: string, isScript = false): Edit {
  const readers = holders(text, variable);
  if (readers.length > 0) return { outcome: 'has value', readers };
  const lead = isScript || hasOnlyExports(text, variable) ? 'export ' : '';
  const written = [...fillings(text, variable, value, lead), ...additions(text, `${lead}${variable}=${value}`, lead)];
  return firstThatAllRead(text, variable, value, written);
}

/** Gives the variable another value, in the one line whose value readers see; earlier lines of the variable stay. */
export function replaceVariable(text: string, variable: string, from: string, to: string): Edit {
  if (valueOf(text, variable) !== from) return { outcome: 'has changed' };
  const values = valuesIn(text, variable);
  // Where versions of Node do not agree on the variable, the line that all readers see cannot be told.
  if (values.length !== 1 || values[0] !== from) return { outcome: 'unclear', readers: ['Node'] };
  const { mark, lines } = linesOf(text);
  const written = lastAssignments(lines, variable).flatMap((index): Written[] => {
    const line = lines[index]?.line ?? '';
    const was = aroundValue(line, from);
    if (was === undefined) return [];
    const lead = /^[ \t]*export[ \t]/.test(line) ? 'export ' : '';
    const replaced = mark + withLine(lines, index, `${lead}${variable}=${to}`);
    return [{ text: replaced, trace: { lead, was }, dropped: droppedFrom(was.rest, /["'`]$/.test(was.start)) }];
  });
  return firstThatAllRead(text, variable, to, written);
}

/**
 * Undoes an edit, whatever else was edited since: the old value comes back, or none. Undefined where the variable no
 * longer has the new value, or where that would change anything else.
 */
export function takeBack(
  text: string,
  variable: string,
  value: string,
  { lead, was, gap }: Trace,
  old = '',
): string | undefined {
  if (valueOf(text, variable) !== value) return undefined;
  const { mark, lines } = linesOf(text);
  return lastAssignments(lines, variable)
    .flatMap((index) => {
      const line = lines[index]?.line ?? '';
      const isAsWritten = line === `${lead}${variable}=${value}`;
      if (isAsWritten && was === undefined && old === '') return [mark + withoutLine(lines, index, gap ?? '')];
      const around = isAsWritten && was !== undefined ? was : aroundValue(line, value);
      return around === undefined ? [] : [mark + withLine(lines, index, around.start + old + around.rest)];
    })
    .find((undone) => {
      const left = valueOf(undone, variable);
      return (old === '' ? left !== value : left === old) && hasSameOthers(text, undone, variable);
    });
}

/** Where the variable is assigned, for people: lines are counted from 1. */
export function linesWith(text: string, variable: string): number[] {
  const { lines } = linesOf(text);
  return lastAssignments(lines, variable)
    .map((index) => index + 1)
    .reverse();
}

function firstThatAllRead(text: string, variable: string, value: string, written: readonly Written[]): Edit {
  if (hasOpenQuote(text)) return { outcome: 'unclear', readers: ['Node'] };
  const judge = judgeOf(text, variable, value);
  let wrong: readonly string[] = [];
  for (const edit of written) {
    const readers = judge(edit.text, edit.trace.lead !== '');
    if (readers.length === 0) return { outcome: 'edited', ...edit, blind: blindReaders(edit.text, variable, value) };
    wrong = readers;
  }
  return { outcome: 'unclear', readers: wrong };
}

/**
 * Each empty assignment with the value in it, the last first: a line may stand inside of a quoted value. The name without a
 * sign is one too: python-dotenv would take the value of a line above it away.
 */
function fillings(text: string, variable: string, value: string, lead: Trace['lead']): Written[] {
  const { mark, lines } = linesOf(text);
  const empty = String.raw`^[ \t]*(export[ \t]+)?${variable}[ \t]*(?:=[ \t]*(?:(""|''|${'``'})[ \t]*)?((?<!=)#.*)?)?$`;
  return lastAssignments(lines, variable).flatMap((index): Written[] => {
    const line = lines[index]?.line ?? '';
    const match = new RegExp(empty).exec(line);
    if (match === null) return [];
    const [, exported, quotes, comment = ''] = match;
    const own = exported === undefined ? lead : 'export ';
    return [
      {
        text: mark + withLine(lines, index, `${own}${variable}=${value}`),
        trace: { lead: own, was: { start: line, rest: '' } },
        dropped: droppedFrom(comment, quotes !== undefined),
      },
    ];
  });
}

function droppedFrom(rest: string, hasQuotes: boolean): Written['dropped'] {
  return [...(hasQuotes ? (['quotes'] as const) : []), ...(rest.includes('#') ? (['a comment'] as const) : [])];
}

/**
 * The text with one line more: at the end, or else at the beginning, since Node 20 loses a variable below a line of
 * blanks. Not there where a line below might take the value back.
 */
function additions(text: string, line: string, lead: Trace['lead']): Written[] {
  const { mark, body } = linesOf(text);
  const ending = endingOf(body);
  const lastEnd = body === '' || body.endsWith('\n') ? '' : ending;
  // Some readers take a backslash at the end of a line, even of a comment, for "goes on in the next".
  const gap = lastEnd + (/\\\r?\n?$/.test(body) ? ending : '');
  const atEnd = { text: `${text}${gap}${line}${ending}`, trace: { lead, gap }, dropped: [] };
  return [atEnd, { text: `${mark}${line}${ending}${body}`, trace: { lead }, dropped: [] }];
}

function endingOf(body: string): string {
  return /\r\n[^\n]*$/.test(body) ? '\r\n' : '\n';
}

/** Whether the file is for shells: it has other variables, and exports each. */
function hasOnlyExports(text: string, variable: string): boolean {
  const names = [...othersIn(text, variable).keys()].map((key) => key.replace(/^[^]*\s/, ''));
  const exported = new Set(Array.from(text.matchAll(/^[ \t]*export[ \t]+([\w.-]+)[ \t]*=/gm), ([, name]) => name));
  return names.length > 0 && names.every((name) => exported.has(name));
}

/** What stands around the value of an assignment; undefined where the line does not plainly have it. */
function aroundValue(line: string, value: string): { start: string; rest: string } | undefined {
  const valueAt = /^[^=]*=[ \t]*/.exec(line)?.[0].length ?? 0;
  const written = line.slice(valueAt);
  for (const quote of ['"', "'", '`', '']) {
    const rest = written.slice(quote.length + value.length);
    // Without quotes, some readers take `a#b` for a value and others for a value and a comment.
    const isRest = quote === '' ? /^[ \t]*$|^[ \t]+#/ : new RegExp(`^${quote}[ \\t]*(?:#|$)`);
    if (written.startsWith(quote + value) && isRest.test(rest)) return { start: line.slice(0, valueAt) + quote, rest };
  }
  return undefined;
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
  const assignment = new RegExp(`^[ \\t]*(?:export[ \\t]+)?${variable}[ \\t]*(?:=|$)`);
  return lines
    .flatMap(({ line }, index) => (assignment.test(line) ? [index] : []))
    .slice(-MOST_LINES_TRIED)
    .reverse();
}

function withLine(lines: readonly Line[], index: number, replacement: string): string {
  return lines.map(({ line, ending }, at) => `${at === index ? replacement : line}${ending}`).join('');
}

/** What was put in front of it goes too, unless it parts other lines by now. */
function withoutLine(lines: readonly Line[], index: number, gap: string): string {
  const joined = (part: readonly Line[]) => part.map(({ line, ending }) => line + ending).join('');
  const [above, below] = [joined(lines.slice(0, index)), joined(lines.slice(index + 1))];
  return below === '' && above.endsWith(gap) ? above.slice(0, above.length - gap.length) : above + below;
}
