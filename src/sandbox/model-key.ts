// One AI model API key: how it is made, and what of it a reply shows. Its secret is shown in one place only.

import { randomBytes, randomInt } from 'node:crypto';
import type { Json } from './reply.ts';

/** A key as it really is, with its secret: for tests, never for a reply. */
export interface LiveKey {
  readonly apiKeyId: string;
  readonly name: string;
  readonly groupId: string;
  readonly cloud: string;
  readonly geography: string;
  readonly endpoint: string;
  readonly status: string;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly lastUsedAt: string | null;
  readonly maskedSecret: string;
  readonly secret: string;
}

/** What a test may decide about a key that it puts in place. */
export interface KeySeed {
  readonly name: string;
  readonly cloud?: string;
  readonly geography?: string;
  readonly status?: string;
  readonly createdAt?: Date;
  readonly createdBy?: string;
  readonly lastUsedAt?: Date | null;
}

export function newKey(groupId: string, seed: KeySeed): LiveKey {
  const secret = `al-sandbox-${randomBytes(32).toString('base64url')}`;
  const geography = seed.geography ?? 'ANY';
  return {
    apiKeyId: newKeyId(),
    name: seed.name,
    groupId,
    cloud: seed.cloud ?? 'ANY',
    geography,
    endpoint: endpointOf(geography),
    status: seed.status ?? 'ACTIVE',
    createdAt: timestamp(seed.createdAt ?? new Date()),
    createdBy: seed.createdBy ?? 'Sandbox User',
    lastUsedAt: seed.lastUsedAt ? timestamp(seed.lastUsedAt) : null,
    maskedSecret: `al-****${secret.slice(-4)}`,
    secret,
  };
}

/** The key as every reply shows it: without its secret, and in the preview without its scope. */
export function shownKey(key: LiveKey, preview: boolean): Json {
  return {
    apiKeyId: key.apiKeyId,
    createdAt: key.createdAt,
    createdBy: key.createdBy,
    groupId: key.groupId,
    lastUsedAt: key.lastUsedAt,
    maskedSecret: key.maskedSecret,
    name: key.name,
    status: key.status,
    ...(!preview && { cloud: key.cloud, geography: key.geography, endpoint: key.endpoint }),
  };
}

export function endpointOf(geography: string): string {
  return geography === 'ANY' ? 'ai.mongodb.com' : `${geography}.ai.mongodb.com`;
}

/** Six fractional digits and a numeric offset, as Atlas writes it. */
export function timestamp(date: Date): string {
  return date.toISOString().replace('Z', '000+00:00');
}

/** 24 characters that look like an Atlas id and are not: at least one is beyond `f`. */
function newKeyId(): string {
  const digits = Array.from({ length: 24 }, () => randomInt(36).toString(36));
  digits[randomInt(24)] = randomInt(16, 36).toString(36);
  return digits.join('');
}
