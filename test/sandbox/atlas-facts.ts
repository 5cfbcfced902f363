// Holds a request or a reply against the facts of test/atlas-schemas.ts, and says in words what differs.

import type { IncomingHttpHeaders } from 'node:http';
import type { z } from 'zod/v4';
import {
  ERROR,
  FACTS,
  mediaType,
  OAUTH_ERROR,
  type AdminOperation,
  type OperationFacts,
  type Version,
} from '../atlas-schemas.ts';
import type { RecordedRequest } from '../atlas-simulator/request-log.ts';

const DATE = /^application\/vnd\.atlas\.(\d{4}-\d{2}-\d{2})\+json$/;

/** Nothing where the request is one that Atlas's document has. */
export function faultsOfRequest(request: RecordedRequest): string[] {
  const { operation, method, headers } = request;
  if (operation === 'unknown') return [`${method} ${request.path} is not a call of Atlas`];
  if (operation === 'embed') return [];
  const facts = FACTS[operation];
  const version = versionAsked(facts, headers);
  if (version === undefined) return [`${operation} does not exist in ${headers.accept ?? 'no version'}`];
  const [path = '', query] = request.path.split('?');
  return [
    ...(method === facts.method ? [] : [`${operation} is ${method}`]),
    ...(facts.path(version).test(path) ? [] : [`${operation} has the path ${path}`]),
    ...faultsOfQuery(facts, query),
    ...(facts.versions.length === 0 ? faultsOfForm(facts, request) : faultsOfBody(facts, version, request)),
  ].map((fault) => `${operation}: ${fault}`);
}

/** Of a success as of a refusal. */
export function faultsOfReply(
  operation: AdminOperation,
  version: Version,
  reply: { readonly status: number; readonly headers: Headers; readonly text: string; readonly json: unknown },
): string[] {
  const facts = FACTS[operation];
  const type = reply.headers.get('content-type')?.split(';')[0] ?? '';
  const isOauth = facts.versions.length === 0;
  if (reply.status >= 400) {
    const schema = isOauth ? OAUTH_ERROR : ERROR;
    return [...faultsOf(schema, reply.json), ...(type === 'application/json' ? [] : [`the error is ${type}`])];
  }
  const schema = facts.reply?.(version);
  const expected = isOauth ? 'application/json' : mediaType(version);
  return [
    ...(reply.status === facts.status ? [] : [`the status is ${reply.status}`]),
    ...(schema === undefined ? [] : [...faultsOf(schema, reply.json), ...(type === expected ? [] : [`it is ${type}`])]),
    ...(schema === undefined && reply.text !== '' ? ['it has a body'] : []),
  ].map((fault) => `${operation} in ${version}: ${fault}`);
}

/** A later date than the first resolves to it; `2025-03-12` is the only other one. */
function versionAsked({ versions }: OperationFacts, { accept = '' }: IncomingHttpHeaders): Version | undefined {
  if (versions.length === 0) return 'preview';
  const date = DATE.exec(accept)?.[1] ?? '';
  return versions.find((each) => mediaType(each) === accept || (each === '2023-01-01' && date > each));
}

function faultsOfQuery({ query }: OperationFacts, text: string | undefined): string[] {
  if (text === undefined) return [];
  if (query === undefined) return [`has the query ${text}`];
  return faultsOf(query, Object.fromEntries(new URLSearchParams(text)));
}

function faultsOfBody(facts: OperationFacts, version: Version, { headers, body }: RecordedRequest): string[] {
  const schema = facts.body?.(version);
  if (schema === undefined) return body === undefined ? [] : ['has a body'];
  const type = headers['content-type'];
  return [...faultsOf(schema, body), ...(type === headers.accept ? [] : [`has a body of ${type ?? 'no type'}`])];
}

function faultsOfForm(facts: OperationFacts, { headers, body }: RecordedRequest): string[] {
  const form = typeof body === 'string' ? Object.fromEntries(new URLSearchParams(body)) : {};
  const type = headers['content-type']?.split(';')[0];
  return [
    ...(facts.body ? faultsOf(facts.body('preview'), form) : []),
    ...(type === 'application/x-www-form-urlencoded' ? [] : [`has a body of ${type ?? 'no type'}`]),
    ...(/^Basic \S+$/.test(headers.authorization ?? '') ? [] : ['is not signed by Basic']),
  ];
}

function faultsOf(schema: z.ZodType, value: unknown): string[] {
  const { error } = schema.safeParse(value);
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);
}
