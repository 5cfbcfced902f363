// The look of a page: HTML that escapes whatever is put into it, one style for light and dark, and the small script that a page
// works without, but for copying. It knows neither what a page is about nor how it is sent.

import { createHash } from 'node:crypto';

/** Text that is HTML already. */
export interface Html {
  readonly html: string;
}

/** What a page says when nothing can be done there any more: a title, and paragraphs. */
export type Words = readonly [title: string, ...paragraphs: string[]];

/** One screen. */
export interface Page {
  readonly title: string;
  readonly body: Html;
  /** Whether nothing follows it: then nothing of it waits for the server. */
  readonly isLast?: boolean;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** A template in which only HTML stays as it is. */
export function markup(texts: TemplateStringsArray, ...values: readonly (string | Html | readonly Html[])[]): Html {
  const shown = values.map((value) => {
    if (typeof value === 'string') return value.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? '');
    return 'html' in value ? value.html : value.map((part) => part.html).join('');
  });
  return { html: texts.map((text, index) => text + (shown[index] ?? '')).join('') };
}

/** What is said in lines, one fact a line: `Label: value` becomes a pair, any other line a paragraph before them. */
export function factsOf(lines: readonly string[]): Html {
  const pairs = lines.flatMap((line) => {
    const [, label, value] = /^([A-Z][A-Za-z ]{0,40}): (.*)$/s.exec(line) ?? [];
    return label === undefined || value === undefined ? [] : [{ line, label, value }];
  });
  const others = lines.filter((line) => !pairs.some((pair) => pair.line === line));
  const terms = pairs.map(({ label, value }) => markup`<dt>${label}</dt><dd><bdi>${value}</bdi></dd>`);
  const list = terms.length > 0 ? markup`<dl>${terms}</dl>` : markup``;
  return markup`${others.map((line) => markup`<p><bdi>${line}</bdi></p>`)}${list}`;
}

/** Who asks: what the host says of itself, which nobody has checked. */
export function askerOf(host: string): Html {
  const program =
    host === '' ? markup`does not say its name` : markup`calls itself <bdi><strong>${host}</strong></bdi>`;
  return markup`Asked by an AI agent in a program that ${program}.`;
}

/** A screen that only says something. */
export function saying(...[title, ...paragraphs]: Words): Page {
  const body = markup`<h1>${title}</h1>
${paragraphs.map((text) => markup`<p>${text}</p>`)}`;
  return { title, body, isLast: true };
}

/** Of the document, before its script is told where it is. */
export function documentOf({ title, body, isLast = false }: Page): string {
  const script = isLast ? markup`` : markup`<script src="page.js" defer></script>`;
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<meta name="color-scheme" content="light dark" />
<title>${title}</title>
<style>${{ html: STYLE }}</style>
${script}
</head>
<body>
<main>${body}</main>
</body>
</html>
`.html;
}

const STYLE = `
:root{--ground:#fff;--text:#1c2330;--soft:#4d5766;--line:#8a94a3;--panel:#f3f5f8;--main:#0b5c3f;--on-main:#fff;--bad:#a3151f}
@media (prefers-color-scheme:dark){:root{--ground:#151a21;--text:#e8ecf2;--soft:#b4bdca;--line:#7d8897;--panel:#1f262f;--main:#7be0b4;--on-main:#0d1a14;--bad:#ff9aa0}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--text);font:1rem/1.5 system-ui,sans-serif}
main{max-width:42rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 1rem;overflow-wrap:anywhere}
p{margin:.75rem 0;overflow-wrap:anywhere}
.soft{color:var(--soft)}
.bad{color:var(--bad);font-weight:600}
dl{display:grid;grid-template-columns:minmax(8rem,30%) 1fr;gap:.5rem 1rem;margin:1rem 0;padding:.75rem 1rem;background:var(--panel);border-radius:.5rem}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere;min-width:0}
@media (max-width:30rem){dl{grid-template-columns:1fr;gap:0}}
code{font:1rem/1.5 ui-monospace,monospace;overflow-wrap:anywhere}
.secret{display:block;padding:.75rem;border:2px solid var(--line);border-radius:.5rem;user-select:all}
label{display:block;margin:1rem 0 .25rem}
input{width:100%;font:inherit;padding:.6rem;color:inherit;background:var(--ground);border:2px solid var(--line);border-radius:.375rem}
.buttons{display:flex;flex-wrap:wrap;gap:.75rem;margin:1.25rem 0}
button{font:inherit;min-height:2.75rem;padding:.5rem 1.25rem;border-radius:.375rem;border:2px solid var(--line);background:var(--ground);color:inherit;cursor:pointer}
button.main{background:var(--main);border-color:var(--main);color:var(--on-main);font-weight:600}
:focus-visible{outline:3px solid var(--text);outline-offset:2px}
`;

/** Nothing from elsewhere, no script and no style but those that are written here. */
export const CONTENT_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "script-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

/**
 * Copies; says so when the page has ended, in place, since the server that has answered is closed by then; and takes the secret out
 * of the document when the page is left, so that nothing of it is there when a browser shows the page again out of its memory.
 */
export const SCRIPT = `'use strict';
const byId = (id) => document.getElementById(id);
const say = (title, ...texts) => {
  events.close();
  const parts = [title, ...texts].map((text, index) => {
    const part = document.createElement(index === 0 ? 'h1' : 'p');
    part.textContent = text;
    return part;
  });
  document.querySelector('main').replaceChildren(...parts);
};
const events = new EventSource('events');
events.addEventListener('ended', ({ data }) => say(...JSON.parse(data)));
events.addEventListener('error', () =>
  say('This page has ended', 'The server that opened it is not there any more. The chat says what became of the call.'));
addEventListener('pagehide', () => byId('secret')?.remove());
addEventListener('pageshow', ({ persisted }) => {
  if (persisted) location.replace(location.pathname);
});
const copy = byId('copy');
if (copy) {
  copy.hidden = false;
  copy.addEventListener('click', async () => {
    let words = 'Copied.';
    try {
      await navigator.clipboard.writeText(byId('secret').textContent);
    } catch {
      words = 'The browser did not allow it: select the secret and copy it yourself.';
    }
    byId('copied').textContent = words;
  });
}
`;
