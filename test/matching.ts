// The asymmetric matchers of vitest, typed so that they can stand in an expected object.

import { expect } from 'vitest';

export function containing(part: string): unknown {
  return expect.stringContaining(part);
}

export function matching(form: RegExp): unknown {
  return expect.stringMatching(form);
}
