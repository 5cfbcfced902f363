// Makes the pictures of the pages in docs/ with Debian's Chromium: `node build/screenshots.js`. The secret in them is none.

import { fileURLToPath, URLSearchParams } from 'node:url';
import { chromium } from 'playwright-core';
import { run } from '../build.js';

const folder = fileURLToPath(new URL('../docs/', import.meta.url));
const { documentOf } = await run('src/page/page-html.ts');
const { approvalPage } = await run('src/page/approval-page.ts');
const { revealPage } = await run('src/page/reveal-page.ts');

const FACTS = [
  'Key: "production"',
  'Id: a86r5kwrfsk5r5ku5tgvhmpj',
  'Secret: al-****odu2',
  'Project: 69681d39c9e8cfd375386316',
  'Made: 2026-11-01T09:30:00Z (25 days ago)',
];

const approval = {
  message: [
    'Delete this AI model API key of Atlas for good?',
    'Whatever uses it stops working.',
    ...FACTS,
    'Last used: 2026-11-26T08:12:00Z (less than a day ago)',
  ].join('\n'),
  typed: { what: 'name of the key', expected: 'production', isRight: () => false },
  host: 'claude-ai 0.1.0',
};
const waiting = {
  message: FACTS.join('\n'),
  variable: 'VOYAGE_API_KEY',
  endpoint: 'https://ai.mongodb.com/v1',
  replacesOld: false,
  open: () => 'al-this-is-an-example-and-not-a-secret',
  host: 'claude-ai 0.1.0',
};
const reveal = revealPage(waiting, 200, () => undefined);

const screens = {
  'page-approval.png': approvalPage(approval, 200).view(),
  'page-reveal.png': reveal.press(new URLSearchParams({ press: 'show' })).page,
};

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
const page = await browser.newPage({ viewport: { width: 640, height: 480 } });
for (const [name, screen] of Object.entries(screens)) {
  await page.setContent(documentOf(screen).replace('id="copy" hidden', 'id="copy"'));
  await page.screenshot({ path: folder + name, fullPage: true });
}
await browser.close();
