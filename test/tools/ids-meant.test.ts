// A name where an id is wanted is answered with the id.

import { expect, test } from 'vitest';
import { createCatalog, type ToolContext } from '../../src/tools/catalog.ts';
import { containing } from '../matching.ts';
import { GROUP, quiet, benchFor, type Bench } from '../keys/bench.ts';

async function benchWith(change: Partial<ToolContext> = {}) {
  const bench = await benchFor({ timeoutMs: 500 });
  const context = { ...bench.context(), readOnly: false, allowInlineSecret: false, ...change };
  const call = async (tool: string, input: object) =>
    (await createCatalog(context).get(tool)?.call(input, quiet()))?.structured;
  return { bench, call };
}

const sent = ({ sandbox }: Bench) => sandbox.requests.map(({ operation }) => operation);
const refused = (hint: unknown) => ({ outcome: 'failed', error: { code: 'INVALID_INPUT', hint } });

test('the name of a project is answered with its id, by a read only', async () => {
  const { bench, call } = await benchWith();
  const { id } = bench.sandbox.addProject({ name: 'Search' });
  const hint = containing(`That is the name of a project: ${id} ("Search").`);
  for (const groupId of ['Search', ' search '])
    expect(await call('create_ai_model_api_key', { groupId, name: 'a' })).toMatchObject(refused(hint));
  expect(sent(bench)).toEqual(['token', 'list_projects', 'list_projects']);
});

test('a name that no project has is answered with the nearest', async () => {
  const { bench, call } = await benchWith();
  const { id } = bench.sandbox.addProject({ name: 'Search' });
  expect(await call('list_ai_model_api_keys', { groupId: 'Serch' })).toMatchObject(
    refused(containing(`${id} ("Search")`)),
  );
});

test('however many names one call has, the projects are listed once and ten names are answered', async () => {
  const { bench, call } = await benchWith();
  for (let number = 0; number < 20; number += 1) bench.sandbox.addProject({ name: `Search ${number}` });
  const keys = Array.from({ length: 50 }, (_none, number) => ({ groupId: `Search ${number}`, name: 'a' }));
  const answer = JSON.stringify(await call('create_ai_model_api_keys', { keys }));
  expect(answer.match(/That is the name of a project/g)).toHaveLength(10);
  expect(sent(bench)).toEqual(['token', 'list_projects']);
});

test('of a name that many keys have, ten are told', async () => {
  const { bench, call } = await benchWith({ projectId: GROUP });
  for (let number = 0; number < 300; number += 1) bench.sandbox.addKey(GROUP, { name: 'same' });
  for (const input of [{ name: 'same' }, { apiKeyId: 'same' }]) {
    const answer = JSON.stringify(await call('get_ai_model_api_key', input));
    expect(answer).toContain('and 290 more');
    expect(answer.length).toBeLessThan(1_500);
  }
});

test('projects that are not allowed are not told of', async () => {
  const { bench, call } = await benchWith({ allowedProjects: [GROUP] });
  const { id } = bench.sandbox.addProject({ name: 'Search' });
  const said = JSON.stringify(await call('list_ai_model_api_keys', { groupId: 'Search' }));
  expect(said).toContain(GROUP);
  expect(said).not.toContain(id);
  expect(said).not.toContain('"Search"');
});

test('the name of a key is answered with its id', async () => {
  const { bench, call } = await benchWith({ projectId: GROUP });
  const { apiKeyId } = bench.sandbox.addKey(GROUP, { name: 'Production key (EU)' });
  const hint = containing(`its apiKeyId is ${apiKeyId}`);
  for (const groupId of [undefined, GROUP])
    expect(await call('get_ai_model_api_key', { groupId, apiKeyId: 'Production key (EU)' })).toMatchObject(
      refused(hint),
    );
  expect(await call('get_ai_model_api_key', { apiKeyId: 'Production key' })).toMatchObject(
    refused(containing(`"Production key (EU)" (${apiKeyId})`)),
  );
});

test('keys of a project that is not allowed are not looked at', async () => {
  const { bench, call } = await benchWith({ allowedProjects: ['f'.repeat(24)] });
  bench.sandbox.addKey(GROUP, { name: 'a key' });
  expect(await call('get_ai_model_api_key', { groupId: GROUP, apiKeyId: 'a key' })).toMatchObject(
    refused(expect.anything()),
  );
  expect(sent(bench)).toEqual([]);
});

test('where Atlas cannot be asked the refusal is as it would be', async () => {
  const { bench, call } = await benchWith();
  bench.sandbox.inject({ operation: 'list_projects', when: 'before', kind: 'status', status: 403, times: 9 });
  expect(await call('list_ai_model_api_keys', { groupId: 'Search' })).toMatchObject(
    refused(expect.stringMatching(/^Correct it and call again/)),
  );
});

test('no error names a real project as an example', async () => {
  const { call } = await benchWith({ allowedProjects: ['f'.repeat(24)] });
  expect(JSON.stringify(await call('list_ai_model_api_keys', { groupId: 'x' }))).not.toContain(GROUP);
});

test('nothing is told that the operator lets no tool tell', async () => {
  const deny = ['list_projects', 'list_ai_model_api_keys'];
  const { bench, call } = await benchWith({ tools: { deny } });
  bench.sandbox.addKey(GROUP, { name: 'a key' });
  await call('get_ai_model_api_key', { groupId: 'Production', apiKeyId: 'a key' });
  await call('get_ai_model_api_key', { groupId: GROUP, apiKeyId: 'a key' });
  expect(sent(bench)).toEqual([]);
});

test('nor in the refusal of a name or an id that there is not', async () => {
  const deny = ['list_projects', 'list_ai_model_api_keys'];
  const { bench, call } = await benchWith({ tools: { deny } });
  const { apiKeyId } = bench.sandbox.addKey(GROUP, { name: 'a key' });
  const answers = [
    await call('get_ai_model_api_key', { groupId: GROUP, name: 'any' }),
    await call('get_ai_model_api_key', { groupId: GROUP, apiKeyId: 'any' }),
    await call('rotate_ai_model_api_key', { groupId: GROUP, confirmName: 'any' }),
    await call('get_ai_model_api_key', { groupId: 'f'.repeat(24), apiKeyId: 'any' }),
  ];
  expect(answers).toMatchObject(answers.map(() => ({ error: { code: 'ATLAS_NOT_FOUND' } })));
  for (const secret of [apiKeyId, 'a key', GROUP]) expect(JSON.stringify(answers)).not.toContain(secret);
});
