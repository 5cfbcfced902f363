// The rule for git work trees, with real repositories.

import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { gitProblem } from '../../src/sinks/git-check.ts';
import { dotenvSink } from '../../src/sinks/dotenv/dotenv-sink.ts';
import {
  ADDRESS,
  STRANGER,
  VARIABLE,
  environmentIn,
  fileSinkAt,
  folderIn,
  foldingFolder,
  isRoot,
  notReady,
  run,
  scratch,
  treeOf,
} from './file-fixture.ts';

const TRACKED = notReady(/is tracked by git/, /git rm --cached -- .*\.gitignore/);
const NOT_IGNORED = notReady(/is not ignored/, /Add it to \.gitignore/);
const NO_ANSWER = notReady(/could not be found out. The program "git" ended with exit code 128/, /git status/);

/** A repository with a home of its own, so that nobody's configuration plays a part. */
function repository(files: Record<string, string> = {}, home = scratch()) {
  const folder = folderIn(home, 'repo');
  const environment = environmentIn(home);
  const git = (...args: string[]) => {
    const who = ['-c', 'user.name=a', '-c', 'user.email=a@b', '-c', 'protocol.file.allow=always'];
    execFileSync('git', [...who, ...args], { cwd: folder, env: environment, stdio: 'ignore' });
  };
  git('init');
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), text, { mode: 0o600 });
  }
  return { home, folder, environment, git };
}

type Repository = ReturnType<typeof repository>;

/** A folder for PATH with a git of this body. */
function binWith({ home }: Repository, body: string): string {
  const bin = folderIn(home, 'bin');
  writeFileSync(join(bin, 'git'), `#!/bin/sh\n${body}\n`);
  chmodSync(join(bin, 'git'), 0o755);
  return bin;
}

async function problemsAt(path: string, { environment }: Pick<Repository, 'environment'>): Promise<unknown[]> {
  const sinks = [
    fileSinkAt(path, environment),
    dotenvSink('env', { type: 'dotenv', path, variable: VARIABLE }, environment),
  ];
  const preflights = await Promise.all(sinks.map((sink) => sink.preflight(ADDRESS, 'inspect')));
  return preflights.map((preflight) => (preflight.ok ? undefined : preflight.failure));
}

const GOOD = [undefined, undefined];
const twice = (problem: unknown) => [problem, problem];

describe('a path in a work tree', () => {
  test('that git does not ignore is refused', async () => {
    const repo = repository({ 'src/a': '' });
    expect(await problemsAt(join(repo.folder, '.env'), repo)).toEqual(twice(NOT_IGNORED));
    expect(await problemsAt(join(repo.folder, 'src/.env'), repo)).toEqual(twice(NOT_IGNORED));
    expect(await problemsAt(join(repo.folder, 'not/there/.env'), repo)).toEqual(twice(NOT_IGNORED));
  });

  test.each(['.env', '.env*', '/*.env', '**/.env', '.*'])('that git ignores by %s is good', async (pattern) => {
    const repo = repository({ '.gitignore': `${pattern}\n` });
    expect(await problemsAt(join(repo.folder, '.env'), repo)).toEqual(GOOD);
  });

  test('that lies in an ignored directory is good, there or not', async () => {
    const repo = repository({ '.gitignore': 'keys/\n' });
    expect(await problemsAt(join(repo.folder, 'keys/a/k'), repo)).toEqual(GOOD);
    mkdirSync(join(repo.folder, 'keys/a'), { recursive: true, mode: 0o700 });
    for (const path of ['keys', 'keys/a']) chmodSync(join(repo.folder, path), 0o700);
    expect(await problemsAt(join(repo.folder, 'keys/a/k'), repo)).toEqual(GOOD);
  });

  test('that the user’s own configuration ignores is good', async () => {
    const repo = repository();
    mkdirSync(join(repo.home, '.config/git'), { recursive: true });
    writeFileSync(join(repo.home, '.config/git/ignore'), '.env\n');
    expect(await problemsAt(join(repo.folder, '.env'), repo)).toEqual(GOOD);
  });

  test('that a negated pattern takes back is refused', async () => {
    const repo = repository({ '.gitignore': '.env*\n!.env\n' });
    expect(await problemsAt(join(repo.folder, '.env'), repo)).toEqual(twice(NOT_IGNORED));
    expect(await problemsAt(join(repo.folder, '.env.local'), repo)).toEqual(GOOD);
  });

  test('that git tracks is refused, ignored or not, there or not', async () => {
    const repo = repository({ '.env': 'A=1\n', '.gitignore': '.env\n' });
    const problem = (path = join(repo.folder, '.env')) => gitProblem(path, repo.folder, repo.environment);
    expect(await problem()).toBeUndefined();
    repo.git('add', '-f', '.env');
    expect(await problem()).toEqual(TRACKED);
    expect((await problemsAt(join(repo.folder, '.env'), repo))[1]).toEqual(TRACKED);
    rmSync(join(repo.folder, '.env'));
    expect(await problemsAt(join(repo.folder, '.env'), repo)).toEqual(twice(TRACKED));
    rmSync(join(repo.folder, '.gitignore'));
    expect(await problemsAt(join(repo.folder, '.env'), repo)).toEqual(twice(TRACKED));
    repo.git('rm', '--cached', '.env');
    expect(await problemsAt(join(repo.folder, '.env'), repo)).toEqual(twice(NOT_IGNORED));
  });

  test('is not a pattern: that "ab" is tracked does not make "a*" tracked', async () => {
    const repo = repository({ ab: '', 'c*': '', '.gitignore': 'a\\*\n' });
    repo.git('add', 'ab');
    expect(await problemsAt(join(repo.folder, 'a*'), repo)).not.toContainEqual(TRACKED);
    expect(await problemsAt(join(repo.folder, ':(top)ab'), repo)).toEqual(twice(NOT_IGNORED));
    rmSync(join(repo.folder, 'ab'));
    repo.git('add', '--all');
    expect(await problemsAt(join(repo.folder, 'a*'), repo)).toEqual(GOOD);
    expect((await problemsAt(join(repo.folder, 'c*'), repo))[1]).toEqual(TRACKED);
  });

  test('is judged by the submodule that it lies in', async () => {
    const inner = repository({ '.gitignore': '.env\n' });
    inner.git('add', '.');
    inner.git('commit', '-m', 'a');
    const outer = repository();
    outer.git('submodule', 'add', inner.folder, 'sub');
    run('chmod', '-R', 'go-w', outer.folder);
    expect(existsSync(join(outer.folder, 'sub/.git'))).toBe(true);
    expect(await problemsAt(join(outer.folder, 'sub/.env'), outer)).toEqual(GOOD);
    expect(await problemsAt(join(outer.folder, 'sub/k'), outer)).toEqual(twice(NOT_IGNORED));
    outer.git('submodule', 'deinit', '-f', 'sub');
    expect(await problemsAt(join(outer.folder, 'sub/.env'), outer)).toEqual(twice(NO_ANSWER));
  });

  test('is judged by the linked work tree that it lies in', async () => {
    const repo = repository({ '.gitignore': '.env\n' });
    repo.git('add', '.');
    repo.git('commit', '-m', 'a');
    repo.git('worktree', 'add', join(repo.home, 'linked'));
    run('chmod', '-R', 'go-w', repo.home);
    expect(await problemsAt(join(repo.home, 'linked/.env'), repo)).toEqual(GOOD);
    expect(await problemsAt(join(repo.home, 'linked/k'), repo)).toEqual(twice(NOT_IGNORED));
  });
});

describe('a file that git tracks by another spelling of its name', () => {
  test.for(['Conf/.env', 'CONF/.env', 'conf/.ENV'])(
    '%s is refused on a disk that folds case',
    async (name, { skip }) => {
      const home = foldingFolder();
      if (home === undefined) return skip('this machine has no disk that folds case');
      const repo = repository({ 'Conf/.env': 'A=1\n', '.gitignore': '*.env\n*.ENV\n' }, home);
      chmodSync(join(repo.folder, 'Conf'), 0o700);
      expect((await problemsAt(join(repo.folder, name), repo))[1]).toBeUndefined();
      repo.git('add', '-f', 'Conf/.env');
      expect((await problemsAt(join(repo.folder, name), repo))[1]).toEqual(TRACKED);
      rmSync(join(repo.folder, 'Conf/.env'));
      expect(await problemsAt(join(repo.folder, name), repo)).toEqual(twice(TRACKED));
      rmSync(join(repo.folder, 'Conf'), { recursive: true });
      expect(await problemsAt(join(repo.folder, name), repo)).toEqual(twice(TRACKED));
    },
  );

  test('is refused where the other spelling leads to it by a link', async ({ skip }) => {
    const repo = repository({ 'Conf/.env': 'A=1\n', '.gitignore': '.env\n' });
    repo.git('add', '-f', 'Conf/.env');
    renameSync(join(repo.folder, 'Conf'), join(repo.folder, 'conf'));
    if (existsSync(join(repo.folder, 'Conf'))) return skip('the disk of this machine folds case');
    chmodSync(join(repo.folder, 'conf'), 0o700);
    expect((await problemsAt(join(repo.folder, 'conf/.env'), repo))[1]).toBeUndefined();
    symlinkSync('conf', join(repo.folder, 'Conf'));
    expect((await problemsAt(join(repo.folder, 'conf/.env'), repo))[1]).toEqual(TRACKED);
  });

  test('is refused in another of Unicode’s forms, which macOS takes for one name', async () => {
    for (const [added, asked] of [
      ['caf\u00e9/.env', 'cafe\u0301/.env'],
      ['cafe\u0301/.env', 'caf\u00e9/.env'],
    ] as const) {
      const repo = repository({ [added]: 'A=1\n', '.gitignore': '.env\n' });
      repo.git('-c', 'core.precomposeUnicode=false', 'add', '-f', added);
      expect(await problemsAt(join(repo.folder, asked), repo)).toEqual(twice(TRACKED));
    }
  });

  test('is another file on a disk that keeps case apart', async ({ skip }) => {
    const repo = repository({ 'Conf/.env': 'A=1\n', '.gitignore': '.env\n' });
    if (existsSync(join(repo.folder, 'conf'))) return skip('the disk of this machine folds case');
    repo.git('add', '-f', 'Conf/.env');
    expect(await problemsAt(join(repo.folder, 'conf/.env'), repo)).toEqual(GOOD);
    folderIn(repo.folder, 'conf');
    expect(await problemsAt(join(repo.folder, 'conf/.env'), repo)).toEqual(GOOD);
    expect(await problemsAt(join(repo.folder, 'a/Conf/.env'), repo)).toEqual(GOOD);
  });

  test('is asked for by its name on the disk, where the system tells it (macOS, Windows)', async ({ skip }) => {
    const repo = repository({ 'Conf/a': '', '.gitignore': 'conf/\n' });
    const asked = join(repo.folder, 'conf');
    if (!existsSync(asked) || realpathSync.native(asked) === asked) return skip('this system does not tell it');
    chmodSync(asked, 0o700);
    repo.git('config', 'core.ignoreCase', 'false');
    expect(await problemsAt(join(asked, '.env'), repo)).toEqual(twice(NOT_IGNORED));
  });
});

describe('where git cannot answer', () => {
  test.each<[string, (path: string) => void]>([
    [
      'an empty directory .git',
      (path) => {
        mkdirSync(path);
      },
    ],
    [
      'a file .git that leads nowhere',
      (path) => {
        writeFileSync(path, 'gitdir: /nonexistent\n');
      },
    ],
    [
      'a file .git of something else',
      (path) => {
        writeFileSync(path, 'hello\n');
      },
    ],
    [
      'a dangling link .git',
      (path) => {
        symlinkSync('/nonexistent', path);
      },
    ],
  ])('%s: the path is refused', async (_kind, make) => {
    const folder = scratch();
    make(join(folder, '.git'));
    const environment = environmentIn(folder);
    expect(await problemsAt(join(folder, 'k'), { environment })).toEqual(twice(NO_ANSWER));
    expect(await problemsAt(join(folder, 'not/there/k'), { environment })).toEqual(twice(NO_ANSWER));
  });

  test('a broken configuration or index: the path is refused', async () => {
    const repo = repository({ '.gitignore': '.env\n' });
    writeFileSync(join(repo.folder, '.git/index'), 'hello');
    expect(await problemsAt(join(repo.folder, '.env'), repo)).toEqual(twice(NO_ANSWER));
    rmSync(join(repo.folder, '.git/index'));
    expect(await problemsAt(join(repo.folder, '.env'), repo)).toEqual(GOOD);
    writeFileSync(join(repo.folder, '.git/config'), '[core');
    expect(await problemsAt(join(repo.folder, '.env'), repo)).toEqual(twice(NO_ANSWER));
  });

  test('no git on the PATH: the path is refused', async () => {
    const repo = repository({ '.gitignore': '.env\n' });
    const environment = { ...repo.environment, PATH: folderIn(repo.home, 'empty') };
    expect(await problemsAt(join(repo.folder, '.env'), { environment })).toEqual(
      twice(notReady(/The program "git" was not found/, /Install it/)),
    );
    expect(await problemsAt(join(repo.home, 'k'), { environment })).toEqual(GOOD);
  });

  test('a git that only says no, as that of macOS without its tools: its 1 is not taken for "not ignored"', async () => {
    const repo = repository({ '.gitignore': '.env\n' });
    const environment = { ...repo.environment, PATH: binWith(repo, 'exit 1') };
    const refused = notReady(/could not be found out. The program "git" ended with exit code 1/, /xcode-select/);
    expect(await problemsAt(join(repo.folder, '.env'), { environment })).toEqual(twice(refused));
  });

  test('a git that others can exchange is not run', async () => {
    const repo = repository({ '.gitignore': '.env\n' });
    const bin = binWith(repo, `/usr/bin/touch '${repo.home}/mark'; exec /usr/bin/git "$@"`);
    const environment = { ...repo.environment, PATH: `${bin}:${repo.environment.PATH ?? ''}` };
    expect(await problemsAt(join(repo.folder, '.env'), { environment })).toEqual(GOOD);
    expect(existsSync(join(repo.home, 'mark'))).toBe(true);
    rmSync(join(repo.home, 'mark'));
    chmodSync(bin, 0o777);
    const refused = notReady(/The program "git", .* can be changed by other users/, /chmod go-w/);
    expect(await problemsAt(join(repo.folder, '.env'), { environment })).toEqual(twice(refused));
    expect(existsSync(join(repo.home, 'mark'))).toBe(false);
  });

  test('a git that never ends is stopped', async () => {
    const repo = repository({ '.gitignore': '.env\n' });
    run('mkfifo', join(repo.home, 'fifo'));
    repo.git('config', 'core.excludesFile', join(repo.home, 'fifo'));
    const problem = await gitProblem(join(repo.folder, '.env.other'), repo.folder, repo.environment);
    expect(problem).toEqual(notReady(/"git" did not end within 5 s and was stopped/));
  });

  test.skipIf(!isRoot)('a repository of somebody else: the path is refused (needs root)', async () => {
    const repo = repository({ '.gitignore': '.env\n' });
    for (const path of [repo.folder, join(repo.folder, '.git')]) chownSync(path, STRANGER, STRANGER);
    const problem = await gitProblem(join(repo.folder, '.env'), repo.folder, repo.environment);
    expect(problem).toEqual(NO_ANSWER);
  });
});

describe('neither the repository nor the environment can change what git does', () => {
  /** A program that leaves a mark, and the settings that might run it. */
  function trap(repo: Repository): () => boolean {
    const [program, mark] = [join(repo.home, 'trap'), join(repo.home, 'mark')];
    writeFileSync(program, `#!/bin/sh\ntouch '${mark}'\n`);
    chmodSync(program, 0o755);
    for (const name of [
      'core.fsmonitor',
      'core.pager',
      'core.sshCommand',
      'core.editor',
      'diff.external',
      'alias.check-ignore',
      'alias.ls-files',
      'filter.t.clean',
      'filter.t.smudge',
      'filter.t.process',
    ]) {
      repo.git('config', name, name.startsWith('alias') ? `!${program}` : program);
    }
    repo.git('config', 'core.hooksPath', repo.home);
    for (const hook of ['post-index-change', 'fsmonitor-watchman', 'post-checkout'])
      symlinkSync(program, join(repo.home, hook));
    return () => existsSync(mark);
  }

  test('its configuration runs nothing', async () => {
    const repo = repository({ '.gitignore': '.env\n', '.gitattributes': '* filter=t\n', a: 'a' });
    repo.git('add', '.');
    const isMarked = trap(repo);
    const before = treeOf(join(repo.folder, '.git'));
    expect(await problemsAt(join(repo.folder, '.env'), repo)).toEqual(GOOD);
    expect(await problemsAt(join(repo.folder, 'k'), repo)).toEqual(twice(NOT_IGNORED));
    expect(isMarked()).toBe(false);
    expect(treeOf(join(repo.folder, '.git'))).toEqual(before);
    // The trap works: the same question, asked plainly, runs it.
    repo.git('ls-files');
    expect(isMarked()).toBe(true);
  });

  test('a partial clone fetches nothing', async () => {
    const repo = repository({ '.gitignore': '.env\n', 'dir/a': 'a' });
    repo.git('add', '.');
    repo.git('commit', '-m', 'a');
    const isMarked = trap(repo);
    repo.git('config', 'remote.origin.url', `ext::${join(repo.home, 'trap')}`);
    repo.git('config', 'remote.origin.promisor', 'true');
    repo.git('config', 'extensions.partialClone', 'origin');
    repo.git('config', 'core.repositoryFormatVersion', '1');
    repo.git('config', 'protocol.ext.allow', 'always');
    repo.git('config', '--unset', 'core.fsmonitor');
    run('rm', '-rf', join(repo.folder, '.git/objects'));
    mkdirSync(join(repo.folder, '.git/objects'));
    rmSync(join(repo.home, 'mark'), { force: true });
    await problemsAt(join(repo.folder, '.env'), repo);
    expect(isMarked()).toBe(false);
    expect(() => {
      repo.git('cat-file', '-p', 'HEAD');
    }).toThrow();
    expect(isMarked()).toBe(true);
  });

  test('variables that steer git are not passed on', async () => {
    const repo = repository();
    const other = repository({ '.gitignore': '.env\n' });
    const steering = {
      GIT_DIR: join(other.folder, '.git'),
      GIT_WORK_TREE: repo.folder,
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'core.excludesFile',
      GIT_CONFIG_VALUE_0: join(other.folder, '.gitignore'),
    };
    const environment = { ...repo.environment, ...steering };
    expect(await problemsAt(join(repo.folder, '.env'), { environment })).toEqual(twice(NOT_IGNORED));
  });

  test('a program called git in the work tree is not run', async () => {
    const repo = repository();
    writeFileSync(join(repo.folder, 'git'), '#!/bin/sh\nexit 1\n');
    chmodSync(join(repo.folder, 'git'), 0o755);
    const environment = { ...repo.environment, PATH: `.::${repo.folder.slice(1)}:${repo.environment.PATH ?? ''}` };
    expect(await problemsAt(join(repo.folder, '.env'), { environment })).toEqual(twice(NOT_IGNORED));
  });

  test('outside of every work tree no git is started', async () => {
    const home = scratch();
    const bin = folderIn(home, 'bin');
    writeFileSync(join(bin, 'git'), `#!/bin/sh\n/usr/bin/touch '${home}/mark'\n`);
    chmodSync(join(bin, 'git'), 0o755);
    const environment = { PATH: bin, HOME: home };
    expect(await problemsAt(join(home, 'k'), { environment })).toEqual(GOOD);
    expect(readdirSync(home)).toEqual(['bin']);
    mkdirSync(join(home, '.git'));
    await problemsAt(join(home, 'k'), { environment });
    expect(readdirSync(home).sort()).toEqual(['.git', 'bin', 'mark']);
  });
});
