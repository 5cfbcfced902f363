// Replies as values, before they are sent: successes, and refusals in the shape that Atlas gives them. Which of them fits is
// decided elsewhere.

import { STATUS_CODES } from 'node:http';

/** A JSON object. */
export type Json = Readonly<Record<string, unknown>>;

export interface Reply {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Goes out as JSON; a reply without it has no body. */
  readonly content?: Json;
}

/** What a check found wrong with a request. */
export interface Refused {
  readonly refused: Reply;
}

/** What is wrong with one field of a body or one parameter of a query. */
export interface FieldProblem {
  readonly field: string;
  readonly description: string;
}

export interface AttributeProblem extends FieldProblem {
  readonly code: 'INVALID_ATTRIBUTE' | 'MISSING_ATTRIBUTE' | 'INVALID_ENUM_VALUE';
}

export function success(content: Json, status = 200): Reply {
  return { status, headers: {}, content };
}

export function empty(status: number): Reply {
  return { status, headers: {} };
}

/** An error of the Admin API: `application/json`, whatever version was asked for. */
export function refusal(
  status: number,
  text: {
    readonly errorCode?: string | undefined;
    readonly reason?: string | undefined;
    readonly detail?: string | undefined;
    readonly parameters?: readonly (string | number)[] | undefined;
    readonly fields?: readonly FieldProblem[] | undefined;
  },
): Reply {
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

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
