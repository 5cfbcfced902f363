// The names that keys had before this process renamed them, for an hour: a person who is asked to lose a key must not be led by
// the name that it got a moment ago. It knows only this process's own renames, and nothing of them after its end.

import type { Atlas } from '../../atlas/atlas.ts';

const REMEMBERED_MS = 60 * 60 * 1000;
const MOST = 1_000;

interface Former {
  readonly name: string;
  readonly since: number;
}

/** By the connection, and the key's id. */
const records = new WeakMap<Atlas, Map<string, Former>>();

export function rememberFormerName(atlas: Atlas, apiKeyId: string, name: string): void {
  const record = records.get(atlas) ?? new Map<string, Former>();
  records.set(atlas, record);
  // The name before the first of several renames is the one that people know.
  if (formerName(atlas, apiKeyId) !== undefined) return;
  record.delete(apiKeyId);
  const [oldest] = record.keys();
  if (record.size >= MOST && oldest !== undefined) record.delete(oldest);
  record.set(apiKeyId, { name, since: Date.now() });
}

export function formerName(atlas: Atlas, apiKeyId: string): string | undefined {
  const former = records.get(atlas)?.get(apiKeyId);
  return former && Date.now() - former.since < REMEMBERED_MS ? former.name : undefined;
}
