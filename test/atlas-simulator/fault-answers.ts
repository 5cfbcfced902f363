// Turns a fault, and the reply that there would have been, into what goes on the wire.

import { refusedReply, type FieldProblem, type Reply } from '../../src/sandbox/call.ts';
import type { Fault } from './faults.ts';
import { withFields, withoutFields } from './reply-shape.ts';
import { bytesOf, whole, type Answer, type WireReply } from './wire.ts';

/** A delay is not an answer: it comes before one. */
type AnsweringFault = Exclude<Fault, { readonly kind: 'delay' }>;

interface Circumstances {
  /** What the request would have been answered, or was about to be. */
  readonly normal: () => Reply;
  readonly authorization: string | undefined;
}

export function answerWith(fault: AnsweringFault, { normal, authorization }: Circumstances): Answer {
  switch (fault.kind) {
    case 'status':
      return whole(statusReply(fault));
    case 'reset':
      return { way: 'reset' };
    case 'late':
      return fault.status === 'reset' ? { way: 'reset' } : whole(proxyPage(fault.status, fault.body));
    case 'stall':
      return { way: 'nothing' };
    case 'truncate':
      return { way: 'half', reply: normal() };
    case 'flood':
      return { way: 'flood', reply: withBody(normal()), bytes: fault.bytes };
    case 'garbage':
      return whole(garbled(withBody(normal())));
    case 'content_type':
      return whole(withHeaders(normal(), { 'content-type': fault.contentType }));
    case 'omit':
      return whole(withoutFields(normal(), fault.fields));
    case 'replace':
      return whole(withFields(normal(), fault.fields));
    case 'echo':
      return whole(echo(fault.status ?? 400, leaks(authorization, fault.when === 'after' ? normal() : undefined)));
    case 'redirect':
      return whole({ status: fault.status, headers: { location: fault.location } });
  }
}

function statusReply(fault: Extract<Fault, { readonly kind: 'status' }>): WireReply {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(fault.headers ?? {})) headers[name.toLowerCase()] = value;
  if (fault.contentType !== undefined) headers['content-type'] = fault.contentType;
  if (fault.body === undefined) return withHeaders(refusedReply(fault.status, fault), headers);
  const raw = Buffer.isBuffer(fault.body) ? fault.body : Buffer.from(fault.body, 'utf8');
  const type = raw.length === 0 ? {} : { 'content-type': 'text/html;charset=utf-8' };
  return { status: fault.status, headers: { ...type, ...headers }, raw };
}

/** The page of a proxy that answers in place of Atlas. */
function proxyPage(status: number, body = `<html><body><h1>${status}</h1></body></html>`): WireReply {
  return statusReply({ operation: 'any', when: 'before', kind: 'status', status, body });
}

function withHeaders(reply: Reply, headers: Reply['headers']): Reply {
  return { ...reply, headers: { ...reply.headers, ...headers } };
}

/** A 204 has no body to spoil, so it becomes a 200 with one. */
function withBody(reply: Reply): Reply {
  return reply.status === 204 ? { ...reply, status: 200 } : reply;
}

function garbled(reply: Reply): WireReply {
  return { ...reply, raw: Buffer.concat([Buffer.from('<pre>'), bytesOf(reply), Buffer.from('</pre>')]) };
}

/** The values, each as it is and in the encodings in which values usually travel. */
function leaks(authorization: string | undefined, normal: Reply | undefined): string[] {
  const [scheme = '', given = ''] = (authorization ?? '').split(/ (.*)/s);
  const decoded = scheme.toLowerCase() === 'basic' ? Buffer.from(given, 'base64').toString('utf8') : '';
  const shown = [normal?.content?.secret, normal?.content?.access_token];
  const values = [...shown, given, authorization, decoded, ...decoded.split(':')];
  return values.flatMap((value) => {
    if (typeof value !== 'string' || value === '') return [];
    const bytes = Buffer.from(value, 'utf8');
    return [value, bytes.toString('base64'), bytes.toString('hex'), encodeURIComponent(value)];
  });
}

function echo(status: number, values: readonly string[]): WireReply {
  const text = values.join(' ');
  const fields: FieldProblem[] = values.map((value) => ({ field: value, description: `is not ${value}` }));
  const reply = refusedReply(status, {
    errorCode: `VALIDATION_ERROR ${text}`,
    reason: `Bad Request ${text}`,
    detail: `The request could not be processed: ${text}`,
    parameters: values,
    fields,
  });
  return { ...withHeaders(reply, { 'x-request-echo': text }), phrase: `Bad Request ${text}` };
}
