// One fault of each kind that the sandbox knows.

import type { FaultKind } from '../atlas-simulator/faults.ts';

export const FAULTS = {
  status: { kind: 'status', status: 503 },
  reset: { kind: 'reset' },
  stall: { kind: 'stall' },
  delay: { kind: 'delay', ms: 5_000 },
  late: { kind: 'late', status: 504 },
  truncate: { kind: 'truncate' },
  flood: { kind: 'flood', bytes: 9_000_000 },
  garbage: { kind: 'garbage' },
  content_type: { kind: 'content_type', contentType: 'text/plain' },
  omit: { kind: 'omit', fields: ['apiKeyId'] },
  replace: { kind: 'replace', fields: { name: 'other' } },
  echo: { kind: 'echo' },
  redirect: { kind: 'redirect', status: 307, location: 'http://127.0.0.1:9/' },
} as const satisfies Record<FaultKind['kind'], FaultKind>;

/** For faults that keep a caller waiting. */
export function timeoutFor(kind: FaultKind['kind']): number {
  return kind === 'stall' || kind === 'delay' ? 300 : 10_000;
}
