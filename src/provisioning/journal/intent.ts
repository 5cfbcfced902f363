// What the journal keeps of one create, be it for a rotation: whose it is, where it stands. Pure; it is written and read in journal.ts.

import { parseJson } from '../../text/json.ts';
import type { Fingerprint } from '../../secret/fingerprint.ts';
import type { ProcessOwner } from '../../files/process-owner.ts';

/** How far a create has come. Each step is on the disk before the next is begun. */
export type Step =
  /** The request to create may have been sent. Nothing was delivered. */
  | { readonly step: 'sending' }
  /** The key exists. Its secret may have been delivered. */
  | { readonly step: 'created'; readonly apiKeyId: string; readonly fingerprint: Fingerprint }
  /** The key exists, and its secret is certainly in no sink. */
  | { readonly step: 'undelivered'; readonly apiKeyId: string }
  /** The secret is in the sink; the key that this one replaces is being deleted, and its name taken over. */
  | { readonly step: 'retiring'; readonly apiKeyId: string; readonly fingerprint: Fingerprint }
  /** What became of the key could not be found out; its secret is certainly in no sink. */
  | { readonly step: 'lost' }
  | { readonly step: 'ended'; readonly outcome: Ending; readonly apiKeyId?: string };

/** `not_found`: the reply was lost, and no key was seen afterwards. One may still appear, if the request was slow. */
export type Ending = 'delivered' | 'rolled_back' | 'not_created' | 'not_found' | 'gone';

/** What a rotation is to end in. */
export interface Replacement {
  /** The key whose place the new one takes. */
  readonly apiKeyId: string;
  /** The name that the new key is to have at the end. */
  readonly finalName: string;
  /** Whether the old key is to stay. */
  readonly keepOld: boolean;
}

export interface Plan {
  readonly groupId: string;
  readonly name: string;
  readonly sink: string;
  readonly entry?: string;
  /** The key whose place this one takes, in a rotation. */
  readonly replaces?: Replacement;
}

export interface Intent extends Plan {
  /** The name of its file: the project and key name, hashed, and a count. */
  readonly id: string;
  /** Null where the process has said that it does no more about it. */
  readonly owner: ProcessOwner | null;
  /** ISO 8601. */
  readonly openedAt: string;
  readonly updatedAt: string;
  readonly state: Step;
}

const STEPS = ['sending', 'created', 'undelivered', 'retiring', 'lost', 'ended'];

/**
 * An intent from its file; undefined for what is none. Each step was written as a line, and the last whole line counts: a
 * process that was killed, or had no room on the disk, while it wrote one had begun nothing yet of what that was to say.
 */
export function parseIntent(id: string, text: string): Intent | undefined {
  const lines = text.split('\n');
  const value = parseJson(lines.at(-2) ?? '');
  if (typeof value !== 'object' || value === null || !('intent' in value)) return undefined;
  const { intent } = value;
  return isIntent(intent) && intent.id === id ? intent : undefined;
}

/** A line of its file, without the end of the line. */
export function serializeIntent(intent: Intent): string {
  return JSON.stringify({ version: 1, intent });
}

/** Enough to tell a file of this program from any other; a file that the same user has forged is out of reach. */
function isIntent(value: unknown): value is Intent {
  if (typeof value !== 'object' || value === null) return false;
  if (!('groupId' in value && 'name' in value && 'owner' in value && 'state' in value)) return false;
  const { groupId, name, owner, state } = value;
  if (typeof groupId !== 'string' || !/^[a-f0-9]{24}$/.test(groupId) || typeof name !== 'string') return false;
  if (!['id', 'sink', 'openedAt', 'updatedAt'].every((field) => typeof Reflect.get(value, field) === 'string'))
    return false;
  if (owner !== null && !(typeof owner === 'object' && 'pid' in owner)) return false;
  if ('replaces' in value && !isReplacement(value.replaces)) return false;
  return typeof state === 'object' && state !== null && 'step' in state && STEPS.includes(String(state.step));
}

function isReplacement(value: unknown): value is Replacement {
  if (typeof value !== 'object' || value === null) return false;
  if (!('apiKeyId' in value && 'finalName' in value && 'keepOld' in value)) return false;
  const { apiKeyId, finalName, keepOld } = value;
  return typeof apiKeyId === 'string' && typeof finalName === 'string' && typeof keepOld === 'boolean';
}
