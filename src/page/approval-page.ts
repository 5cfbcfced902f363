// What a person sees who is to approve something: what will happen, to what, who asked, and a field for its name where something is
// lost.

import { askerOf, factsOf, markup, saying, type Html, type Page } from './page-html.ts';
import type { PageContent } from './page-requests.ts';

export interface Approval {
  /** What will happen, and what tells it from other things: one fact a line. */
  readonly message: string;
  /** What is to be typed; absent where nothing is lost. */
  readonly typed?: {
    /** Such as `name of the key`. */
    readonly what: string;
    readonly expected: string;
    readonly isRight: (text: string) => boolean;
  };
  /** What the host says of itself. */
  readonly host: string;
}

const MOST_TRIES = 3;

/** @param seconds for how long the page is open */
export function approvalPage(approval: Approval, seconds: number): PageContent {
  let tries = 0;
  const view = (): Page => viewOf(approval, seconds, tries);
  return {
    view,
    press(fields) {
      if (fields.get('press') === 'refuse') return { page: refused, answer: 'no' };
      if (fields.get('press') !== 'approve') return { page: view() };
      if (approval.typed?.isRight(fields.get('typed') ?? '') ?? true) return { page: approved, answer: 'yes' };
      tries += 1;
      return tries < MOST_TRIES ? { page: view() } : { page: mistyped, answer: 'mistyped' };
    },
  };
}

const approved = saying('Approved', 'The chat says what became of it. You can close this page.');
const refused = saying('Refused', 'Nothing was changed. You can close this page.');
const mistyped = saying(
  'Not approved',
  `What you typed was not what was asked for, ${MOST_TRIES} times. Nothing was changed.`,
);

function viewOf({ message, typed, host }: Approval, seconds: number, tries: number): Page {
  const [question = '', ...facts] = message.split('\n');
  const body = markup`<h1>${question}</h1>
<p>${askerOf(host)}</p>
${factsOf(facts)}
<form method="post" action="./">
${typed ? fieldFor(typed, tries) : markup``}
<div class="buttons">
<button class="main" name="press" value="approve">Approve</button>
<button name="press" value="refuse" formnovalidate>Refuse</button>
</div>
</form>
<p class="soft">
Nothing was changed yet, and nothing will be without your approval. This page is open for ${String(seconds)}
seconds at most.
</p>`;
  return { title: tries > 0 ? `Not the ${typed?.what ?? 'name'}: ${question}` : question, body };
}

function fieldFor({ what, expected }: NonNullable<Approval['typed']>, tries: number): Html {
  const problem = markup`<p class="bad" id="problem" role="alert">That was not the ${what}. Nothing was changed yet.</p>`;
  const marks = markup` aria-invalid="true" aria-describedby="problem"`;
  return markup`${tries > 0 ? problem : markup``}
<label for="typed">To approve, type the ${what}: <code><bdi>${expected}</bdi></code></label>
<input
id="typed"
name="typed"
autocomplete="off"
autocapitalize="off"
spellcheck="false"
required${tries > 0 ? marks : markup``}
/>`;
}
