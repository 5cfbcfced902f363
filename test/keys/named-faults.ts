// What can befall one request, by name: the columns of the fault matrices.

import { type FaultKind, type FaultScope } from '../atlas-simulator/faults.ts';
import { type Operation } from '../../src/sandbox/routes.ts';

type When = FaultScope['when'];

/** So often that a client which asks again meets it again. */
export const ALWAYS = 1_000;

export const status = (code: number, rest: Omit<Extract<FaultKind, { kind: 'status' }>, 'kind' | 'status'> = {}) =>
  ({ kind: 'status', status: code, ...rest }) as const;

/** `mended`: the client asks again of its own accord, where that changes nothing. */
export interface NamedFault {
  readonly title: string;
  readonly when: When;
  readonly fault: FaultKind;
  readonly mended?: true;
  readonly not?: readonly Operation[];
}

export const FAULTS: readonly NamedFault[] = [
  ...(['before', 'after'] as const).flatMap((when): NamedFault[] => [
    { title: `reset ${when}`, when, fault: { kind: 'reset' }, mended: true },
    { title: `stall ${when}`, when, fault: { kind: 'stall' }, mended: true },
    { title: `500 ${when}`, when, fault: status(500), mended: true },
    { title: `503 of a proxy ${when}`, when, fault: status(503, { body: '<html>Unavailable</html>' }), mended: true },
    { title: `403 of a proxy ${when}`, when, fault: status(403, { body: '<html>Blocked</html>' }) },
    { title: `404 of a proxy ${when}`, when, fault: status(404, { body: '<html>Not here</html>' }) },
    { title: `redirect ${when}`, when, fault: { kind: 'redirect', status: 302, location: '/elsewhere' } },
    { title: `echo ${when}`, when, fault: { kind: 'echo' } },
  ]),
  { title: '401', when: 'before', fault: status(401, { body: '' }), mended: true },
  { title: '403', when: 'before', fault: status(403, { errorCode: 'USER_UNAUTHORIZED' }) },
  // Of a delete it would be a lie of Atlas itself: see the test that a key which is gone counts as deleted.
  { title: '404', when: 'before', fault: status(404, { errorCode: 'GROUP_NOT_FOUND' }), not: ['delete_key'] },
  { title: '429', when: 'before', fault: status(429, { errorCode: 'RATE_LIMITED' }) },
  { title: '429 for a second', when: 'before', fault: status(429, { headers: { 'retry-after': '1' } }) },
  { title: 'empty body', when: 'after', fault: status(200, { body: '' }) },
  { title: 'HTML', when: 'after', fault: status(200, { body: '<html>Welcome</html>' }) },
  { title: 'truncate', when: 'after', fault: { kind: 'truncate' }, mended: true },
  { title: 'flood', when: 'after', fault: { kind: 'flood', bytes: 100 * 1024 * 1024 } },
  { title: 'garbage', when: 'after', fault: { kind: 'garbage' } },
  { title: 'content type', when: 'after', fault: { kind: 'content_type', contentType: 'text/plain' } },
  { title: 'omit secret', when: 'after', fault: { kind: 'omit', fields: ['secret', 'access_token'] } },
  { title: 'omit apiKeyId', when: 'after', fault: { kind: 'omit', fields: ['apiKeyId'] } },
];
