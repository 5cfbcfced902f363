// What a create comes to, for the tool that renders it. Never holds the secret, but from the inline sink.

import type { ModelKey } from '../../atlas/model-keys.ts';
import type { Fingerprint } from '../../secret/fingerprint.ts';
import type { SinkKind, Verification } from '../../sinks/sink.ts';
import type { Destination } from './destination.ts';
import type { Failure } from '../failure.ts';

export interface DeliveryReceipt {
  readonly sink: string;
  readonly kind: SinkKind;
  readonly location: string;
  readonly entry?: string;
  readonly verification: Verification;
  readonly fingerprint?: Fingerprint;
  /** Only from the inline sink, which the operator must allow. */
  readonly secret?: string;
}

export type CreateOutcome = Delivered | Planned | Failed;

export interface Delivered {
  readonly outcome: 'delivered';
  readonly key: ModelKey;
  readonly delivery: DeliveryReceipt;
  readonly warnings: readonly string[];
}

interface Planned {
  readonly outcome: 'planned';
  readonly delivery: DeliveryReceipt;
  readonly warnings: readonly string[];
}

export interface Failed {
  readonly outcome: 'failed';
  readonly failure: Failure;
}

export function receipt(
  { sink, address }: Destination,
  rest: Pick<DeliveryReceipt, 'location' | 'verification' | 'fingerprint' | 'secret'>,
): DeliveryReceipt {
  return { sink: sink.name, kind: sink.kind, ...(address.entry !== undefined && { entry: address.entry }), ...rest };
}

export function failed(failure: Failure): Failed {
  return { outcome: 'failed', failure };
}
