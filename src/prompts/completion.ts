// Which of the names that there are go with what was typed so far. Pure.

/** The most that the specification lets one answer hold (2025-11-25, Server, Utilities, Completion). */
const MOST_VALUES = 100;

export interface Wish {
  /** The argument that is being typed. */
  readonly argument: string;
  readonly value: string;
  /** The arguments that have their value already. */
  readonly others: Readonly<Record<string, string>>;
}

export interface Candidates {
  readonly names: readonly string[];
  /** False where there are more than were read. */
  readonly isAll: boolean;
}

export interface Completion {
  readonly values: string[];
  /** How many fit; absent where nobody counted. */
  readonly total?: number;
  readonly hasMore: boolean;
}

/** Names that begin with it first, then those that contain it, without regard to case. */
export function completed({ names, isAll }: Candidates, typed: string): Completion {
  const wanted = fold(typed);
  const fitting = [...new Set(names)].filter((name) => fold(name).includes(wanted)).sort(inOrder);
  const begins = (name: string) => fold(name).startsWith(wanted);
  const all = [...fitting.filter(begins), ...fitting.filter((name) => !begins(name))];
  return {
    values: all.slice(0, MOST_VALUES),
    ...(isAll && { total: all.length }),
    hasMore: !isAll || all.length > MOST_VALUES,
  };
}

function inOrder(one: string, other: string): number {
  return fold(one) < fold(other) ? -1 : 1;
}

function fold(name: string): string {
  return name.normalize('NFC').toLowerCase();
}
