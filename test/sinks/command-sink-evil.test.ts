// The command sink against programs that fail, never end, fork, echo or flood; each is a real process.

import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { containing } from '../matching.ts';
import { Secret } from '../../src/secret/secret.ts';
import {
  CANARY,
  NEVER_MS,
  READ_BACK,
  WRITTEN,
  deliver,
  failure,
  folder,
  targetOf,
  uncertain,
  useScriptFolder,
  verify,
  withoutCanary,
} from './command-fixture.ts';

useScriptFolder();

/** More than fits into a pipe, so that a program that does not read cannot go unnoticed. */
const LONG = randomBytes(512 * 1024).toString('hex');

describe('a command that fails', () => {
  test.each([
    ['exits with 3', 'cat > /dev/null; exit 3', 'The program "evil" ended with exit code 3.'],
    ['closes its input and exits with 1', 'exec <&-; exit 1', 'The program "evil" ended with exit code 1.'],
  ])('%s', async (_case, body, message) => {
    expect(await deliver([folder.sh('evil', body), 'ARGUMENT'])).toEqual(failure(message));
  });

  test.each([
    ['before it read anything', 'kill -TERM $$', 'SIGTERM'],
    ['after it kept the secret', 'cat > "$F/kept"; kill -9 $$', 'SIGKILL'],
  ])('is ended by a signal %s: nobody knows whether the secret was kept', async (_case, body, signal) => {
    const message = `The program "evil" was ended by signal ${signal}.`;
    expect(await deliver([folder.sh('evil', body), 'ARGUMENT'])).toEqual(uncertain(message));
  });

  test.each([
    ['closes its input at once and exits with 0', 'exec <&-; exit 0'],
    ['reads a little, closes its input and exits with 0', 'head -c 10 > /dev/null; exec <&-; exit 0'],
    ['never reads and exits with 0', 'exit 0'],
  ])('%s before it had all of the secret', async (_case, body) => {
    const message = 'The program "evil" closed its input before it had the whole secret.';
    expect(await deliver([folder.sh('evil', body)], {}, LONG)).toEqual(failure(message));
  });

  test('a short secret fits into the pipe: that nobody read it cannot be seen, and nothing is claimed', async () => {
    const target = await targetOf([folder.sh('evil', 'sleep 0.3; exit 0')]);
    const secret = new Secret(CANARY);
    expect(await target.deliver(secret)).toEqual(WRITTEN);
    expect(await target.verify(secret)).toMatchObject({ outcome: 'verified', verification: 'none' });
  });

  test('names an interpreter that is missing', async () => {
    const target = await targetOf([folder.write('evil', '#!/nowhere/canary\n'), 'ARGUMENT']);
    const delivery = withoutCanary(await target.deliver(new Secret(CANARY)));
    expect(delivery).toEqual(failure('The program "evil" ended with exit code 127, as one that cannot be started.'));
  });

  test.each<[string, (path: string) => void]>([
    ['vanished', rmSync],
    [
      'became one that everybody can exchange',
      (path) => {
        chmodSync(path, 0o777);
      },
    ],
    [
      'became a folder',
      (path) => {
        rmSync(path);
        mkdirSync(path);
      },
    ],
  ])('%s after the preflight: it gets nothing', async (_how, change) => {
    const evil = folder.sh('evil', 'cat > "$F/kept"');
    const target = await targetOf([evil, 'ARGUMENT']);
    change(evil);
    const delivery = withoutCanary(await target.deliver(new Secret(CANARY)));
    expect(delivery).toMatchObject({ outcome: 'failed', message: containing('not safe to run any more') });
    expect(folder.has('kept')).toBe(false);
  });

  test.each([
    ['a NUL in an argument', 'ARGUMENT\0', 'the system refused'],
    ['an endless argument', 'ARGUMENT'.repeat(1_000_000), 'its arguments and environment are too long'],
  ])('%s is not quoted back', async (_case, argument, reason) => {
    const delivery = await deliver([folder.sh('evil', 'exit 0'), argument]);
    expect(delivery).toEqual(failure(`The program "evil" could not be started: ${reason}.`));
  });
});

/** What Node calls a pipe is a socket, which nobody can open as a file. */
test.runIf(process.platform !== 'win32')('a command may open its input as /dev/stdin, which is a pipe', async () => {
  const keep = folder.sh('keep', '[ -p /dev/stdin ] && cat /dev/stdin > "$F/kept"');
  expect(await deliver([keep])).toEqual(WRITTEN);
  expect(folder.read('kept')).toBe(CANARY);
});

describe('a command that goes on', () => {
  const TIMEOUT = uncertain('The program "evil" did not end within 1.5 s and was stopped.');

  test.each([
    ['sleeps', 'sleep 600'],
    ['ignores every signal that can be ignored', "trap '' TERM INT HUP QUIT PIPE; while :; do sleep 1; done"],
    ['waits for more input', 'cat; exec sleep 600'],
    ['waits with its pipes closed', 'exec <&- >&- 2>&-; sleep 600'],
    ['stops itself', 'kill -STOP $$'],
  ])('%s', async (_case, body) => {
    expect(await deliver([folder.sh('evil', body)], { timeoutMs: 1500 })).toEqual(TIMEOUT);
    expect(folder.started()).toBe(1);
  });

  test('takes its children with it when it is stopped', async () => {
    folder.sh('child', 'trap "" TERM HUP; sleep 600');
    const evil = folder.sh('evil', '"$F/child" & while [ ! -s "$F/child.pid" ]; do :; done; sleep 600');
    expect(await deliver([evil], { timeoutMs: 1500 })).toEqual(TIMEOUT);
    expect(folder.started()).toBe(2);
  });
});

describe('a command that leaves children behind', () => {
  test('in its group, holding the pipes: they are ended, nobody waits', async () => {
    folder.sh('child', 'trap "" TERM HUP; echo canary; sleep 600');
    const evil = folder.sh('evil', 'cat >/dev/null; "$F/child" & while [ ! -s "$F/child.pid" ]; do :; done; exit 0');
    expect(await deliver([evil])).toEqual(WRITTEN);
    expect(folder.started()).toBe(2);
  });

  test.each([
    ['deliver', deliver, WRITTEN],
    ['verify', verify, READ_BACK],
  ])('in another session, holding the pipes: nobody waits (%s)', async (_case, run, outcome) => {
    folder.node('child', `setTimeout(() => {}, ${NEVER_MS});`);
    const evil = folder.node(
      'evil',
      `const child = require('node:child_process').spawn(F + '/child', { detached: true, stdio: 'inherit' });
       while (!fs.statSync(F + "/child.pid", { throwIfNoEntry: false })?.size) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
       process.stdout.write(${JSON.stringify(CANARY)}, () => process.exit(0));`,
    );
    const before = openPipes();
    expect(await run([evil])).toEqual(outcome);
    await expect.poll(openPipes).toBe(before);
    // This one is out of reach of the sink, as a daemon such as gpg-agent must be.
    process.kill(Number(folder.read('child.pid')), 'SIGKILL');
  });
});

/** A pipe that stays open would keep this process alive, and leak with each delivery. */
function openPipes(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === 'PipeWrap').length;
}

describe('a command that talks', () => {
  test('echoes the secret to both outputs: it is in no outcome', async () => {
    const echo = folder.sh('echo', 'tee /dev/stderr; exit "$1"');
    expect(await deliver([echo, '0'])).toEqual(WRITTEN);
    expect(await deliver([echo, '7'])).toEqual(failure('The program "echo" ended with exit code 7.'));
  });

  test('may say what fits into the limit, on both outputs', async () => {
    const evil = folder.sh('evil', 'head -c 500000 /dev/zero; head -c 500000 /dev/zero >&2; cat > "$F/kept"');
    expect(await deliver([evil])).toEqual(WRITTEN);
    expect(folder.read('kept')).toBe(CANARY);
  });

  test.each([
    ['standard output', 'yes canary'],
    ['standard error', 'yes canary >&2'],
    ['both by turns', 'while :; do head -c 4096 /dev/zero; head -c 4096 /dev/zero >&2; done'],
  ])('without end on %s is stopped', async (_case, body) => {
    const message = 'The program "evil" printed far too much and was stopped.';
    expect(await deliver([folder.sh('evil', body)])).toEqual(uncertain(message));
  });
});
