// The benchmark itself, at its quickest: it runs to its end, counts what a create sends, and writes what it measured. The
// numbers are not judged here.

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { NUMBER, TEXT } from '../sandbox/client.ts';

const SCRIPT = fileURLToPath(new URL('../../bench/bench.js', import.meta.url));
const run = promisify(execFile);

test('a quick run measures every part, on the installed package', { timeout: 120_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'amk-bench-test-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const file = join(folder, 'run.json');
  const { stdout } = await run(process.execPath, [SCRIPT, '--quick', '--json', file]);

  const summary = { median: NUMBER, lower: NUMBER, upper: NUMBER, count: NUMBER };
  const start = { initialize: summary, toolsList: summary, memory: summary, memoryLater: summary };
  const creates = { serverMs: summary, leastMs: summary, aloneMs: summary, ownMs: summary, aboveLeastMs: summary };
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
    quick: true,
    machine: { cpu: TEXT, node: process.version },
    results: {
      startup: { bare: start, sdk: start, server: start },
      create: {
        latencies: [0, 50].map((latency) => ({
          latency,
          first: { ...creates, requests: ['token, list_keys, create_key, update_key'], sockets: [1] },
          second: { ...creates, requests: ['list_keys, create_key, update_key'], sockets: [0] },
          further: { ...creates, requests: ['list_keys, create_key, update_key'], sockets: [0] },
        })),
      },
      manyCreates: [1, 8, 32].map((atOnce) => ({ atOnce, creates: 40, requests: { median: 120 } })),
      list: {
        cases: [10, 1000, 10_000].flatMap((keys) => [
          { keys, way: 'default', requests: 1 },
          // After the last full page, one more look whether that was the end.
          { keys, way: 'filtered', requests: Math.floor(keys / 500) + 1 },
        ]),
      },
      apply: [100, 500].map((projects) => ({ projects, keys: projects * 20, ms: summary, memory: summary })),
      size: { packages: 1, tarball: NUMBER, bundle: NUMBER, toolList: { bytes: NUMBER } },
    },
  });
  expect(stdout.match(/^### .*$/gm)).toHaveLength(8);
});

test('a part that there is not, or a quick run to be written down, is refused', async () => {
  await expect(run(process.execPath, [SCRIPT, '--only', 'coffee'])).rejects.toMatchObject({ code: 1 });
  await expect(run(process.execPath, [SCRIPT, '--quick', '--write'])).rejects.toMatchObject({ code: 1 });
});
