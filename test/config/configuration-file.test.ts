import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { STRANGER, isRoot, mountedIn, run } from '../sinks/file-fixture.ts';
import { configurationFile, load, refusalOf, temporaryFolder } from './fixture.ts';

test.each([0o600, 0o644, 0o400])('mode %o is read', async (mode) => {
  const path = configurationFile({ readOnly: true });
  chmodSync(path, mode);
  expect((await load(['--config', path])).readOnly).toBe(true);
});

test.each([0o606, 0o602, 0o666])('mode %o is refused: others could have written it', async (mode) => {
  const path = configurationFile({ readOnly: true });
  chmodSync(path, mode);
  expect(await refusalOf(['--config', path])).toBe(`${path}: can be written by others; run: chmod go-w '${path}'`);
});

describe('a symbolic link', () => {
  test('is followed where only root and this user can change any part of the way', async () => {
    const path = configurationFile({ readOnly: true });
    const folder = dirname(path);
    symlinkSync('config.json', join(folder, '..data'));
    symlinkSync('..data', join(folder, 'link.json'));
    expect((await load(['--config', join(folder, 'link.json')])).readOnly).toBe(true);
  });

  test('is refused where others could change a link, or what a link leads to', async () => {
    const path = configurationFile({ readOnly: true });
    const shared = join(temporaryFolder(), 'shared');
    mkdirSync(shared);
    const [inShared, toShared] = [join(shared, 'link.json'), join(dirname(path), 'link.json')];
    symlinkSync(path, inShared);
    symlinkSync(inShared, toShared);
    for (const mode of [0o777, 0o1777]) {
      chmodSync(shared, mode);
      for (const link of [inShared, toShared]) {
        expect(await refusalOf([], { ATLAS_MODEL_KEYS_CONFIG: link })).toBe(
          `${link}: is a symbolic link, and others could change ${shared}; name the file itself`,
        );
      }
    }
    chmodSync(shared, 0o755);
    expect((await load(['--config', toShared])).readOnly).toBe(true);
  });

  test('to nowhere, or to itself, is refused', async () => {
    const folder = temporaryFolder();
    symlinkSync('not-there', join(folder, 'dangling'));
    symlinkSync('loop', join(folder, 'loop'));
    for (const name of ['dangling', 'loop']) {
      expect(await refusalOf(['--config', join(folder, name)])).toBe(
        `${join(folder, name)}: is a symbolic link to what cannot be read`,
      );
    }
  });

  test.skipIf(!isRoot)(
    'of a ConfigMap, in a read-only volume of mode 0777 (needs root, and to mount)',
    async ({ skip }) => {
      const volume = mountedIn(temporaryFolder(), 'size=64k');
      if (volume === undefined) return skip('mounting is not permitted here');
      mkdirSync(join(volume, '..2026_11_25'));
      writeFileSync(join(volume, '..2026_11_25/config.json'), '{"readOnly":true}', { mode: 0o644 });
      symlinkSync('..2026_11_25', join(volume, '..data'));
      symlinkSync('..data/config.json', join(volume, 'config.json'));
      chmodSync(volume, 0o777);
      const path = join(volume, 'config.json');
      expect(await refusalOf(['--config', path])).toContain(`others could change ${volume}`);
      run('mount', '-o', 'remount,ro', volume);
      expect((await load(['--config', path])).readOnly).toBe(true);
    },
  );
});

test.skipIf(!isRoot)('a file of root is read (needs root, and to become another user)', async () => {
  const path = configurationFile({ readOnly: true });
  chmodSync(path, 0o644);
  for (const folder of [dirname(path), dirname(dirname(path))]) chmodSync(folder, 0o755);
  process.seteuid?.(STRANGER);
  try {
    expect((await load(['--config', path], { ATLAS_MODEL_KEYS_CONFIG: path })).readOnly).toBe(true);
  } finally {
    process.seteuid?.(0);
  }
});

test.skipIf(!isRoot)(
  `another user's file is refused${isRoot ? '' : ' (skipped: giving a file away needs root)'}`,
  async () => {
    const path = configurationFile({});
    chownSync(path, 65_534, 65_534);
    expect(await refusalOf(['--config', path])).toBe(
      `${path}: belongs to another user and is not read; make it yours or root's, or name its directory in ATLAS_MODEL_KEYS_TRUST_PATHS`,
    );
  },
);

describe.skipIf(!isRoot)('in a folder that the operator trusts (needs root)', () => {
  /** As root in a container sees the home of a user outside of it. */
  function foreignFile(content: unknown): string {
    const path = configurationFile(content);
    chmodSync(path, 0o666);
    for (const each of [path, dirname(path)]) chownSync(each, STRANGER, STRANGER);
    return path;
  }

  test('a file is read, whoever owns it and can write to it', async () => {
    const path = foreignFile({ readOnly: true });
    const link = join(dirname(configurationFile({})), 'link.json');
    symlinkSync(path, link);
    for (const each of [path, link]) {
      expect((await load(['--config', each], { ATLAS_MODEL_KEYS_TRUST_PATHS: dirname(path) })).readOnly).toBe(true);
    }
    const other = { ATLAS_MODEL_KEYS_TRUST_PATHS: `${dirname(path)}-2` };
    expect(await refusalOf(['--config', path], other)).toBe(
      `${path}: belongs to another user and is not read; make it yours or root's, or name its directory in ATLAS_MODEL_KEYS_TRUST_PATHS`,
    );
  });

  test('a link to elsewhere is judged by where it leads', async () => {
    const [trusted, elsewhere] = [foreignFile({}), foreignFile({ readOnly: true })];
    const link = join(dirname(trusted), 'link.json');
    symlinkSync(elsewhere, link);
    expect(await refusalOf(['--config', link], { ATLAS_MODEL_KEYS_TRUST_PATHS: dirname(trusted) })).toBe(
      `${link}: is a symbolic link, and others could change ${dirname(elsewhere)}; name the file itself`,
    );
  });

  test('a file cannot trust itself', async () => {
    const path = configurationFile({});
    writeFileSync(path, JSON.stringify({ trustPaths: [dirname(path)] }));
    chownSync(path, STRANGER, STRANGER);
    expect(await refusalOf(['--config', path])).toBe(
      `${path}: belongs to another user and is not read; make it yours or root's, or name its directory in ATLAS_MODEL_KEYS_TRUST_PATHS`,
    );
  });
});

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

test('a byte order mark is not a part of it', async () => {
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
