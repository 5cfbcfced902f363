// The server as people run it, not as root: with the system's own folder for temporary files.

import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { expect, onTestFinished, test } from 'vitest';
import * as z from 'zod/v4';
import { copyBundle, transportOver } from './host.ts';

const NOBODY = 65_534;
const delivered = z.object({ outcome: z.literal('delivered'), delivery: z.object({ location: z.string() }) });

/** Root owns it and lets everybody make entries, as /tmp is on every system. */
const isCommon = statSync(tmpdir()).uid === 0 && (statSync(tmpdir()).mode & 0o1002) === 0o1002;

test.skipIf(!isCommon)('the sandbox delivers below the common folder for temporary files', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'amk-bundle-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  chmodSync(folder, 0o755);
  const { bundle } = copyBundle(folder);
  const child = spawn(process.execPath, [bundle, '--sandbox'], {
    cwd: '/',
    env: { PATH: process.env.PATH, HOME: '/nonexistent', TMPDIR: tmpdir() },
    stdio: ['pipe', 'pipe', 'inherit'],
    ...(process.geteuid?.() === 0 && { uid: NOBODY, gid: NOBODY }),
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const client = new Client({ name: 'ordinary', version: '0' });
  await client.connect(transportOver(child.stdin, child.stdout));
  const groupId = /project is ([a-f0-9]{24})/.exec(client.getInstructions() ?? '')?.[1];
  const result = await client.callTool({ name: 'create_ai_model_api_key', arguments: { groupId, name: 'first' } });
  const { delivery } = delivered.parse(result.structuredContent);
  onTestFinished(() => {
    rmSync(join(delivery.location, '../../..'), { recursive: true, force: true });
  });
  expect(readFileSync(delivery.location, 'utf8')).toMatch(/^al-sandbox-/);
  expect(statSync(delivery.location).uid).toBe(process.geteuid?.() === 0 ? NOBODY : process.geteuid?.());
  const state = join(delivery.location, '../../../state');
  expect(existsSync(join(state, 'audit.jsonl')) && readdirSync(join(state, 'intents'))).toHaveLength(1);
});
