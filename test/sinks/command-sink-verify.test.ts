// Reading back from a command: what counts as the secret, against programs that lie, truncate or flood.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { containing } from '../matching.ts';
import { fingerprintOf } from '../../src/secret/opened-secret.ts';
import { Secret } from '../../src/secret/secret.ts';
import {
  ADDRESS,
  CANARY,
  NEVER_MS,
  READ_BACK,
  folder,
  mismatch,
  sinkOf,
  targetOf,
  unreadable,
  useScriptFolder,
  verify,
  withoutCanary,
} from './command-fixture.ts';

useScriptFolder();

describe('verification by reading back', () => {
  test('accepts the secret, followed by at most one end of a line', async () => {
    const ending = fc.oneof(
      fc.constantFrom('', '\n', '\r\n', '\n\n', '\r\n\r\n', '\n\r\n', '\r', ' ', ' \n', '\0', '\0\n', CANARY),
      fc.string(),
    );
    await fc.assert(
      fc.asyncProperty(ending, fc.boolean(), async (tail, truncated) => {
        const printed = (truncated ? CANARY.slice(0, -1) : CANARY) + tail;
        folder.write('printed', printed, 0o600);
        const { outcome } = await verify(['cat', folder.at('printed')]);
        const right = [CANARY, `${CANARY}\n`, `${CANARY}\r\n`].includes(printed);
        expect(outcome).toBe(right ? 'verified' : 'mismatch');
      }),
      { numRuns: 60 },
    );
  });

  test.each([
    ['lies', 'echo something else'],
    ['prints nothing', 'exit 0'],
    ['prints one newline', 'echo'],
    ['prints to standard error', `printf %s '${CANARY}' >&2`],
    ['truncates', `printf %s '${CANARY.slice(0, -1)}'`],
    ['prints it after something', `printf 'secret: %s' '${CANARY}'`],
    ['adds a newline to a newline', `printf '%s\\n\\n' '${CANARY}'`],
    ['prints a lone carriage return', `printf '%s\\r' '${CANARY}'`],
  ])('a program that %s is a mismatch', async (_case, body) => {
    const message = 'The program "show" printed something else than the secret that was delivered.';
    expect(await verify([folder.sh('show', body)])).toEqual(mismatch(message));
  });

  test('a program that says by its exit code that nothing is there is a mismatch, whatever it printed', async () => {
    const verdict = await verify([folder.sh('show', `printf %s '${CANARY}'; exit 1`)]);
    expect(verdict).toEqual(mismatch('The program "show" ended with exit code 1.'));
  });

  test('a program that ends with another code tells nothing', async () => {
    const verdict = await verify([folder.sh('show', `printf %s '${CANARY}'; exit 2`)]);
    const words = 'ended with exit code 2. Whether that says that nothing is there is not known.';
    expect(verdict).toEqual(unreadable(`The program "show" ${words}`));
  });

  test.each([
    ['is ended by a signal', `printf %s '${CANARY}'; kill -9 $$`, 'was ended by signal SIGKILL.'],
    ['never ends', `printf %s '${CANARY}'; sleep 600`, 'did not end within 1.5 s and was stopped.'],
    ['floods', `printf %s '${CANARY}'; yes`, 'printed far too much and was stopped.'],
    ['prints more than 64 KiB', 'head -c 65537 /dev/zero; sleep 600', 'printed far too much and was stopped.'],
  ])('a program that %s tells nothing', async (_case, body, words) => {
    const verdict = await verify([folder.sh('show', body)], { timeoutMs: words.includes('within') ? 1500 : NEVER_MS });
    expect(verdict).toEqual(unreadable(`The program "show" ${words}`));
  });

  test('reads what was printed in the moment before the exit', async () => {
    const value = 'x'.repeat(60_000);
    folder.write('printed', value, 0o600);
    for (let round = 0; round < 20; round += 1) {
      expect(await verify(['cat', folder.at('printed')], {}, value)).toEqual(READ_BACK);
    }
  });

  test('does not hand the secret over again', async () => {
    const show = folder.sh('show', `cat > "$F/input"; printf %s '${CANARY}'`);
    expect(await verify([show])).toEqual(READ_BACK);
    expect(folder.read('input')).toBe('');
  });
});

describe('a place that is taken', () => {
  test.each([
    ['a value', `printf %s '${CANARY}'`],
    ['a value and a newline', 'echo something else'],
    ['blanks', "printf '  '"],
    ['two newlines', "printf '\\n\\n'"],
    ['what is not text', "printf '\\377\\000'"],
  ])('is found by what the program that verifies prints: %s', async (_case, body) => {
    const sink = sinkOf([folder.sh('keep', 'cat > /dev/null')], { verify: [folder.sh('show', body), 'ARGUMENT'] });
    for (const mode of ['inspect', 'prove'] as const) {
      expect(withoutCanary(await sink.preflight(ADDRESS, mode))).toEqual({
        ok: false,
        failure: {
          code: 'SINK_ENTRY_EXISTS',
          message: 'The program "show" prints something already, so the place of sink "vault" is taken.',
          hint: 'Nothing is overwritten. Pass another entry, or have that one removed first.',
        },
      });
    }
    expect(folder.has('keep.pid')).toBe(false);
  });

  test.each([
    ['prints nothing', 'exit 0'],
    ['prints one newline', 'echo'],
    ['prints one newline of Windows', "printf '\\r\\n'"],
    ['prints to standard error', 'echo canary >&2'],
    ['exits with 1', 'echo canary; exit 1'],
    ['is ended by a signal', 'echo canary; kill -9 $$'],
    ['never ends', 'echo canary; sleep 600'],
    ['floods', 'yes canary'],
    ['cannot be started', undefined],
  ])('is not known to be free where the program %s', async (_case, body) => {
    const show = body === undefined ? folder.write('show', '#!/nowhere/canary\n') : folder.sh('show', body);
    const timeoutMs = body?.includes('sleep') === true ? 500 : NEVER_MS;
    const sink = sinkOf(['true'], { verify: [show], absent: [2], timeoutMs });
    for (const mode of ['inspect', 'prove'] as const) {
      expect(withoutCanary(await sink.preflight(ADDRESS, mode))).toMatchObject({
        failure: { code: 'SINK_NOT_READY', message: containing('it is not known whether the place of sink "vault"') },
      });
    }
  });

  test('is free where the exit code says so, and an unknown code is named in the advice', async () => {
    const show = folder.sh('show', 'echo canary; exit 3');
    expect(await sinkOf(['true'], { verify: [show], absent: [1, 3] }).preflight(ADDRESS, 'prove')).toMatchObject({
      value: { write: { overwrites: 'nothing' } },
    });
    const refused = await sinkOf(['true'], { verify: [show], absent: [1] }).preflight(ADDRESS, 'prove');
    expect(refused).toMatchObject({ failure: { hint: containing('"absent": [1, 3] to the sink "vault"') } });
  });

  test('is that of the address', async () => {
    const show = folder.sh('show', 'cat "$F/$1" 2> /dev/null');
    folder.write('taken', CANARY, 0o600);
    const sink = sinkOf(['true'], { verify: [show, '{entry}'], absent: [1] });
    expect(await sink.preflight({ ...ADDRESS, entry: 'taken' }, 'prove')).toMatchObject({ ok: false });
    expect(await sink.preflight({ ...ADDRESS, entry: 'free' }, 'prove')).toMatchObject({ ok: true });
  });

  test('is not overwritten by a command that would', async () => {
    const keep = folder.sh('keep', 'cat > "$F/kept"');
    const setting = { verify: [folder.sh('show', 'cat "$F/kept"')] as const, absent: [1] };
    const secret = new Secret(CANARY);
    const target = await targetOf([keep], setting);
    expect(await target.deliver(secret)).toEqual({ outcome: 'written', warnings: [] });
    expect(await target.verify(secret)).toEqual(READ_BACK);
    await expect(targetOf([keep], setting)).rejects.toThrow('is taken');
    expect(folder.read('kept')).toBe(CANARY);
  });
});

describe('a look', () => {
  test.each(['', '\n', '\r\n'])('finds the fingerprint of what is printed, before %j', async (ending) => {
    folder.write('printed', CANARY + ending, 0o600);
    const held = await sinkOf(['true'], { verify: ['cat', folder.at('printed')] }).lookUp(ADDRESS);
    expect(withoutCanary(held)).toEqual({ held: 'value', fingerprint: fingerprintOf(new Secret(CANARY)) });
  });

  test('finds that it is another value', async () => {
    const held = await sinkOf(['true'], { verify: [folder.sh('show', `echo '${CANARY}x'`)] }).lookUp(ADDRESS);
    expect(held).toEqual({ held: 'value', fingerprint: fingerprintOf(new Secret(`${CANARY}x`)) });
  });

  test('is at the address', async () => {
    const show = folder.sh('show', 'printf %s "$1"');
    const held = await sinkOf(['true'], { verify: [show, '{groupId}/{entry}'] }).lookUp(ADDRESS);
    const value = new Secret(`${ADDRESS.groupId}/my.key-1`);
    expect(held).toEqual({ held: 'value', fingerprint: fingerprintOf(value) });
  });

  test.each([
    ['prints nothing', 'exit 0'],
    ['prints one newline', 'echo'],
    ['exits with 1', `echo '${CANARY}'; exit 1`],
    ['is ended by a signal', `echo '${CANARY}'; kill -9 $$`],
    ['never ends', `echo '${CANARY}'; sleep 600`],
    ['floods', 'yes'],
    ['is gone', undefined],
  ])('tells nothing where the program %s', async (_case, body) => {
    const show = body === undefined ? folder.at('absent') : folder.sh('show', body);
    const timeoutMs = body?.includes('sleep') === true ? 500 : NEVER_MS;
    const setting = { verify: [show] as const, absent: [2], timeoutMs };
    expect(await sinkOf(['true'], setting).lookUp(ADDRESS)).toEqual({ held: 'unknown' });
  });

  test('finds nothing only where the program says so', async () => {
    const show = folder.sh('show', 'exit 2');
    expect(await sinkOf(['true'], { verify: [show], absent: [2] }).lookUp(ADDRESS)).toEqual({ held: 'nothing' });
  });

  test('tells nothing where nothing verifies, and never runs the program that delivers', async () => {
    const keep = folder.sh('keep', 'cat');
    expect(await sinkOf([keep]).lookUp(ADDRESS)).toEqual({ held: 'unknown' });
    expect(await sinkOf([keep], { verify: ['true'] }).lookUp(ADDRESS)).toEqual({ held: 'unknown' });
    expect(folder.started()).toBe(0);
  });
});
