// Requests to Kubernetes in an order, and what is answered, without what differs from server to server: by it the stand-in is compared
// with the real one.

import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { recordOf, textsOf } from './stand-in.ts';

export interface Question {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** After the path of the Secrets of the namespace. */
  readonly path: string;
  /** `(uid)` and `(version)` are those of the Secret that was answered last. */
  readonly body?: object;
  readonly type?: string;
  readonly token?: string;
}

const MERGE = 'application/merge-patch+json';
const get = (path = '/mk', token?: string): Question => ({
  method: 'GET',
  path,
  ...(token !== undefined && { token }),
});
const post = (more: object, path = ''): Question => ({
  method: 'POST',
  path,
  body: { apiVersion: 'v1', kind: 'Secret', type: 'Opaque', ...more },
});
const patch = (body: object, path = '/mk', type = MERGE): Question => ({ method: 'PATCH', path, body, type });
const remove = (preconditions?: object): Question => ({
  method: 'DELETE',
  path: '/mk',
  body: { apiVersion: 'v1', kind: 'DeleteOptions', ...(preconditions && { preconditions }) },
});
const DRY = '?dryRun=All';
const [ONE, TWO] = ['MQ==', 'Mg=='];
const metadata = { name: 'mk' };

/** With the right to do all of it. */
export const questions: readonly Question[] = [
  get(),
  get('/mk', ''),
  get('/mk', 'an-unknown-token'),
  post({ metadata, data: { k: ONE } }, DRY),
  get(),
  post({ metadata, data: { k: ONE } }),
  get(),
  post({ metadata, data: { k: ONE } }),
  post({ metadata, data: { k: ONE } }, DRY),
  post({ metadata: {}, data: { k: ONE } }),
  post({ data: { k: ONE } }),
  post({ metadata: { name: 'a..b' } }),
  post({ metadata: { name: 'A' } }),
  post({ metadata: { name: 'ab', namespace: 'another' } }),
  post({ metadata: { name: 'ab' }, data: { k: 'no base64!' } }),
  post({ metadata: { name: 'ab' }, data: { '..k': ONE } }),
  post({ metadata: { name: 'ab' }, stringData: { k: '1' } }),
  post({ metadata: { name: 'no-data' }, data: null }),
  get('/no-data'),
  patch({ data: { k: TWO } }, '/no-data'),
  get(),
  patch({ data: { k: TWO } }, '/mk', 'application/json'),
  patch({ data: { k: TWO } }, '/none'),
  patch({ metadata: { resourceVersion: '1' }, data: { k: TWO } }),
  patch({ metadata: { resourceVersion: '1' }, data: { k: TWO } }, `/mk${DRY}`),
  patch({ metadata: { uid: 'another', resourceVersion: '(version)' }, data: { k: TWO } }),
  patch({ type: 'another' }),
  patch({ data: { '..k': TWO } }),
  patch({ data: { k: TWO, other: ONE } }, `/mk${DRY}`),
  get(),
  patch({ metadata: { uid: '(uid)', resourceVersion: '(version)' }, data: { k: TWO, other: ONE } }),
  patch({ metadata: { uid: '(uid)', resourceVersion: '(version)' }, data: { k: null } }),
  patch({ stringData: { k: '1' } }),
  patch({ data: { k: null, other: null } }),
  get(),
  patch({ immutable: true, data: { k: ONE } }),
  patch({ data: { k: TWO } }),
  patch({ data: { k: TWO } }, `/mk${DRY}`),
  patch({ data: { k: ONE } }),
  get(),
  remove({ uid: 'another' }),
  remove({ resourceVersion: '1' }),
  remove({ uid: '(uid)', resourceVersion: '(version)' }),
  remove(),
  get(),
];

/** Without any right. */
export const refused: readonly Question[] = [
  get(),
  post({ metadata }),
  post({ metadata }, DRY),
  patch({ data: { k: ONE } }),
  remove(),
];

/** Asks one server, with what it said before. */
export function askerOf(address: string, namespace: string, token: string, ca?: string) {
  let last: Partial<Record<string, string>> = {};
  return async (question: Question): Promise<{ readonly status: number; readonly body: unknown }> => {
    const { method, path, body, type = 'application/json', token: given = token } = question;
    const known = JSON.stringify(body ?? {})
      .replace('(uid)', last.uid ?? '')
      .replace('(version)', last.resourceVersion ?? '');
    const headers = {
      accept: 'application/json',
      ...(given !== '' && { authorization: `Bearer ${given}` }),
      // Node sends the body of a DELETE only with its length.
      ...(body && { 'content-type': type, 'content-length': String(Buffer.byteLength(known)) }),
    };
    const url = new URL(`${address}/api/v1/namespaces/${namespace}/secrets${path}`);
    const { status, text } = await sent(url, { method, headers, ...(ca !== undefined && { ca }) }, body && known);
    const answer = recordOf(JSON.parse(text));
    if (answer.kind === 'Secret') last = textsOf(answer.metadata);
    return { status, body: withoutChance(answer) };
  };
}

function sent(url: URL, options: object, body = ''): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const request = send(url, { ...options, agent: false }, (reply) => {
      let text = '';
      reply.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      reply.on('end', () => {
        resolve({ status: reply.statusCode ?? 0, text });
      });
    });
    request.on('error', reject).end(body);
  });
}

/** Ids, versions and times are there or not; of the words about bad base64 only the beginning is compared. */
function withoutChance(answer: Readonly<Record<string, unknown>>): unknown {
  const text = JSON.stringify(answer, (name, value: unknown) => {
    if (name === 'managedFields') return undefined;
    if (name === 'uid' || name === 'resourceVersion' || name === 'creationTimestamp') return `(${name})`;
    if (name !== 'message' || typeof value !== 'string') return value;
    return value.replace(/(as a Secret: ).*/, '$1').replace(/in record \([^)]*\)/, 'in record (…)');
  });
  return JSON.parse(text);
}
