import { inspect, format } from 'node:util';
import { describe, expect, test } from 'vitest';
import { openSecret, Secret } from '../../src/secret/secret.ts';

const VALUE = 'al-canary-jZsluhPMzPM9CFXepRWwMwvpZDDra6tZMgoAZKdodu2';

describe('a Secret converts to a mask in every way that JavaScript offers', () => {
  const secret = new Secret(VALUE);
  const conversions: Record<string, () => string> = {
    'String()': () => String(secret),
    'template literal': () => `${secret}`, // eslint-disable-line @typescript-eslint/restrict-template-expressions -- what lint forbids, tried
    concatenation: () => 'x' + secret, // eslint-disable-line @typescript-eslint/restrict-plus-operands -- likewise
    'JSON.stringify': () => JSON.stringify({ secret, list: [secret] }),
    'util.inspect': () => inspect({ secret }, { showHidden: true, depth: null, getters: true }),
    'util.format': () => format('%s %o %O %j', secret, secret, secret, secret),
    'Object.entries': () =>
      JSON.stringify([Object.entries(secret), Object.getOwnPropertyNames(secret), Object.assign({}, secret)]),
    'error message': () => String(new Error(String(secret), { cause: secret })),
    structuredClone: () => JSON.stringify(structuredClone(secret)),
  };
  test.each(Object.entries(conversions))('%s', (_name, convert) => {
    const text = convert();
    expect(text).not.toContain('canary');
    expect(text).not.toContain(VALUE.slice(3, 12));
  });

  test('and opens to the exact value', () => {
    expect(openSecret(secret)).toBe(VALUE);
  });
});
