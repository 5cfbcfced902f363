import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, lchownSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { findExecutable } from '../../src/programs/executable.ts';
import { pretendPlatform } from '../pretend-platform.ts';
import { STRANGER, isRoot } from '../sinks/file-fixture.ts';
import { scriptFolder, type ScriptFolder } from '../sinks/script-folder.ts';

const WEAK = 'can be changed by other users';

let folder: ScriptFolder;
beforeEach(() => {
  folder = scriptFolder();
});
afterEach(() => {
  folder.remove();
});

function refusal(program: string, path = ''): string {
  const search = findExecutable(program, path);
  return search.ok ? `found ${search.value}` : search.failure.message;
}

describe('an absolute path', () => {
  test('is taken as it is', () => {
    const path = folder.sh('keep', 'true');
    expect(findExecutable(path, '')).toEqual({ ok: true, value: path });
  });

  test('is kept where it is a link, for programs that go by the name they are called with', () => {
    folder.sh('many', 'true');
    symlinkSync('many', folder.at('one'));
    symlinkSync(folder.at('one'), folder.at('two'));
    expect(findExecutable(folder.at('two'), '')).toEqual({ ok: true, value: folder.at('two') });
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
    ['of a file that all can write', () => folder.write('keep', '#!/bin/sh\n', 0o777), WEAK],
  ])('%s is refused', (_case, make, words) => {
    const message = refusal(make());
    expect(message).toContain(words);
    expect(message).not.toContain(folder.path);
  });
});

describe('what others could change is refused, and the hint names it', () => {
  function weakPart(program: string): string {
    const search = findExecutable(program, '');
    if (search.ok) return 'none';
    expect(search.failure.message).toContain(WEAK);
    return /^(\S+) must belong/.exec(search.failure.hint)?.[1] ?? search.failure.hint;
  }

  /** `weak/deep/keep`, reached as it is, by a link to the file, and by a link to a directory above it. */
  function waysTo(name: string): string[] {
    mkdirSync(folder.at('weak/deep'), { recursive: true, mode: 0o755 });
    folder.sh('weak/deep/keep', 'true');
    link('weak/deep/keep', 'to-file');
    link('to-file', 'to-link');
    link(folder.at('weak'), 'to-directory');
    return [folder.at(name), folder.at('to-file'), folder.at('to-link'), folder.at('to-directory/deep/keep')];
  }

  test.each(['weak', 'weak/deep', 'weak/deep/keep'])('%s, by its mode', (name) => {
    const ways = waysTo('weak/deep/keep');
    for (const way of ways) expect(weakPart(way)).toBe('none');
    const part = realpathSync(folder.at(name));
    for (const mode of [0o702, 0o722, 0o777]) {
      chmodSync(part, mode);
      for (const way of ways) expect(weakPart(way)).toBe(part);
    }
    // What a group may write is refused, unless it is root who lets it.
    chmodSync(part, 0o775);
    for (const way of ways) expect(weakPart(way)).toBe(isRoot ? 'none' : part);
    chmodSync(part, 0o755);
    for (const way of ways) expect(weakPart(way)).toBe('none');
  });

  test.skipIf(!isRoot).each(['weak', 'weak/deep', 'weak/deep/keep'])('%s, by its owner (needs root)', (name) => {
    const ways = waysTo('weak/deep/keep');
    const part = realpathSync(folder.at(name));
    chownSync(part, STRANGER, STRANGER);
    for (const way of ways) expect(weakPart(way)).toBe(part);
  });

  test.skipIf(!isRoot)('of this user what a group may write, of root not (needs root)', () => {
    const ways = waysTo('weak/deep/keep');
    const part = realpathSync(folder.at('weak'));
    chownSync(part, STRANGER, STRANGER);
    chmodSync(part, 0o755);
    chmodSync(folder.path, 0o755);
    try {
      process.seteuid?.(STRANGER);
      for (const way of ways) expect(weakPart(way)).toBe('none');
      chmodSync(part, 0o775);
      for (const way of ways) expect(weakPart(way)).toBe(part);
    } finally {
      process.seteuid?.(0);
    }
  });

  test.skipIf(!isRoot).each([
    ['darwin', 80, 'none'],
    ['darwin', 20, 'weak'],
    ['linux', 80, 'weak'],
  ] as const)('Homebrew: on %s (simulated) what group %i may write (needs root)', (platform, group, expected) => {
    const ways = waysTo('weak/deep/keep');
    const part = realpathSync(folder.at('weak'));
    for (const path of [part, `${part}/deep`, `${part}/deep/keep`]) {
      chownSync(path, STRANGER, group);
      chmodSync(path, 0o775);
    }
    chmodSync(folder.path, 0o755);
    pretendPlatform(platform);
    try {
      process.seteuid?.(STRANGER);
      for (const way of ways) expect(weakPart(way)).toBe(expected === 'none' ? 'none' : part);
      chmodSync(part, 0o777);
      for (const way of ways) expect(weakPart(way)).toBe(part);
    } finally {
      process.seteuid?.(0);
    }
  });

  test.skipIf(!isRoot)('the link of somebody else (needs root)', () => {
    const path = folder.sh('keep', 'true');
    const foreign = link(path, 'foreign');
    lchownSync(foreign, STRANGER, STRANGER);
    link('foreign', 'own');
    for (const way of [foreign, folder.at('own')]) expect(weakPart(way)).toBe(realpathSync(folder.path) + '/foreign');
  });

  test('a link in a directory where all can replace it', () => {
    const open = directory('open');
    symlinkSync(folder.sh('keep', 'true'), `${open}/keep`);
    chmodSync(open, 0o777);
    expect(weakPart(`${open}/keep`)).toBe(realpathSync(open));
  });

  test('a file or a link in /tmp itself, where a directory is good', () => {
    const shared = isRoot ? directory('shared') : realpathSync('/tmp');
    if (isRoot) chmodSync(shared, 0o1777);
    const own = mkdtempSync(join(shared, 'amk-'));
    onTestFinished(() => {
      rmSync(own, { recursive: true, force: true });
      rmSync(`${own}.file`, { force: true });
      rmSync(`${own}.link`, { force: true });
    });
    const path = folder.sh('keep', 'true');
    for (const name of [`${own}/keep`, `${own}.link`]) symlinkSync(path, name);
    execFileSync('cp', [path, `${own}.file`]);
    expect(weakPart(`${own}/keep`)).toBe('none');
    expect(weakPart(`${own}.file`)).toBe(realpathSync(shared));
    expect(weakPart(`${own}.link`)).toBe(realpathSync(shared));
    expect(weakPart(link(`${own}.file`, 'to-file'))).toBe(realpathSync(shared));
  });

  test.skipIf(isRoot)('a sticky directory that is not of root (needs an ordinary user)', () => {
    const path = folder.sh('keep', 'true');
    chmodSync(folder.path, 0o1777);
    expect(weakPart(path)).toBe(realpathSync(folder.path));
  });

  test('nothing that belongs to the system', () => {
    for (const name of ['sh', 'cat', 'env', 'mkfifo']) {
      expect(findExecutable(name, '/usr/bin:/bin')).toMatchObject({ ok: true });
    }
  });

  test('links are followed as the system does: relative, upwards, and one after another', () => {
    mkdirSync(folder.at('a/b'), { recursive: true, mode: 0o755 });
    folder.sh('keep', 'true');
    symlinkSync('../.././a/../keep', folder.at('a/b/up'));
    link('a/b', 'jump');
    symlinkSync('up', folder.at('a/b/again'));
    // From jump, ".." leads to a, and not back to where jump stands.
    symlinkSync('jump/../b/again', folder.at('far'));
    expect(findExecutable(folder.at('far'), '')).toEqual({ ok: true, value: folder.at('far') });
    chmodSync(folder.at('a'), 0o777);
    expect(weakPart(folder.at('far'))).toBe(realpathSync(folder.at('a')));
  });
});

describe('a bare name', () => {
  test('is the first program of that name in PATH that can be run', () => {
    for (const name of ['a', 'b', 'c', 'd']) mkdirSync(folder.at(name));
    mkdirSync(folder.at('b/keep'));
    folder.write('c/keep', 'not a program', 0o600);
    const path = folder.sh('d/keep', 'true');
    const PATH = ['a', 'b', 'c', 'd'].map(folder.at).join(':');
    expect(findExecutable('keep', PATH)).toEqual({ ok: true, value: path });
  });

  test('is not passed over where the first one can be changed by all', () => {
    mkdirSync(folder.at('a'));
    mkdirSync(folder.at('b'));
    folder.write('a/keep', '#!/bin/sh\n', 0o777);
    folder.sh('b/keep', 'true');
    expect(refusal('keep', `${folder.at('a')}:${folder.at('b')}`)).toContain(WEAK);
  });

  test('is not looked for in the working directory, whatever PATH says', () => {
    const name = 'package.json';
    // Each of these means the working directory of the tests, where the name exists; 'x/..' goes there too.
    for (const PATH of ['', ':', '.', './', '::.', 'src/..']) {
      expect(refusal(name, PATH)).toContain('was not found');
    }
  });

  test('that is only there without the x bit says so', () => {
    folder.write('keep', '#!/bin/sh\n', 0o600);
    expect(refusal('keep', folder.path)).toContain('may not be executed');
  });

  test.each(['', './keep', '../keep', 'bin/keep', 'keep/', '~/keep'])('is not %j', (program) => {
    folder.sh('keep', 'true');
    expect(refusal(program, folder.path)).toContain('relative path');
  });
});

describe('on Windows (simulated) a batch file', () => {
  const BATCH_FILE = 'is a batch file, and Windows starts those only through cmd.exe.';

  test.each([
    ['by its whole path', 'keep.cmd', () => folder.at('keep.cmd')],
    ['in capitals', 'KEEP.BAT', () => folder.at('KEEP.BAT')],
    ['by its name', 'keep.bat', () => 'keep.bat'],
    ['without its ending', 'keep.cmd', () => 'keep'],
    ['without its ending, by its path', 'keep.bat', () => folder.at('keep')],
  ])('%s is not run, and the hint says how it can be', (_case, file, program) => {
    const path = folder.write(file, '@exit /b 0\r\n');
    pretendPlatform('win32');
    const search = findExecutable(program(), folder.path);
    if (search.ok) throw new Error('It should not be found.');
    expect(search.failure.message).toContain(BATCH_FILE);
    expect(search.failure.hint).toBe(`Begin the command with "cmd.exe","/d","/c",${JSON.stringify(path)}.`);
  });

  test('that is absent was not found', () => {
    pretendPlatform('win32');
    expect(refusal('keep.cmd', folder.path)).toContain('was not found');
  });

  test('gives way to a program of the same name beside it, but not to one further on', () => {
    for (const name of ['a', 'b']) mkdirSync(folder.at(name));
    folder.write('a/keep.cmd', '');
    const far = folder.write('b/keep.exe', '');
    pretendPlatform('win32');
    expect(refusal('keep', `${folder.at('a')}:${folder.at('b')}`)).toContain(BATCH_FILE);
    const near = folder.write('a/keep.exe', '');
    expect(findExecutable('keep', `${folder.at('a')}:${folder.at('b')}`)).toEqual({ ok: true, value: near });
    expect(findExecutable('keep', folder.at('b'))).toEqual({ ok: true, value: far });
  });

  test('is a program like any other elsewhere', () => {
    const path = folder.sh('keep.cmd', 'true');
    expect(findExecutable('keep.cmd', folder.path)).toEqual({ ok: true, value: path });
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
