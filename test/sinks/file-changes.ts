// What other programs may do to a file between two steps of a sink.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { onTestFinished } from 'vitest';
import { run } from './file-fixture.ts';

export type Change = (path: string) => void;

/** In place: the same file. */
export function written(text: string): Change {
  return (path) => {
    writeFileSync(path, text, { mode: 0o600 });
  };
}

export function appended(text: string): Change {
  return (path) => {
    appendFileSync(path, text);
  };
}

/** Another file of that name, as editors leave it. */
export function renamedOver(text: string): Change {
  return (path) => {
    writeFileSync(`${path}.2`, text, { mode: 0o600 });
    renameSync(`${path}.2`, path);
  };
}

export function mode(bits: number): Change {
  return (path) => {
    chmodSync(path, bits);
  };
}

export function directoryMode(bits: number): Change {
  return (path) => {
    chmodSync(dirname(path), bits);
  };
}

export const removed: Change = (path) => {
  rmSync(path);
};

export const hardLinked: Change = (path) => {
  linkSync(path, `${path}.2`);
};

/** The file itself under another name, and a link to it. */
export const linkedTo: Change = (path) => {
  renameSync(path, `${path}.2`);
  symlinkSync(`${path}.2`, path);
};

export const linkedToNothing: Change = (path) => {
  rmSync(path, { force: true });
  symlinkSync('/nonexistent', path);
};

export const fifo: Change = (path) => {
  rmSync(path, { force: true });
  run('mkfifo', path);
};

export const directory: Change = (path) => {
  rmSync(path, { force: true });
  mkdirSync(path);
};

const EDITOR = `
  const { renameSync, readFileSync, writeFileSync } = require('node:fs');
  const [, path, lines] = process.argv;
  for (let line = 0; line < Number(lines); line += 1) {
    const text = readFileSync(path, 'utf8');
    writeFileSync(path + '.editor', text + 'LINE_' + line + '=1\\n', { mode: 0o600 });
    // It is considerate: it tries again where the file changed since it read it.
    if (readFileSync(path, 'utf8') === text) renameSync(path + '.editor', path); else line -= 1;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3);
  }`;

/** Starts a process that adds so many lines to the file, one every 3 ms, each by a new file of that name. */
export function startEditor(path: string, lines: number) {
  const args = ['-e', EDITOR, path, String(lines)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return { child, ended: once(child, 'exit') };
}
