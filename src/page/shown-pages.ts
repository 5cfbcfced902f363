// Shows pages to the person at this machine: serves one, writes the file that leads there, opens the browser, keeps the time, and
// says in words what came of it.

import { failed, ok } from '../failure.ts';
import { withEscapes } from '../text/text.ts';
import { approvalPage } from './approval-page.ts';
import { findBrowser, type Browser } from './browser.ts';
import type { PageContent, PageEnd } from './page-requests.ts';
import { servePage, type PageLife } from './page-server.ts';
import type { NoAnswer, PageCall, Pages, PageSettings } from './pages.ts';
import { checkRedirects, writeRedirect } from './redirect-file.ts';
import { revealPage } from './reveal-page.ts';

/** For all pages of one call: hosts such as Claude Desktop end a call after 240 seconds. */
const PAGE_TIME_MS = 200_000;
/** In less time nobody reads a page and acts. */
const SHORTEST_MS = 5_000;
/** An agent that calls many tools at once must not fill the screen. */
const MOST_PAGES = 3;
const TOO_MANY = `${MOST_PAGES} pages are open already.`;
const LONGEST_HOST = 100;

export function shownPages(settings: PageSettings): Pages {
  const open = new Set<object>();
  const show = showerOf(settings, open);
  return {
    check: () => checkPages(settings, open.size),
    async approve({ keepsMs, ...question }, call) {
      const approval = { ...question, host: hostOf(call) };
      call.progress('Waiting for a person to answer the page in the browser.');
      const end = await show((seconds) => approvalPage(approval, seconds), call, keepsMs);
      if (end.by !== 'answer') return noAnswer(end);
      return { answer: ({ yes: 'approved', no: 'refused', mistyped: 'mistyped' } as const)[end.answer] };
    },
    async reveal(secret, call) {
      let wasShown = false;
      const onShown = () => {
        wasShown = true;
        call.progress('Waiting for a person to say that the secret is stored.');
      };
      call.progress('Waiting for a person to take the secret from the page in the browser.');
      const waiting = { ...secret, host: hostOf(call) };
      const end = await show((seconds) => revealPage(waiting, seconds, onShown), call);
      if (end.by !== 'answer') return { ...noAnswer(end), wasShown };
      return { answer: end.answer === 'yes' ? 'stored' : 'given back', wasShown };
    },
  };
}

async function checkPages(settings: PageSettings, open: number): ReturnType<Pages['check']> {
  if (open >= MOST_PAGES) return failed({ message: TOO_MANY, hint: 'Call again when they are answered.' });
  const found = findBrowser(settings);
  if (!found.ok) return found;
  if (settings.pageDirectory === undefined) return failed(NO_HOME);
  const checked = await checkRedirects(settings.pageDirectory);
  if (checked.ok) return ok(undefined);
  return failed({ message: checked.failure.message, hint: checked.failure.remedy ?? NO_HOME.hint });
}

type Show = (page: (seconds: number) => PageContent, call: PageCall, keepsMs?: number) => Promise<PageEnd>;

/** Shows a page for as long as the call has time for it. */
function showerOf(settings: PageSettings, open: Set<object>): Show {
  const { pageDirectory: directory, returnMs } = settings;
  return async (page, call, keepsMs = 0) => {
    const found = findBrowser(settings);
    if (!found.ok) return noBrowser(found.failure.message);
    if (directory === undefined) return noBrowser(NO_HOME.message);
    if (open.size >= MOST_PAGES) return noBrowser(TOO_MANY);
    const time = call.pageTime ?? {};
    const leftMs = time.leftMs ?? PAGE_TIME_MS;
    const lifeMs = leftMs - keepsMs;
    if (lifeMs < SHORTEST_MS) return noBrowser('The time for pages of this call is used up.');
    const begun = process.uptime() * 1000;
    const shown = {};
    open.add(shown);
    try {
      const way = wayTo(found.value, directory);
      const end = await servePage(page(Math.floor(lifeMs / 1000)), { lifeMs, signal: call.signal, returnMs, ...way });
      await way.remove();
      return end;
    } finally {
      open.delete(shown);
      time.leftMs = leftMs - (process.uptime() * 1000 - begun);
    }
  };
}

function noBrowser(message: string): PageEnd {
  return { by: 'no browser', message };
}

/** The file is there until its address has served, or the page ended. */
function wayTo(browser: Browser, directory: string): Pick<PageLife, 'open'> & { readonly remove: () => Promise<void> } {
  let written: ReturnType<typeof writeRedirect> | undefined;
  const remove = async () => {
    const file = await written;
    if (file?.ok) await file.value.remove();
  };
  return {
    remove,
    async open(address, taken) {
      written = writeRedirect(directory, address);
      taken.addEventListener('abort', () => void remove(), { once: true });
      const file = await written;
      if (!file.ok) return file.failure.message;
      return taken.aborted ? undefined : browser.open(file.value.url);
    },
  };
}

/** It is what the host says, so it is shown as data. */
function hostOf({ host = '' }: PageCall): string {
  return withEscapes(host).trim().slice(0, LONGEST_HOST);
}

function noAnswer(end: Exclude<PageEnd, { by: 'answer' }>): NoAnswer {
  return { answer: 'none', why: end.by === 'no browser' ? `No page could be shown. ${end.message}` : WHY[end.by] };
}

const WHY = {
  'not opened': 'No browser opened the page in the time that there is.',
  silence: 'Nobody answered the page in the time that there is.',
  closed: 'The page was closed without an answer.',
  'second client': 'A second browser or program came with the address of the page, so it was ended.',
  stopped: 'The call was stopped while the page was open.',
} as const;

const NO_HOME = {
  message: 'This user has no home directory for the file that leads a browser to the page.',
  hint: 'Start the server with HOME set.',
};
