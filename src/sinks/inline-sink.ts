// The sink that shows a secret in the tool's result, where the model and everyone who reads the chat can
// see it. Whether it may exist is the operator's decision, made in the configuration.

import { ok } from '../failure.ts';
import { disclose, remember } from '../secret/redaction.ts';
import { openSecret } from '../secret/secret.ts';
import type { Sink, PreparedWrite } from './sink.ts';

const LOCATION = 'tool result';

const WARNING =
  'The secret is now part of this conversation, and the model has seen it. If the conversation is stored ' +
  'or shared, replace the key with one that goes to another sink.';

export function inlineSink(name: string): Sink {
  return {
    name,
    kind: 'inline',
    location: LOCATION,
    takesEntry: false,
    takesProject: false,
    mayWriteForMs: 0,
    verification: 'none',
    preflight: () => Promise.resolve(ok({ write: inlineWrite() })),
    lookUp: () => Promise.resolve({ held: 'unknown' }),
  };
}

function inlineWrite(): PreparedWrite {
  let shown: string | undefined;
  return {
    location: LOCATION,
    overwrites: 'nothing',
    canRetract: true,
    deliver(secret) {
      shown = openSecret(secret);
      disclose(shown);
      return Promise.resolve({ outcome: 'written', warnings: [WARNING], disclosed: shown });
    },
    verify: () => Promise.resolve({ outcome: 'verified', verification: 'none' }),
    retract() {
      if (shown !== undefined) remember(shown);
      return Promise.resolve('out');
    },
  };
}
