// The file that leads a browser to a page: whose it is, what is in it, and what stays.

import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { checkRedirects, writeRedirect } from '../../src/page/redirect-file.ts';

const ADDRESS = 'http://127.0.0.1:1234/open/abc_-';

function home(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'amk-redirect-')));
  chmodSync(folder, 0o700);
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

async function written(directory: string) {
  const file = await writeRedirect(directory, ADDRESS);
  if (!file.ok) throw new Error(file.failure.message);
  return file.value;
}

test.each([0o000, 0o022, 0o077, 0o277])('only this user reads it, whatever the umask (%o)', async (umask) => {
  const folder = home();
  const before = process.umask(umask);
  try {
    const file = await written(join(folder, 'page'));
    expect(statSync(file.path).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(file.path)).mode & 0o777).toBe(0o700);
  } finally {
    process.umask(before);
  }
});

test('it leads there at once, without a referrer, and nothing on its way is hidden', async () => {
  const folder = home();
  const file = await written(join(folder, 'page'));
  const text = readFileSync(file.path, 'utf8');
  expect(text).toContain(`<meta http-equiv="refresh" content="0; url=${ADDRESS}"`);
  expect(text).toContain('<meta name="referrer" content="no-referrer"');
  expect(file.path.slice(folder.length)).not.toMatch(/\/\./);
  expect(file.url).toBe(`file://${file.path}`);
});

test('it goes, with its directory, unless something else is there', async () => {
  const directory = join(home(), 'page');
  const [first, second] = [await written(directory), await written(directory)];
  await first.remove();
  expect(readdirSync(directory)).toEqual([second.path.slice(directory.length + 1)]);
  await second.remove();
  expect(existsSync(directory)).toBe(false);
  await second.remove();
});

test('what somebody put in its place stays', async () => {
  const directory = join(home(), 'page');
  const file = await written(directory);
  // Written first: the number of a file that is removed comes back.
  writeFileSync(`${file.path}.new`, 'mine');
  renameSync(`${file.path}.new`, file.path);
  await file.remove();
  expect(readFileSync(file.path, 'utf8')).toBe('mine');
});

test.each<[string, (folder: string) => void]>([
  [
    'that others can write to',
    (folder) => {
      mkdirSync(join(folder, 'page'));
      chmodSync(join(folder, 'page'), 0o777);
    },
  ],
  [
    'that is a link',
    (folder) => {
      mkdirSync(join(folder, 'other'));
      symlinkSync(join(folder, 'other'), join(folder, 'page'));
    },
  ],
  [
    'that is a file',
    (folder) => {
      writeFileSync(join(folder, 'page'), '');
    },
  ],
])('a directory %s is not used, and a preflight says so', async (_what, prepare) => {
  const folder = home();
  prepare(folder);
  expect((await checkRedirects(join(folder, 'page'))).ok).toBe(false);
  expect((await writeRedirect(join(folder, 'page'), ADDRESS)).ok).toBe(false);
});

test('a preflight leaves nothing', async () => {
  const folder = home();
  expect(await checkRedirects(join(folder, 'page'))).toEqual({ ok: true, value: undefined });
  expect(readdirSync(folder)).toEqual([]);
});
