import {
  appendFileSync,
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Result } from '../../../src/failure.ts';
import {
  serializeClaim,
  serializeIntent,
  type Ending,
  type Intent,
  type Plan,
} from '../../../src/keys/journal/intent.ts';
import { openJournal, type Journal, type OpenIntent } from '../../../src/keys/journal/journal.ts';
import { thisProcess } from '../../../src/files/process-owner.ts';
import { disclose, remember } from '../../../src/secret/redaction.ts';
import { containing } from '../../matching.ts';
import { deadProcess, GROUP, intentsOf, plant, scratchFolder, benchFor } from '../bench.ts';

const PLAN: Plan = { groupId: GROUP, name: 'a key', nonce: '0123456789ab', sink: 'file', entry: 'a-key' };
const DAY_MS = 24 * 60 * 60 * 1000;
const NAME_IN_USE = { code: 'NAME_IN_USE' };

function place(): { journal: Journal; state: string; intentsAt: string } {
  const folder = scratchFolder();
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const state = join(folder, 'state');
  return { journal: openJournal(state), state, intentsAt: join(state, 'intents') };
}

function looking(since: number, maxPerHour = 1000): Parameters<Journal['open']>[1] {
  return { since, maxPerHour, isOnePlace: true };
}

let plans = 0;

/** A call of its own for that name, in a place of its own. */
function planFor(name: string, change: Partial<Plan> = {}): Plan {
  plans += 1;
  return { ...PLAN, name, nonce: nonceAt(plans), entry: `entry-${plans}`, ...change };
}

const nonceAt = (count: number) => count.toString(16).padStart(12, '0');

function opened(result: Result<OpenIntent>): OpenIntent {
  return result.ok ? result.value : expect.fail(result.failure.message);
}

/** As far back as is asked, and by default of a process that is gone. */
function old(days: number, change: Partial<Intent> & Pick<Intent, 'nonce' | 'state'>): Intent {
  const at = new Date(Date.now() - days * DAY_MS).toISOString();
  return { ...PLAN, owner: deadProcess(), openedAt: at, updatedAt: at, ...change };
}

describe('an intent on the disk', () => {
  test.skipIf(process.platform === 'win32').each([0o000, 0o022, 0o077, 0o277])(
    'is only its user’s under umask %o',
    async (mask) => {
      const { journal, state, intentsAt } = place();
      const before = process.umask(mask);
      onTestFinished(() => {
        process.umask(before);
      });
      const intent = opened(await journal.open(PLAN, looking(Date.now())));
      const modes = () =>
        [state, intentsAt, join(intentsAt, `${intent.nonce}.jsonl`)].map((path) => lstatSync(path).mode & 0o777);
      expect(modes()).toEqual([0o700, 0o700, 0o600]);
      expect(await intent.record({ step: 'undelivered', apiKeyId: 'k1' })).toBe(true);
      expect(modes()).toEqual([0o700, 0o700, 0o600]);
    },
  );

  test('is a file of its own, to which each step adds a line; the last whole line counts', async () => {
    const { journal, intentsAt } = place();
    const intent = opened(await journal.open({ ...PLAN, name: 'n'.repeat(250) }, looking(Date.now())));
    expect(await intent.record({ step: 'undelivered', apiKeyId: 'k1' })).toBe(true);
    expect(await intent.release({ step: 'ended', outcome: 'rolled_back', apiKeyId: 'k1' })).toBe(true);
    expect(readdirSync(intentsAt)).toEqual([`${PLAN.nonce}.jsonl`]);
    const lines = readFileSync(join(intentsAt, `${intent.nonce}.jsonl`), 'utf8').split('\n');
    const steps = [{ step: 'sending' }, { step: 'undelivered' }, { step: 'ended' }];
    const kept = steps.map((state) => ({ version: 2, intent: { nonce: PLAN.nonce, state } }));
    expect(lines.slice(0, -1).map((line): unknown => JSON.parse(line))).toMatchObject(kept);
    expect(lines.at(-1)).toBe('');
    expect(await intentsOf(journal)).toMatchObject([{ state: { step: 'ended' } }]);
  });

  test('says what it said before where a line was cut off, and goes on in a new one', async () => {
    const line = Buffer.from(`${serializeIntent(old(0.001, { nonce: PLAN.nonce, state: { step: 'sending' } }))}\n`);
    for (const length of [1, 2, 100, line.length - 1]) {
      const { journal, intentsAt } = place();
      const intent = opened(await journal.open(PLAN, looking(Date.now())));
      await intent.record({ step: 'undelivered', apiKeyId: 'k1' });
      appendFileSync(join(intentsAt, `${intent.nonce}.jsonl`), line.subarray(0, length));
      expect(await intentsOf(journal)).toMatchObject([{ state: { step: 'undelivered', apiKeyId: 'k1' } }]);
      expect(await intent.release({ step: 'sending' })).toBe(true);
      expect(await intentsOf(journal)).toMatchObject([{ owner: null, state: { step: 'sending' } }]);
    }
  });

  test('is claimed by one of many that would take it over, and by none while its process lives', async () => {
    const { journal, state, intentsAt } = place();
    const live = opened(await journal.open(PLAN, looking(Date.now())));
    expect(await journal.claim(PLAN.nonce)).toBeUndefined();
    await live.release({ step: 'undelivered', apiKeyId: 'k1' });
    // Processes of their own, as far as the journal knows; this one lives.
    const journals = Array.from({ length: 8 }, () => openJournal(state));
    const claims = await Promise.all(journals.map((each) => each.claim(PLAN.nonce)));
    const [claimed, ...others] = claims.filter((claim) => claim !== undefined);
    expect([claimed?.state, others]).toEqual([{ step: 'undelivered', apiKeyId: 'k1' }, []]);
    expect(await intentsOf(journal)).toMatchObject([{ owner: thisProcess(), state: { step: 'undelivered' } }]);
    await claimed?.release({ step: 'ended', outcome: 'rolled_back', apiKeyId: 'k1' });
    expect(await journal.claim(PLAN.nonce)).toBeUndefined();
    rmSync(join(intentsAt, `${PLAN.nonce}.jsonl`));
    expect(await journal.claim(PLAN.nonce)).toBeUndefined();
  });

  test('a claim that came second says nothing', async () => {
    const { journal, intentsAt } = place();
    const intent = old(0.001, { nonce: PLAN.nonce, state: { step: 'sending' } });
    const [first, second] = ['one', 'two'].map((bootId) =>
      serializeClaim({ owner: { pid: 1, bootId }, at: intent.updatedAt, after: 1 }),
    );
    mkdirSync(intentsAt, { recursive: true, mode: 0o700 });
    const lines = [serializeIntent(intent), first, second, ''].join('\n');
    writeFileSync(join(intentsAt, `${PLAN.nonce}.jsonl`), lines, { mode: 0o600 });
    expect(await intentsOf(journal)).toMatchObject([{ owner: { bootId: 'one' } }]);
  });

  test('cannot be written any more where its file is gone', async () => {
    const { journal, intentsAt } = place();
    const intent = opened(await journal.open(PLAN, looking(Date.now())));
    rmSync(join(intentsAt, `${intent.nonce}.jsonl`));
    expect(await intent.record({ step: 'sending' })).toBe(false);
    expect(readdirSync(intentsAt)).toEqual([]);
  });

  test('has every step before the next is begun, and its owner until it is released', async () => {
    const { journal } = place();
    const intent = opened(await journal.open(PLAN, looking(Date.now())));
    expect(await intentsOf(journal)).toMatchObject([{ ...PLAN, owner: thisProcess(), state: { step: 'sending' } }]);
    await intent.record({ step: 'undelivered', apiKeyId: 'k1' });
    expect(await intentsOf(journal)).toMatchObject([{ owner: thisProcess(), state: { apiKeyId: 'k1' } }]);
    await intent.release({ step: 'sending' });
    expect(await intentsOf(journal)).toMatchObject([{ owner: null, state: { step: 'sending' } }]);
  });

  test('is true whatever is taken for a secret: its structure is not redacted', async () => {
    const { journal } = place();
    for (const secret of [GROUP, PLAN.nonce, 'delivered', 'undelivered', 'sending', 'file']) {
      remember(secret);
      onTestFinished(() => {
        disclose(secret);
      });
    }
    const intent = opened(await journal.open(PLAN, looking(Date.now())));
    await intent.record({ step: 'undelivered', apiKeyId: 'k1' });
    expect(await intentsOf(journal)).toMatchObject([{ ...PLAN, state: { step: 'undelivered', apiKeyId: 'k1' } }]);
    opened(await journal.open(planFor('another'), looking(Date.now())));
  });
});

describe('a name', () => {
  test('is given to one of two journals at once, in each project', async () => {
    const { journal, state } = place();
    const other = openJournal(state);
    for (let round = 0; round < 10; round += 1) {
      const name = `round ${round}`;
      const since = Date.now();
      const both = await Promise.all([journal, other].map((each) => each.open(planFor(name), looking(since))));
      expect(both.filter((result) => result.ok)).toHaveLength(1);
      expect(both.map((result) => !result.ok && result.failure)).toContainEqual(expect.objectContaining(NAME_IN_USE));
      opened(await other.open(planFor(name, { groupId: 'f'.repeat(24) }), looking(since)));
    }
  });

  test('stays taken while its process lives, and for whoever looked before it was released', async () => {
    const { journal } = place();
    const looked = Date.now() - 1;
    const intent = opened(await journal.open(planFor('one'), looking(looked)));
    expect(await journal.open(planFor('one'), looking(Date.now() + 1_000))).toMatchObject({ failure: NAME_IN_USE });
    await intent.release({ step: 'ended', outcome: 'not_created' });
    expect(await journal.open(planFor('one'), looking(looked))).toMatchObject({ failure: NAME_IN_USE });
    opened(await journal.open(planFor('one'), looking(Date.now() + 1_000)));
  });

  test('is not kept by a dead process, unless that may have delivered', async () => {
    const { journal, intentsAt } = place();
    plant({ intentsAt }, old(0.001, { nonce: nonceAt(0xa1), state: { step: 'sending' } }));
    plant({ intentsAt }, old(0.001, { nonce: nonceAt(0xa2), state: { step: 'undelivered', apiKeyId: 'k1' } }));
    const intent = opened(await journal.open(planFor(PLAN.name), looking(Date.now())));
    await intent.release({ step: 'ended', outcome: 'gone' });
    for (const step of ['created', 'delivered', 'retiring'] as const) {
      const state = { step, apiKeyId: 'k2', fingerprint: 'sha256:000000000000' } as const;
      plant({ intentsAt }, old(0.001, { nonce: nonceAt(0xb0), state }));
      const refused = await journal.open(planFor(PLAN.name), looking(Date.now() + 1_000));
      expect(refused).toMatchObject({
        failure: { ...NAME_IN_USE, hint: containing('reconcile_ai_model_api_keys') },
      });
    }
  });

  test('is not blocked by a time in the future', async () => {
    const { journal, intentsAt } = place();
    const ended = { step: 'ended', outcome: 'rolled_back', apiKeyId: 'k' } as const;
    for (let count = 0; count < 5; count += 1)
      plant({ intentsAt }, old(-400, { nonce: nonceAt(0xc0 + count), owner: null, state: ended }));
    opened(await journal.open(planFor(PLAN.name), looking(Date.now(), 1)));
  });
});

test('a place is written by one call at a time; an inline result is not a place', async () => {
  const { journal } = place();
  const here = { entry: 'here' };
  const intent = opened(await journal.open(planFor('one', here), looking(Date.now())));
  const refused = await journal.open(planFor('two', here), looking(Date.now()));
  expect(refused).toMatchObject({ failure: { code: 'SINK_ENTRY_EXISTS', retryable: true } });
  opened(await journal.open(planFor('two', here), { ...looking(Date.now()), isOnePlace: false }));
  opened(await journal.open(planFor('three', { groupId: 'f'.repeat(24), ...here }), looking(Date.now())));
  await intent.release({ step: 'ended', outcome: 'delivered', apiKeyId: 'k' });
});

describe('what is kept', () => {
  const keptAfterAnOpen = async (journal: Journal, another = 'another') => {
    opened(await journal.open(planFor(another), looking(Date.now())));
    return (await intentsOf(journal)).filter(({ name }) => name === PLAN.name).map(({ nonce }) => nonce);
  };
  test('is what has not ended, what ended within 30 days, and what Atlas refused within the hour', async () => {
    const { journal, intentsAt } = place();
    const ended = (outcome: Ending) => ({ owner: null, state: { step: 'ended', outcome } as const });
    plant({ intentsAt }, old(400, { nonce: nonceAt(0xa1), state: { step: 'sending' } }));
    plant({ intentsAt }, old(31, { nonce: nonceAt(0xa2), ...ended('delivered') }));
    plant({ intentsAt }, old(29, { nonce: nonceAt(0xa3), ...ended('gone') }));
    plant({ intentsAt }, old(31, { nonce: nonceAt(0xa4), owner: null, state: { step: 'sending' } }));
    plant({ intentsAt }, old(0.1, { nonce: nonceAt(0xa5), ...ended('not_created') }));
    plant({ intentsAt }, old(0.01, { nonce: nonceAt(0xa6), ...ended('not_created') }));
    expect(await keptAfterAnOpen(journal)).toEqual([0xa1, 0xa3, 0xa6].map(nonceAt));
  });

  test('is also what was delivered within 400 days, by its fingerprint, and of that at most 2,000 beyond 30 days', async () => {
    const { journal, intentsAt } = place();
    const state = { step: 'ended', outcome: 'delivered', fingerprint: 'sha256:0123456789ab' } as const;
    for (const [days, digits] of [
      [401, 0xa1],
      [399, 0xa2],
      [31, 0xa3],
    ] as const)
      plant({ intentsAt }, old(days, { nonce: nonceAt(digits), owner: null, state }));
    expect(await keptAfterAnOpen(journal)).toEqual([0xa2, 0xa3].map(nonceAt));
    for (let count = 0; count < 1_999; count += 1)
      plant({ intentsAt }, old(40, { nonce: nonceAt(0x1000 + count), owner: null, state }));
    plant({ intentsAt }, old(29, { nonce: nonceAt(0xa4), owner: null, state }));
    const kept = await keptAfterAnOpen(openJournal(dirname(intentsAt)), 'one more');
    expect(kept).toHaveLength(2_001);
    expect(kept).not.toContain(nonceAt(0xa2));
    for (const digits of [0xa3, 0xa4]) expect(kept).toContain(nonceAt(digits));
  });

  test('is not a foreign file', async () => {
    const { journal, intentsAt } = place();
    plant({ intentsAt }, old(1, { nonce: PLAN.nonce, state: { step: 'sending' } }));
    writeFileSync(join(intentsAt, 'notes.txt'), 'mine');
    expect(await intentsOf(journal)).toHaveLength(1);
  });

  test('a file that cannot be understood is told of, set aside under another name, and blocks nothing', async () => {
    const nonce = nonceAt(0xd1);
    const sound = old(1, { nonce, state: { step: 'sending' } });
    const alter = (change: object) => JSON.stringify({ version: 2, intent: { ...sound, ...change } });
    const files: readonly string[] = [
      '',
      '{',
      '[]',
      'null',
      '\u0000\u0001',
      '{"intent":null}',
      serializeIntent({ ...sound, nonce: nonceAt(0xd2) }),
      alter({ openedAt: 5 }),
      alter({ updatedAt: undefined }),
      alter({ owner: undefined }),
      alter({ state: { step: 'dancing' } }),
      alter({ groupId: '../..' }),
    ];
    for (const text of files) {
      const { journal, intentsAt } = place();
      mkdirSync(intentsAt, { recursive: true, mode: 0o700 });
      writeFileSync(join(intentsAt, `${nonce}.jsonl`), `${text}\n`, { mode: 0o600 });
      expect(await journal.read()).toEqual({ ok: true, value: { intents: [], unreadable: [nonce] } });
      const intent = opened(await journal.open(planFor('another'), looking(Date.now())));
      expect(readdirSync(intentsAt).sort()).toEqual([`${nonce}.unreadable`, `${intent.nonce}.jsonl`].sort());
      expect(await journal.read()).toMatchObject({ value: { unreadable: [nonce] } });
    }
  });

  test.skipIf(process.geteuid?.() === 0)('a file that cannot be read is not taken for empty', async () => {
    const { journal, intentsAt } = place();
    plant({ intentsAt }, old(1, { nonce: PLAN.nonce, state: { step: 'sending' } }));
    chmodSync(join(intentsAt, `${PLAN.nonce}.jsonl`), 0);
    expect(await journal.read()).toMatchObject({ ok: false, failure: { code: 'CONFIG_INVALID' } });
    expect(await journal.open(planFor('another'), looking(Date.now()))).toMatchObject({
      failure: { code: 'CONFIG_INVALID' },
    });
  });
});

describe('without a safe place nothing is sent', () => {
  test.skipIf(process.platform === 'win32').each<[string, (state: string) => void]>([
    [
      'a file in its place',
      (state) => {
        writeFileSync(state, '');
      },
    ],
    [
      'a file in place of the intents',
      (state) => {
        mkdirSync(state, { mode: 0o700 });
        writeFileSync(join(state, 'intents'), '');
      },
    ],
    [
      'a directory that others can write to',
      (state) => {
        mkdirSync(state);
        chmodSync(state, 0o777);
      },
    ],
    [
      'a symbolic link',
      (state) => {
        mkdirSync(`${state}.real`, { mode: 0o700 });
        symlinkSync(`${state}.real`, state);
      },
    ],
  ])('%s', async (_what, spoil) => {
    const bench = await benchFor();
    spoil(dirname(bench.intentsAt));
    expect(await bench.create('a-key')).toMatchObject({
      outcome: 'failed',
      failure: { code: 'CONFIG_INVALID', keyState: 'not_created' },
    });
    expect(bench.sandbox.requests.map(({ operation }) => operation)).not.toContain('create_key');
    expect(bench.held('a-key')).toBeUndefined();
    expect(await bench.journal.read()).toMatchObject({ ok: false, failure: { code: 'CONFIG_INVALID' } });
  });
});

describe('the limit of creates an hour', () => {
  const open = (journal: Journal, name: string, most: number) => journal.open(planFor(name), looking(Date.now(), most));
  const QUOTA = { failure: { code: 'QUOTA_EXCEEDED', retryable: true } };

  test('is kept, makes no file for what it refused, and says when to try again', async () => {
    const { journal, intentsAt } = place();
    opened(await open(journal, 'one', 2));
    opened(await open(journal, 'two', 2));
    const refused = await open(journal, 'three', 2);
    expect(refused).toMatchObject(QUOTA);
    expect(!refused.ok && refused.failure.retryAfterSeconds).toBeGreaterThan(3_500);
    expect(readdirSync(intentsAt)).toHaveLength(2);
  });
  test.each(['not_created', 'rolled_back', 'delivered'] as const)(
    'counts what was begun within the last hour, however it ended (%s)',
    async (outcome) => {
      const { journal, intentsAt } = place();
      plant({ intentsAt }, old(1, { nonce: nonceAt(0xe1), state: { step: 'ended', outcome } }));
      const intent = opened(await open(journal, 'first', 1));
      await intent.release({ step: 'ended', outcome });
      expect(await open(journal, 'next', 1)).toMatchObject(QUOTA);
    },
  );
  test('keeps no more files of what was refused than it allows', async () => {
    const { journal, intentsAt } = place();
    for (let count = 0; count < 30; count += 1) {
      const intent = await open(journal, `refused ${count}`, 5);
      if (intent.ok) await intent.value.release({ step: 'ended', outcome: 'not_created' });
    }
    expect(readdirSync(intentsAt)).toHaveLength(5);
  });
  test('counts those of another process', async () => {
    const { journal, intentsAt } = place();
    plant({ intentsAt }, old(0.001, { nonce: nonceAt(0xe2), state: { step: 'ended', outcome: 'delivered' } }));
    expect(await open(journal, 'next', 1)).toMatchObject(QUOTA);
  });
  test('of 0 allows none', async () => {
    expect(await open(place().journal, 'one', 0)).toMatchObject(QUOTA);
  });
  test('lets exactly so many pass of many at once in one process', async () => {
    const { journal } = place();
    const results = await Promise.all(Array.from({ length: 12 }, (_, index) => open(journal, `key ${index}`, 5)));
    expect(results.filter((result) => result.ok)).toHaveLength(5);
  });
});
