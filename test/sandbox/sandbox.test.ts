// The sandbox as a whole: where it listens, that it answers by itself, and what it does not touch.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { create, FIRST_PROJECT, KEYS, received, sandboxFor } from './client.ts';

const SOURCE = join(import.meta.dirname, '../../src/sandbox');

test('without an interceptor it carries requests out and answers them itself', async () => {
  const { world, close } = await startSandbox();
  onTestFinished(close);
  const media = 'application/vnd.atlas.2025-03-12+json';
  const headers = { authorization: `Bearer ${world.credentials.accessToken}`, accept: media, 'content-type': media };
  const send = async (body: string) =>
    received(await fetch(`${world.baseUrl}/api/atlas/v2${KEYS}`, { method: 'POST', headers, body }));
  const made = await send('{"name":"n","cloud":"ANY","geography":"ANY"}');
  const [key] = world.state.keys.values();
  expect(made).toMatchObject({ status: 201, json: { name: 'n', apiKeyId: key?.apiKeyId, secret: key?.secret } });
  expect([made.headers.get('ratelimit-limit'), made.headers.get('ratelimit-remaining')]).toEqual(['1000', '999']);
  expect(await send('{}')).toMatchObject({ status: 400, json: { errorCode: 'MISSING_ATTRIBUTE' } });
});

test('it listens on a port of its own, only on the loopback interface', async () => {
  const [one, other] = [await sandboxFor(), await sandboxFor()];
  expect(one.baseUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(one.baseUrl).not.toBe(other.baseUrl);
  await create(one);
  expect([one.keys().length, other.keys().length]).toEqual([1, 0]);
  expect(one.keys(FIRST_PROJECT)).toHaveLength(1);
  expect(one.keys(one.projects[1]?.id)).toHaveLength(0);
});

test('it imports nothing but itself and node, and reaches for no environment, file or output', async () => {
  const files = (await readdir(SOURCE)).filter((name) => name.endsWith('.ts'));
  expect(files).toContain('sandbox.ts');
  const allowed = /^(\.\/[a-z-]+\.ts|node:(http|crypto))$/;
  for (const file of files) {
    const text = await readFile(join(SOURCE, file), 'utf8');
    const imports = [...text.matchAll(/^(?:import|export|\}).* from '([^']+)';$/gm)].map(([, name = '']) => name);
    expect([file, imports.filter((name) => !allowed.test(name))]).toEqual([file, []]);
    expect([file, /\bprocess\b|\bconsole\b|\brequire\b|\bimport\(/.exec(text)?.[0]]).toEqual([file, undefined]);
  }
});
