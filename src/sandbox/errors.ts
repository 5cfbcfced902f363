// The refusals of Atlas, in its shape. Which refusal fits is decided elsewhere.

import { STATUS_CODES } from 'node:http';
import type { Json, Reply } from './reply.ts';

/** What is wrong with one field of a body or one parameter of a query. */
export interface FieldProblem {
  readonly field: string;
  readonly description: string;
}

export interface ErrorText {
  readonly errorCode?: string | undefined;
  readonly reason?: string | undefined;
  readonly detail?: string | undefined;
  readonly parameters?: readonly (string | number)[] | undefined;
  readonly fields?: readonly FieldProblem[] | undefined;
}

/** An error of the Admin API: `application/json`, whatever version was asked for. */
export function refusal(status: number, text: ErrorText): Reply {
  const content: Json = {
    error: status,
    ...(text.detail !== undefined && { detail: text.detail }),
    reason: text.reason ?? STATUS_CODES[status] ?? 'Error',
    ...(text.errorCode !== undefined && { errorCode: text.errorCode }),
    ...(text.parameters !== undefined && { parameters: text.parameters }),
    ...(text.fields !== undefined && { badRequestDetail: { fields: text.fields } }),
  };
  return { status, headers: { 'content-type': 'application/json' }, content };
}

/** A refusal whose only parameter is the id that could not be used. */
export function refusedId(status: number, errorCode: string, id: string, detail: string): Reply {
  return refusal(status, { errorCode, detail, parameters: [id] });
}

export type AttributeCode = 'INVALID_ATTRIBUTE' | 'MISSING_ATTRIBUTE' | 'INVALID_ENUM_VALUE';

export interface AttributeProblem extends FieldProblem {
  readonly code: AttributeCode;
}

/** 400 for a body: the first problem gives the code, all are listed. */
export function invalidAttributes(problems: readonly [AttributeProblem, ...AttributeProblem[]]): Reply {
  const [first] = problems;
  return refusal(400, {
    errorCode: first.code,
    detail: `The attribute ${first.field} is not acceptable: ${first.description}`,
    parameters: [first.field],
    fields: problems.map(({ field, description }) => ({ field, description })),
  });
}

/** An error of the OAuth endpoints, which have a shape of their own. */
export function oauthError(status: number, error: string, description: string): Reply {
  return {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
    content: { error, error_description: description },
  };
}
