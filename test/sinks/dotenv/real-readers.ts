// The programs that read .env files, asked for what they find in texts: all texts in one go, since a process for each
// would take minutes. Docker and Compose cannot be had from a package here: docker-and-compose.ts has their rules.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'dotenv';
import { parseEnv } from 'node:util';

export type Found = ReadonlyMap<string, string>;

export interface RealReader {
  /** As in src/sinks/dotenv/readers.ts, or Node. */
  readonly name: string;
  /** The Debian package where it comes from; absent where it is always there. */
  readonly from?: string;
  readonly isInstalled: boolean;
  /** Where each text takes a process of its own. */
  readonly slow?: true;
  /** What each text says; undefined where the program ended with an error for it. */
  readAll(texts: readonly string[]): readonly (Found | undefined)[];
}

function inFolder<T>(texts: readonly string[], read: (folder: string, paths: readonly string[]) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'amk-readers-'));
  try {
    const paths = texts.map((text, each) => {
      const path = join(folder, `${each}.conf`);
      writeFileSync(path, text);
      return path;
    });
    return read(folder, paths);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function mapOf(variables: object): Found {
  return new Map(Object.entries(variables).map(([name, value]) => [name, String(value)]));
}

/** Of the form NAME=value, each with a NUL behind it. */
function mapOfEnvironment(printed: string): Found {
  const entries = printed.split('\0').filter((entry) => entry !== '');
  return new Map(entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]));
}

// The texts are made by the tests, but a shell runs what is in them: no program is on its PATH. In the background since
// bash does not come back from a file in a subshell whose last command it cannot find.
const BASH = `
  one() { PATH=/nonexistent; set -a; . "$1"; set +a; /usr/bin/env -0 >"$1.out"; }
  for each in "$@"; do one "$each" </dev/null >/dev/null 2>&1 & wait; done`;

function readWithBash(texts: readonly string[]): Found[] {
  return inFolder(texts, (_folder, paths) => {
    execFileSync('bash', ['--norc', '--noprofile', '-c', BASH, 'bash', ...paths], { env: {}, stdio: 'ignore' });
    return paths.map((path) => {
      const found = new Map(mapOfEnvironment(readFileSync(`${path}.out`, 'utf8')));
      for (const own of ['PATH', 'PWD', 'SHLVL', 'OLDPWD', '_']) found.delete(own);
      return found;
    });
  });
}

const PYTHON = `
import json, sys
from dotenv import dotenv_values
print(json.dumps([dotenv_values(path, interpolate=False) for path in json.load(sys.stdin)]))`;

const pythons = ['/usr/bin/python3', 'python3'];
const python = pythons.find((each) => spawnSync(each, ['-c', 'import dotenv']).status === 0);

function readWithPython(texts: readonly string[]): Found[] {
  return inFolder(texts, (_folder, paths) => {
    const options = { input: JSON.stringify(paths), stdio: ['pipe', 'pipe', 'ignore'] as ('pipe' | 'ignore')[] };
    const printed: unknown = JSON.parse(execFileSync(python ?? 'python3', ['-c', PYTHON], options).toString('utf8'));
    if (!Array.isArray(printed)) throw new Error('python-dotenv printed no list');
    // A name without a sign has no value there.
    return printed.map((each: object) =>
      mapOf(Object.fromEntries(Object.entries(each).filter(([, value]) => value !== null))),
    );
  });
}

// It reads environment.d(5) with the parser of EnvironmentFile, without a system manager. It also expands "$", as that
// does not, so texts with "$" are not for it.
const GENERATOR = '/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator';

function readWithSystemd(texts: readonly string[]): (Found | undefined)[] {
  const own = new Set(generated('/nonexistent')?.keys());
  return inFolder(texts, (folder, paths) =>
    paths.map((path, each) => {
      const home = join(folder, `${each}`);
      mkdirSync(join(home, 'environment.d'), { recursive: true });
      writeFileSync(join(home, 'environment.d', '1.conf'), readFileSync(path));
      const found = generated(home);
      // The machine's own variables are not the text's.
      return found && new Map([...found].filter(([name]) => !own.has(name)));
    }),
  );
}

function generated(home: string): Found | undefined {
  const { status, stdout } = spawnSync(GENERATOR, { env: { XDG_CONFIG_HOME: home }, encoding: 'utf8' });
  return status === 0 ? mapOfLines(stdout) : undefined;
}

/** It prints what a shell would take back: plain, or in double quotes. */
function mapOfLines(printed: string): Found {
  const lines = printed.split('\n').filter((line) => line !== '');
  return new Map(
    lines.map((line) => {
      const value = line.slice(line.indexOf('=') + 1);
      const quoted = /^"(.*)"$/.exec(value)?.[1];
      const unescaped = quoted?.replaceAll(
        /\\(.)/g,
        (_, escaped: string) => ({ n: '\n', r: '\r', t: '\t' })[escaped] ?? escaped,
      );
      return [line.slice(0, line.indexOf('=')), unescaped ?? value];
    }),
  );
}

function isThere(program: string, ...args: string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore' }).error === undefined;
}

export const REAL_READERS: readonly RealReader[] = [
  { name: 'Node', isInstalled: true, readAll: (texts) => texts.map((text) => mapOf(parseEnv(text))) },
  { name: 'npm dotenv', isInstalled: true, readAll: (texts) => texts.map((text) => mapOf(parse(text))) },
  { name: 'bash', from: 'bash', isInstalled: isThere('bash', '-c', ':'), slow: true, readAll: readWithBash },
  { name: 'python-dotenv', from: 'python3-dotenv', isInstalled: python !== undefined, readAll: readWithPython },
  { name: 'systemd', from: 'systemd', isInstalled: isThere(GENERATOR), slow: true, readAll: readWithSystemd },
];
