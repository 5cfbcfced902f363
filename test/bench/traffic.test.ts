// What is compared with a create must have sent the same.

import { expect, test } from 'vitest';
import { operations, requireSameTraffic } from '../../bench/traffic.js';

const seen = (names: readonly string[], sockets = 0) => ({
  requests: names.map((operation) => ({ operation })),
  sockets,
});
const server = seen(['token', 'list_keys', 'create_key'], 1);

test('the same requests in the same order, over as many connections, may be compared', () => {
  expect(() => {
    requireSameTraffic({ server, least: structuredClone(server), alone: structuredClone(server) });
  }).not.toThrow();
});

test.each([
  ['one less', seen(['token', 'list_keys'], 1), 'least: token, list_keys, new sockets: 1'],
  ['none', seen([], 1), 'least: nothing, new sockets: 1'],
  ['one more', seen(['token', 'list_keys', 'create_key', 'list_keys'], 1), 'create_key, list_keys, new sockets: 1'],
  ['another order', seen(['list_keys', 'token', 'create_key'], 1), 'least: list_keys, token'],
  ['another connection', seen(['token', 'list_keys', 'create_key'], 2), 'new sockets: 2'],
])('%s is refused', (_what, least, message) => {
  expect(() => {
    requireSameTraffic({ server, alone: server, least });
  }).toThrow(message);
});

test('requests are told by their names', () => {
  expect(operations(server)).toBe('token, list_keys, create_key');
});
