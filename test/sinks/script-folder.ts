// A temporary folder of small programs for tests of commands, and the pids that those programs noted there.

import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export type ScriptFolder = ReturnType<typeof scriptFolder>;

export function scriptFolder() {
  const path = mkdtempSync(join(tmpdir(), 'amk-'));
  const at = (name: string) => join(path, name);
  const read = (name: string) => readFileSync(at(name), 'utf8');
  const write = (name: string, text: string, mode = 0o700) => {
    writeFileSync(at(name), text);
    chmodSync(at(name), mode);
    return at(name);
  };
  const pids = () => {
    const notes = readdirSync(path).filter((name) => name.endsWith('.pid'));
    return notes.map((name) => Number(read(name))).filter((pid) => pid > 1);
  };
  return {
    path,
    at,
    read,
    write,
    has: (name: string) => existsSync(at(name)),
    /** A program for /bin/sh that first notes its own pid; `$F` is this folder. */
    sh: (name: string, body: string) => write(name, `#!/bin/sh\nF='${path}'\necho $$ > "$F/${name}.pid"\n${body}\n`),
    /** A program for Node that first notes its own pid; `F` is this folder, and `fs` is there. */
    node(name: string, body: string) {
      const head = `const fs = require('node:fs');\nconst F = ${JSON.stringify(path)};\n`;
      const note = `fs.writeFileSync(F + '/${name}.pid', String(process.pid));\n`;
      return write(name, `#!/usr/bin/env node\n${head}${note}${body}\n`);
    },
    /** How many programs noted a pid. */
    started: () => pids().length,
    /** The pids still alive after all had the time to be gone. */
    async survivors(): Promise<number[]> {
      for (let look = 0; look < 200 && pids().some(isAlive); look += 1) await delay(20);
      return pids().filter(isAlive);
    },
    remove() {
      for (const pid of pids().filter(isAlive)) process.kill(pid, 'SIGKILL');
      rmSync(path, { recursive: true, force: true });
    },
  };
}

/** A zombie that its new parent has not collected yet counts as dead. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** The environment of the test run, as a composing caller would hand it in. */
export function environmentOf(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) if (value !== undefined) environment[name] = value;
  return { ...environment, ...extra };
}
