// The clock of this machine against that of Atlas.

import { describe, expect, test } from 'vitest';
import { behindOtherClock, openWard } from './examination.ts';

describe('a clock that differs', () => {
  test.each<[number | undefined, string, RegExp]>([
    [0, 'ok', /^agrees/],
    [30, 'ok', /^(?:29|30|31) s behind/],
    [-45, 'ok', /^4[456] s ahead of/],
    [90, 'warning', /s behind that of Atlas$/],
    [-240, 'warning', /s ahead of that of Atlas$/],
    [330, 'failed', /s behind that of Atlas$/],
    [-86_400, 'failed', /s ahead of that of Atlas$/],
    [undefined, 'warning', /^unknown/],
  ])('by %s s: %s', async (seconds, status, finding) => {
    const { examine, sandbox } = await openWard();
    const { code, checks } = await examine({ MONGODB_ATLAS_BASE_URL: await behindOtherClock(sandbox, seconds) });
    const clock = checks.find(({ check }) => check === 'clock');
    expect(clock?.status).toBe(status);
    expect(clock?.finding).toMatch(finding);
    expect(code).toBe(status === 'failed' ? 1 : 0);
    if (status === 'failed') expect(clock?.advice).toContain('Set the clock');
  });
});
