// What a form says, and what of its answers is consent.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hasId, keyList, type ModelKey } from '../../src/atlas/api/keys.ts';
import { type Answer, type Question } from '../../src/keys/request-context.ts';
import { quiet } from './bench.ts';
import { askConsent, described, typedNameOf } from '../../src/keys/consent.ts';

const GROUP = '69681d39c9e8cfd375386316';

function keyNamed(name: string): ModelKey {
  const key = keyList({ groupId: GROUP }).readRow({ apiKeyId: 'a86r5kwrfsk5r5ku5tgvhmpj', name });
  if (!hasId(key)) throw new Error('the row was not read');
  return key;
}

/** What a person is shown who answers so, one answer a form, and what comes of it. */
async function ask(key: ModelKey, answers: readonly Answer[]) {
  const forms: Question[] = [];
  const consent = await askConsent(
    { confirm: 'required' },
    {
      ...quiet(),
      ask(question) {
        forms.push(question);
        return Promise.resolve(answers[forms.length - 1] ?? { answer: 'declined' });
      },
    },
    { message: `Delete?\n${described(key, GROUP)}`, ...typedNameOf(key) },
  );
  return { forms, consent };
}

const typed = (value: string): Answer => ({ answer: 'given', value });

test('every line is shorter than 72 characters, whatever the name, and the last is what is typed', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ maxLength: 250, unit: 'grapheme' }), async (name) => {
      const key = keyNamed(name);
      const { forms, consent } = await ask(key, [typed(typedNameOf(key).expected)]);
      expect(consent).toEqual({ ok: true, value: 'given' });
      const lines = forms[0]?.message.split('\n') ?? [];
      expect(lines.filter((line) => line.length > 71)).toEqual([]);
      expect(lines.at(-1)).toBe(typedNameOf(key).expected);
      const pieces = lines.map((line) => line.replace(/^ {2}/, '')).join('');
      expect(pieces.replaceAll(' ', '')).toContain(JSON.stringify(key.name).replaceAll(' ', ''));
    }),
  );
});

test('one fact a line', async () => {
  const { forms } = await ask(keyNamed('prod'), []);
  expect(forms[0]?.message.split('\n')).toEqual([
    'Delete?',
    'Key: "prod"',
    'Id: a86r5kwrfsk5r5ku5tgvhmpj',
    'Secret: no mask',
    `Project: ${GROUP}`,
    'Made: at an unknown time',
    'Last used: never',
    'To go on, type the name of the key:',
    'prod',
  ]);
});

test('a name is mistyped three times at most', async () => {
  const key = keyNamed('prod');
  expect(await ask(key, [typed('Prod'), typed('pro'), typed(' prod ')])).toMatchObject({ consent: { value: 'given' } });
  const { forms, consent } = await ask(key, [typed('a'), typed('b'), typed('c'), typed('prod')]);
  expect(forms).toHaveLength(3);
  expect(consent).toMatchObject({ failure: { code: 'DECLINED' } });
  expect(JSON.stringify(consent)).toContain('in 3 tries');
});

test.each(['cancelled', 'at once', 'empty', 'silence'] as const)(
  'nobody is taken to have declined after %s, and the hint names the values of the setting',
  async (because) => {
    const { forms, consent } = await ask(keyNamed('prod'), [typed('Prod'), { answer: 'unavailable', because }]);
    expect(forms).toHaveLength(2);
    expect(consent).toMatchObject({ failure: { code: 'CONFIRMATION_UNAVAILABLE', retryable: false } });
    expect(JSON.stringify(consent)).toMatch(/ATLAS_MODEL_KEYS_CONFIRM: never .* if-supported .* required/);
  },
);

test.each([
  ['longer than a line', 'x'.repeat(65)],
  ['nothing but spaces', '   '],
  ['with two spaces together, which many windows show as one', 'prod  eu'],
  ['with an invisible character', 'pr\u3164od'],
  ['with a change of direction', 'pr\u202Eod'],
  ['that looks like a secret', 'al-0123456789abcdefghijklmnop'],
])('for a name %s the id is asked for', (_what, name) => {
  expect(typedNameOf(keyNamed(name))).toEqual({ what: 'id of the key', expected: 'a86r5kwrfsk5r5ku5tgvhmpj' });
});

test.each(['prod', '生产密钥', 'clé de prod', '🚀 prod'])('%s can be typed', (name) => {
  expect(typedNameOf(keyNamed(name)).expected).toBe(name);
});

test.each(['form', 'page', 'either'] as const)(
  'under if-supported the form of the host asks, also with %s',
  async (confirmWith) => {
    const key = keyNamed('prod');
    let asked = 0;
    const call = {
      ...quiet(),
      ask() {
        asked += 1;
        return Promise.resolve(typed('prod'));
      },
    };
    const question = { message: 'Delete?', ...typedNameOf(key) };
    const policy = { confirm: 'if-supported', confirmWith } as const;
    expect(await askConsent(policy, call, question)).toEqual({ ok: true, value: 'given' });
    expect(asked).toBe(1);
    expect(await askConsent(policy, quiet(), question)).toEqual({ ok: true, value: 'unasked' });
  },
);
