import { describe, expect, test } from 'vitest';
import { parseBaseUrl } from '../../src/config/base-url.ts';
import { ConfigError } from '../../src/config/config-error.ts';

describe('accepted', () => {
  test.each([
    ['https://cloud.mongodb.com', 'https://cloud.mongodb.com'],
    ['https://cloud.mongodbgov.com/', 'https://cloud.mongodbgov.com'],
    ['HTTPS://Cloud.MongoDB.com:8443', 'https://cloud.mongodb.com:8443'],
    ['http://localhost:8080', 'http://localhost:8080'],
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080'],
    ['http://127.8.9.1', 'http://127.8.9.1'],
    ['http://[::1]:8080', 'http://[::1]:8080'],
  ])('%s', (text, origin) => {
    expect(parseBaseUrl(text).origin).toBe(origin);
  });
});

describe('refused', () => {
  test.each([
    'http://cloud.mongodb.com',
    'http://192.168.0.1',
    'http://localhost.evil.example',
    'http://127.0.0.1.evil.example',
    'https://cloud.mongodb.com@evil.example',
    'https://user:password@cloud.mongodb.com',
    'https://cloud.mongodb.com\\@evil.example',
    'https:\\\\cloud.mongodb.com',
    'https:cloud.mongodb.com',
    'https:///cloud.mongodb.com',
    'https://cloud.mongodb.com.',
    'https://cloud.mongodb.com/path',
    'https://cloud.mongodb.com?x=1',
    'https://cloud.mongodb.com#x',
    'https://cloud.mongodb.com:99999',
    'https://cloud .mongodb.com',
    'https://cloud.mongodb.com\n',
    'https://cloud%2emongodb.com',
    'https://ｃloud.mongodb.com',
    'http://0177.0.0.1',
    'http://0x7f.0.0.1',
    'http://2130706433',
    'http://127.1',
    'http://0.0.0.0',
    'http://[::ffff:127.0.0.1]',
    'http://[::]',
    'http://①27.0.0.1',
    'ftp://cloud.mongodb.com',
    'file:///etc/passwd',
    'cloud.mongodb.com',
    '',
  ])('%j', (text) => {
    expect(() => parseBaseUrl(text)).toThrow(ConfigError);
  });
});
