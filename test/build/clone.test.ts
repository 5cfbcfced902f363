// A clone by a git that turns line ends into those of Windows, as Git for Windows does by default.

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const FILES = ['.gitattributes', 'package.json', 'build.js', 'README.md', 'src/main.ts', '.ci/run', 'tsconfig.json'];

test.each(['true', 'input', 'false'])('has the bytes of the repository with core.autocrlf=%s', (autocrlf) => {
  const folder = mkdtempSync(join(tmpdir(), 'amk-clone-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const git = (...args: string[]) => {
    execFileSync('git', ['-c', `core.autocrlf=${autocrlf}`, '-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
      cwd: folder,
      stdio: 'ignore',
    });
  };
  git('init', 'original');
  const names = FILES.map((path) => path.replaceAll('/', '-'));
  for (const [index, path] of FILES.entries())
    copyFileSync(join(root, path), join(folder, 'original', names[index] ?? ''));
  git('-C', 'original', 'add', '.');
  git('-C', 'original', 'commit', '-m', 'a');
  git('clone', 'original', 'clone');
  for (const [index, path] of FILES.entries()) {
    const cloned = readFileSync(join(folder, 'clone', names[index] ?? ''));
    expect(cloned.equals(readFileSync(join(root, path))), path).toBe(true);
  }
});
