import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findExecutable } from '../../src/sinks/executable.ts';
import { scriptFolder, type ScriptFolder } from './script-folder.ts';

let folder: ScriptFolder;
beforeEach(() => {
  folder = scriptFolder();
});
afterEach(() => {
  folder.remove();
});

async function refusal(program: string, path = ''): Promise<string> {
  const search = await findExecutable(program, path);
  return search.found ? `found ${search.path}` : search.message;
}

describe('an absolute path', () => {
  test('is taken as it is', async () => {
    const path = folder.sh('keep', 'true');
    expect(await findExecutable(path, '')).toEqual({ found: true, path });
  });

  test('is kept where it is a link, for programs that go by the name they are called with', async () => {
    folder.sh('many', 'true');
    symlinkSync('many', folder.at('one'));
    symlinkSync(folder.at('one'), folder.at('two'));
    expect(await findExecutable(folder.at('two'), '')).toEqual({ found: true, path: folder.at('two') });
  });

  test.each([
    ['that is absent', () => '/nowhere/keep', 'was not found'],
    ['that is a broken link', () => link('absent', 'keep'), 'was not found'],
    ['that is a link to itself', () => link('keep', 'keep'), 'was not found'],
    ['below a file', () => `${folder.sh('file', 'true')}/keep`, 'was not found'],
    ['of a directory', () => directory('keep'), 'is not a regular file'],
    ['of a link to a directory', () => link(folder.path, 'keep'), 'is not a regular file'],
    ['of a FIFO', () => fifo('keep'), 'is not a regular file'],
    ['of a device', () => '/dev/null', 'is not a regular file'],
    ['of a file without the x bit', () => folder.write('keep', '#!/bin/sh\n', 0o600), 'may not be executed'],
    ['of a file that all can write', () => folder.write('keep', '#!/bin/sh\n', 0o777), 'can be changed by every user'],
  ])('%s is refused', async (_case, make, words) => {
    const message = await refusal(make());
    expect(message).toContain(words);
    expect(message).not.toContain(folder.path);
  });

  test('of a link to a file that all can write is refused', async () => {
    folder.write('real', '#!/bin/sh\n', 0o777);
    expect(await refusal(link('real', 'keep'))).toContain('can be changed by every user');
  });

  test('in a directory where all can replace it is refused, but not in a sticky one such as /tmp', async () => {
    const path = folder.sh('keep', 'true');
    chmodSync(folder.path, 0o777);
    expect(await refusal(path)).toContain('can be changed by every user');
    chmodSync(folder.path, 0o1777);
    expect(await refusal(path)).toBe(`found ${path}`);
  });

  test('of a link into a directory where all can replace the file is refused', async () => {
    const open = directory('open');
    folder.sh('open/keep', 'true');
    chmodSync(open, 0o777);
    expect(await refusal(link('open/keep', 'keep'))).toContain('can be changed by every user');
  });

  test('of a link in a directory where all can replace the link is refused', async () => {
    const open = directory('open');
    const path = folder.sh('keep', 'true');
    symlinkSync(path, `${open}/keep`);
    chmodSync(open, 0o777);
    expect(await refusal(`${open}/keep`)).toContain('can be changed by every user');
  });
});

describe('a bare name', () => {
  test('is the first program of that name in PATH that can be run', async () => {
    for (const name of ['a', 'b', 'c', 'd']) mkdirSync(folder.at(name));
    mkdirSync(folder.at('b/keep'));
    folder.write('c/keep', 'not a program', 0o600);
    const path = folder.sh('d/keep', 'true');
    const PATH = ['a', 'b', 'c', 'd'].map(folder.at).join(':');
    expect(await findExecutable('keep', PATH)).toEqual({ found: true, path });
  });

  test('is not passed over where the first one can be changed by all', async () => {
    mkdirSync(folder.at('a'));
    mkdirSync(folder.at('b'));
    folder.write('a/keep', '#!/bin/sh\n', 0o777);
    folder.sh('b/keep', 'true');
    expect(await refusal('keep', `${folder.at('a')}:${folder.at('b')}`)).toContain('can be changed by every user');
  });

  test('is not looked for in the working directory, whatever PATH says', async () => {
    const name = 'package.json';
    // Each of these means the working directory of the tests, where the name exists; 'x/..' goes there too.
    for (const PATH of ['', ':', '.', './', '::.', 'src/..']) {
      expect(await refusal(name, PATH)).toContain('was not found');
    }
  });

  test('that is only there without the x bit says so', async () => {
    folder.write('keep', '#!/bin/sh\n', 0o600);
    expect(await refusal('keep', folder.path)).toContain('may not be executed');
  });

  test.each(['', './keep', '../keep', 'bin/keep', 'keep/', '~/keep'])('is not %j', async (program) => {
    folder.sh('keep', 'true');
    expect(await refusal(program, folder.path)).toContain('relative path');
  });
});

function link(to: string, name: string): string {
  symlinkSync(to, folder.at(name));
  return folder.at(name);
}

function directory(name: string): string {
  mkdirSync(folder.at(name));
  return folder.at(name);
}

function fifo(name: string): string {
  execFileSync('mkfifo', ['-m', '700', folder.at(name)]);
  return folder.at(name);
}
