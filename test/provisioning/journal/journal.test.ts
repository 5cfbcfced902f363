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
import { type Failure } from '../../../src/provisioning/failure.ts';
import { serializeIntent, type Intent, type Plan } from '../../../src/provisioning/journal/intent.ts';
import {
  openJournal,
  type Journal,
  type OpenIntent,
  type OpenLimits,
} from '../../../src/provisioning/journal/journal.ts';
import { thisProcess } from '../../../src/files/process-owner.ts';
import { remember } from '../../../src/secret/redaction.ts';
import { leaksIn } from '../../canary.ts';
import { containing } from '../../matching.ts';
import { deadProcess, filesIn, GROUP, intentsOf, plant, scratchFolder, startBench } from '../bench.ts';

const PLAN: Plan = { groupId: GROUP, name: 'a key', sink: 'file', entry: 'a-key' };
const DAY_MS = 24 * 60 * 60 * 1000;
const NAME_IN_USE = { code: 'NAME_IN_USE', keyState: 'not_created' };

function place(): { journal: Journal; state: string; intentsAt: string } {
  const folder = scratchFolder();
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const state = join(folder, 'state');
  return { journal: openJournal(state), state, intentsAt: join(state, 'intents') };
}

function looking(since: number, maxPerHour = 1000): OpenLimits {
  return { since, maxPerHour };
}

function opened(result: OpenIntent | Failure): OpenIntent {
  return 'code' in result ? expect.fail(result.message) : result;
}

/** As far back as is asked, and by default of a process that is gone. */
function old(days: number, change: Partial<Intent> & Pick<Intent, 'id' | 'state'>): Intent {
  const at = new Date(Date.now() - days * DAY_MS).toISOString();
  return { ...PLAN, owner: deadProcess(), openedAt: at, updatedAt: at, ...change };
}

/** The name of an intent of {@link PLAN} without its count. */
async function hashOf(plan: Plan): Promise<string> {
  const { id } = opened(await place().journal.open(plan, looking(Date.now())));
  return id.slice(0, id.lastIndexOf('-'));
}

describe('an intent on the disk', () => {
  test.skipIf(process.platform === 'win32').each([0o000, 0o022, 0o077, 0o277])(
    'is its user’s alone under umask %o',
    async (mask) => {
      const { journal, state, intentsAt } = place();
      const before = process.umask(mask);
      onTestFinished(() => {
        process.umask(before);
      });
      const intent = opened(await journal.open(PLAN, looking(Date.now())));
      const modes = () =>
        [state, intentsAt, join(intentsAt, `${intent.id}.jsonl`)].map((path) => lstatSync(path).mode & 0o777);
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
    expect(readdirSync(intentsAt)).toEqual([`${intent.id}.jsonl`]);
    const lines = readFileSync(join(intentsAt, `${intent.id}.jsonl`), 'utf8').split('\n');
    const steps = [{ step: 'sending' }, { step: 'undelivered' }, { step: 'ended' }];
    const kept = steps.map((state) => ({ version: 1, intent: { id: intent.id, state } }));
    expect(lines.slice(0, -1).map((line): unknown => JSON.parse(line))).toMatchObject(kept);
    expect(lines.at(-1)).toBe('');
    expect(await intentsOf(journal)).toMatchObject([{ state: { step: 'ended' } }]);
  });

  test('says what it said before where a line was cut off, and goes on in a new one', async () => {
    const line = Buffer.from(`${serializeIntent(old(0.001, { id: 'x', state: { step: 'lost' } }))}\n`);
    for (const length of [1, 2, 100, line.length - 1]) {
      const { journal, intentsAt } = place();
      const intent = opened(await journal.open(PLAN, looking(Date.now())));
      await intent.record({ step: 'undelivered', apiKeyId: 'k1' });
      appendFileSync(join(intentsAt, `${intent.id}.jsonl`), line.subarray(0, length));
      expect(await intentsOf(journal)).toMatchObject([{ state: { step: 'undelivered', apiKeyId: 'k1' } }]);
      expect(await intent.release({ step: 'lost' })).toBe(true);
      expect(await intentsOf(journal)).toMatchObject([{ owner: null, state: { step: 'lost' } }]);
    }
  });

  test('does not grow when it is told again what it says', async () => {
    const { journal, intentsAt } = place();
    const intent = opened(await journal.open(PLAN, looking(Date.now())));
    await intent.release({ step: 'undelivered', apiKeyId: 'k1' });
    const before = readFileSync(join(intentsAt, `${intent.id}.jsonl`), 'utf8');
    const settle = async (apiKeyId: string) => {
      for (const each of await intentsOf(journal)) await journal.settle(each, { step: 'undelivered', apiKeyId });
      return readFileSync(join(intentsAt, `${intent.id}.jsonl`), 'utf8');
    };
    expect(await settle('k1')).toBe(before);
    expect((await settle('k2')).length).toBeGreaterThan(before.length);
  });

  test('cannot be written any more where its file is gone', async () => {
    const { journal, intentsAt } = place();
    const intent = opened(await journal.open(PLAN, looking(Date.now())));
    rmSync(join(intentsAt, `${intent.id}.jsonl`));
    expect(await intent.record({ step: 'lost' })).toBe(false);
    expect(readdirSync(intentsAt)).toEqual([]);
  });

  test('has every step before the next is begun, and its owner until it is released', async () => {
    const { journal } = place();
    const intent = opened(await journal.open(PLAN, looking(Date.now())));
    expect(await intentsOf(journal)).toMatchObject([{ ...PLAN, owner: thisProcess(), state: { step: 'sending' } }]);
    await intent.record({ step: 'undelivered', apiKeyId: 'k1' });
    expect(await intentsOf(journal)).toMatchObject([{ owner: thisProcess(), state: { apiKeyId: 'k1' } }]);
    await intent.release({ step: 'lost' });
    expect(await intentsOf(journal)).toMatchObject([{ owner: null, state: { step: 'lost' } }]);
  });

  test('never holds a secret, even one that somebody took for a name', async () => {
    const { journal, state } = place();
    const secret = 'al-journal-canary_0123456789abcdef';
    remember(secret);
    const intent = opened(await journal.open({ ...PLAN, name: secret }, looking(Date.now())));
    await intent.record({ step: 'undelivered', apiKeyId: secret });
    const text = [...filesIn(state).values()].join('\n');
    expect(text).toContain(GROUP);
    expect(leaksIn(text, [secret])).toEqual([]);
  });
});

describe('a name', () => {
  test('is given to one of two journals at once, in each project', async () => {
    const { journal, state } = place();
    const other = openJournal(state);
    for (let round = 0; round < 10; round += 1) {
      const plan = { ...PLAN, name: `round ${round}` };
      const since = Date.now();
      const both = await Promise.all([journal.open(plan, looking(since)), other.open(plan, looking(since))]);
      expect(both.filter((result) => !('code' in result))).toHaveLength(1);
      expect(both).toContainEqual(expect.objectContaining(NAME_IN_USE));
      opened(await other.open({ ...plan, groupId: 'f'.repeat(24) }, looking(since)));
    }
  });

  test('stays taken while its process lives, and for whoever looked before it was released', async () => {
    const { journal } = place();
    const looked = Date.now();
    const intent = opened(await journal.open(PLAN, looking(looked)));
    expect(await journal.open(PLAN, looking(Date.now() + 1_000))).toMatchObject(NAME_IN_USE);
    await intent.release({ step: 'ended', outcome: 'not_created' });
    expect(await journal.open(PLAN, looking(looked))).toMatchObject(NAME_IN_USE);
    opened(await journal.open(PLAN, looking(Date.now() + 1_000)));
  });

  test('is not kept by a dead process', async () => {
    const { journal, intentsAt } = place();
    const hash = await hashOf(PLAN);
    plant({ intentsAt }, old(0.001, { id: `${hash}-7`, state: { step: 'sending' } }));
    expect(opened(await journal.open(PLAN, looking(Date.now()))).id).toBe(`${hash}-8`);
    expect(await intentsOf(journal)).toHaveLength(2);
  });
});

describe('what is kept', () => {
  let opens = 0;
  const idsAfterAnOpen = async (journal: Journal) => {
    opens += 1;
    opened(await journal.open({ ...PLAN, name: `another ${opens}` }, looking(Date.now())));
    return (await intentsOf(journal)).filter(({ name }) => name === PLAN.name).map(({ id }) => id);
  };
  test('is what has not ended, and what ended within 30 days', async () => {
    const { journal, intentsAt } = place();
    const hash = await hashOf(PLAN);
    plant({ intentsAt }, old(31, { id: `${hash}-1`, owner: null, state: { step: 'ended', outcome: 'delivered' } }));
    plant({ intentsAt }, old(29, { id: `${hash}-2`, owner: null, state: { step: 'ended', outcome: 'gone' } }));
    expect(await idsAfterAnOpen(journal)).toEqual([`${hash}-2`]);
    plant({ intentsAt }, old(400, { id: `${hash}-3`, state: { step: 'sending' } }));
    expect(await idsAfterAnOpen(journal)).toEqual([`${hash}-3`, `${hash}-2`]);
  });

  test('and the delivered key of a name for which another create is open: it must not be taken for an orphan', async () => {
    const { journal, intentsAt } = place();
    const hash = await hashOf(PLAN);
    const delivered = { step: 'ended', outcome: 'delivered', apiKeyId: 'k1' } as const;
    plant({ intentsAt }, old(41, { id: `${hash}-1`, owner: null, state: { step: 'lost' } }));
    plant({ intentsAt }, old(40, { id: `${hash}-2`, owner: null, state: delivered }));
    expect(await idsAfterAnOpen(journal)).toEqual([`${hash}-1`, `${hash}-2`]);
  });

  test('is no foreign file', async () => {
    const { journal, intentsAt } = place();
    plant({ intentsAt }, old(1, { id: `${await hashOf(PLAN)}-1`, state: { step: 'lost' } }));
    writeFileSync(join(intentsAt, 'notes.txt'), 'mine');
    expect(await intentsOf(journal)).toHaveLength(1);
  });
  test('can be judged only as a whole: a damaged file is told of, and nothing is created', async () => {
    const { journal, intentsAt } = place();
    const hash = await hashOf(PLAN);
    const sound = old(1, { id: `${hash}-1`, state: { step: 'lost' } });
    const alter = (id: string, change: object) => JSON.stringify({ version: 1, intent: { ...sound, id, ...change } });
    plant({ intentsAt }, sound);
    const files: readonly string[] = [
      '',
      '{',
      '[]',
      'null',
      '\u0000\u0001',
      '{"intent":null}',
      serializeIntent(sound),
      alter(`${hash}-10`, { openedAt: 5 }),
      alter(`${hash}-10`, { updatedAt: undefined }),
      alter(`${hash}-10`, { owner: undefined }),
      alter(`${hash}-10`, { state: { step: 'dancing' } }),
      alter(`${hash}-10`, { groupId: '../..' }),
      'x'.repeat(100_000),
    ];
    const damaged = join(intentsAt, `${hash}-10.jsonl`);
    const isToldOf = async () => {
      expect(await journal.read()).toBeUndefined();
      const refused = await journal.open({ ...PLAN, name: 'another' }, looking(Date.now()));
      expect(refused).toMatchObject({ code: 'CONFIG_INVALID', message: containing(`${hash}-10.jsonl`) });
      rmSync(damaged, { recursive: true });
    };
    for (const text of files) {
      writeFileSync(damaged, `${text}\n`);
      await isToldOf();
    }
    writeFileSync(damaged, alter(`${hash}-10`, {}));
    await isToldOf();
    mkdirSync(damaged);
    await isToldOf();
    symlinkSync(join(intentsAt, `${hash}-1.jsonl`), damaged);
    await isToldOf();
    expect(await intentsOf(journal)).toHaveLength(1);
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
    const bench = await startBench();
    onTestFinished(() => bench.close());
    spoil(dirname(bench.intentsAt));
    expect(await bench.create('a-key')).toMatchObject({
      outcome: 'failed',
      failure: { code: 'CONFIG_INVALID', keyState: 'not_created' },
    });
    expect(bench.sandbox.requests.map(({ operation }) => operation)).not.toContain('create_key');
    expect(bench.held('a-key')).toBeUndefined();
    expect(await bench.journal.read()).toBeUndefined();
  });
});

describe('the limit of creates an hour', () => {
  const open = (journal: Journal, name: string, most: number) =>
    journal.open({ ...PLAN, name }, looking(Date.now(), most));
  const QUOTA = { code: 'QUOTA_EXCEEDED', keyState: 'not_created', retryable: true };

  test('is kept, leaves nothing of what it refused, and says when to come again', async () => {
    const { journal, intentsAt } = place();
    opened(await open(journal, 'one', 2));
    opened(await open(journal, 'two', 2));
    const refused = await open(journal, 'three', 2);
    expect(refused).toMatchObject(QUOTA);
    expect('code' in refused && refused.retryAfterSeconds).toBeGreaterThan(3_500);
    expect(readdirSync(intentsAt)).toHaveLength(2);
  });
  test('counts what Atlas did not refuse, of the last hour', async () => {
    const { journal, intentsAt } = place();
    const refused = opened(await open(journal, 'refused', 1));
    await refused.release({ step: 'ended', outcome: 'not_created' });
    plant({ intentsAt }, old(1, { id: `${'a'.repeat(32)}-1`, state: { step: 'ended', outcome: 'delivered' } }));
    const taken = opened(await open(journal, 'rolled back', 1));
    await taken.release({ step: 'ended', outcome: 'rolled_back', apiKeyId: 'k' });
    expect(await open(journal, 'next', 1)).toMatchObject(QUOTA);
  });
  test('counts those of another process', async () => {
    const { journal, intentsAt } = place();
    plant({ intentsAt }, old(0, { id: `${'b'.repeat(32)}-1`, state: { step: 'ended', outcome: 'delivered' } }));
    expect(await open(journal, 'next', 1)).toMatchObject(QUOTA);
  });
  test('of 0 allows none', async () => {
    expect(await open(place().journal, 'one', 0)).toMatchObject(QUOTA);
  });
  test('lets exactly so many pass of many at once in one process', async () => {
    const { journal } = place();
    const results = await Promise.all(Array.from({ length: 12 }, (_, index) => open(journal, `key ${index}`, 5)));
    expect(results.filter((result) => 'id' in result)).toHaveLength(5);
  });
});
