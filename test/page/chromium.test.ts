// The page in a real browser: what it keeps, what other pages can make it send, and who can read it.

import { createServer, type IncomingMessage } from 'node:http';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { approvalPage, type Approval } from '../../src/page/approval-page.ts';
import { revealPage } from '../../src/page/reveal-page.ts';
import { serve } from './browser-client.ts';
import { hasChromium, openBrowser, SLOW, textBelow, why } from './chromium.ts';

const SECRET = 'al-0123456789abcdefghijklmnopqrstuvwxyz';
const QUESTION =
  'Delete this AI model API key of Atlas for good?\nWhatever uses it stops working.\nKey: "prod"\nId: a86r5kw';

function approval(change: Partial<Approval> = {}) {
  const typed = { what: 'name of the key', expected: 'prod', isRight: (text: string) => text === 'prod' };
  return approvalPage({ message: QUESTION, typed, host: 'test-host 1.0', ...change }, 200);
}

function waiting() {
  const secret = {
    ...{
      message: 'Key: "prod"',
      variable: 'VOYAGE_API_KEY',
      endpoint: 'https://ai.mongodb.com/v1',
      replacesOld: false,
    },
    ...{ open: () => SECRET, host: 'test-host 1.0' },
  };
  return revealPage(secret, 200, () => undefined);
}

/** Another server of this machine, which knows the address of the page. */
async function otherSite(body: string, onAsked: (request: IncomingMessage) => void = () => undefined): Promise<string> {
  const server = createServer((request, response) => {
    onAsked(request);
    response.writeHead(200, { 'content-type': 'text/html' }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/`;
}

describe.skipIf(!hasChromium)(`in Chromium${why}`, { timeout: SLOW }, () => {
  test('the style and the script are let in by the policy, and nothing is complained of', async () => {
    const { browser } = await openBrowser();
    const { address, ended } = await serve(approval());
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(address);
    const color = "getComputedStyle(document.querySelector('button')).backgroundColor";
    expect(await page.evaluate(color)).toBe('rgb(11, 92, 63)');
    await page.getByLabel(/To approve, type the name/).fill('prod');
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByRole('heading', { name: 'Approved' }).waitFor();
    expect(await ended).toEqual({ by: 'answer', answer: 'yes' });
    expect(complaints).toEqual([]);
  });

  test('a keyboard is enough', async () => {
    const { browser } = await openBrowser();
    const { address, ended } = await serve(approval());
    const page = await browser.newPage();
    await page.goto(address);
    await page.keyboard.press('Tab');
    await page.keyboard.type('prod');
    await page.keyboard.press('Enter');
    expect(await ended).toEqual({ by: 'answer', answer: 'yes' });
  });

  test.each([true, false])(
    'Back shows no secret once it is stored (script: %s), nor does Forward or a reload',
    async (javaScriptEnabled) => {
      const { browser, profile } = await openBrowser({ javaScriptEnabled });
      const { address, ended } = await serve(waiting());
      const page = await browser.newPage();
      await page.goto(address);
      expect(await page.content()).not.toContain(SECRET);
      await page.getByRole('button', { name: 'Show the secret once' }).click();
      expect(await page.locator('#secret').textContent()).toBe(SECRET);
      await page.getByRole('button', { name: 'I have stored it' }).click();
      await page.getByRole('heading', { name: 'Noted' }).waitFor();
      expect(await ended).toEqual({ by: 'answer', answer: 'yes' });
      for (const move of [() => page.goBack(), () => page.goForward(), () => page.goBack(), () => page.reload()]) {
        await move().catch(() => undefined);
        // It may still be on its way.
        await expect.poll(() => page.content().catch(() => SECRET)).not.toContain(SECRET);
      }
      await browser.close();
      expect(textBelow(profile)).not.toContain(SECRET);
    },
  );

  test('Copy copies the secret and nothing else', async () => {
    const { browser } = await openBrowser();
    const { address } = await serve(waiting());
    await browser.grantPermissions(['clipboard-read', 'clipboard-write']);
    const page = await browser.newPage();
    await page.goto(address);
    await page.getByRole('button', { name: 'Show the secret once' }).click();
    await page.getByRole('button', { name: 'Copy' }).click();
    await page.getByText('Copied.').waitFor();
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(SECRET);
  });

  test('a second tab of the same browser shows it no second time', async () => {
    const { browser } = await openBrowser();
    const { address, ended } = await serve(waiting());
    const page = await browser.newPage();
    await page.goto(address);
    const tab = await browser.newPage();
    await tab.goto(page.url());
    await page.getByRole('button', { name: 'Show the secret once' }).click();
    await tab.getByRole('button', { name: 'Show the secret once' }).click();
    await tab.getByRole('heading', { name: 'The secret was shown once' }).waitFor();
    expect(await tab.content()).not.toContain(SECRET);
    await tab.getByRole('button', { name: 'I have stored it' }).click();
    expect(await ended).toEqual({ by: 'answer', answer: 'yes' });
    // The other tab is told, and forgets.
    await page.getByRole('heading', { name: /answered|ended/ }).waitFor();
    expect(await page.content()).not.toContain(SECRET);
  });

  test('a second browser ends the page, with a warning on the first, which forgets the secret', async () => {
    const { browser } = await openBrowser();
    const { address, ended } = await serve(waiting());
    const page = await browser.newPage();
    await page.goto(address);
    await page.getByRole('button', { name: 'Show the secret once' }).click();
    await page.locator('#secret').waitFor();
    const second = await openBrowser();
    const other = await second.browser.newPage();
    await other.goto(page.url());
    await other.getByRole('heading', { name: 'Somebody else opened this page' }).waitFor();
    expect(await ended).toEqual({ by: 'second client' });
    await page.getByRole('heading', { name: 'Somebody else opened this page' }).waitFor();
    expect(await page.content()).not.toContain(SECRET);
  });

  test('a browser that looks ahead takes no token', async () => {
    const { browser } = await openBrowser();
    const { address, ended } = await serve(approval());
    const page = await browser.newPage();
    const asked: string[] = [];
    const site = await otherSite(
      `<link rel="prefetch" href="${address}"><link rel="prefetch" href="/ahead">`,
      ({ url, headers }) => asked.push(`${url ?? ''} ${String(headers['sec-purpose'])}`),
    );
    await page.goto(site);
    await expect.poll(() => asked).toContain('/ahead prefetch');
    await page.goto(address);
    await page.getByRole('button', { name: 'Refuse' }).click();
    expect(await ended).toEqual({ by: 'answer', answer: 'no' });
  });

  test.each(['127.0.0.1', 'localhost'])(
    'a page of %s that knows the address can neither press a button nor frame it',
    async (name) => {
      const { browser } = await openBrowser();
      const { address, ended } = await serve(approval());
      const page = await browser.newPage();
      await page.goto(address);
      const fields = '<input name="press" value="approve"><input name="typed" value="prod">';
      const form = `<form method="post" action="${page.url()}">${fields}</form>`;
      const site = await otherSite(
        `${form}<iframe src="${page.url()}"></iframe><script>onmessage = () => document.forms[0].submit()</script>`,
      );
      const evil = await browser.newPage();
      await evil.goto(site.replace('127.0.0.1', name));
      const frame = evil.frames()[1];
      expect(await frame?.content()).not.toContain('Approve');
      await evil.evaluate("void postMessage('')");
      await evil.waitForURL(page.url());
      expect(await evil.content()).not.toContain('Approved');
      // Over another name no cookie is sent: that is a second client.
      if (name === 'localhost') {
        expect(await ended).toEqual({ by: 'second client' });
        return;
      }
      await page.getByRole('button', { name: 'Refuse' }).click();
      expect(await ended).toEqual({ by: 'answer', answer: 'no' });
    },
  );

  test('a name that leads to 127.0.0.1 is refused', async () => {
    const { browser } = await openBrowser();
    const { address, ended } = await serve(approval());
    const page = await browser.newPage();
    const answer = await page.goto(address.replace('127.0.0.1', 'localhost'));
    expect(answer?.status()).toBe(403);
    await page.goto(address);
    await page.getByRole('button', { name: 'Refuse' }).click();
    expect(await ended).toEqual({ by: 'answer', answer: 'no' });
  });

  test('silence: the page says so, and forgets the secret', async () => {
    const { browser } = await openBrowser();
    const { address, ended } = await serve(waiting(), { lifeMs: 6_000 });
    const page = await browser.newPage();
    await page.goto(address);
    await page.getByRole('button', { name: 'Show the secret once' }).click();
    await page.locator('#secret').waitFor();
    expect(await ended).toEqual({ by: 'silence' });
    await page.getByRole('heading', { name: 'The time for this page is over' }).waitFor();
    expect(await page.content()).not.toContain(SECRET);
  });

  test('a tab that is closed is no answer', async () => {
    const { browser } = await openBrowser();
    const { address, ended } = await serve(approval());
    const page = await browser.newPage();
    await page.goto(address);
    await expect.poll(() => page.evaluate("performance.getEntriesByType('resource').length")).toBeGreaterThan(0);
    await page.waitForTimeout(1_000);
    await page.close();
    expect(await ended).toEqual({ by: 'closed' });
  });
});

const IS_CUT = 'document.documentElement.scrollWidth > document.documentElement.clientWidth';

/** Of WCAG 2.2 at the levels A and AA. */
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa', 'best-practice'];
const axe = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string }[];
}

async function violations(page: Page): Promise<string[]> {
  // Through the debugger: the policy of the page lets no such script in.
  const run = `(async () => { ${axe}; return (await axe.run({ runOnly: ${JSON.stringify(RULES)} })).violations; })()`;
  const found: readonly Violation[] = await page.evaluate(run);
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}

const LONG_NAME = 'x'.repeat(250);
const HOSTILE: readonly (readonly [string, string])[] = [
  ['long', LONG_NAME],
  ['right-to-left', 'مفتاح الإنتاج للقاعدة'],
  ['hostile', '"><script>document.title="owned"</script><b>Approve</b>'],
];

describe.skipIf(!hasChromium)(`for everybody${why}`, { timeout: SLOW }, () => {
  test.each([
    ['light', 1280],
    ['dark', 1280],
    ['light', 320],
  ] as const)('%s, %d pixels wide: WCAG 2.2 AA, and nothing is cut off', async (colorScheme, width) => {
    const { browser } = await openBrowser({ colorScheme, viewport: { width, height: 640 } });
    const page = await browser.newPage();
    const judge = async (what: string) => {
      expect([what, await violations(page)]).toEqual([what, []]);
      const isCut = await page.evaluate(IS_CUT);
      expect([what, isCut]).toEqual([what, false]);
    };
    const first = await serve(approval());
    await page.goto(first.address);
    await judge('approval');
    await page.getByLabel(/To approve/).fill('wrong');
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByRole('alert').waitFor();
    await judge('wrong name');
    await page.getByRole('button', { name: 'Refuse' }).click();
    await page.getByRole('heading', { name: 'Refused' }).waitFor();
    await judge('refused');
    const second = await serve(waiting());
    await page.goto(second.address);
    await judge('waiting');
    await page.getByRole('button', { name: 'Show the secret once' }).click();
    await page.locator('#secret').waitFor();
    await judge('shown');
    await page.goto(page.url());
    await judge('shown before');
  });

  test.each(HOSTILE)('a %s name is text, and moves nothing', async (_what, name) => {
    const { browser } = await openBrowser({ viewport: { width: 320, height: 640 } });
    const { address } = await serve(approval({ message: `Delete ${name}?\nKey: ${name}\nId: a86r5kw`, host: name }));
    const page = await browser.newPage();
    await page.goto(address);
    expect(await violations(page)).toEqual([]);
    expect(await page.evaluate(IS_CUT)).toBe(false);
    expect(await page.title()).not.toBe('owned');
    expect(await page.getByRole('button').count()).toBe(2);
    expect(await page.locator('dd').first().textContent()).toBe(name);
    const [key, id] = [await page.locator('dd').first().boundingBox(), await page.locator('dd').last().boundingBox()];
    expect(key?.x).toBe(id?.x);
  });
});

test.skipIf(hasChromium)('(skipped: Chromium is not installed; in CI it must be)', () => {
  expect(process.env.CI === undefined || process.platform !== 'linux').toBe(true);
});
