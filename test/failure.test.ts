// What of a failure gets out, and that a failure after a create cannot leave out what became of the key.

import { expect, test } from 'vitest';
import {
  refusal,
  type Failure,
  type FailureAfterCreate,
  type FailureAfterSend,
  type KeyState,
} from '../src/failure.ts';
import { failedResult } from '../src/tools/tool.ts';

const failure: Failure = refusal('ATLAS_UNAVAILABLE', 'No.', 'Again.');

test.each<[KeyState, Partial<Failure>, KeyState]>([
  ['not_created', {}, 'not_created'],
  ['not_applicable', {}, 'not_applicable'],
  ['not_created', { keyState: 'orphaned' }, 'orphaned'],
])('a tool whose refusals say %s tells a failure with %j as %s', (keyStateOfRefusal, told, keyState) => {
  const { structured, alarm } = failedResult({ keyStateOfRefusal }, { ...failure, ...told });
  expect(structured).toEqual({ outcome: 'failed', error: { ...failure, keyState } });
  expect(alarm === undefined).toBe(keyState !== 'orphaned');
});

test('only what is public of a failure gets out', () => {
  const more = { maybeCarriedOut: true, secret: 'al-canary' };
  const result = failedResult({ keyStateOfRefusal: 'not_created' }, { ...failure, ...more });
  expect(result.structured).toEqual({ outcome: 'failed', error: { ...failure, keyState: 'not_created' } });
});

test('after a request it must be said whether it may have been carried out, after a create what became of the key', () => {
  // @ts-expect-error -- the type check refuses it
  const sent: FailureAfterSend = failure;
  expect(sent.maybeCarriedOut).toBeUndefined();
  // @ts-expect-error -- the type check refuses it
  const silent: FailureAfterCreate = failure;
  expect(silent.keyState).toBeUndefined();
});
