// What a person sees who is to receive a secret: that one is waiting, then once the secret itself, and the button that says that it
// is stored. The secret is in no page but the one that answers that button's first POST.

import { askerOf, factsOf, markup, saying, type Html, type Page } from './page-html.ts';
import type { PageContent } from './page-requests.ts';

export interface WaitingSecret {
  /** Of the key, one fact a line. */
  readonly message: string;
  /** `VOYAGE_API_KEY`, or what else the programs that use the key read. */
  readonly variable: string;
  /** Where the key is used, as a URL; absent where Atlas does not say. */
  readonly endpoint?: string | undefined;
  /** Whether an old key is deleted once the person has replaced its secret. */
  readonly replacesOld: boolean;
  /** The secret itself. Called once, when the person wants to see it. */
  readonly open: () => string;
  readonly host: string;
}

/** @param onShown called before the secret is sent */
export function revealPage(waiting: WaitingSecret, seconds: number, onShown: () => void): PageContent {
  let isShown = false;
  const view = () => (isShown ? shownBefore(waiting) : waitingView(waiting, seconds));
  return {
    view,
    press(fields) {
      switch (fields.get('press')) {
        case 'show':
          if (isShown) return { page: view() };
          isShown = true;
          onShown();
          return { page: shownView(waiting) };
        case 'stored':
          // Nobody can have stored what was not shown.
          return isShown ? { page: waiting.replacesOld ? replaced : stored, answer: 'yes' } : { page: view() };
        case 'give back':
          return { page: givenBack, answer: 'no' };
        default:
          return { page: view() };
      }
    },
  };
}

const stored = saying(
  'Noted',
  'The secret is not shown again. The chat says when the key is ready. You can close this page.',
);
const replaced = saying(
  'Noted',
  'The secret is not shown again. The old key is deleted now, and the chat says when that is done. You can close this page.',
);
const givenBack = saying(
  'Given back',
  'The new key is deleted again, and its secret is worth nothing. You can close this page.',
);

function waitingView({ message, host }: WaitingSecret, seconds: number): Page {
  const body = markup`<h1>A secret is waiting for you</h1>
<p>
A new AI model API key of Atlas was made, and you are to receive its secret. The agent does not get it.
${askerOf(host)}
</p>
${factsOf(message.split('\n'))}
<p>It is shown only once. Open the place where you keep it first, and see that nobody looks at your screen.</p>
${buttons(markup`<button class="main" name="press" value="show">Show the secret once</button>`)}
<p class="soft">
This page is open for ${String(seconds)} seconds at most. If you leave it, or do not say that you have stored the
secret, the key is deleted again.
</p>`;
  return { title: 'A secret is waiting for you', body };
}

function shownView(waiting: WaitingSecret): Page {
  const { variable, endpoint } = waiting;
  const use = [`Variable: ${variable}`, ...(endpoint === undefined ? [] : [`Endpoint: ${endpoint}`])];
  const body = markup`<h1>Store this secret now</h1>
<p id="what">The secret of the key:</p>
<code class="secret" id="secret" tabindex="0" aria-labelledby="what" role="textbox" aria-readonly="true">${waiting.open()}</code>
<div class="buttons">
<button type="button" id="copy" hidden>Copy</button> <span id="copied" role="status"></span>
</div>
${factsOf(use)}
<p>It is not shown again, not even when you load this page again.</p>
${confirmation(waiting)}`;
  return { title: 'Store this secret now', body };
}

function shownBefore(waiting: WaitingSecret): Page {
  const body = markup`<h1>The secret was shown once</h1>
<p>
It is not shown again. If you have it, say so; if not, give it back: the key is deleted again, and you can ask for
another one.
</p>
${confirmation(waiting)}`;
  return { title: 'The secret was shown once', body };
}

function confirmation({ replacesOld }: WaitingSecret): Html {
  const words = replacesOld ? 'I have replaced the old one' : 'I have stored it';
  const warning = replacesOld
    ? 'With that the old key is deleted: whatever still uses it is refused from then on.'
    : '';
  return markup`<p>${warning}</p>
${buttons(markup`<button class="main" name="press" value="stored">${words}</button>`)}`;
}

function buttons(first: Html): Html {
  return markup`<form method="post" action="./">
<div class="buttons">${first} <button name="press" value="give back">Give it back: delete the new key</button></div>
</form>`;
}
