// Pages over real stdio, for a host that has no forms: what the person presses decides, and what a person stores is delivered.

import { existsSync, readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { FIRST_PROJECT } from '../../src/sandbox/first-project.ts';
import { leaksIn } from '../canary.ts';
import { ask, enter } from '../page/browser-client.ts';
import { filesBelow, startHost } from './host.ts';
import { openPageScene, PAGE } from './page-scene.ts';
import { errorOf, structuredOf } from './result.ts';

const REMOVE = 'delete_ai_model_api_key';
const CREATE = 'create_ai_model_api_key';
const ROTATE = 'rotate_ai_model_api_key';

async function sceneWithKey(settings: Parameters<typeof openPageScene>[0] = {}, name = 'prod') {
  const scene = await openPageScene(settings);
  const { apiKeyId } = scene.sandbox.addKey(FIRST_PROJECT, { name });
  return {
    ...scene,
    apiKeyId,
    remove: () => scene.call(REMOVE, { apiKeyId, confirmName: name }),
    isAlive: () => scene.sandbox.keys().some((key) => key.apiKeyId === apiKeyId),
  };
}

describe('a deletion', () => {
  test('is approved on the page, which says what will happen, to what, and who asked', async () => {
    const scene = await sceneWithKey();
    const removed = scene.remove();
    const page = await scene.nextPage();
    const { body } = await page.view();
    for (const fact of [
      'Delete this AI model API key',
      '&quot;prod&quot;',
      scene.apiKeyId,
      FIRST_PROJECT,
      'test-host 1.0.0',
    ])
      expect(body).toContain(fact);
    expect(body).toMatch(/Made<\/dt>.*Last used<\/dt>/s);
    expect(scene.isAlive()).toBe(true);
    await page.press({ press: 'approve', typed: 'prod' });
    expect(structuredOf(await removed).outcome).toBe('deleted');
    expect(scene.isAlive()).toBe(false);
  });

  test('is refused there', async () => {
    const scene = await sceneWithKey();
    const removed = scene.remove();
    await (await scene.nextPage()).press({ press: 'refuse' });
    expect(errorOf(await removed)).toMatchObject({ code: 'DECLINED', keyState: 'not_applicable' });
    expect(scene.isAlive()).toBe(true);
  });

  test('is not approved by a wrong name', async () => {
    const scene = await sceneWithKey();
    const removed = scene.remove();
    const page = await scene.nextPage();
    for (const typed of ['Prod', 'yes', '']) await page.press({ press: 'approve', typed });
    expect(errorOf(await removed)).toMatchObject({ code: 'DECLINED' });
    expect(scene.isAlive()).toBe(true);
  });

  test('is not made after a page that was closed, and the message says so', async () => {
    const scene = await sceneWithKey();
    const removed = scene.remove();
    const page = await scene.nextPage();
    const tab = page.stay();
    await delay(1_000);
    tab.close();
    const error = errorOf(await removed);
    expect(error).toMatchObject({ code: 'CONFIRMATION_UNAVAILABLE', retryable: false });
    expect(error.message).toContain('The page was closed without an answer.');
    expect(scene.isAlive()).toBe(true);
  });

  test('is not made where a second client comes', async () => {
    const scene = await sceneWithKey();
    const removed = scene.remove();
    const { address } = await scene.nextFile();
    await ask(address);
    await ask(address);
    expect(errorOf(await removed).message).toContain('A second browser or program came');
    expect(scene.isAlive()).toBe(true);
  });

  test('shows the name that the key had an hour ago', async () => {
    const scene = await sceneWithKey();
    const renamed = scene.call('update_ai_model_api_key', { apiKeyId: scene.apiKeyId, name: 'other' });
    const first = await scene.nextPage();
    expect((await first.view()).body).not.toContain('<input');
    await first.press({ press: 'approve' });
    expect(structuredOf(await renamed).outcome).toBe('updated');
    const removed = scene.call(REMOVE, { apiKeyId: scene.apiKeyId, confirmName: 'other' });
    const page = await scene.nextPage();
    expect((await page.view()).body).toMatch(/Its name within the last hour<\/dt><dd><bdi>&quot;prod&quot;/);
    await page.press({ press: 'refuse' });
    expect(errorOf(await removed).code).toBe('DECLINED');
  });
});

describe('when a page is opened', () => {
  test.each(['if-supported', 'never'])('never under %s', async (confirm) => {
    const scene = await sceneWithKey({ env: { ATLAS_MODEL_KEYS_CONFIRM: confirm } });
    expect(structuredOf(await scene.remove()).outcome).toBe('deleted');
    expect(scene.files()).toEqual([]);
  });

  test('never where the operator wants forms only', async () => {
    const scene = await sceneWithKey({ env: { ATLAS_MODEL_KEYS_CONFIRM_WITH: 'form' } });
    expect(errorOf(await scene.remove())).toMatchObject({ code: 'CONFIRMATION_UNAVAILABLE' });
    expect(scene.files()).toEqual([]);
    expect(scene.isAlive()).toBe(true);
  });

  test('for a create only where the operator wants it', async () => {
    const scene = await openPageScene({ env: { ATLAS_MODEL_KEYS_CONFIRM_TOOLS: CREATE } });
    expect(structuredOf(await scene.call(CREATE, { name: 'new', dryRun: true })).outcome).toBe('planned');
    const refused = scene.call(CREATE, { name: 'new' });
    const page = await scene.nextPage();
    const { body } = await page.view();
    expect(body).toContain('Create this AI model API key of Atlas?');
    expect(body).not.toContain('<input');
    await page.press({ press: 'refuse' });
    expect(errorOf(await refused)).toMatchObject({ code: 'DECLINED', keyState: 'not_created' });
    expect(scene.sandbox.requests.map(({ operation }) => operation)).not.toContain('create_key');
    const created = scene.call(CREATE, { name: 'new' });
    await (await scene.nextPage()).press({ press: 'approve' });
    expect(structuredOf(await created).outcome).toBe('delivered');
  });

  test('no create asks by itself', async () => {
    const scene = await openPageScene();
    expect(structuredOf(await scene.call(CREATE, { name: 'new' })).outcome).toBe('delivered');
    expect(scene.files()).toEqual([]);
  });

  test('where a host answers its forms itself', async () => {
    const scene = await sceneWithKey({ capabilities: { elicitation: {} } });
    const removed = scene.remove();
    await (await scene.nextPage()).press({ press: 'approve', typed: 'prod' });
    expect(structuredOf(await removed).outcome).toBe('deleted');
  });

  test('three at once at most, however many calls an agent makes', async () => {
    const scene = await sceneWithKey();
    const calls = [0, 1, 2, 3, 4].map(() => scene.remove());
    const pages = [await scene.nextPage(), await scene.nextPage(), await scene.nextPage()];
    for (const page of pages) await page.press({ press: 'refuse' });
    const codes = (await Promise.all(calls)).map((called) => errorOf(called).code);
    expect(codes.sort()).toEqual([
      ...['CONFIRMATION_UNAVAILABLE', 'CONFIRMATION_UNAVAILABLE'],
      ...['DECLINED', 'DECLINED', 'DECLINED'],
    ]);
    expect(scene.files()).toHaveLength(3);
  });

  test('while three are open no key is made for a fourth', async () => {
    const scene = await sceneWithKey();
    const calls = [0, 1, 2].map(() => scene.remove());
    const pages = [await scene.nextPage(), await scene.nextPage(), await scene.nextPage()];
    expect(errorOf(await scene.call(CREATE, { name: 'new', sink: 'me' }))).toMatchObject({ code: 'SINK_NOT_READY' });
    expect(scene.sandbox.requests.map(({ operation }) => operation)).not.toContain('create_key');
    for (const page of pages) await page.press({ press: 'refuse' });
    await Promise.all(calls);
  });
});

describe('where no browser can be opened', () => {
  test.each<[string, Readonly<Record<string, string>>, RegExp]>([
    ['no display', { [PAGE]: '', DISPLAY: '', WAYLAND_DISPLAY: '' }, /no display/],
    ['WSL', { [PAGE]: '', DISPLAY: ':0', WSL_DISTRO_NAME: 'Debian' }, /WSL/],
    ['a program that is not there', { [PAGE]: '/nonexistent/browser' }, /was not found/],
  ])('%s: nothing is created in vain, and nothing is deleted', async (_what, env, words) => {
    const scene = await sceneWithKey({ env });
    const created = errorOf(await scene.call(CREATE, { name: 'new', sink: 'me' }));
    expect(created).toMatchObject({ code: 'SINK_NOT_READY', keyState: 'not_created' });
    expect(created.message).toMatch(words);
    expect(created.hint).toContain(PAGE);
    expect(scene.sandbox.requests.map(({ operation }) => operation)).not.toContain('create_key');
    expect(errorOf(await scene.remove())).toMatchObject({ code: 'CONFIRMATION_UNAVAILABLE' });
    expect(scene.isAlive()).toBe(true);
  });

  test('a program that ends with an error', async () => {
    const scene = await sceneWithKey({ browser: 'exit 3' });
    expect(errorOf(await scene.remove()).message).toContain('ended with exit code 3');
    const created = errorOf(await scene.call(CREATE, { name: 'new', sink: 'me' }));
    expect(created).toMatchObject({ code: 'SINK_WRITE_FAILED', keyState: 'rolled_back' });
    expect(created.message).toContain('It was not shown.');
    expect(scene.key('new')).toBeUndefined();
  });
});

describe('reveal', () => {
  test('a create: the person sees the secret once, and says that it is stored', async () => {
    const scene = await openPageScene();
    const created = scene.call(CREATE, { name: 'new', sink: 'me' });
    const { path, mode, address, text } = await scene.nextFile();
    expect([mode, dirname(path)]).toEqual([0o600, `${scene.home}/atlas-model-keys-page`]);
    const page = await enter(address);
    const waiting = await page.view();
    expect(waiting.body).toContain('&quot;new&quot;');
    const [key] = scene.sandbox.keys().filter(({ name }) => name.startsWith('new-undelivered-'));
    const secret = key?.secret ?? expect.fail();
    expect(waiting.body + text).not.toContain(secret);
    const shown = await page.press({ press: 'show' });
    expect(shown.body).toContain(secret);
    expect(shown.body).toContain('VOYAGE_API_KEY');
    await page.press({ press: 'stored' });
    const called = await created;
    expect(structuredOf(called)).toMatchObject({
      outcome: 'delivered',
      delivery: { sink: 'me', kind: 'reveal', verification: 'person' },
    });
    expect(scene.key('new')).toBeDefined();
    const { stdout, stderr } = scene.host.output();
    const everything = [...filesBelow(scene.home).values(), stdout, stderr].join('\n');
    expect(leaksIn(everything, [secret])).toEqual([]);
    await expect.poll(() => existsSync(dirname(path))).toBe(false);
  });

  test.each([
    ['given back', { press: 'give back' }, 'The person gave it back.'],
    ['left', undefined, 'The page was closed without an answer.'],
  ])('a secret that was shown and %s is worth nothing', async (_what, press, words) => {
    const scene = await openPageScene();
    const created = scene.call(CREATE, { name: 'new', sink: 'me' });
    const page = await scene.nextPage();
    const tab = page.stay();
    await page.press({ press: 'show' });
    await delay(800);
    if (press) await page.press(press);
    tab.close();
    const error = errorOf(await created);
    expect(error).toMatchObject({ code: 'SINK_WRITE_FAILED', keyState: 'rolled_back' });
    expect(error.message).toContain('It was shown on the page, and nobody said that it is stored.');
    expect(error.message).toContain(words);
    expect(scene.sandbox.keys().filter(({ name }) => name.startsWith('new'))).toEqual([]);
  });

  test('a rotation: "I have replaced the old one" lets the old key go', async () => {
    const scene = await sceneWithKey();
    const rotated = scene.call(ROTATE, { apiKeyId: scene.apiKeyId, confirmName: 'prod', sink: 'me' });
    await (await scene.nextPage()).press({ press: 'approve', typed: 'prod' });
    const page = await scene.nextPage();
    const shown = await page.press({ press: 'show' });
    expect(shown.body).toContain('I have replaced the old one');
    expect(scene.isAlive()).toBe(true);
    await page.press({ press: 'stored' });
    expect((await rotated).structuredContent).toMatchObject({
      outcome: 'rotated',
      oldKey: { state: 'deleted' },
      delivery: { verification: 'person' },
    });
    expect(scene.isAlive()).toBe(false);
    expect(scene.key('prod')).toBeDefined();
  });

  test('a rotation that nobody confirms leaves the old key, and no new one', async () => {
    const scene = await sceneWithKey({ env: { ATLAS_MODEL_KEYS_CONFIRM: 'never' } });
    const rotated = scene.call(ROTATE, { apiKeyId: scene.apiKeyId, confirmName: 'prod', sink: 'me' });
    const page = await scene.nextPage();
    await page.press({ press: 'show' });
    await page.press({ press: 'give back' });
    expect(errorOf(await rotated)).toMatchObject({ code: 'SINK_WRITE_FAILED', keyState: 'rolled_back' });
    expect(scene.sandbox.keys().map(({ apiKeyId }) => apiKeyId)).toEqual([scene.apiKeyId]);
  });

  test('a rotation that keeps the old key does not say that it goes', async () => {
    const scene = await sceneWithKey({ env: { ATLAS_MODEL_KEYS_CONFIRM: 'never' } });
    const args = { apiKeyId: scene.apiKeyId, confirmName: 'prod', sink: 'me', keepOld: true };
    const rotated = scene.call(ROTATE, args);
    const page = await scene.nextPage();
    expect((await page.press({ press: 'show' })).body).toContain('I have stored it');
    await page.press({ press: 'stored' });
    expect((await rotated).structuredContent).toMatchObject({ oldKey: { state: 'kept' } });
    expect(scene.isAlive()).toBe(true);
  });

  test('a server that ends while the page is open: the key is deleted again, and the page and its file are gone', async () => {
    const scene = await openPageScene();
    const created = scene.call(CREATE, { name: 'new', sink: 'me' }).catch(() => undefined);
    const page = await scene.nextPage();
    await page.press({ press: 'show' });
    scene.host.endInput();
    await created;
    expect(await scene.host.ended).toEqual({ code: 0, signal: null });
    expect(scene.sandbox.keys().filter(({ name }) => name.startsWith('new'))).toEqual([]);
    await expect(page.view()).rejects.toThrow();
    expect(readdirSync(scene.home)).not.toContain('atlas-model-keys-page');
  });

  test('a server that is killed while the page is open: the key is told of, and not deleted: a person may have its secret', async () => {
    const scene = await openPageScene();
    const created = scene.call(CREATE, { name: 'new', sink: 'me' }).catch(() => undefined);
    const page = await scene.nextPage();
    await page.press({ press: 'show' });
    scene.host.kill('SIGKILL');
    await Promise.all([created, scene.host.ended]);
    const next = await startHost({ ...scene.server, env: { ...scene.server.env, ATLAS_MODEL_KEYS_CONFIRM: 'never' } });
    const reported = await next.call('reconcile_ai_model_api_keys', { apply: true });
    expect(reported.structuredContent).toMatchObject({ creates: [{ name: 'new', finding: 'unknown' }] });
    expect(scene.sandbox.keys().filter(({ name }) => name.startsWith('new-undelivered-'))).toHaveLength(1);
  });
});
