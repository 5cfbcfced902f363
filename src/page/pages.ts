// A person decides, and a person receives, on a page of 127.0.0.1 in that person's own browser: what the use cases and the sink
// `reveal` know of it. All the rest is loaded when a page is needed.

import type { Failure, Result } from '../failure.ts';
import type { Approval } from './approval-page.ts';
import type { BrowserSettings } from './browser.ts';
import type { WaitingSecret } from './reveal-page.ts';

/** What a call has to do with its pages. */
export interface PageCall {
  readonly signal: AbortSignal;
  readonly progress: (message: string) => void;
  /** What the host says of itself. */
  readonly host?: string | undefined;
  /** Absent where the call opens one page only. */
  readonly pageTime?: PageTime | undefined;
}

/** For all pages of one call together; each takes from it. In milliseconds; all of it where nothing is said. */
interface PageTime {
  leftMs?: number;
}

/** Nothing a person did: why, in words. */
export interface NoAnswer {
  readonly answer: 'none';
  readonly why: string;
}

type ApprovalAnswer = { readonly answer: 'approved' | 'refused' | 'mistyped' } | NoAnswer;
type RevealAnswer = ({ readonly answer: 'stored' | 'given back' } | NoAnswer) & { readonly wasShown: boolean };

export interface Pages {
  /** Why no page could be shown to anybody, or nothing. Leaves nothing. */
  check(): Promise<Result<undefined, Pick<Failure, 'message' | 'hint'>>>;
  /** @param question.keepsMs the time that must be left for the page that follows in the same call */
  approve(question: Omit<Approval, 'host'> & { readonly keepsMs?: number }, call: PageCall): Promise<ApprovalAnswer>;
  reveal(waiting: Omit<WaitingSecret, 'host'>, call: PageCall): Promise<RevealAnswer>;
}

export interface PageSettings extends BrowserSettings {
  /** Of the file that leads the browser to the page; absent where this user has no home directory. */
  readonly pageDirectory?: string | undefined;
  /** As of page-server.ts, for tests. */
  readonly returnMs?: number;
}

export function openPages(settings: PageSettings): Pages {
  let loaded: Promise<Pages> | undefined;
  const pages = () => (loaded ??= import('./shown-pages.ts').then(({ shownPages }) => shownPages(settings)));
  return {
    check: async () => (await pages()).check(),
    approve: async (...given) => (await pages()).approve(...given),
    reveal: async (...given) => (await pages()).reveal(...given),
  };
}
