// What the tests of the sinks that write files share: folders that go away, one secret, short ways to it.

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { Secret } from '../../src/secret/secret.ts';
import { dotenvSink } from '../../src/sinks/dotenv/dotenv-sink.ts';
import { fileSink } from '../../src/sinks/file-sink.ts';
import type {
  SecretReference,
  PreflightMode,
  Replaced,
  Sink,
  SinkProblem,
  PreparedWrite,
} from '../../src/sinks/sink.ts';

export const CANARY = 'al-file-canary_0123456789.~+/==';
export const SECRET = new Secret(CANARY);
export const ADDRESS: SecretReference = { groupId: '0123456789abcdef01234567', entry: 'my.key-1' };
export const VARIABLE = 'VOYAGE_API_KEY';
export const isRoot = process.getuid?.() === 0;
/** Nobody's, whoever runs the tests. */
export const STRANGER = 54_321;

/** The secret of the key that is replaced, of another key, and the mask of the first. */
export const OLD = 'al-old-canary_0123456789-0123456789_odu2';
export const OTHER = 'al-other-canary_0123456789-0123456789_xyz9';
export const REPLACED: Replaced = { maskedSecret: 'al-****odu2' };

export const WRITTEN = { outcome: 'written', warnings: [] };
export const READ_BACK = { outcome: 'verified', verification: 'read-back' };

/** A folder that only this test has. It does not go through the umask, which some tests change. */
export function scratch(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'amk-sink-')));
  chmodSync(folder, 0o700);
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** A file in a folder of its own, with the mode as it is given, whatever the umask. */
export function fileWith(content: string | Buffer, mode = 0o600, name = '.env'): string {
  const path = join(scratch(), name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

export function folderIn(parent: string, name: string, mode = 0o700): string {
  const path = join(parent, name);
  mkdirSync(path);
  chmodSync(path, mode);
  return path;
}

/** For git: the programs of this machine, and nobody's configuration. */
export function environmentIn(home: string): Record<string, string> {
  return { PATH: process.env.PATH ?? '', HOME: home };
}

export function fileSinkAt(path: string, environment: Record<string, string> = environmentIn('/nonexistent')): Sink {
  return fileSink('local', { type: 'file', path }, environment);
}

export function dotenvSinkAt(path: string, variable = VARIABLE, environment = environmentIn('/nonexistent')): Sink {
  return dotenvSink('env', { type: 'dotenv', path, variable }, environment);
}

export async function targetOf(
  sink: Sink,
  address: SecretReference = ADDRESS,
  replaced?: Replaced,
): Promise<PreparedWrite> {
  const preflight = await sink.preflight(address, 'prove', replaced);
  if (!preflight.ok) return expect.fail(`${preflight.failure.message} ${preflight.failure.hint}`);
  return preflight.value.write;
}

export async function problemOf(
  sink: Sink,
  mode: PreflightMode = 'prove',
  address: SecretReference = ADDRESS,
  replaced?: Replaced,
): Promise<SinkProblem> {
  const preflight = await sink.preflight(address, mode, replaced);
  return preflight.ok ? expect.fail('The preflight found nothing wrong.') : preflight.failure;
}

export function notReady(message: RegExp, hint = /./): unknown {
  return {
    code: 'SINK_NOT_READY',
    message: expect.stringMatching(message) as unknown,
    hint: expect.stringMatching(hint) as unknown,
  };
}

export function modeAt(path: string): number {
  return lstatSync(path).mode & 0o7777;
}

/** Every path below, with what a change would change. */
export function treeOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const { ino, mode, size, mtimeMs } = lstatSync(join(folder, name));
      return `${name} ${ino} ${mode.toString(8)} ${size} ${mtimeMs}`;
    });
}

export function withUmask(mask: number): void {
  const before = process.umask(mask);
  onTestFinished(() => {
    process.umask(before);
  });
}

export function run(program: string, ...args: string[]): void {
  execFileSync(program, args, { stdio: 'ignore' });
}

/** A temporary file system, or undefined where this machine does not let us mount one. */
export function mountedIn(parent: string, options: string): string | undefined {
  const path = folderIn(parent, 'mounted');
  try {
    run('mount', '-t', 'tmpfs', '-o', `mode=0700,${options}`, 'tmpfs', path);
  } catch {
    return undefined;
  }
  onTestFinished(() => {
    run('umount', '-l', path);
  });
  return path;
}

/**
 * A folder where two spellings of a name are one: on a disk of macOS or Windows any folder, on Linux an NTFS that a real
 * driver (ntfs-3g) mounts as those systems do. Undefined where this machine has neither.
 */
export function foldingFolder(): string | undefined {
  const parent = scratch();
  const image = join(parent, 'image');
  writeFileSync(image, '');
  if (existsSync(join(parent, 'IMAGE'))) return parent;
  const path = folderIn(parent, 'folding');
  try {
    truncateSync(image, 16 * 1024 * 1024);
    run('mkntfs', '-F', '-Q', image);
    run('lowntfs-3g', '-o', 'ignore_case,permissions', image, path);
  } catch {
    return undefined;
  }
  onTestFinished(() => {
    run('umount', '-l', path);
  });
  chmodSync(path, 0o700);
  return path;
}
