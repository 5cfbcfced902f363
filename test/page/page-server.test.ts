// Who may see and answer a page: plain HTTP, as a browser, another user, another page or a program that looks ahead sends it.

import { describe, expect, test } from 'vitest';
import { approvalPage } from '../../src/page/approval-page.ts';
import { servePage } from '../../src/page/page-server.ts';
import { revealPage } from '../../src/page/reveal-page.ts';
import { ask, clientAt, enter, serve } from './browser-client.ts';

const SECRET = 'al-0123456789abcdefghijklmnopqrstuvwxyz';

function approval() {
  const typed = { what: 'name of the key', expected: 'prod', isRight: (text: string) => text === 'prod' };
  return approvalPage({ message: 'Delete this key?\nKey: "prod"', typed, host: 'test-host 1.0' }, 200);
}

function waiting(change = {}) {
  let shown = 0;
  const secret = {
    message: 'Key: "prod"',
    variable: 'VOYAGE_API_KEY',
    endpoint: 'https://ai.mongodb.com/v1',
    replacesOld: false,
    open: () => SECRET,
    host: 'test-host 1.0',
    ...change,
  };
  return { content: revealPage(secret, 200, () => (shown += 1)), shown: () => shown };
}

describe('approval', () => {
  test('is given by the button, with the name that is asked for', async () => {
    const { address, ended } = await serve(approval());
    const client = await enter(address);
    const page = await client.view();
    expect(page.body).toContain('<h1>Delete this key?</h1>');
    expect(page.body).toContain('test-host 1.0');
    expect((await client.press({ press: 'approve', typed: 'prod' })).body).toContain('<h1>Approved</h1>');
    expect(await ended).toEqual({ by: 'answer', answer: 'yes' });
  });

  test('is refused by the other button', async () => {
    const { address, ended } = await serve(approval());
    const client = await enter(address);
    expect((await client.press({ press: 'refuse', typed: 'prod' })).body).toContain('<h1>Refused</h1>');
    expect(await ended).toEqual({ by: 'answer', answer: 'no' });
  });

  test('is not given by another name, which may be corrected twice', async () => {
    const { address, ended } = await serve(approval());
    const client = await enter(address);
    expect((await client.press({ press: 'approve', typed: 'Prod' })).body).toContain(
      'That was not the name of the key',
    );
    expect((await client.press({ press: 'approve' })).body).toContain('aria-invalid="true"');
    expect((await client.press({ press: 'approve', typed: 'yes' })).body).toContain('<h1>Not approved</h1>');
    expect(await ended).toEqual({ by: 'answer', answer: 'mistyped' });
  });

  test('is not given by a POST without a button', async () => {
    const { address } = await serve(approval());
    const client = await enter(address);
    expect((await client.press({ typed: 'prod' })).body).toContain('<h1>Delete this key?</h1>');
  });
});

describe('nobody but the browser that brought the token', () => {
  test.each(['localhost', 'evil.example', '127.0.0.1', '127.0.0.1:1', '[::1]'])(
    'the Host %s is refused',
    async (host) => {
      const { address, ended } = await serve(approval());
      expect((await ask(address, { headers: { host } })).status).toBe(403);
      const client = await enter(address);
      expect((await client.view({ host })).status).toBe(403);
      expect((await client.press({ press: 'approve', typed: 'prod' }, { host })).status).toBe(403);
      expect((await client.press({ press: 'refuse' })).status).toBe(200);
      expect(await ended).toEqual({ by: 'answer', answer: 'no' });
    },
  );

  test.each<[string, Readonly<Record<string, string>>]>([
    ['a foreign Origin', { origin: 'http://evil.example' }],
    ['the Origin of another port', { origin: 'http://127.0.0.1:1' }],
    ['the Origin of a file or a sandbox', { origin: 'null' }],
    ['an empty Origin', { origin: '' }],
    ['another site', { 'sec-fetch-site': 'cross-site' }],
    ['another port, which is the same site', { 'sec-fetch-site': 'same-site' }],
    ['another type of content', { 'content-type': 'text/plain' }],
  ])('a POST from %s changes nothing', async (_what, headers) => {
    const { address, ended } = await serve(approval());
    const client = await enter(address);
    const { status, headers: received } = await client.press({ press: 'approve', typed: 'prod' }, headers);
    expect([403, 415]).toContain(status);
    expect(Object.keys(received).filter((name) => name.startsWith('access-control'))).toEqual([]);
    await client.press({ press: 'refuse' });
    expect(await ended).toEqual({ by: 'answer', answer: 'no' });
  });

  test('a POST without an Origin changes nothing', async () => {
    const { address, ended } = await serve(approval());
    const client = await enter(address);
    const headers = { cookie: client.cookie, 'content-type': 'application/x-www-form-urlencoded' };
    const sent = await ask(client.url, { method: 'POST', headers, body: 'press=approve&typed=prod' });
    expect(sent.status).toBe(403);
    await client.press({ press: 'refuse' });
    expect(await ended).toEqual({ by: 'answer', answer: 'no' });
  });

  test('what another page loads from here is refused', async () => {
    const { address } = await serve(approval());
    const client = await enter(address);
    const embedded = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' };
    expect((await client.view(embedded)).status).toBe(403);
    expect((await client.view({ origin: 'http://evil.example' })).status).toBe(403);
  });

  test('a scan of the port finds nothing, and ends nothing', async () => {
    const { address, ended } = await serve(approval());
    const { origin } = new URL(address);
    const wrong = `${origin}/open/${'A'.repeat(43)}`;
    for (const url of [`${origin}/`, `${origin}/favicon.ico`, wrong, `${origin}/open/`, `${origin}/${'A'.repeat(43)}/`])
      expect((await ask(url)).status).toBe(404);
    const client = await enter(address);
    await client.press({ press: 'refuse' });
    expect(await ended).toEqual({ by: 'answer', answer: 'no' });
  });

  test('the token that is brought again ends the page, and warns on the first', async () => {
    const { address, ended } = await serve(approval());
    const client = await enter(address);
    const { told } = client.stay();
    await client.view();
    expect((await ask(address)).body).toContain('Somebody else opened this page');
    expect(await ended).toEqual({ by: 'second client' });
    expect(await told).toContain('Somebody else opened this page');
  });

  test('a first page without its script is warned with its next click', async () => {
    const { address, ended } = await serve(approval());
    const client = await enter(address);
    await ask(address);
    expect(await ended).toEqual({ by: 'second client' });
    expect((await client.view()).body).toContain('Somebody else opened this page');
    expect((await client.press({ press: 'approve', typed: 'prod' })).body).toContain('Somebody else opened this page');
  });

  test.each(['', 'atlas_model_keys=', `atlas_model_keys=${'A'.repeat(43)}`])(
    'a second client that has the address of the page and the cookie "%s" ends it',
    async (cookie) => {
      const { address, ended } = await serve(approval());
      const client = await enter(address);
      const second = await clientAt(client.origin, client.url, cookie).press({ press: 'approve', typed: 'prod' });
      expect([second.status, second.body]).toEqual([403, expect.stringContaining('Somebody else opened this page')]);
      expect(await ended).toEqual({ by: 'second client' });
    },
  );

  test('two tabs of the one browser are one client; the first answer counts', async () => {
    const { address, ended } = await serve(approval());
    const client = await enter(address);
    await client.view();
    const tab = client.stay();
    await client.press({ press: 'refuse' });
    expect(await ended).toEqual({ by: 'answer', answer: 'no' });
    expect(await tab.told).toContain('event: ended');
  });
});

describe('the token', () => {
  test.each<[string, Readonly<Record<string, string>>]>([
    ['Sec-Purpose: prefetch', { 'sec-purpose': 'prefetch' }],
    ['Sec-Purpose: prefetch;prerender', { 'sec-purpose': 'prefetch;prerender' }],
    ['Purpose: prefetch', { purpose: 'prefetch' }],
    ['X-Moz: prefetch', { 'x-moz': 'prefetch' }],
  ])('is not taken by %s', async (_what, headers) => {
    const { address, ended } = await serve(approval());
    expect((await ask(address, { headers })).status).toBe(503);
    expect((await ask(address, { method: 'HEAD' })).status).toBe(405);
    expect((await ask(address, { method: 'POST' })).status).toBe(405);
    const client = await enter(address);
    await client.press({ press: 'refuse' });
    expect(await ended).toEqual({ by: 'answer', answer: 'no' });
  });
});

describe('the secret', () => {
  test('is in the answer to one POST, and in nothing else', async () => {
    const { content, shown } = waiting();
    const { address, ended } = await serve(content);
    const client = await enter(address);
    expect((await client.view()).body).not.toContain(SECRET);
    expect((await client.view({ 'sec-purpose': 'prefetch' })).body).not.toContain(SECRET);
    expect(shown()).toBe(0);
    expect((await client.press({ press: 'show' })).body).toContain(SECRET);
    expect(shown()).toBe(1);
    for (const again of [await client.press({ press: 'show' }), await client.view()]) {
      expect(again.body).not.toContain(SECRET);
      expect(again.body).toContain('The secret was shown once');
    }
    expect((await client.press({ press: 'stored' })).body).not.toContain(SECRET);
    expect(await ended).toEqual({ by: 'answer', answer: 'yes' });
    expect(shown()).toBe(1);
  });

  test('comes with the variable and the endpoint', async () => {
    const { address } = await serve(waiting().content);
    const client = await enter(address);
    const { body } = await client.press({ press: 'show' });
    expect(body).toContain('VOYAGE_API_KEY');
    expect(body).toContain('https://ai.mongodb.com/v1');
    expect(body).toContain('I have stored it');
  });

  test('that was not shown cannot have been stored', async () => {
    const { address, ended } = await serve(waiting().content);
    const client = await enter(address);
    expect((await client.press({ press: 'stored' })).body).toContain('Show the secret once');
    await client.press({ press: 'give back' });
    expect(await ended).toEqual({ by: 'answer', answer: 'no' });
  });

  test('in a rotation the button says that the old one is replaced', async () => {
    const { address, ended } = await serve(waiting({ replacesOld: true }).content);
    const client = await enter(address);
    expect((await client.press({ press: 'show' })).body).toContain('I have replaced the old one');
    await client.press({ press: 'stored' });
    expect(await ended).toEqual({ by: 'answer', answer: 'yes' });
  });
});

test('every answer is kept by nobody, framed by nobody, and runs nothing but its own script', async () => {
  const { address } = await serve(waiting().content);
  const client = await enter(address);
  const shown = await client.press({ press: 'show' });
  const replies = [
    await ask(`${client.origin}/`),
    await client.view(),
    shown,
    await ask(`${client.url}page.js`, { headers: { cookie: client.cookie } }),
  ];
  for (const { headers } of [...replies, await ask(address)]) {
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
    });
    expect(headers['referrer-policy']).toBe('same-origin');
    const policy = headers['content-security-policy'] ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  }
  expect(shown.body).not.toMatch(/<script>|onclick|style=/);
});

describe('the end without an answer', () => {
  test('silence, and the page says so', async () => {
    const { address, ended } = await serve(approval(), { lifeMs: 700 });
    const client = await enter(address);
    const { told } = client.stay();
    expect(await ended).toEqual({ by: 'silence' });
    expect(await told).toContain('event: ended');
    expect(await told).toContain('The time for this page is over');
    await expect(client.view()).rejects.toThrow();
  });

  test('nobody has opened it', async () => {
    const { ended } = await serve(approval(), { lifeMs: 100 });
    expect(await ended).toEqual({ by: 'not opened' });
  });

  test('the page was left, and does not come back', async () => {
    const { address, ended } = await serve(approval(), { returnMs: 300 });
    const client = await enter(address);
    const first = client.stay();
    await expect.poll(async () => (await client.view()).status).toBe(200);
    setTimeout(first.close, 600);
    expect(await ended).toEqual({ by: 'closed' });
  });

  test('the call is stopped', async () => {
    const { address, ended, stop } = await serve(approval());
    await enter(address);
    stop.abort();
    expect(await ended).toEqual({ by: 'stopped' });
  });

  test('the browser could not be opened', async () => {
    const open = () => Promise.resolve('It is not there.');
    const life = { lifeMs: 10_000, signal: new AbortController().signal, open };
    expect(await servePage(approval(), life)).toEqual({ by: 'no browser', message: 'It is not there.' });
  });
});

test('what opened the page may end with an error when the page is there', async () => {
  let fail: (problem: string) => void = () => undefined;
  let opened: (address: string) => void = () => undefined;
  const address = new Promise<string>((resolve) => (opened = resolve));
  const open = (given: string) => {
    opened(given);
    return new Promise<string>((resolve) => (fail = resolve));
  };
  const ended = servePage(approval(), { lifeMs: 20_000, signal: new AbortController().signal, open });
  const client = await enter(await address);
  fail('It ended with exit code 1.');
  expect((await client.view()).status).toBe(200);
  await client.press({ press: 'refuse' });
  expect(await ended).toEqual({ by: 'answer', answer: 'no' });
});

test('after an answer nobody is let in', async () => {
  const { address, ended } = await serve(approval());
  const client = await enter(address);
  await client.press({ press: 'refuse' });
  await ended;
  await expect(ask(address)).rejects.toThrow();
});

test('a body that is longer than any form is refused', async () => {
  const { address, ended } = await serve(approval());
  const client = await enter(address);
  const sent = await client.press({ press: 'approve', typed: 'x'.repeat(100_000) }).catch(() => undefined);
  expect(sent?.status ?? 413).toBe(413);
  await client.press({ press: 'refuse' });
  expect(await ended).toEqual({ by: 'answer', answer: 'no' });
});

test('hostile names are text', async () => {
  const name = '"><script>alert(1)</script><img src=x onerror=alert(2)>';
  const { address } = await serve(approvalPage({ message: `Delete ${name}?\nKey: ${name}`, host: name }, 200));
  const { body } = await (await enter(address)).view();
  expect(body.match(/<script/g)).toHaveLength(1);
  expect(body).not.toContain('<img');
});
