// How long the pages of one call live together, and what is said of the host.

import { chmodSync, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import { openPages } from '../../src/page/pages.ts';
import { enter } from './browser-client.ts';

const QUESTION = { message: 'Rename this key?\nKey: "prod"' };

function scene() {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'amk-pages-')));
  chmodSync(folder, 0o700);
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const browser = join(folder, 'browser');
  writeFileSync(browser, `#!/bin/sh\nprintf '%s\\n' "$1" >> "${folder}/opened"\n`, { mode: 0o700 });
  const settings = { browserCommand: [browser], environment: { PATH: '/usr/bin:/bin' } };
  const pages = openPages({ ...settings, pageDirectory: join(folder, 'page'), returnMs: 300 });
  const told: string[] = [];
  const call = { signal: new AbortController().signal, progress: (message: string) => told.push(message) };
  const page = async () => {
    await vi.waitUntil(() => existsSync(`${folder}/opened`), { timeout: 20_000 });
    const [file = ''] = readFileSync(`${folder}/opened`, 'utf8').split('\n');
    return enter(/url=(http:[^"]+)"/.exec(readFileSync(fileURLToPath(file), 'utf8'))?.[1] ?? '');
  };
  return { folder, pages, call, told, page, settings };
}

test('each page takes from the time of its call', async () => {
  const { pages, call, page } = scene();
  const pageTime: { leftMs?: number } = {};
  const answer = pages.approve(QUESTION, { ...call, pageTime });
  const client = await page();
  expect((await client.view()).body).toMatch(/open for 200\s+seconds at most/);
  await client.press({ press: 'approve' });
  expect(await answer).toEqual({ answer: 'approved' });
  expect(pageTime.leftMs).toBeGreaterThan(0);
  expect(pageTime.leftMs).toBeLessThan(200_000);
});

test('a page that is followed by another one leaves it its time', async () => {
  const { pages, call, page } = scene();
  const answer = pages.approve({ ...QUESTION, keepsMs: 80_000 }, { ...call, pageTime: {} });
  const client = await page();
  expect((await client.view()).body).toMatch(/open for (?:120|119)\s+seconds at most/);
  await client.press({ press: 'refuse' });
  expect(await answer).toEqual({ answer: 'refused' });
});

test('where the time is used up, no page is opened, and no secret waits', async () => {
  const { pages, call, folder } = scene();
  const spent = { ...call, pageTime: { leftMs: 4_000 } };
  const why = 'No page could be shown. The time for pages of this call is used up.';
  expect(await pages.approve(QUESTION, spent)).toEqual({ answer: 'none', why });
  const open = () => expect.fail();
  const secret = { message: '', variable: 'VOYAGE_API_KEY', replacesOld: false, open };
  expect(await pages.reveal(secret, spent)).toEqual({ answer: 'none', why, wasShown: false });
  expect(existsSync(`${folder}/opened`)).toBe(false);
});

test('what the host says of itself is text, in one line', async () => {
  const { pages, call, page, told } = scene();
  const host = `<b>Claude</b>\u202E${'x'.repeat(300)}`;
  const answer = pages.approve(QUESTION, { ...call, host });
  const client = await page();
  const { body } = await client.view();
  expect(body).toContain('&lt;b&gt;Claude&lt;/b&gt;\\u{202E}x');
  expect(body).not.toContain('x'.repeat(101));
  expect(told).toEqual(['Waiting for a person to answer the page in the browser.']);
  await client.press({ press: 'refuse' });
  await answer;
});

test('without a home directory nothing is opened', async () => {
  const { settings, call } = scene();
  const pages = openPages(settings);
  expect(await pages.check()).toMatchObject({ ok: false });
  expect(await pages.approve(QUESTION, call)).toMatchObject({ answer: 'none' });
});

test('a call that was stopped before opens none', async () => {
  const { pages, call, folder } = scene();
  const answer = await pages.approve(QUESTION, { ...call, signal: AbortSignal.abort() });
  expect(answer).toEqual({ answer: 'none', why: 'The call was stopped while the page was open.' });
  expect(existsSync(`${folder}/opened`)).toBe(false);
});
