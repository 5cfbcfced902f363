// The command sink where the secret of a key that is replaced may be: what its programs print decides.

import { describe, expect, test } from 'vitest';
import type { CommandSpec } from '../../src/config/command-spec.ts';
import { redact } from '../../src/secret/redaction.ts';
import { Secret } from '../../src/secret/secret.ts';
import type { PreflightMode, Replaced, SinkProblem, PreparedWrite } from '../../src/sinks/sink.ts';
import {
  ADDRESS,
  CANARY,
  NEVER_MS,
  READ_BACK,
  WRITTEN,
  folder,
  sinkOf,
  useScriptFolder,
  withoutCanary,
} from './command-fixture.ts';

useScriptFolder();

const OLD = 'al-old-canary_0123456789-0123456789_odu2';
const OTHER = 'al-other-canary_0123456789-0123456789_xyz9';
const REPLACED: Replaced = { maskedSecret: 'al-****odu2' };
const SECRET = new Secret(CANARY);

type Argv = CommandSpec['argv'];

async function replacing(argv: Argv, verify?: Argv, replaced = REPLACED, timeoutMs = NEVER_MS): Promise<PreparedWrite> {
  const preflight = await sinkOf(argv, { verify, timeoutMs }).preflight(ADDRESS, 'prove', replaced);
  return preflight.ok ? preflight.value.write : expect.fail(preflight.failure.message);
}

async function problemOf(verify: Argv, replaced = REPLACED, mode: PreflightMode = 'prove'): Promise<SinkProblem> {
  const preflight = await sinkOf([folder.sh('keep', 'cat > /dev/null')], { verify }).preflight(ADDRESS, mode, replaced);
  return preflight.ok ? expect.fail('The preflight found nothing wrong.') : withoutCanary(preflight.failure);
}

/** A store of one value: a program that puts its input there, and one that prints it. */
function store(value: string): { keep: Argv; show: Argv; held: () => string } {
  folder.write('kept', value, 0o600);
  return {
    keep: [folder.sh('keep', 'cat > "$F/kept"')],
    show: [folder.sh('show', 'cat "$F/kept"')],
    held: () => folder.read('kept'),
  };
}

const PRINTS = 'The program "show" prints something already, so the place of sink "vault" is taken, and';

describe('a command that cannot be read', () => {
  test.each<Replaced>([REPLACED, { maskedSecret: undefined }])(
    'is not known to hold anything: %j',
    async (replaced) => {
      const { keep, held } = store(OTHER);
      const target = await replacing(keep, undefined, replaced);
      expect(target.overwrites).toBe('unknown');
      expect(held()).toBe(OTHER);
      expect(await target.deliver(SECRET)).toEqual(WRITTEN);
      expect(await target.verify(SECRET)).toMatchObject({ outcome: 'verified', verification: 'none' });
      await target.retract();
      expect(held()).toBe(CANARY);
    },
  );
});

describe('a command that can be read', () => {
  test.each(['', '\n', '\r\n'])('and prints the old secret gives it away, and gets it back: before %j', async (end) => {
    const { keep, show, held } = store(OLD + end);
    const target = await replacing(keep, show);
    expect(target.overwrites).toBe('old secret');
    expect(folder.has('keep.pid')).toBe(false);
    expect(await target.deliver(SECRET)).toEqual(WRITTEN);
    expect(await target.verify(SECRET)).toEqual(READ_BACK);
    expect(held()).toBe(CANARY);
    await target.retract();
    expect(held()).toBe(OLD);
    await target.retract();
    expect(held()).toBe(OLD);
  });

  test.each([
    ['prints nothing', 'exit 0'],
    ['prints one newline', 'echo'],
    ['exits with 1', `printf %s '${OLD}'; exit 1`],
    ['exits with 1 after the secret of another key', `printf %s '${OTHER}'; exit 1`],
    ['is ended by a signal', `printf %s '${OLD}'; kill -9 $$`],
    ['never ends', `printf %s '${OLD}'; sleep 600`],
    ['floods', 'yes'],
  ])('but %s is not known to hold anything, and not overwritten', async (_case, body) => {
    const { keep, held } = store(OLD);
    const show = folder.sh('show', body);
    const timeoutMs = body.includes('sleep') ? 500 : NEVER_MS;
    for (const replaced of [REPLACED, { maskedSecret: undefined, isLastHere: true }]) {
      const sink = sinkOf(keep, { verify: [show], absent: [2], timeoutMs });
      const preflight = await sink.preflight(ADDRESS, 'prove', replaced);
      expect(withoutCanary(preflight)).toMatchObject({ failure: { code: 'SINK_NOT_READY' } });
    }
    expect(held()).toBe(OLD);
    expect(folder.has('keep.pid')).toBe(false);
  });

  test.each<[string, string, string | undefined, string]>([
    ['the secret of another key', OTHER, 'al-****odu2', 'that is not the secret of the key'],
    [
      'a message with the right end',
      'al-message of a program odu2',
      'al-****odu2',
      'that is not the secret of the key',
    ],
    ['something before it', `secret: ${OLD}`, 'al-****odu2', 'that is not the secret of the key'],
    ['two line ends', `${OLD}\n\n`, 'al-****odu2', 'that is not the secret of the key'],
    ['what is not text', `\0${OLD}`, 'al-****odu2', 'that is not the secret of the key'],
    ['anything where there is no mask', OLD, undefined, 'Atlas shows too little of the old secret'],
    ['anything where the mask is short', OLD, 'al-****du2', 'Atlas shows too little of the old secret'],
  ])('and prints %s is not overwritten', async (_case, printed, maskedSecret, reason) => {
    const { show, held } = store(printed);
    for (const mode of ['inspect', 'prove'] as const) {
      expect(await problemOf(show, { maskedSecret }, mode)).toEqual({
        code: 'SINK_ENTRY_EXISTS',
        message: expect.stringContaining(`${PRINTS} ${reason}`) as unknown,
        hint: expect.stringContaining('Pass another entry or sink') as unknown,
        ...(reason.includes('not the secret') && { isRefusedLook: true }),
      });
    }
    expect(held()).toBe(printed);
    expect(folder.has('keep.pid')).toBe(false);
  });

  test('makes the old secret known to redaction, and no other', async () => {
    const [old, other] = [OLD.replace('old', 'five'), OTHER.replace('other', 'six')];
    await replacing(['true'], ['printf', '%s', old]);
    await problemOf(['printf', '%s', other]);
    expect(redact(`${old} ${other}`)).toBe(`[redacted] ${other}`);
  });

  test('is as strict as before where no key is replaced', async () => {
    const { keep, show } = store(OLD);
    const preflight = await sinkOf(keep, { verify: show }).preflight(ADDRESS, 'prove');
    expect(preflight).toMatchObject({ ok: false, failure: { code: 'SINK_ENTRY_EXISTS' } });
  });
});

describe('between the steps', () => {
  test.each([OTHER, `${OLD}x`])('a value that turned up before the delivery is not overwritten: %s', async (value) => {
    const { keep, show, held } = store(OLD);
    const target = await replacing(keep, show);
    folder.write('kept', value, 0o600);
    const delivery = withoutCanary(await target.deliver(SECRET));
    expect(delivery).toMatchObject({ outcome: 'failed', message: expect.stringContaining(PRINTS) as unknown });
    await target.retract();
    expect(held()).toBe(value);
    expect(folder.has('keep.pid')).toBe(false);
  });

  test.each([OTHER, '', `${CANARY}x`])(
    'one that turned up after it stays when the key is taken back: %j',
    async (value) => {
      const { keep, show, held } = store(OLD);
      const target = await replacing(keep, show);
      expect(await target.deliver(SECRET)).toEqual(WRITTEN);
      folder.write('kept', value, 0o600);
      expect(await target.verify(SECRET)).toMatchObject({ outcome: 'mismatch' });
      await target.retract();
      expect(held()).toBe(value);
    },
  );

  test('nothing is taken back before a delivery', async () => {
    const { keep, show, held } = store(OLD);
    const target = await replacing(keep, show);
    folder.write('kept', CANARY, 0o600);
    await target.retract();
    expect(held()).toBe(CANARY);
  });
});

describe('a delivery that fails', () => {
  const MAY_BE_GONE = 'The program may have replaced the old secret although this failed: look there';

  test.each([
    ['exits with 3 after it kept the secret', 'cat > "$F/kept"; exit 3', 'failed'],
    ['is killed after it kept the secret', 'cat > "$F/kept"; kill -9 $$', 'uncertain'],
    [
      'never ends after it kept the secret',
      '[ -e "$F/again" ] || { touch "$F/again"; cat > "$F/kept"; sleep 600; }; cat > "$F/kept"',
      'uncertain',
    ],
  ])('in a program that %s: that is said, and the old secret put back', async (_case, body, outcome) => {
    const { show, held } = store(OLD);
    const target = await replacing([folder.sh('keep', body)], show, REPLACED, 1500);
    const delivery = withoutCanary(await target.deliver(SECRET));
    expect(delivery).toMatchObject({ outcome, hint: expect.stringContaining(MAY_BE_GONE) as unknown });
    expect(held()).toBe(CANARY);
    await target.retract();
    expect(held()).toBe(OLD);
  });

  test.each<[string, boolean]>([
    ['with a program that verifies', true],
    ['without one', false],
  ])('never tells the operator to overwrite the old secret by hand: %s', async (_case, isRead) => {
    const { show } = store(OLD);
    const target = await replacing([folder.sh('keep', 'exit 1')], isRead ? show : undefined);
    const delivery = await target.deliver(SECRET);
    expect(delivery).toMatchObject({
      hint: expect.stringMatching(
        /may have replaced the old secret.*sink "vault" by hand.*a place that nobody needs/,
      ) as unknown,
    });
  });

  test('because the program is gone has replaced nothing', async () => {
    const { keep, show, held } = store(OLD);
    const target = await replacing(keep, show);
    folder.write('keep', '#!/nowhere/canary\n');
    const delivery = await target.deliver(SECRET);
    expect(delivery).toMatchObject({
      outcome: 'failed',
      message: expect.stringContaining('as one that cannot be started') as unknown,
    });
    expect(held()).toBe(OLD);
  });

  test.each([
    ['another value is read back', 'cat > /dev/null; printf x > "$F/kept"', 'mismatch'],
    ['nothing can be read back', 'cat > "$F/kept"; rm "$F/show"', 'unreadable'],
  ])('in the eyes of the verification is said the same way: %s', async (_case, body, outcome) => {
    const { show } = store(OLD);
    const target = await replacing([folder.sh('keep', body)], show);
    expect(await target.deliver(SECRET)).toEqual(WRITTEN);
    const verdict = withoutCanary(await target.verify(SECRET));
    expect(verdict).toMatchObject({ outcome, hint: expect.stringContaining(MAY_BE_GONE) as unknown });
    await target.retract();
  });

  test('while a key is created does not speak of an old secret', async () => {
    const preflight = await sinkOf([folder.sh('keep', 'exit 1')]).preflight(ADDRESS, 'prove');
    if (!preflight.ok) return expect.fail(preflight.failure.message);
    expect(preflight.value.write.overwrites).toBe('unknown');
    expect(JSON.stringify(await preflight.value.write.deliver(SECRET))).not.toContain('old secret');
  });
});
