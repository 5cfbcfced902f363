import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { configurationFile, load, refusalOf, temporaryFolder } from './fixture.ts';

const isRoot = process.geteuid?.() === 0;

test.each([0o600, 0o644, 0o400])('mode %o is read', (mode) => {
  const path = configurationFile({ readOnly: true });
  chmodSync(path, mode);
  expect(load(['--config', path]).readOnly).toBe(true);
});

test.each([0o620, 0o602, 0o666])('mode %o is refused: others could have written it', (mode) => {
  const path = configurationFile({ readOnly: true });
  chmodSync(path, mode);
  expect(refusalOf(['--config', path])).toBe(`${path}: can be written by others; run: chmod go-w '${path}'`);
});

test('a symbolic link is refused', () => {
  const path = configurationFile({});
  const link = join(dirname(path), 'link.json');
  symlinkSync(path, link);
  expect(refusalOf([], { ATLAS_MODEL_KEYS_CONFIG: link })).toBe(`${link}: is a symbolic link; name the file itself`);
});

test.skipIf(!isRoot)(
  `another user's file is refused${isRoot ? '' : ' (skipped: giving a file away needs root)'}`,
  () => {
    const path = configurationFile({});
    chownSync(path, 65_534, 65_534);
    expect(refusalOf(['--config', path])).toBe(`${path}: belongs to another user; it is not read`);
  },
);

test('a FIFO is refused at once', () => {
  const path = join(temporaryFolder(), 'config.json');
  execFileSync('mkfifo', [path]);
  expect(refusalOf(['--config', path])).toBe(`${path}: is not a regular file`);
});

test('a file that was named must exist', () => {
  const refusal = 'names a file that does not exist';
  expect(refusalOf(['--config', '/nonexistent/config.json'])).toBe(`--config: ${refusal}`);
  expect(refusalOf([], { ATLAS_MODEL_KEYS_CONFIG: '/nonexistent/config.json' })).toBe(
    `ATLAS_MODEL_KEYS_CONFIG: ${refusal}`,
  );
  expect(refusalOf(['--config', `${configurationFile({})}/x`])).toBe(`--config: ${refusal}`);
});

test('a byte order mark is no part of it', () => {
  const path = configurationFile('\ufeff{"readOnly":true}');
  expect(load(['--config', path]).readOnly).toBe(true);
  expect(refusalOf(['--config', configurationFile('\ufeff\ufeff{}')])).toContain('is not a JSON object');
});

test.each(['{', '[]', '"text"', '', '{"readOnly":true,}'])('%j is refused', (content) => {
  const path = configurationFile(content);
  expect(refusalOf(['--config', path])).toBe(`${path}: is not a JSON object; check quotes and commas`);
});

test('a typo is named with its place', () => {
  const path = configurationFile({ sinks: { prod: { type: 'file', pth: '/x' } } });
  expect(refusalOf(['--config', path])).toBe(`${path}: sinks.prod.path: is required`);
  const other = configurationFile({ readonly: true });
  expect(refusalOf(['--config', other])).toBe(`${other}: readonly: is not known here`);
});
