// What other programs may do to a file between two steps of a sink.

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
