// Puts what the doctor found into a table for people, or one JSON document for scripts. Both without any secret.

import { redact, redactJson } from '../secret/redaction.ts';
import { BLANK } from '../text/invisible.ts';
import { counted, type Check } from './check.ts';

/** Nothing of a path or a name may steer a terminal. */
const UNSHOWABLE = new RegExp(
  String.raw`[\p{Cc}\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}\u2028\u2029${BLANK}]`,
  'gu',
);

export function isWell(checks: readonly Check[]): boolean {
  return checks.every(({ status }) => status !== 'failed');
}

export function jsonReport(checks: readonly Check[]): string {
  return `${redactJson(JSON.stringify({ ok: isWell(checks), checks }))}\n`;
}

export function tableReport(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ check }) => check.length));
  const lines = checks.flatMap(({ status, check, finding, advice }) => {
    const lead = `${status.padEnd('warning'.length)}  ${shown(check).padEnd(width)}  `;
    const first = `${lead}${shown(finding)}`;
    return advice === undefined ? [first] : [first, `${' '.repeat(lead.length)}-> ${shown(advice)}`];
  });
  return [...lines, '', summary(checks), ''].join('\n');
}

function summary(checks: readonly Check[]): string {
  const numberOf = (wanted: Check['status']) => checks.filter(({ status }) => status === wanted).length;
  const warnings = numberOf('warning');
  const beside = warnings === 0 ? '' : `, with ${counted(warnings, 'warning')}`;
  return isWell(checks) ? `All is well${beside}.` : `${counted(numberOf('failed'), 'check')} failed${beside}.`;
}

/** Redacted before and after, since a secret may be cut up by what goes in between. */
function shown(text: string): string {
  return redact(redact(text).replace(UNSHOWABLE, ''));
}
