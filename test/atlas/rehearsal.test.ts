// What the warm-up does with the way to Atlas.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect, onTestFinished, test } from 'vitest';
import { rehearse } from '../../src/atlas/rehearsal.ts';

test('a rehearsal reads a whole list, and opens no connection', async () => {
  const sockets: unknown[] = [];
  const note = (message: unknown) => void sockets.push(message);
  subscribe('net.client.socket', note);
  onTestFinished(() => {
    unsubscribe('net.client.socket', note);
  });
  expect(await rehearse()).toMatchObject({ ok: true, value: [{ apiKeyId: 'none', name: 'rehearsal' }] });
  expect(sockets).toEqual([]);
});
