// Each of the two layers of protection is enough: the server without redaction of its output, and that without the
// cleaning of what comes from Atlas. Without both a secret comes out.

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { leaksIn } from '../canary.ts';
import { GROUP, startIn, testEachScenario } from './canary-scenarios.ts';
import { bundleWithout, type Layer } from './variant.ts';

let withoutRedactedOutput: Awaited<ReturnType<typeof bundleWithout>>;
beforeAll(async () => {
  withoutRedactedOutput = await bundleWithout('redacted-output');
});
afterAll(() => {
  withoutRedactedOutput.remove();
});

describe('without redaction of the output, nothing inside has a secret', () => {
  testEachScenario(() => withoutRedactedOutput.bundle);
});

describe('redaction of the output catches what the structure lets through', () => {
  const leaky = 'al-sandbox-0123456789abcdefghijklmnopqrstuvwxyz';
  const seenWithout = async (...layers: readonly Layer[]) => {
    const { bundle, remove } = await bundleWithout(...layers);
    onTestFinished(remove);
    const { sandbox, host } = await startIn(bundle);
    sandbox.inject({
      operation: 'create_key',
      when: 'after',
      kind: 'replace',
      fields: { secret: leaky, createdBy: `by ${leaky}` },
    });
    await host.call('create_ai_model_api_key', { groupId: GROUP, name: 'canary key' });
    return leaksIn(host.output().stdout, [leaky]);
  };
  test('with the structure taken away nothing comes out', async () => {
    expect(await seenWithout('structure')).toEqual([]);
  });
  test('with both taken away the secret does', async () => {
    expect(await seenWithout('structure', 'redacted-output')).not.toEqual([]);
  });
});
