// What the tests of both stores of AWS share: the stand-in with a user of it, and a preflight that must end in one way.

import { inspect } from 'node:util';
import { expect, onTestFinished } from 'vitest';
import type { Replaced, Sink } from '../../../src/sinks/sink.ts';
import { awsStandIn } from './aws-stand-in.ts';
import type { Call } from './stand-in.ts';
import { AWS_ID, TOKEN } from './store-kinds.ts';

export const reference = { groupId: '0123456789abcdef01234567', entry: 'app_1' };
export const NEW = 'al-aws-canary-of-the-new-key-0123456789-nEw1';
export const OLD = 'al-aws-canary-of-the-old-key-0123456789-odu2';
export const OTHER = 'al-aws-canary-of-another-key-0123456789-xyz9';
export const REPLACED = { maskedSecret: 'al-****odu2', isLastHere: true };

export function clean<T>(outcome: T): T {
  expect(inspect(outcome, { depth: 9 })).not.toMatch(/canary/);
  return outcome;
}

export async function prepared(sink: Sink, replaced?: Replaced) {
  const preflight = await sink.preflight(reference, 'prove', replaced);
  return preflight.ok ? preflight.value.write : expect.fail(preflight.failure.message);
}

export async function problemOf(sink: Sink, replaced?: Replaced) {
  const preflight = clean(await sink.preflight(reference, 'prove', replaced));
  return preflight.ok ? expect.fail('The preflight found nothing wrong.') : preflight.failure;
}

export const variables = {
  AWS_ACCESS_KEY_ID: AWS_ID,
  AWS_SECRET_ACCESS_KEY: TOKEN,
  AWS_REGION: 'us-east-1',
  AWS_DEFAULT_REGION: 'us-east-1',
};

export async function standIn() {
  const user: { secret: string; denied: string[]; isExpired?: boolean } = { secret: TOKEN, denied: [] };
  const server = await awsStandIn(AWS_ID, user);
  onTestFinished(() => server.close());
  return { server, user, environment: { ...variables, AWS_ENDPOINT_URL: server.address } };
}

export const actionOf = ({ headers }: Call) => String(headers['x-amz-target']).replace(/^.*\./, '');

export function saying(words: string): unknown {
  return expect.stringContaining(words);
}
