// Hands one secret to one place and says how that ended. It knows nothing of Atlas or the journal.

import type { Secret } from '../secret/secret.ts';
import type { Target, Verification } from '../sinks/sink.ts';

export type DeliveryOutcome =
  | {
      readonly outcome: 'delivered';
      readonly verification: Verification;
      readonly warnings: readonly string[];
      /** Only from the inline sink. */
      readonly disclosed?: string;
    }
  /** The secret is certainly not in the sink. */
  | { readonly outcome: 'failed'; readonly message: string; readonly hint: string }
  /** It may be in the sink, and nobody can tell. */
  | { readonly outcome: 'uncertain'; readonly message: string; readonly hint: string };

/** What can be read back is read back, whatever the delivery itself said. */
export async function deliver(target: Target, secret: Secret, nonce: string): Promise<DeliveryOutcome> {
  try {
    const delivery = await target.deliver(secret, { nonce });
    if (delivery.outcome === 'failed') return delivery;
    const verdict = await target.verify(secret);
    if (verdict.outcome === 'mismatch') return { outcome: 'failed', message: verdict.message, hint: verdict.hint };
    if (verdict.outcome === 'unreadable') return { outcome: 'uncertain', message: verdict.message, hint: verdict.hint };
    if (delivery.outcome === 'written') {
      const { warnings, disclosed } = delivery;
      return {
        outcome: 'delivered',
        verification: verdict.verification,
        warnings,
        ...(disclosed !== undefined && { disclosed }),
      };
    }
    if (verdict.verification === 'none') return delivery;
    return {
      outcome: 'delivered',
      verification: verdict.verification,
      warnings: [`The secret is in the sink, but: ${delivery.message}`],
    };
  } catch {
    // A key exists by now: whatever went wrong in a sink must end in a roll-back. The error may quote anything.
    return {
      outcome: 'failed',
      message: 'The sink failed in an unforeseen way.',
      hint: 'Report this as a defect of this server.',
    };
  }
}
