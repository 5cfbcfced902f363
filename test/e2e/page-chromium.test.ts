// From an MCP client without forms to a real browser, which the server itself opens: a create, a rotation and a deletion. Then the
// secret is looked for in all that the browser keeps, in every command line, in the file that led there, and in all logs.

import { readFileSync } from 'node:fs';
import { chromium, type Page } from 'playwright-core';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { FIRST_PROJECT } from '../../src/sandbox/first-project.ts';
import { leaksIn } from '../canary.ts';
import {
  browsersOf,
  CHROMIUM,
  commandLines,
  FLAGS,
  hasChromium,
  SLOW,
  temporaryProfile,
  textBelow,
  why,
} from '../page/chromium.ts';
import { filesBelow } from './host.ts';
import { openPageScene } from './page-scene.ts';
import { structuredOf } from './result.ts';

/**
 * A scene whose operator names Chromium: a profile for each page, in a folder, since a second Chromium without a screen does not
 * reach the first. The debugger's port, which the browser chooses, is for the person of the test.
 */
async function sceneWithChromium() {
  const profiles = temporaryProfile();
  onTestFinished(() => {
    for (const id of browsersOf(profiles)) process.kill(id, 'SIGKILL');
  });
  const flags = [...FLAGS, '--headless', '--remote-debugging-port=0'].join(' ');
  const count = `n=$(ls "${profiles}" | wc -l); mkdir "${profiles}/$n"`;
  const browser = `${count}; exec ${CHROMIUM} ${flags} --user-data-dir="${profiles}/$n" "$1" >/dev/null 2>&1`;
  return { ...(await openPageScene({ browser })), profiles, first: `${profiles}/0`, second: `${profiles}/1` };
}

/** The person at the browser, who sees each page as it comes. */
async function personAt(profile: string) {
  const port = await vi.waitUntil(() => portIn(profile), { timeout: 30_000 });
  const browser = await chromium.connectOverCDP(`http://127.0.0.1:${port}`);
  onTestFinished(() => browser.close());
  const pages = () => browser.contexts().flatMap((context) => context.pages());
  return {
    browser,
    pageWith: async (heading: string) => {
      let found: Page | undefined;
      await expect
        .poll(
          async () => {
            for (const page of pages()) {
              const isIt = await page.getByRole('heading', { name: heading }).isVisible();
              if (isIt) found = page;
            }
            return found !== undefined;
          },
          { timeout: 30_000 },
        )
        .toBe(true);
      return found ?? expect.fail();
    },
  };
}

function portIn(profile: string): string | undefined {
  try {
    return readFileSync(`${profile}/DevToolsActivePort`, 'utf8').split('\n')[0];
  } catch {
    return undefined;
  }
}

describe.skipIf(!hasChromium)(`in Chromium that the server opens${why}`, { timeout: SLOW }, () => {
  test('a create: the secret is on the page, once, and nowhere else', async () => {
    const { host, call, sandbox, home, profiles, first } = await sceneWithChromium();
    const created = call('create_ai_model_api_key', { name: 'new', sink: 'me' });
    const { browser, pageWith } = await personAt(first);
    const page = await pageWith('A secret is waiting for you');
    const [key] = sandbox.keys().filter(({ name }) => name.startsWith('new-undelivered-'));
    const secret = key?.secret ?? expect.fail();
    await page.getByRole('button', { name: 'Show the secret once' }).click();
    expect(await page.locator('#secret').textContent()).toBe(secret);
    const lines = commandLines();
    expect(lines, 'so that it could be seen').toContain('/atlas-model-keys-page/open-');
    expect(lines).not.toMatch(/127\.0\.0\.1:[0-9]+\/(?:open\/)?[A-Za-z0-9_-]{43}/);
    expect(leaksIn(lines, [secret])).toEqual([]);
    await page.getByRole('button', { name: 'I have stored it' }).click();
    await page.getByRole('heading', { name: 'Noted' }).waitFor();
    expect(structuredOf(await created)).toMatchObject({
      outcome: 'delivered',
      delivery: { verification: 'person' },
    });
    const session = await browser.newBrowserCDPSession();
    await session.send('Browser.close').catch(() => undefined);
    await vi.waitUntil(() => browsersOf(profiles).length === 0, { timeout: 20_000 });
    const { stdout, stderr } = host.output();
    expect(leaksIn(textBelow(profiles), [secret])).toEqual([]);
    expect(leaksIn([...filesBelow(home).values(), stdout, stderr].join('\n'), [secret])).toEqual([]);
  });

  test('a rotation: approved on one page, received on the next', async () => {
    const { call, sandbox, first, second } = await sceneWithChromium();
    const { apiKeyId } = sandbox.addKey(FIRST_PROJECT, { name: 'prod' });
    const rotated = call('rotate_ai_model_api_key', { apiKeyId, confirmName: 'prod', sink: 'me' });
    const question = await (await personAt(first)).pageWith('Rotate this AI model API key of Atlas?');
    await question.getByLabel(/To approve, type the name/).fill('prod');
    await question.getByRole('button', { name: 'Approve' }).click();
    const page = await (await personAt(second)).pageWith('A secret is waiting for you');
    await page.getByRole('button', { name: 'Show the secret once' }).click();
    await page.getByRole('button', { name: 'I have replaced the old one' }).click();
    expect((await rotated).structuredContent).toMatchObject({ outcome: 'rotated', oldKey: { state: 'deleted' } });
    expect(sandbox.keys().map(({ name }) => name)).toEqual(['prod']);
  });

  test('a deletion: a wrong name, the right one', async () => {
    const { call, sandbox, first } = await sceneWithChromium();
    const { apiKeyId } = sandbox.addKey(FIRST_PROJECT, { name: 'prod' });
    const removed = call('delete_ai_model_api_key', { apiKeyId, confirmName: 'prod' });
    const page = await (await personAt(first)).pageWith('Delete this AI model API key of Atlas for good?');
    await page.getByLabel(/To approve, type the name/).fill('Prod');
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByRole('alert').waitFor();
    expect(sandbox.keys()).toHaveLength(1);
    await page.getByLabel(/To approve, type the name/).fill('prod');
    await page.getByRole('button', { name: 'Approve' }).click();
    expect(structuredOf(await removed).outcome).toBe('deleted');
    expect(sandbox.keys()).toEqual([]);
  });

  test('a page that is left open over the end of the server forgets the secret', async () => {
    const { host, call, sandbox, first } = await sceneWithChromium();
    const created = call('create_ai_model_api_key', { name: 'new', sink: 'me' }).catch(() => undefined);
    const page = await (await personAt(first)).pageWith('A secret is waiting for you');
    await page.getByRole('button', { name: 'Show the secret once' }).click();
    await page.locator('#secret').waitFor();
    const secret = sandbox.keys()[0]?.secret ?? expect.fail();
    expect(await page.content()).toContain(secret);
    host.kill('SIGKILL');
    await Promise.all([created, host.ended]);
    await page.getByRole('heading', { name: 'This page has ended' }).waitFor();
    expect(await page.content()).not.toContain(secret);
  });
});
