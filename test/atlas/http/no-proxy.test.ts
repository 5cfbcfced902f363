// NO_PROXY: what its entries mean for the host of Atlas.

import { expect, test } from 'vitest';
import { goesThroughProxy } from '../../../src/http/proxy-tunnel.ts';

const ATLAS = 'https://cloud.mongodb.com';

test.each([
  ['', ATLAS],
  [' , ', ATLAS],
  ['example.com', ATLAS],
  ['mongodb.org,localhost', ATLAS],
  ['ongodb.com', ATLAS],
  ['cloud.mongodb.com.evil.test', ATLAS],
  ['cloud.mongodb.com:8443', ATLAS],
  ['.', ATLAS],
  [':443', ATLAS],
  ['**', ATLAS],
  ['::2', 'https://[::1]:9443'],
])('%j leaves it to the proxy: %s', (noProxy, url) => {
  expect(goesThroughProxy(new URL(url), noProxy)).toBe(true);
});

test.each([
  ['*', ATLAS],
  ['example.com *', ATLAS],
  ['cloud.mongodb.com', ATLAS],
  ['CLOUD.MongoDB.com', ATLAS],
  ['mongodb.com', ATLAS],
  ['.mongodb.com', ATLAS],
  ['*.mongodb.com', ATLAS],
  ['localhost,mongodb.com:443', ATLAS],
  ['mongodb.com:8443', 'https://cloud.mongodb.com:8443'],
  ['192.0.2.7', 'https://192.0.2.7'],
  ['::1', 'https://[::1]:9443'],
  ['[::1]:9443', 'https://[::1]:9443'],
])('%j lets it go past the proxy: %s', (noProxy, url) => {
  expect(goesThroughProxy(new URL(url), noProxy)).toBe(false);
});
