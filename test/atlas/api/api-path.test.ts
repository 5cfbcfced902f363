// Paths: no value leaves its segment.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { apiPath } from '../../../src/atlas/api/admin-api.ts';
import { connectByToken, sandboxFor } from '../connection.ts';

function pathOf(groupId: string, apiKeyId: string): string {
  return apiPath`/groups/${groupId}/aiModelApiKeys/${apiKeyId}`;
}

test('an ordinary path', () => {
  expect(pathOf('69681d39c9e8cfd375386316', 'a86r5kwrfsk5r5ku5tgvhmpj')).toBe(
    '/api/atlas/v2/groups/69681d39c9e8cfd375386316/aiModelApiKeys/a86r5kwrfsk5r5ku5tgvhmpj',
  );
});

describe('a value', () => {
  test.each(['', '.', '..', '\ud800', 'a\udfffb'])('%j is refused', (value) => {
    expect(() => pathOf(value, 'a')).toThrow(RangeError);
    expect(() => pathOf('a', value)).toThrow(RangeError);
  });

  test.each([
    'a/b',
    '../..',
    '..\\..',
    '%2e%2e',
    '%2F',
    '?q=1',
    '#f',
    ';a',
    'a b',
    '...',
    '.a',
    '\t',
    '\n',
    '//evil.example',
    '@evil',
    'ü',
    '😀',
  ])('%j stays one segment, and comes out as it went in', (value) => {
    expect(segmentsOf(pathOf(value, value))).toEqual(segmentsWith(value, value));
  });

  test('of any form stays one segment, or is refused (property)', () => {
    const tricky = fc
      .array(fc.constantFrom('.', '..', '/', '\\', '%', '2e', '2f', '?', '#', ':', '@', '\0', '\n', '\ud800', 'a'))
      .map((parts) => parts.join(''));
    const value = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), tricky);
    fc.assert(
      fc.property(value, value, (groupId, apiKeyId) => {
        let path: string;
        try {
          path = pathOf(groupId, apiKeyId);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
          return;
        }
        expect(segmentsOf(path)).toEqual(segmentsWith(groupId, apiKeyId));
      }),
    );
  });

  test('that is refused never gets as far as a request', async () => {
    const sandbox = await sandboxFor();
    const atlas = connectByToken(sandbox);
    await expect(atlas.deleteKey('..', '..')).rejects.toThrow(RangeError);
    expect(sandbox.requests).toEqual([]);
  });
});

/** As a server sees them: URL parsing first, which resolves dots and turns backslashes. */
function segmentsOf(path: string): string[] {
  const url = new URL(path, 'https://cloud.mongodb.com');
  expect([url.origin, url.search, url.hash]).toEqual(['https://cloud.mongodb.com', '', '']);
  return url.pathname.split('/').slice(1).map(decodeURIComponent);
}

function segmentsWith(groupId: string, apiKeyId: string): string[] {
  return ['api', 'atlas', 'v2', 'groups', groupId, 'aiModelApiKeys', apiKeyId];
}
