import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chooseDestination, ENTRY } from '../../src/provisioning/destination.ts';
import { openSinks } from '../../src/sinks/open-sinks.ts';

const GROUP = '69681d39c9e8cfd375386316';
const sinks = openSinks(
  new Map([
    ['open', { type: 'file', path: '/srv/{groupId}/{entry}.key' }],
    ['fixed', { type: 'dotenv', path: '/srv/.env', variable: 'KEY' }],
  ]),
  {},
);

describe('the sink', () => {
  test('is the one that was named, or the default', () => {
    expect(
      chooseDestination({ sinks, defaultSink: 'open' }, { groupId: GROUP, name: 'n', sink: 'fixed' }),
    ).toMatchObject({ sink: { name: 'fixed' } });
    expect(chooseDestination({ sinks, defaultSink: 'open' }, { groupId: GROUP, name: 'n' })).toMatchObject({
      sink: { name: 'open' },
    });
  });
  test('without a default must be named', () => {
    expect(chooseDestination({ sinks }, { groupId: GROUP, name: 'n' })).toMatchObject({
      code: 'SINK_UNKNOWN',
      hint: 'Pass sink as one of: open, fixed. Ask the user which.',
    });
  });
});

describe('the entry made from a name', () => {
  const entryOf = (name: string) => {
    const chosen = chooseDestination({ sinks, defaultSink: 'open' }, { groupId: GROUP, name });
    return 'code' in chosen ? chosen.code : chosen.address.entry;
  };
  test.each([
    ['Production key (EU)', 'Production-key-EU'],
    ['crème brûlée', 'creme-brulee'],
    ['../../etc/passwd', 'etc-passwd'],
    ['a..b', 'a.b'],
    ['.env', 'env'],
    ['--help', 'help'],
    ['x'.repeat(250), 'x'.repeat(128)],
    ['密钥', 'INVALID_INPUT'],
    ['...', 'INVALID_INPUT'],
  ])('%s becomes %s', (name, entry) => {
    expect(entryOf(name)).toBe(entry);
  });
  test('is always an accepted one, or refused (property)', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (name) => {
        const entry = entryOf(name);
        return entry === 'INVALID_INPUT' || (entry !== undefined && ENTRY.test(entry) && !entry.includes('..'));
      }),
    );
  });
});

test('a fixed target takes no entry', () => {
  expect(chooseDestination({ sinks }, { groupId: GROUP, name: 'n', sink: 'fixed' })).toMatchObject({
    address: { groupId: GROUP },
  });
  expect(chooseDestination({ sinks }, { groupId: GROUP, name: 'n', sink: 'fixed', entry: 'e' })).toMatchObject({
    code: 'INVALID_INPUT',
  });
});
