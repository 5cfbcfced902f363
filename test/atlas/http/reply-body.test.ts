// The body of a reply: put together rightly, capped, and without holding on to the pieces it came in.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LARGEST_PAGE_REPLY } from '../../../src/atlas/api/pages.ts';
import { createReplyBody } from '../../../src/http/transport.ts';
import { originFor, transportTo } from '../connection.ts';

test('pieces of any size come to the whole, in order (property)', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 9_000 }), { maxLength: 12 }), (pieces) => {
      const body = createReplyBody(1_000_000);
      expect(pieces.every((piece) => body.add(piece))).toBe(true);
      expect(body.text()).toBe(Buffer.concat(pieces).toString('utf8'));
    }),
    { numRuns: 200 },
  );
});

test('a character that is cut in two is whole again', () => {
  const body = createReplyBody(100);
  for (const byte of Buffer.from('ö€😀')) body.add(Uint8Array.of(byte));
  expect(body.text()).toBe('ö€😀');
});

test('the limit itself fits, one byte more does not, in one piece or in several', () => {
  const fits = createReplyBody(10);
  expect([fits.add(Buffer.from('12345')), fits.add(Buffer.from('67890')), fits.text()]).toEqual([
    true,
    true,
    '1234567890',
  ]);
  expect(fits.add(Buffer.from('x'))).toBe(false);
  expect(createReplyBody(10).add(Buffer.alloc(11))).toBe(false);
});

test('a piece is copied, not kept: a byte would keep all of the memory that it was received in', () => {
  const body = createReplyBody(100);
  const piece = Buffer.from('abc');
  body.add(piece);
  piece.fill('z');
  expect(body.text()).toBe('abc');
});

test('a reply in a million chunks of one byte arrives whole', async () => {
  const bytes = 1_000_000;
  const { url } = await originFor((response) => {
    response.socket?.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
    response.socket?.write(`${'1\r\nx\r\n'.repeat(bytes)}0\r\n\r\n`);
  });
  const request = { method: 'GET', path: '/', headers: {}, largestReply: LARGEST_PAGE_REPLY } as const;
  const reply = await transportTo(url).send(request);
  expect(reply.outcome === 'reply' && reply.body?.length).toBe(bytes);
});

test('of replies one after another nothing is kept: memory does not grow with their number', async () => {
  // Two bytes a character once it is text: 16 MB for each reply.
  const body = 'é€'.repeat(LARGEST_PAGE_REPLY / 8);
  const { url } = await originFor((response) => response.end(body));
  const request = { method: 'GET', path: '/', headers: {}, largestReply: LARGEST_PAGE_REPLY } as const;
  const transport = transportTo(url);
  const before = process.memoryUsage.rss();
  let most = 0;
  for (let count = 0; count < 40; count += 1) {
    const reply = await transport.send(request);
    expect(reply.outcome === 'reply' && reply.body?.length).toBe(body.length);
    most = Math.max(most, process.memoryUsage.rss());
  }
  expect(most - before).toBeLessThan(300 * 1024 * 1024);
});
