// Test settings. No file shares state with another: a worker runs one after the other, and each begins with modules of its
// own (test/before-each-file.ts); what comes from node_modules is loaded once a worker.

import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Real processes over stdio, and the matrices of faults: minutes in all. Begun last, they would be waited for alone. */
const LONG = /\/test\/(?:e2e|keys)\//;

class LongFilesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification) => LONG.test(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    isolate: false,
    setupFiles: ['test/before-each-file.ts'],
    // Most tests wait most of the time: for a process, a time limit, a reply that is held up.
    maxWorkers: Math.min(2 * availableParallelism(), 16),
    // Of tests that are declared concurrent, which wait for nothing but replies.
    maxConcurrency: 16,
    sequence: { sequencer: LongFilesFirst },
    testTimeout: 30_000,
    // On a busy machine a server loads its program in seconds.
    expect: { poll: { timeout: 10_000 } },
    hookTimeout: 60_000,
    reporters: process.env.CI ? ['default', 'json'] : ['default'],
    outputFile: { json: '.test-results/vitest.json' },
  },
});
