// Whether two paths are spellings of one place.

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { placeKey } from '../../src/files/names.ts';
import { folderIn, foldingFolder, scratch } from '../sinks/file-fixture.ts';

const folding = () => true;

describe('two spellings are one place', () => {
  test('through a link on the way, there or not', () => {
    const folder = scratch();
    folderIn(folder, 'real');
    symlinkSync('real', join(folder, 'link'));
    for (const below of ['.env', 'not/there/.env'])
      expect(placeKey(join(folder, 'link', below))).toBe(placeKey(join(folder, 'real', below)));
  });

  test('in another of Unicode’s forms', () => {
    const folder = scratch();
    expect(placeKey(join(folder, 'caf\u00e9/.env'))).toBe(placeKey(join(folder, 'cafe\u0301/.env')));
  });

  test('by case, where the disk folds it (that it does is simulated here)', () => {
    const folder = scratch();
    const keys = ['Conf/\u00c9t\u00e9.env', 'conf/\u00e9T\u00e9.ENV', 'CONF/E\u0301te\u0301.env'].map((path) =>
      placeKey(join(folder, path), folding),
    );
    expect(new Set(keys).size).toBe(1);
  });

  test('by case, on a disk that folds it', ({ skip }) => {
    const folder = foldingFolder();
    if (folder === undefined) return skip('this machine has no disk that folds case');
    writeFileSync(join(folder, 'neighbour'), '');
    const key = placeKey(join(folder, 'Conf/.env'));
    expect(placeKey(join(folder, 'conf/.ENV'))).toBe(key);
    mkdirSync(join(folder, 'CONF'));
    expect(placeKey(join(folder, 'Conf/.env'))).toBe(key);
    writeFileSync(join(folder, 'conf/.env'), '');
    expect([placeKey(join(folder, 'Conf/.env')), placeKey(join(folder, 'cONF/.eNV'))]).toEqual([key, key]);
  });
});

describe('two places are two', () => {
  test('whatever else is like', () => {
    const folder = scratch();
    const keys = ['a/.env', 'b/.env', 'a/.env.local', '.env'].map((path) => placeKey(join(folder, path), folding));
    expect(new Set(keys).size).toBe(4);
  });

  test('whose names differ in case, on a disk that keeps them apart', ({ skip }) => {
    const folder = scratch();
    mkdirSync(join(folder, 'conf'));
    try {
      mkdirSync(join(folder, 'Conf'));
    } catch {
      return skip('the disk of this machine folds case');
    }
    expect(placeKey(join(folder, 'Conf/.env'))).not.toBe(placeKey(join(folder, 'conf/.env')));
    expect(placeKey(join(folder, 'x/.env'))).not.toBe(placeKey(join(folder, 'X/.env')));
  });
});

test('the text of a place stays the same once what was missing is made', () => {
  const folder = scratch();
  const path = join(folder, 'a/b/.env');
  const before = placeKey(path);
  mkdirSync(join(folder, 'a/b'), { recursive: true });
  writeFileSync(path, '');
  expect(placeKey(path)).toBe(before);
});
