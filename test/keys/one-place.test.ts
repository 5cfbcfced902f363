// Two sinks of one server whose paths lead to one place: of two creates at once one is refused before it has a key.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { SinkSpec } from '../../src/config/sink-spec.ts';
import { openSinks } from '../../src/sinks/kinds.ts';
import { foldingFolder, folderIn } from '../sinks/file-fixture.ts';
import { benchFor } from './bench.ts';

const KINDS: Readonly<Record<string, (path: string) => SinkSpec>> = {
  file: (path) => ({ type: 'file', path }),
  dotenv: (path) => ({ type: 'dotenv', path, variable: 'VOYAGE_API_KEY' }),
};

/** Two creates at once, each by a sink of its own. */
async function createAt(kind: string, one: string, other: string) {
  const bench = await benchFor();
  const spec = KINDS[kind] ?? expect.fail();
  const sinks = openSinks(
    new Map([
      ['one', spec(one)],
      ['other', spec(other)],
    ]),
    { PATH: process.env.PATH ?? '' },
  );
  const context = { ...bench.context(), sinks };
  const outcomes = await Promise.all(
    ['one', 'other'].map((sink) => bench.create(`key for ${sink}`, { sink }, context)),
  );
  const made = bench.sandbox.requests.filter(({ operation }) => operation === 'create_key').length;
  return { outcomes, made };
}

const ONE_REFUSED = {
  outcomes: expect.arrayContaining([
    expect.objectContaining({ outcome: 'delivered' }) as unknown,
    expect.objectContaining({
      failure: expect.objectContaining({
        code: 'SINK_ENTRY_EXISTS',
        retryable: true,
        keyState: 'not_created',
      }) as unknown,
    }) as unknown,
  ]) as unknown,
  made: 1,
};

test.each(Object.keys(KINDS))('two %s sinks of one path', async (kind) => {
  const bench = await benchFor();
  const path = join(bench.folder, 'keys', '.env');
  expect(await createAt(kind, path, path)).toEqual(ONE_REFUSED);
});

test.for(Object.keys(KINDS))('two %s sinks of two spellings, on a disk that folds case', async (kind, { skip }) => {
  const folder = foldingFolder();
  if (folder === undefined) return skip('this machine has no disk that folds case');
  folderIn(folder, 'Conf');
  expect(await createAt(kind, join(folder, 'Conf/.env'), join(folder, 'conf/.ENV'))).toEqual(ONE_REFUSED);
  // Such a disk may list a name by another spelling than it was made with, in lower case or decomposed.
  for (const name of ['UPPER', 'lower'])
    expect(await createAt(kind, join(folder, `conf/${name}`), join(folder, `conf/${name}`))).toEqual(ONE_REFUSED);
  mkdirSync(join(folder, 'later'), { mode: 0o700 });
  expect(await createAt(kind, join(folder, 'later/New/k'), join(folder, 'Later/new/K'))).toEqual(ONE_REFUSED);
});

test('two variables of one file are two places', async () => {
  const bench = await benchFor();
  const path = join(bench.folder, 'keys', '.env');
  const sinks = openSinks(
    new Map([
      ['one', { type: 'dotenv', path, variable: 'ONE' }],
      ['other', { type: 'dotenv', path, variable: 'OTHER' }],
    ]),
    { PATH: process.env.PATH ?? '' },
  );
  const context = { ...bench.context(), sinks };
  expect(await Promise.all(['one', 'other'].map((sink) => bench.create(sink, { sink }, context)))).toMatchObject([
    { outcome: 'delivered' },
    { outcome: 'delivered' },
  ]);
});
