// The endpoint of a key beside its secret: in a variable of a .env file, and in what a command gets.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import type { SinkSpec } from '../../src/config/sink-spec.ts';
import { openSinks } from '../../src/sinks/kinds.ts';
import { containing } from '../matching.ts';
import { behaving, program, startBench, type Bench } from './bench.ts';

async function benchWith(spec: (folder: string) => SinkSpec) {
  const bench = await startBench();
  onTestFinished(() => bench.close());
  const sinks = openSinks(new Map([['app', spec(bench.folder)]]), { PATH: process.env.PATH ?? '' });
  const create = (name: string, given: Partial<ReturnType<Bench['context']>> = {}) =>
    bench.create(name, { sink: 'app' }, { ...bench.context(), sinks, ...given });
  return { bench, sinks, create, url: `http://${new URL(bench.sandbox.baseUrl).host}/v1` };
}

const env = (folder: string): SinkSpec => ({
  type: 'dotenv',
  path: join(folder, 'app', '.env'),
  variable: 'KEY',
  endpointVariable: 'KEY_URL',
});

function fileOf({ folder }: Bench): string {
  return join(folder, 'app', '.env');
}

test('is in the variable that the operator named, and every reader of the secret reads it', async () => {
  const { bench, create, url } = await benchWith(env);
  expect(await create('a')).toMatchObject({ outcome: 'delivered', warnings: [] });
  const [key] = bench.sandbox.keys();
  expect(parseEnv(readFileSync(fileOf(bench), 'utf8'))).toEqual({ KEY: key?.secret, KEY_URL: url });
});

test.each([
  ['the same endpoint', (url: string) => `# ours\nKEY_URL=${url}\n`, []],
  ['another value', () => 'KEY_URL=https://proxy.example/v1\n', [containing('another value, which stays')]],
])('a line that is there already stays: %s', async (_case, line, warnings) => {
  const { bench, create, url } = await benchWith(env);
  const before = line(url);
  mkdirSync(join(bench.folder, 'app'), { mode: 0o700 });
  writeFileSync(fileOf(bench), before, { mode: 0o600 });
  expect(await create('a')).toMatchObject({ outcome: 'delivered', warnings });
  expect(readFileSync(fileOf(bench), 'utf8')).toBe(`${before}KEY=${bench.sandbox.keys()[0]?.secret ?? ''}\n`);
});

test('goes again with a secret that is taken back', async () => {
  const { bench, sinks, create } = await benchWith(env);
  const sink = sinks.get('app') ?? expect.fail('no sink');
  const lying = behaving(sink, () => ({
    verify: () => Promise.resolve({ outcome: 'mismatch', message: 'No.', hint: 'No.' }),
  }));
  expect(await create('a', { sinks: new Map([['app', lying]]) })).toMatchObject({
    failure: { keyState: 'rolled_back' },
  });
  expect(() => readFileSync(fileOf(bench), 'utf8')).toThrow('ENOENT');
});

test('is not written where the operator does not let secrets be sent there', async () => {
  const { bench, create } = await benchWith(env);
  const atlas = { ...bench.context().atlas, endpointBase: () => Promise.resolve(undefined) };
  expect(await create('a', { atlas })).toMatchObject({
    outcome: 'delivered',
    warnings: [containing('KEY_URL in ')],
  });
  expect(readFileSync(fileOf(bench), 'utf8')).not.toContain('URL');
});

test('goes to a command in the form of its input', async () => {
  const { bench, create, url } = await benchWith((folder) => ({
    type: 'command',
    argv: [program(folder, 'put', `cat > ${join(folder, 'kept')}`)],
    input: '{"key":{secret:json},"base64":"{secret:base64}","url":{endpoint:json},"for":"{groupId}"}',
    env: {},
    timeoutMs: 20_000,
  }));
  expect(await create('a')).toMatchObject({ outcome: 'delivered' });
  const [key] = bench.sandbox.keys();
  expect(JSON.parse(readFileSync(join(bench.folder, 'kept'), 'utf8'))).toEqual({
    key: key?.secret,
    base64: Buffer.from(key?.secret ?? '').toString('base64'),
    url,
    for: key?.groupId,
  });
});
