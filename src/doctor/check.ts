// One thing that the doctor looked at, and what it found.

type Status = 'ok' | 'warning' | 'failed';

export interface Check {
  /** What was looked at, such as `credential` or `sink app`. */
  readonly check: string;
  readonly status: Status;
  readonly finding: string;
  /** What a person should do; always there for what failed. */
  readonly advice?: string;
}

export function ok(check: string, finding: string): Check {
  return { check, status: 'ok', finding };
}

export function warning(check: string, finding: string, advice?: string): Check {
  return { check, status: 'warning', finding, ...(advice !== undefined && { advice }) };
}

export function failed(check: string, finding: string, advice: string): Check {
  return { check, status: 'failed', finding, advice };
}

const MOST_SHOWN = 5;

/** The first few in one line, and how many more there are. */
export function listed(items: readonly string[]): string {
  const shown = items.slice(0, MOST_SHOWN).join(', ');
  return items.length > MOST_SHOWN ? `${shown} and ${items.length - MOST_SHOWN} more` : shown;
}

/** `1 key`, `2 keys`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
