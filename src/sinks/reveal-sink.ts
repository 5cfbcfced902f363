// The sink that shows a secret once to the person at this machine, on a page of 127.0.0.1, and to nobody else. What that person says
// is the verification: nobody can read back where a person keeps a secret.

import { DEFAULT_VARIABLE } from '../config/sinks-at-start.ts';
import { failed, ok } from '../failure.ts';
import type { Pages } from '../page/pages.ts';
import { openSecret } from '../secret/secret.ts';
import { notReady, type Delivery, type PreparedWrite, type Sink } from './sink.ts';

const LOCATION = 'a page in the browser of the person at this machine';

export function revealSink(name: string, pages: Pages): Sink {
  return {
    name,
    kind: 'reveal',
    location: LOCATION,
    takesEntry: false,
    takesProject: false,
    mayWriteForMs: 0,
    verification: 'person',
    keepsEndpoint: true,
    async preflight(_reference, _mode, replaced) {
      const ready = await pages.check();
      if (!ready.ok) return failed(notReady(ready.failure.message, ready.failure.hint));
      return ok({ write: revealWrite(pages, replaced ? 'old secret' : 'nothing') });
    },
    // A person may have it who has not said so.
    lookUp: () => Promise.resolve({ held: 'unknown' }),
  };
}

function revealWrite(pages: Pages, overwrites: PreparedWrite['overwrites']): PreparedWrite {
  return {
    location: LOCATION,
    overwrites,
    async deliver(secret, { about, endpoint, deletesOld = false, page = withoutCaller } = {}): Promise<Delivery> {
      const waiting = {
        message: about?.() ?? '',
        variable: DEFAULT_VARIABLE,
        endpoint,
        replacesOld: deletesOld,
        open: () => openSecret(secret),
      };
      const end = await pages.reveal(waiting, page);
      if (end.answer === 'stored') return { outcome: 'written', warnings: [] };
      const shown = end.wasShown ? 'It was shown on the page, and nobody said that it is stored.' : 'It was not shown.';
      const why = end.answer === 'none' ? end.why : 'The person gave it back.';
      return { outcome: 'failed', message: `${shown} ${why}`, hint: 'Call again when a person is at the machine.' };
    },
    verify: () => Promise.resolve({ outcome: 'verified', verification: 'person' }),
    // The key is deleted, and with it what the secret is worth.
    canRetract: false,
    retract: () => Promise.resolve('out'),
  };
}

const withoutCaller = { signal: new AbortController().signal, progress: () => undefined };
