// What the doctor found, as a table for people or as one JSON document for scripts. Neither contains a secret.

import { redact, redactJson } from '../secret/redaction.ts';
import { counted, listed, BLANK } from '../text/text.ts';

/** One thing that the doctor looked at, and what it found. */
export interface Check {
  /** What was looked at, such as `credential` or `sink app`. */
  readonly check: string;
  readonly status: 'ok' | 'warning' | 'failed';
  readonly finding: string;
  /** What a person should do; always present where the status is `failed`. */
  readonly advice?: string;
}

export function passes(check: string, finding: string): Check {
  return { check, status: 'ok', finding };
}

export function warns(check: string, finding: string, advice?: string): Check {
  return { check, status: 'warning', finding, ...(advice !== undefined && { advice }) };
}

export function fails(check: string, finding: string, advice: string): Check {
  return { check, status: 'failed', finding, advice };
}

/** The first five in one line, and how many more there are. */
export function firstOf(items: readonly string[]): string {
  return listed(items, ', ', 5);
}

/** Characters that a terminal may interpret as a command, or does not show. */
const UNSHOWABLE = String.raw`[\p{Cc}\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}\u2028\u2029${BLANK}]`;

export function isWell(checks: readonly Check[]): boolean {
  return checks.every(({ status }) => status !== 'failed');
}

/** @param json one JSON document instead of a table */
export function reportOf(checks: readonly Check[], json: boolean): string {
  return json ? `${redactJson(JSON.stringify({ ok: isWell(checks), checks }))}\n` : table(checks);
}

function table(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ check }) => check.length));
  const lines = checks.flatMap(({ status, check, finding, advice }) => {
    const lead = `${status.padEnd('warning'.length)}  ${printable(check).padEnd(width)}  `;
    const first = `${lead}${printable(finding)}`;
    return advice === undefined ? [first] : [first, `${' '.repeat(lead.length)}-> ${printable(advice)}`];
  });
  return [...lines, '', summary(checks), ''].join('\n');
}

function summary(checks: readonly Check[]): string {
  const numberOf = (wanted: Check['status']) => checks.filter(({ status }) => status === wanted).length;
  const warnings = numberOf('warning');
  const beside = warnings === 0 ? '' : `, with ${counted(warnings, 'warning')}`;
  return isWell(checks) ? `All is well${beside}.` : `${counted(numberOf('failed'), 'check')} failed${beside}.`;
}

/** For a terminal. Redacted before and after, since the characters that are removed may be within a secret. */
export function printable(text: string): string {
  return redact(redact(text).replace(new RegExp(UNSHOWABLE, 'gu'), ''));
}
