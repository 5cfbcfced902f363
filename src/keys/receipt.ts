// What a create comes to, for the tool that renders it. Never holds the secret, but from the inline sink.

import type { ModelKey } from '../atlas/api/keys.ts';
import type { Fingerprint } from '../secret/fingerprint.ts';
import type { Sink, Verification } from '../sinks/sink.ts';
import type { Destination } from './destination.ts';

export interface DeliveryReceipt {
  readonly sink: string;
  readonly kind: Sink['kind'];
  readonly location: string;
  readonly entry?: string;
  readonly verification: Verification;
  readonly fingerprint?: Fingerprint;
  /** Only from the inline sink, which the operator must allow. */
  readonly secret?: string;
}

export interface Delivered {
  readonly outcome: 'delivered';
  readonly key: ModelKey;
  readonly delivery: DeliveryReceipt;
  readonly warnings: readonly string[];
}

export interface Planned {
  readonly outcome: 'planned';
  readonly delivery: DeliveryReceipt;
  readonly warnings: readonly string[];
}

export function receipt(
  { sink, address }: Destination,
  rest: Pick<DeliveryReceipt, 'location' | 'verification' | 'fingerprint' | 'secret'>,
): DeliveryReceipt {
  return { sink: sink.name, kind: sink.kind, ...(address.entry !== undefined && { entry: address.entry }), ...rest };
}
