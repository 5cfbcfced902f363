// What the tests of the command sink share: one secret, sinks made of scripts, and a check on every outcome.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import type { CommandSpec } from '../../src/config/command-spec.ts';
import { Secret } from '../../src/secret/secret.ts';
import { commandSink } from '../../src/sinks/command-sink.ts';
import type { SecretReference, Delivery, PreparedWrite, Verdict } from '../../src/sinks/sink.ts';
import { environmentOf, scriptFolder, type ScriptFolder } from './script-folder.ts';

export const CANARY = 'al-command-canary-äé€-0123456789';
export const ADDRESS: SecretReference = { groupId: '0123456789abcdef01234567', entry: 'my.key-1' };
/** Longer than a test may take: whoever waits for it fails. */
export const NEVER_MS = 600_000;

export const WRITTEN = { outcome: 'written', warnings: [] };
export const READ_BACK = { outcome: 'verified', verification: 'read-back' };

export let folder: ScriptFolder;

/** Gives each test of the calling file a folder, and fails a test whose programs outlive it. */
export function useScriptFolder(): void {
  beforeEach(() => {
    folder = scriptFolder();
  });
  afterEach(async () => {
    const survivors = await folder.survivors();
    folder.remove();
    expect(survivors).toEqual([]);
  });
}

type Argv = CommandSpec['argv'];
type Setting = Partial<Omit<CommandSpec, 'type' | 'argv'>>;

export function sinkOf(argv: Argv, setting: Setting = {}, environment = environmentOf()) {
  return commandSink('vault', { type: 'command', argv, env: {}, timeoutMs: NEVER_MS, ...setting }, environment);
}

export async function targetOf(
  argv: Argv,
  setting: Setting = {},
  environment = environmentOf(),
): Promise<PreparedWrite> {
  const preflight = await sinkOf(argv, setting, environment).preflight(ADDRESS, 'prove');
  if (!preflight.ok) throw new Error(preflight.failure.message);
  return preflight.value.write;
}

export async function deliver(argv: Argv, setting: Setting = {}, value = CANARY): Promise<Delivery> {
  return withoutCanary(await (await targetOf(argv, setting)).deliver(new Secret(value)));
}

/** Verifies by a program that the preflight, for which the place must look free, does not yet get to run. */
export async function verify(argv: Argv, setting: Setting = {}, value = CANARY): Promise<Verdict> {
  const gate = folder.at('gate');
  mkdirSync(gate, { recursive: true });
  const name = basename(argv[0]);
  const gated = folder.write(`gate/${name}`, `#!/bin/sh\n[ -e '${gate}/open' ] || exit 1\nexec "$@"\n`);
  rmSync(join(gate, 'open'), { force: true });
  const target = await targetOf(['true'], { absent: [1], ...setting, verify: [gated, ...argv] });
  writeFileSync(join(gate, 'open'), '');
  return withoutCanary(await target.verify(new Secret(value)));
}

/** No outcome may hold the secret, what a program printed, or its arguments. */
export function withoutCanary<T>(outcome: T): T {
  const text = JSON.stringify(outcome);
  for (const forbidden of [CANARY, 'canary', 'ARGUMENT', folder.path]) expect(text).not.toContain(forbidden);
  return outcome;
}

export function failure(message: string) {
  return outcomeOf('failed', message);
}

/** The delivery may have worked. */
export function uncertain(message: string) {
  return outcomeOf('uncertain', message);
}

export function mismatch(message: string) {
  return outcomeOf('mismatch', message);
}

export function unreadable(message: string) {
  return outcomeOf('unreadable', message);
}

function outcomeOf(outcome: string, message: string) {
  return { outcome, message, hint: expect.stringContaining('sink "vault" by hand') as unknown };
}
