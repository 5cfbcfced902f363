// What follows once a key exists: the journal learns its id, the sink gets its secret, and a key whose secret is in no
// sink is deleted again. Steps 5 and 6 of the delivery protocol.

import type { Atlas, CreatedKey } from '../../atlas/atlas.ts';
import { fingerprintOf, type Fingerprint } from '../../secret/fingerprint.ts';
import type { Target } from '../../sinks/sink.ts';
import { deliver, type DeliveryOutcome } from './delivery.ts';
import type { Destination } from './destination.ts';
import { refusal, type Failure, type KeyState } from '../failure.ts';
import type { OpenIntent } from '../journal/journal.ts';
import { failed, receipt, type Delivered, type Failed } from './receipt.ts';
import { rollBack } from './roll-back.ts';

/** A key that was just created, and where its secret is to go. */
export interface Handover {
  readonly destination: Destination;
  readonly target: Target;
  readonly created: CreatedKey;
  readonly intent: OpenIntent;
  /** Whether the secret of a key that lives on may have to give way. */
  readonly rotates: boolean;
}

/** Whoever asked for a key that was delivered writes the end into the journal. */
export async function handOver(atlas: Atlas, handover: Handover): Promise<Delivered | Failed> {
  const { target, created, intent } = handover;
  const { apiKeyId } = created.key;
  const fingerprint = fingerprintOf(created.secret);
  // What the journal does not know is not delivered: a key that it knows as being sent may be deleted later.
  const known = await intent.record({ step: 'created', apiKeyId, fingerprint });
  const outcome = known ? await deliver(target, created.secret) : journalLost;
  switch (outcome.outcome) {
    case 'delivered':
      return delivered(handover, outcome, fingerprint);
    case 'failed':
      return (await isOutOfTheSink(handover, fingerprint))
        ? undelivered(atlas, handover, outcome)
        : uncertain(handover, outcome, fingerprint);
    case 'uncertain':
      return uncertain(handover, outcome, fingerprint);
  }
}

/**
 * Where an old secret gave way, it comes back first. A new one that may be in its place all the same must not become the
 * secret of a key that is dead: then both keys live, and a person looks.
 */
async function isOutOfTheSink({ destination, target, rotates }: Handover, fingerprint: Fingerprint): Promise<boolean> {
  if (!rotates) return true;
  await target.retract();
  const { sink, address } = destination;
  const held = await sink.lookUp(address);
  if (held.held === 'value') return held.fingerprint !== fingerprint;
  // Of a command that cannot be read, its exit code is all that there is.
  return held.held === 'nothing' || sink.verification === 'none';
}

async function uncertain(
  { target, created, intent }: Handover,
  cause: Extract<DeliveryOutcome, { outcome: 'uncertain' | 'failed' }>,
  fingerprint: Fingerprint,
): Promise<Failed> {
  const { apiKeyId } = created.key;
  await intent.release({ step: 'created', apiKeyId, fingerprint });
  const ending = `The key ${apiKeyId} is alive. Check whether ${target.location} holds a secret with the fingerprint ${fingerprint}; if not, delete the key.`;
  return failed({ ...writeFailure(cause, ending, 'unknown'), apiKeyId });
}

function delivered(
  { destination, target, created }: Handover,
  { verification, warnings, disclosed }: Extract<DeliveryOutcome, { outcome: 'delivered' }>,
  fingerprint: Fingerprint,
): Delivered {
  const { key } = created;
  return {
    outcome: 'delivered',
    key: { ...key, groupId: destination.address.groupId },
    delivery: receipt(destination, {
      location: target.location,
      verification,
      fingerprint,
      ...(disclosed !== undefined && { secret: disclosed }),
    }),
    warnings: [...created.warnings, ...warnings],
  };
}

async function undelivered(
  atlas: Atlas,
  { destination, target, created, intent, rotates }: Handover,
  cause: Extract<DeliveryOutcome, { outcome: 'failed' }>,
): Promise<Failed> {
  const { apiKeyId } = created.key;
  const { keyState, ending } = await rollBack(atlas, intent, destination.address.groupId, apiKeyId);
  if (keyState === 'rolled_back' && !rotates) await target.retract();
  return failed({ ...writeFailure(cause, ending, keyState), apiKeyId });
}

function writeFailure(
  { message, hint }: { readonly message: string; readonly hint: string },
  ending: string,
  keyState: KeyState,
): Failure {
  const what =
    keyState === 'unknown' ? 'Whether the secret was delivered is not known' : 'The secret was not delivered';
  return refusal('SINK_WRITE_FAILED', `${what}: ${message}`, `${ending} ${hint}`, keyState);
}

const journalLost: DeliveryOutcome = {
  outcome: 'failed',
  message: 'the journal could not be written any more.',
  hint: 'Make room on the disk of ATLAS_MODEL_KEYS_STATE_DIR, then call again.',
};
