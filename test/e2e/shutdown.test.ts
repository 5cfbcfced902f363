// A host that leaves while the program of a sink works: when the server has ended, nothing of that program runs, and it
// can write nothing any more. The answer and the journal say that its key may be in the sink.

import { constants } from 'node:os';
import { test } from 'vitest';
import { scriptFolder } from '../sinks/script-folder.ts';
import { startServer, type Host } from './host.ts';
import { CREATE, expectNoLeaks, forgotten, GROUP, openScene, unfinishedIn } from './scene.ts';

const ROTATE = 'rotate_ai_model_api_key';

/** Longer than the server takes to end. */
const WORK_SECONDS = 18;

/** What a program does with the secret that it has read into `$secret`. The last one has no program that verifies. */
const slowness = {
  'works itself': `sleep ${WORK_SECONDS}; printf %s "$secret" > "$F/held"`,
  'does not end when asked to, nor does what it started': `trap '' TERM
    (sh -c 'echo $$ > "$0/child.pid"; exec sleep ${WORK_SECONDS}' "$F"; printf %s "$secret" > "$F/held") &
    sleep ${WORK_SECONDS}`,
  'says, unverified, that all is well when it is asked to end': `trap 'exit 0' TERM; sleep ${WORK_SECONDS} & wait`,
} as const;

const ways = {
  'the end of stdin': (host: Host) => {
    host.endInput();
  },
  SIGTERM: (host: Host) => {
    host.kill('SIGTERM');
  },
  'the end of stdin, a signal after 2 s and a kill after 2 more, as by clients of the SDK': (host: Host) => {
    host.endInput();
    setTimeout(() => {
      host.kill('SIGTERM');
    }, 2_000);
    setTimeout(() => {
      host.kill('SIGKILL');
    }, 4_000);
  },
};

const cases = Object.entries(slowness).flatMap(([work, body]) =>
  Object.entries(ways).map(([way, leave]) => ({ work, body, way, leave })),
);

// Together, since each takes as long as the server waits for its calls.
test.concurrent.for(cases)(
  'a program that $work does not outlive the server: $way during a rotation',
  async ({ work, body, leave }, { expect, onTestFinished }) => {
    const folder = scriptFolder();
    onTestFinished(() => {
      folder.remove();
    });
    const keep = 'secret=$(cat); [ -e "$F/slow" ] || { printf %s "$secret" > "$F/held"; exit; }';
    const store = folder.sh('store', `${keep}; ${body}`);
    const show = folder.sh('show', 'cat "$F/held" 2>/dev/null');
    const scene = await openScene({ until: onTestFinished });
    const verify = work.includes('unverified') ? {} : { verify: [show], absent: [1] };
    const sink = { type: 'command', argv: [store], ...verify, timeoutMs: 60_000 };
    const host = await scene.start({ ATLAS_MODEL_KEYS_SINKS: JSON.stringify({ slow: sink }) });
    await host.call(CREATE, { groupId: GROUP, name: 'a key' });
    const [old] = scene.sandbox.keys();
    folder.write('slow', '');
    // Only the pid of the program that is to be slow counts.
    folder.write('store.pid', '');

    const called = host.call(ROTATE, { groupId: GROUP, apiKeyId: old?.apiKeyId, confirmName: 'a key' });
    await expect.poll(() => folder.read('store.pid'), { timeout: 20_000 }).not.toBe('');
    leave(host);
    await host.ended;

    expect(await folder.survivors()).toEqual([]);
    expect(folder.read('held')).toBe(old?.secret);
    const successor = scene.sandbox.keys().find(({ apiKeyId }) => apiKeyId !== old?.apiKeyId);
    expect(scene.sandbox.keys()).toHaveLength(2);
    expect((await called).structuredContent).toMatchObject({
      error: { code: 'SINK_WRITE_FAILED', keyState: 'unknown', apiKeyId: successor?.apiKeyId },
    });
    expect(unfinishedIn(scene)).toMatchObject([{ apiKeyId: successor?.apiKeyId, replaces: old?.apiKeyId }]);
    expect(forgotten(scene)).toEqual([]);
    expectNoLeaks(scene);
  },
);

test.concurrent.for(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  'a program that the doctor started does not outlive it: %s',
  async (signal, { expect, onTestFinished }) => {
    const folder = scriptFolder();
    onTestFinished(() => {
      folder.remove();
    });
    const show = folder.sh('show', `sleep ${WORK_SECONDS}`);
    const scene = await openScene({ until: onTestFinished });
    const sink = { type: 'command', argv: [show], verify: [show], absent: [1], timeoutMs: 60_000 };
    const doctor = startServer({
      home: scene.home,
      args: ['doctor'],
      env: { ...scene.env, ATLAS_MODEL_KEYS_SINKS: JSON.stringify({ slow: sink }) },
      until: onTestFinished,
    });
    await expect.poll(() => folder.started(), { timeout: 20_000 }).toBe(1);
    doctor.kill(signal);
    expect(await doctor.ended).toEqual({ code: 128 + constants.signals[signal], signal: null });
    expect(await folder.survivors()).toEqual([]);
  },
);
