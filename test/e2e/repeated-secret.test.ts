// A reply that repeats the new secret in other members, in a form that no look for the whole value finds; and one whose
// secret is a word or an id of this server, which must not change what an answer says.

import { expect, test } from 'vitest';
import { sandboxFor } from '../atlas-simulator/sandbox-for.ts';
import { GROUP, startIn } from './canary-scenarios.ts';
import { BUNDLE, credentialsFor, startHost, temporaryHome } from './host.ts';
import { structuredOf } from './result.ts';

const CREATE = 'create_ai_model_api_key';
const SECRET = 'al-q7Zp4LwX9vB2nM6kR8tY3uJ5hG1fD0sA-cE_iO7xWqT';
const bare = SECRET.slice('al-'.length);
const reversed = (text: string) => Array.from(text).reverse().join('');

/** Every stretch of eight letters and digits of it, and of it reversed, that the text holds. */
function runsIn(text: string): string[] {
  const letters = (of: string) => of.replace(/[^A-Za-z0-9]/g, '').toLowerCase();
  return [letters(bare), reversed(letters(bare))].flatMap((order) =>
    Array.from({ length: order.length - 7 }, (_, at) => order.slice(at, at + 8)).filter((run) =>
      letters(text).includes(run),
    ),
  );
}

test.each<[string, string]>([
  ['without its beginning', bare],
  ['cut', bare.slice(8, 30)],
  ['wrapped', `see ${bare.slice(0, 20)}\n${bare.slice(20)} there`],
  ['reversed', reversed(bare)],
])('a secret that a reply repeats %s comes out in no member', async (_how, piece) => {
  const { sandbox, host } = await startIn(BUNDLE);
  for (const field of ['apiKeyId', 'createdBy', 'status', 'name', 'cloud', 'geography', 'createdAt', 'maskedSecret']) {
    sandbox.inject({
      operation: 'create_key',
      when: 'after',
      kind: 'replace',
      fields: { secret: SECRET, [field]: piece },
    });
    await host.call(CREATE, { groupId: GROUP, name: `key ${field}` });
    await host.call('list_ai_model_api_keys', { groupId: GROUP });
  }
  host.endInput();
  await host.ended;
  const { stdout, stderr } = host.output();
  expect(stdout).toContain('key createdBy');
  expect(runsIn(stdout)).toEqual([]);
  expect(runsIn(stderr)).toEqual([]);
});

test.each([GROUP, 'rotate_ai_model_api_key'])('a secret that is %j changes nothing of an answer', async (secret) => {
  const { sandbox, host } = await startIn(BUNDLE);
  sandbox.inject({ operation: 'create_key', when: 'after', kind: 'replace', fields: { secret } });
  const called = await host.call(CREATE, { groupId: GROUP, name: 'rotate_ai_model_api_key' });
  expect(JSON.stringify(called)).not.toContain('[redacted]');
  const listed = await host.call('list_ai_model_api_keys', { groupId: GROUP });
  expect(JSON.stringify(listed)).not.toContain('[redacted]');
});

test.each(['ATLAS_UNAUTHENTICATED', 'not_applicable'])('a token that is %j changes nothing of one', async (token) => {
  const sandbox = await sandboxFor();
  const env = { MONGODB_ATLAS_BASE_URL: sandbox.baseUrl, MONGODB_ATLAS_ACCESS_TOKEN: token };
  const host = await startHost({ home: temporaryHome(), env });
  const { error } = structuredOf(await host.call('list_ai_model_api_keys', { groupId: GROUP }));
  expect(error).toMatchObject({ code: 'ATLAS_UNAUTHENTICATED', keyState: 'not_applicable' });
  expect(host.output().stderr).not.toContain('[redacted]');
});

test("a key's name is compared with no password: that of the proxy is shown as any other", async () => {
  const password = 'tr0ub4dor-and-3-more-words';
  const sandbox = await sandboxFor();
  const env = { ...credentialsFor(sandbox), HTTPS_PROXY: `http://user:${password}@127.0.0.1:9` };
  const host = await startHost({ home: temporaryHome(), env });
  const guesses = [password, 'tr0ub4dor-and-3-less-words'];
  const answers = [];
  for (const name of guesses) {
    const called = await host.call(CREATE, { groupId: GROUP, name, dryRun: true });
    answers.push(JSON.stringify(called).replaceAll(name, 'NAME'));
  }
  expect(answers[0]).toContain('NAME');
  expect(answers[0]).toBe(answers[1]);
});
