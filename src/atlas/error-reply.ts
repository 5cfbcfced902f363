// Turns an error reply of Atlas into a failure with advice. Pure; it decides by status and error code, never by
// matching messages. Source: the error table of the Atlas Administration API.

import type { AtlasErrorCode, AtlasFacts, AtlasFailure } from './failure.ts';
import { parseJson } from '../text/json.ts';
import { ADDRESS } from './field.ts';
import { httpDate } from './http-date.ts';
import { isObject, listField, textField, type JsonObject } from './json.ts';
import { cleanProse } from './outside-text.ts';
import type { HttpReply } from './transport.ts';

/** What the call needed, for the advice. */
export interface CallContext {
  /** The role that allows it, such as `Project Model Owner`. */
  readonly role: string;
  /** What a person does about a credential that is not accepted. */
  readonly remedy: string;
}

interface Advice {
  readonly code: AtlasErrorCode;
  readonly message: string;
  readonly hint: string;
  readonly retryable?: true;
}

const LONGEST_DETAIL = 500;
const LONGEST_WORD = 120;
const MOST_ENTRIES = 10;
/**
 * Atlas's error codes and OAuth's, which are told apart by their letters, since decisions hang on Atlas's own. Anything
 * else in those fields (such as a secret) is not passed on.
 */
const ATLAS_CODE = /^[A-Z][A-Z0-9_]{0,79}$/;
const OAUTH_CODE = /^[a-z_]{1,39}$/;
/** Refusals that come before a request is looked at, and so need no error code to be believed. */
const UNOPENED: readonly number[] = [401, 406, 410, 429];
/** Request Timeout, and what proxies say when the client has gone: Atlas may have carried it out all the same. */
const GAVE_UP: readonly number[] = [408, 499];
/** Of a 401: the credential is known, and may not do this. Another token would not change it. */
const ROLE_CODES: readonly unknown[] = [
  'USER_UNAUTHORIZED',
  'NOT_ORG_GROUP_CREATOR',
  'NOT_IN_GROUP',
  'USER_CANNOT_ACCESS_GROUP',
  'USER_CANNOT_ACCESS_ORG',
];
/** What a hint may name. Message and hint are this server's own words: other text of Atlas stays in `atlas`. */
const FIELD_NAME = /^[A-Za-z0-9_.[\]]{1,60}$/;

/** @param reply a reply with a status of 300 or more */
export function errorReplyFailure(reply: HttpReply, context: CallContext): AtlasFailure {
  const facts = factsOf(reply);
  const seconds = retryAfterSeconds(reply.headers['retry-after']);
  const { code, message, hint, retryable } = adviceFor(facts, context);
  return {
    code,
    message,
    hint,
    retryable: retryable ?? false,
    ...(seconds !== undefined && { retryAfterSeconds: seconds }),
    maybeCarriedOut: facts.status < 400 || isPassing(facts) || !isFromAtlas(facts),
    atlas: facts,
  };
}

export function isAboutRole(errorCode: unknown): boolean {
  return ROLE_CODES.includes(errorCode);
}

/** Any other refusal has an error code of Atlas; without one, something in between may have put its page over a success. */
function isFromAtlas({ status, errorCode }: AtlasFacts): boolean {
  return errorCode !== undefined || UNOPENED.includes(status);
}

function factsOf(reply: HttpReply): AtlasFacts {
  const body = parseJson(reply.body ?? '');
  if (!isObject(body)) return { status: reply.status };
  // The token endpoint answers as OAuth does (RFC 6749, 5.2): `error` is a word, not the status.
  const code = codeField(body, 'errorCode', ATLAS_CODE) ?? codeField(body, 'error', OAUTH_CODE);
  const reason = proseField(body, 'reason', LONGEST_WORD);
  const detail = proseField(body, 'detail', LONGEST_DETAIL) ?? proseField(body, 'error_description', LONGEST_DETAIL);
  const parameters = parametersOf(body);
  const fields = fieldsOf(body);
  return {
    status: reply.status,
    ...(code !== undefined && { errorCode: code }),
    ...(reason !== undefined && { reason }),
    ...(detail !== undefined && { detail }),
    ...(parameters.length > 0 && { parameters }),
    ...(fields.length > 0 && { fields }),
  };
}

/** Only as it was sent: what cleaning would turn into a code is none. */
function codeField(object: JsonObject, name: string, pattern: RegExp): string | undefined {
  const code = textField(object, name, LONGEST_WORD);
  return code !== undefined && code === object[name] && pattern.test(code) ? code : undefined;
}

function proseField(object: JsonObject, name: string, longest: number): string | undefined {
  const value = object[name];
  return typeof value === 'string' ? cleanProse(value, longest) : undefined;
}

function parametersOf(body: JsonObject): (string | number)[] {
  return listField(body, 'parameters')
    .slice(0, MOST_ENTRIES)
    .flatMap((value): (string | number)[] => {
      if (typeof value === 'number') return Number.isFinite(value) ? [value] : [];
      return typeof value === 'string' ? [cleanProse(value, LONGEST_WORD)] : [];
    });
}

function fieldsOf(body: JsonObject): { field: string; description: string }[] {
  const { badRequestDetail } = body;
  if (!isObject(badRequestDetail)) return [];
  return listField(badRequestDetail, 'fields')
    .slice(0, MOST_ENTRIES)
    .filter(isObject)
    .map((entry) => ({
      field: proseField(entry, 'field', LONGEST_WORD) ?? '',
      description: proseField(entry, 'description', LONGEST_DETAIL) ?? '',
    }));
}

/** Seconds, or an HTTP date (RFC 9110, 10.2.3). Undefined when absent or unreadable. */
function retryAfterSeconds(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (/^[0-9]{1,6}$/.test(value)) return Number(value);
  const date = httpDate(value);
  return date === undefined ? undefined : Math.max(0, Math.ceil((date - Date.now()) / 1000));
}

function adviceFor(facts: AtlasFacts, context: CallContext): Advice {
  const { status } = facts;
  if (status < 400)
    return { ...redirected, message: `Atlas answered ${status}, a redirect; redirects are not followed.` };
  if (isPassing(facts)) {
    return {
      ...advice('ATLAS_UNAVAILABLE', `Atlas failed with status ${status}.`, 'Try again later.'),
      retryable: true,
    };
  }
  switch (status) {
    case 400:
      return badRequest(facts, context);
    case 401:
      return unauthorized(facts, context);
    case 402:
      return billing;
    case 403:
      return forbidden(facts, context);
    case 404:
      return notFound(facts);
    case 406:
    case 410:
      return versionUnknown;
    case 429:
      return rateLimited;
    default:
      return rejected(facts);
  }
}

/** Atlas or a proxy failed, or gave up waiting: the same request may succeed later. */
function isPassing({ status }: AtlasFacts): boolean {
  return status >= 500 || GAVE_UP.includes(status);
}

function badRequest(facts: AtlasFacts, context: CallContext): Advice {
  switch (facts.errorCode) {
    // RFC 6749, section 5.2, allows the token endpoint 400 as well as 401.
    case 'invalid_client':
      return unauthorized(facts, context);
    case 'INVALID_VERSION_DATE':
      return versionUnknown;
    default:
      return rejected(facts);
  }
}

function unauthorized({ errorCode }: AtlasFacts, { role, remedy }: CallContext): Advice {
  switch (errorCode) {
    case 'NOT_IN_GROUP':
    case 'USER_CANNOT_ACCESS_GROUP':
    case 'USER_CANNOT_ACCESS_ORG':
      return advice(
        'ATLAS_FORBIDDEN',
        'The credential belongs to another organization or project.',
        'Use a groupId that the credential can see, or a person invites the service account or API key to that project.',
      );
    case 'USER_UNAUTHORIZED':
    case 'NOT_ORG_GROUP_CREATOR':
      return missingRole(role);
    // Without a code, with one of OAuth, or with one that is not known to be about a role.
    default:
      return advice(
        'ATLAS_UNAUTHENTICATED',
        'Atlas does not accept the credential.',
        `It is wrong or has expired: ${remedy}`,
      );
  }
}

function forbidden({ errorCode, parameters }: AtlasFacts, { role }: CallContext): Advice {
  const [address] = parameters ?? [];
  const known = typeof address === 'string' && ADDRESS.test(address);
  switch (errorCode) {
    case 'IP_ADDRESS_NOT_ON_ACCESS_LIST':
      return advice(
        'ATLAS_IP_NOT_ALLOWED',
        `The IP address${known ? ` ${address}` : ''} of this machine is not on the credential's API access list.`,
        "A person adds it in Atlas to the API access list of the service account or API key itself (not to the project's network access list).",
      );
    case 'ORG_REQUIRES_ACCESS_LIST':
      return advice(
        'ATLAS_IP_NOT_ALLOWED',
        'The organization wants an API access list, and the credential has none.',
        "A person makes one in Atlas on the service account or API key and adds this machine's IP address.",
      );
    case 'access_denied':
      return {
        ...advice(
          'ATLAS_RATE_LIMITED',
          'The service account has too many live access tokens (Atlas allows 100).',
          'Wait until some expire (an hour at most), or a person revokes them.',
        ),
        retryable: true,
      };
    default:
      return missingRole(role);
  }
}

function notFound({ errorCode }: AtlasFacts): Advice {
  const message = 'Atlas does not know that id.';
  switch (errorCode) {
    case 'GROUP_NOT_FOUND':
      return advice(
        'ATLAS_NOT_FOUND',
        'Atlas knows no project with this groupId.',
        'Check groupId: the project id of 24 hexadecimal digits in Atlas under Project Settings.',
      );
    case 'ORG_NOT_FOUND':
      return advice(
        'ATLAS_NOT_FOUND',
        'Atlas knows no organization with this orgId.',
        'Check orgId: the organization id of 24 hexadecimal digits in Atlas under Organization Settings.',
      );
    default:
      return advice('ATLAS_NOT_FOUND', message, 'Check the ids; the resource may have been deleted already.');
  }
}

function rejected({ status, fields }: AtlasFacts): Advice {
  const names = (fields ?? []).map(({ field }) => field).filter((field) => FIELD_NAME.test(field));
  return advice(
    'ATLAS_REJECTED',
    `Atlas refused the request with status ${status}.`,
    names.length > 0
      ? `Correct ${names.join(', ')}; atlas.fields says what is wrong.`
      : 'Correct the request; atlas.detail and atlas.errorCode say what is wrong.',
  );
}

function missingRole(role: string): Advice {
  return advice(
    'ATLAS_FORBIDDEN',
    'The credential lacks a role for this call.',
    `A person grants the service account or API key the role ${role} in Atlas (Project Owner includes the project roles).`,
  );
}

function advice(code: AtlasErrorCode, message: string, hint: string): Advice {
  return { code, message, hint };
}

const redirected = advice(
  'ATLAS_PROTOCOL',
  'Atlas answered with a redirect; redirects are not followed.',
  'Check MONGODB_ATLAS_BASE_URL, and whether a proxy answers in place of Atlas.',
);
const billing = advice(
  'ATLAS_REJECTED',
  'Atlas refused for billing reasons.',
  "A person must put the organization's payment method or suspended account in order, in Atlas under Billing.",
);
const versionUnknown = advice(
  'ATLAS_REJECTED',
  'Atlas does not speak the API version that was asked for.',
  'Set ATLAS_MODEL_KEYS_API_VERSION to auto, or update this server.',
);
const rateLimited: Advice = {
  ...advice(
    'ATLAS_RATE_LIMITED',
    'Atlas limits the rate of requests.',
    'Wait retryAfterSeconds (a minute if absent), then call again.',
  ),
  retryable: true,
};
