// What the main paths look at on the machine: files, processes, and a program that has a file open.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** By cmd.exe, which lets others read it meanwhile, and not replace it. Answers, once it is open, what ends that. */
export async function heldOpen(path) {
  const waiting = 'process.stdout.write(String(process.pid)); setTimeout(() => undefined, 60000)';
  const line = `""${process.execPath}" -e "${waiting}" < "${path}""`;
  const child = spawn('cmd.exe', ['/d', '/s', '/c', line], { stdio: 'pipe', windowsVerbatimArguments: true });
  const [pid] = await once(child.stdout.setEncoding('utf8'), 'data');
  return () => process.kill(Number(pid));
}

export const isWine = existsSync(join(process.env.SystemRoot, 'System32', 'winecfg.exe'));

/** How many entries the access list of a directory has. */
export function entriesOf(directory) {
  const icacls = join(process.env.SystemRoot, 'System32', 'icacls.exe');
  const lines = execFileSync(icacls, [directory], { encoding: 'latin1' }).split('\r\n');
  return lines.filter((line) => /:(?:\([A-Z,]+\))+$/.test(line.trimEnd())).length;
}

export function digestOf(path) {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

export function variablesIn(path) {
  const lines = readFileSync(path, 'utf8').split(/\r?\n/).filter(Boolean);
  return Object.fromEntries(lines.map((line) => line.split('=')));
}

export function assertSecretless({ output }, atlas) {
  const said = output.stdout + output.stderr;
  for (const { secret } of atlas.keys()) assert.ok(!said.includes(secret), 'a secret came out');
}

export function pidsIn(file) {
  return readFileSync(`${file}.pids`, 'utf8').split('\n').filter(Boolean).map(Number);
}

/** Nothing of the slow program lives, nor does it write when it would have. */
export async function assertGone(file) {
  await until(() => !pidsIn(file).some(isAlive));
  await delay(6_000);
  assert.deepEqual([existsSync(`${file}.slow`), existsSync(`${file}.child`)], [false, false]);
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

export async function until(condition) {
  for (let look = 0; look < 400; look += 1) {
    if (condition()) return;
    await delay(50);
  }
  throw new Error(`not so after 20 s: ${condition}`);
}
