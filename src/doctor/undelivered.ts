// Keys of Atlas that say in their own name that they are not delivered: this machine's, which can be brought to their end, and
// those of other machines. Sends reads only.

import type { Atlas } from '../atlas/atlas.ts';
import { hasId, type ModelKey } from '../atlas/api/keys.ts';
import type { Config } from '../config/config.ts';
import { undeliveredOf } from '../provisioning/delivery/leftovers.ts';
import { nonceOf } from '../provisioning/delivery/marked-name.ts';
import { isUnderWay, openJournal, type Kept } from '../provisioning/journal/journal.ts';
import { isAllowed } from '../provisioning/policy.ts';
import { counted, failed, listed, ok, warning, type Check } from './check.ts';

const CHECK = 'undelivered keys';

/** @param groupIds projects that the operator named; those of the journal are looked at too */
export async function undeliveredCheck(atlas: Atlas, config: Config, groupIds: readonly string[]): Promise<Check> {
  const kept = await openJournal(config.stateDir).read();
  if (!kept) return warning(CHECK, 'unknown: the journal cannot be read');
  const groups = new Set([...groupIds, ...kept.intents.map(({ groupId }) => groupId)]);
  const keys: ModelKey[] = [];
  for (const groupId of [...groups].filter((each) => isAllowed(config, each))) {
    const found = await atlas.listKeys(groupId);
    if (!found.ok) return warning(CHECK, `unknown in ${groupId}: ${found.failure.message}`, found.failure.hint);
    keys.push(...found.value.filter(hasId).filter((key) => nonceOf(key) !== undefined && !isBeingDelivered(key, kept)));
  }
  return judged(keys, kept);
}

function judged(keys: readonly ModelKey[], kept: Kept): Check {
  const own = keys.filter((key) => undeliveredOf(key, kept)?.knownHere);
  if (own.length > 0) {
    return failed(
      CHECK,
      `${counted(own.length, 'key')} of calls on this machine: ${listed(own.map(({ apiKeyId }) => apiKeyId))}`,
      'Have reconcile_ai_model_api_keys called: it says what is true of each, and with apply brings them to their end.',
    );
  }
  if (keys.length === 0) return ok(CHECK, 'none');
  return warning(
    CHECK,
    `${counted(keys.length, 'key')} of other machines: ${listed(keys.map(({ apiKeyId }) => apiKeyId))}`,
    'reconcile_ai_model_api_keys on the machine that made them says what is true of each.',
  );
}

function isBeingDelivered(key: ModelKey, { intents }: Kept): boolean {
  return intents.some((intent) => intent.nonce === nonceOf(key) && isUnderWay(intent));
}
