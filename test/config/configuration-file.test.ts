import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { configurationFile, load, refusalOf, temporaryFolder } from './fixture.ts';

const isRoot = process.geteuid?.() === 0;

test.each([0o600, 0o644, 0o400])('mode %o is read', async (mode) => {
  const path = configurationFile({ readOnly: true });
  chmodSync(path, mode);
  expect((await load(['--config', path])).readOnly).toBe(true);
});

test.each([0o620, 0o602, 0o666])('mode %o is refused: others could have written it', async (mode) => {
  const path = configurationFile({ readOnly: true });
  chmodSync(path, mode);
  expect(await refusalOf(['--config', path])).toBe(`${path}: can be written by others; run: chmod go-w '${path}'`);
});

test('a symbolic link is refused', async () => {
  const path = configurationFile({});
  const link = join(dirname(path), 'link.json');
  symlinkSync(path, link);
  expect(await refusalOf([], { ATLAS_MODEL_KEYS_CONFIG: link })).toBe(
    `${link}: is a symbolic link; name the file itself`,
  );
});

test.skipIf(!isRoot)(
  `another user's file is refused${isRoot ? '' : ' (skipped: giving a file away needs root)'}`,
  async () => {
    const path = configurationFile({});
    chownSync(path, 65_534, 65_534);
    expect(await refusalOf(['--config', path])).toBe(`${path}: belongs to another user; it is not read`);
  },
);

test('a FIFO is refused at once', async () => {
  const path = join(temporaryFolder(), 'config.json');
  execFileSync('mkfifo', [path]);
  expect(await refusalOf(['--config', path])).toBe(`${path}: is not a regular file`);
});

test('a file that was named must exist', async () => {
  const refusal = 'names a file that does not exist';
  expect(await refusalOf(['--config', '/nonexistent/config.json'])).toBe(`--config: ${refusal}`);
  expect(await refusalOf([], { ATLAS_MODEL_KEYS_CONFIG: '/nonexistent/config.json' })).toBe(
    `ATLAS_MODEL_KEYS_CONFIG: ${refusal}`,
  );
  expect(await refusalOf(['--config', `${configurationFile({})}/x`])).toBe(`--config: ${refusal}`);
});

test('a byte order mark is no part of it', async () => {
  const path = configurationFile('\ufeff{"readOnly":true}');
  expect((await load(['--config', path])).readOnly).toBe(true);
  expect(await refusalOf(['--config', configurationFile('\ufeff\ufeff{}')])).toContain('is not a JSON object');
});

test.each(['{', '[]', '"text"', '', '{"readOnly":true,}'])('%j is refused', async (content) => {
  const path = configurationFile(content);
  expect(await refusalOf(['--config', path])).toBe(`${path}: is not a JSON object; check quotes and commas`);
});

test('a typo is named with its place', async () => {
  const path = configurationFile({ sinks: { prod: { type: 'file', pth: '/x' } } });
  expect(await refusalOf(['--config', path])).toBe(`${path}: sinks.prod.path: is required`);
  const other = configurationFile({ readonly: true });
  expect(await refusalOf(['--config', other])).toBe(`${other}: readonly: is not known here`);
});
