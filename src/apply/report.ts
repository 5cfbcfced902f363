// What became of the keys that an operator wrote down, as lines for people or as one JSON document for scripts. Neither has a secret.

import { printable } from '../doctor/report.ts';
import type { Applied, WantedKey } from '../keys/apply.ts';
import { redactJson } from '../secret/redaction.ts';
import { counted } from '../text/text.ts';
import { failedResult } from '../tools/tool.ts';
import type { Failure } from '../failure.ts';

/** Of one key. */
export interface Row {
  readonly groupId: string;
  readonly name: string;
  readonly outcome: 'exists' | 'delivered' | 'rotated' | 'planned' | 'failed';
  /** Of what is planned. */
  readonly action?: 'create' | 'rotate';
  readonly key?: { readonly apiKeyId?: string; readonly name: string };
  readonly delivery?: {
    readonly sink: string;
    readonly location: string;
    readonly entry?: string;
    readonly verification: string;
    readonly fingerprint?: string;
  };
  readonly oldKey?: { readonly apiKeyId: string; readonly name: string; readonly state?: string };
  readonly error?: Failure;
  readonly warnings?: readonly string[];
}

export function rowOf({ groupId, name }: WantedKey, applied: Applied): Row {
  if (!applied.ok) return { groupId, name, outcome: 'failed', error: applied.failure };
  const { value } = applied;
  const { outcome, warnings } = value;
  const told = { groupId, name, outcome, ...(warnings.length > 0 && { warnings }) };
  switch (value.outcome) {
    case 'exists':
      return { ...told, key: shownKey(value.key) };
    case 'delivered':
      return { ...told, key: shownKey(value.key), delivery: shownDelivery(value.delivery) };
    case 'rotated':
      return { ...told, key: shownKey(value.key), delivery: shownDelivery(value.delivery), oldKey: value.oldKey };
    case 'planned': {
      const delivery = shownDelivery(value.delivery);
      return 'oldKey' in value
        ? { ...told, action: 'rotate', delivery, oldKey: value.oldKey }
        : { ...told, action: 'create', delivery };
    }
  }
}

function shownKey({ apiKeyId, name }: NonNullable<Row['key']>): NonNullable<Row['key']> {
  return { ...(apiKeyId !== undefined && { apiKeyId }), name };
}

/** Field by field: what a sink shows of a secret is never among them. */
function shownDelivery(delivery: NonNullable<Row['delivery']>): NonNullable<Row['delivery']> {
  const { sink, location, entry, verification, fingerprint } = delivery;
  return {
    sink,
    location,
    ...(entry !== undefined && { entry }),
    verification,
    ...(fingerprint !== undefined && { fingerprint }),
  };
}

const WORDS = {
  exists: 'exists',
  delivered: 'made',
  rotated: 'rotated',
  planned: 'to do',
  failed: 'failed',
} as const;

export function lineOf(row: Row): string {
  const { groupId, name, outcome, action, key, delivery, oldKey, error, warnings = [] } = row;
  const old = oldKey && `old key ${oldKey.apiKeyId}${oldKey.state === undefined ? '' : ` ${oldKey.state}`}`;
  const parts = [
    `${WORDS[outcome].padEnd(7)} ${groupId} ${JSON.stringify(name)}`,
    action,
    key?.apiKeyId,
    delivery?.location,
    delivery?.verification,
    delivery?.fingerprint,
    old,
    error && `${error.code}: ${error.message} ${error.hint}`,
  ].filter((part) => part !== undefined);
  return [parts.join(' | '), ...warnings.map((warning) => `        -> ${warning}`)]
    .map((line) => `${printable(line)}\n`)
    .join('');
}

export function summaryOf(isAll: boolean, rows: readonly Row[], warnings: readonly string[]): string {
  const counts = (['exists', 'delivered', 'rotated', 'planned', 'failed'] as const).flatMap((outcome) => {
    const count = rows.filter((row) => row.outcome === outcome).length;
    return count === 0 ? [] : [`${count} ${WORDS[outcome]}`];
  });
  const all = isAll ? 'All is as written' : 'Not all is as written';
  const lines = [...warnings, `${all}: ${counted(rows.length, 'key')}${counts.map((each) => `, ${each}`).join('')}.`];
  return lines.map((line) => `${printable(line)}\n`).join('');
}

export function reportDocument(isAll: boolean, rows: readonly Row[], warnings: readonly string[]): string {
  const shown = rows.map(({ error, ...row }) => ({ ...row, ...(error && { error: errorOf(error) }) }));
  return `${redactJson(JSON.stringify({ ok: isAll, keys: shown, warnings }))}\n`;
}

/** With the members that a tool's error has. */
function errorOf(failure: Failure): unknown {
  return failedResult({ keyStateOfRefusal: 'not_created' }, failure).structured.error;
}
