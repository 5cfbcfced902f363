import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { expect, onTestFinished, test } from 'vitest';

const sources = fileURLToPath(new URL('../../src', import.meta.url));

/** Runs a program that closes the side doors and then does this. */
async function runHardened(action: string) {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'amk-hardening-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const outfile = join(folder, 'program.mjs');
  const contents = `
    import { closeSideDoors } from '${sources}/mcp/hardening.ts';
    import { createLog } from '${sources}/secret/redaction.ts';
    const uncaught = closeSideDoors(createLog('debug'));
    void uncaught.then(() => process.exit(1));
    ${action}`;
  await build({
    stdin: { contents, loader: 'ts', resolveDir: sources },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
  });
  const args = ['--report-uncaught-exception', '--report-on-fatalerror', '--report-on-signal', outfile];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
  return { status, stdout, stderr, files: readdirSync(folder) };
}

test.each([
  ['thrown', "setImmediate(() => { throw new TypeError('al-canary') });", 'TypeError'],
  ['rejected', "void Promise.reject(new RangeError('al-canary'));", 'RangeError'],
  ['of a library', "throw Object.assign(new Error('al-canary'), { name: 'ZodError' });", 'ZodError'],
  ['with a text for a name', "throw Object.assign(new Error(), { name: 'al-canary-1' });", 'Error'],
  ['no error at all', "void Promise.reject('al-canary');", 'string'],
])(
  'of an error that nothing caught (%s) only its class comes out, and no report is written',
  async (_what, action, name) => {
    const { status, stdout, stderr, files } = await runHardened(action);
    expect(status).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toBe(`atlas-model-keys-mcp error: INTERNAL (uncaught ${name})\n`);
    expect(files).toEqual(['program.mjs']);
  },
);
