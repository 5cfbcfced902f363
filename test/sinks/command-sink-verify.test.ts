// Reading back from a command: what counts as the secret, against programs that lie, truncate or flood.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  CANARY,
  NEVER_MS,
  READ_BACK,
  folder,
  mismatch,
  useScriptFolder,
  verify,
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

  test.each([
    ['exits with 1', `printf %s '${CANARY}'; exit 1`, 'ended with exit code 1.'],
    ['is ended by a signal', `printf %s '${CANARY}'; kill -9 $$`, 'was ended by signal SIGKILL.'],
    ['never ends', `printf %s '${CANARY}'; sleep 600`, 'did not end within 1.5 s and was stopped.'],
    ['floods', `printf %s '${CANARY}'; yes`, 'printed far too much and was stopped.'],
    ['prints more than 64 KiB', 'head -c 65537 /dev/zero; sleep 600', 'printed far too much and was stopped.'],
  ])('a program that %s is a mismatch', async (_case, body, words) => {
    const verdict = await verify([folder.sh('show', body)], { timeoutMs: words.includes('within') ? 1500 : NEVER_MS });
    expect(verdict).toEqual(mismatch(`The program "show" ${words}`));
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
