// Turns an error reply of Atlas into a failure with advice and the facts of the reply, cleaned and capped. Pure; it decides by
// status and error code, never by matching messages. Source: the error table of the Atlas Administration API.

import { refusal, type AtlasFacts, type ErrorCode, type Failure, type FailureAfterSend } from '../../failure.ts';
import type { HttpReply } from '../../http/transport.ts';
import { isObject, parseObject, type JsonObject } from '../../text/text.ts';
import { ADDRESS, cleanProse, httpDate, listField, textField } from './untrusted-text.ts';

/** What the call needed, for the advice. */
interface CallContext {
  /** The role that allows it, such as `Project Model Owner`. */
  readonly role: string;
  /** For the token endpoint, which has OAuth's error codes (RFC 6749, section 5.2). */
  readonly oauth?: true;
  /** What a person does about a credential that is not accepted. */
  readonly remedy: string;
}

type Advice = Pick<Failure, 'code' | 'message' | 'hint' | 'retryable'>;

/** Error codes by which Atlas refuses a version: with 406 (by one page 400) and 410. */
const VERSION_REFUSALS: readonly string[] = ['INVALID_VERSION_DATE', 'VERSION_GONE'];

/** Request Timeout, and what proxies say when the client has gone: Atlas may have carried it out all the same. */
const GAVE_UP: readonly number[] = [408, 499];
/** Of a 401: the credential is known, and may not do this. Another token would not change it. */
const ROLE_CODES: readonly unknown[] = [
  'USER_UNAUTHORIZED',
  'NOT_IN_GROUP',
  'USER_CANNOT_ACCESS_GROUP',
  'USER_CANNOT_ACCESS_ORG',
];
const LONGEST_DETAIL = 500;
const LONGEST_WORD = 120;
const MOST_ENTRIES = 10;
/**
 * Atlas's error codes and OAuth's, which are told apart by their letters, since decisions hang on Atlas's own. Anything
 * else in those fields (such as a secret) is not passed on.
 */
const ATLAS_CODE = /^[A-Z][A-Z0-9_]{0,79}$/;
const OAUTH_CODE = /^[a-z_]{1,39}$/;
/** What a hint may name. Message and hint are this server's own words: other text of Atlas stays in `atlas`. */
const FIELD_NAME = /^[A-Za-z0-9_.[\]]{1,60}$/;

/** @param reply a reply with a status of 300 or more */
export function errorReplyFailure(reply: HttpReply, context: CallContext): FailureAfterSend {
  const facts = factsOf(reply);
  const seconds = retryAfterSeconds(reply.headers['retry-after'], Date.now());
  return {
    ...adviceFor(facts, isFromAtlas(reply, facts, context), context),
    ...(seconds !== undefined && { retryAfterSeconds: seconds }),
    // Without an error code of Atlas, something in between may have put its page over a success.
    maybeCarriedOut: facts.status < 400 || isPassing(facts) || !hasAtlasCode(facts),
    atlas: facts,
  };
}

/** A success status whose body is not what the API documents. */
export function protocolFailure(what: string): FailureAfterSend {
  const message = `Atlas answered in a form that this server does not know: ${what}.`;
  return { ...refusal('ATLAS_PROTOCOL', message, CHECK_BASE_URL), maybeCarriedOut: true };
}

/** Whether Atlas does not speak the version in which the request was sent. */
export function refusesVersion(reply: HttpReply): boolean {
  return [400, 406, 410].includes(reply.status) && isVersionRefusal(factsOf(reply));
}

function isVersionRefusal({ errorCode = '' }: AtlasFacts): boolean {
  return VERSION_REFUSALS.includes(errorCode);
}

export function isAboutRole(errorCode: unknown): boolean {
  return ROLE_CODES.includes(errorCode);
}

/** Of the replies without its error code, Atlas sends these: the empty one to a bad token, and the challenge for a digest. */
function isFromAtlas({ status, body, headers }: HttpReply, facts: AtlasFacts, { oauth }: CallContext): boolean {
  if (hasAtlasCode(facts) || (oauth && facts.errorCode !== undefined)) return true;
  const challenge = headers['www-authenticate'] ?? '';
  return status === 401 && (body === '' || /\bdigest\b/i.test(challenge) || facts.errorCode === 'invalid_token');
}

function adviceFor(facts: AtlasFacts, fromAtlas: boolean, context: CallContext): Advice {
  const { status } = facts;
  if (status < 400) {
    const message = `Atlas answered ${status}, a redirect; redirects are not followed.`;
    return refusal('ATLAS_PROTOCOL', message, CHECK_BASE_URL);
  }
  if (isPassing(facts)) {
    const who = fromAtlas ? 'Atlas' : 'Atlas, or something before it,';
    return passing('ATLAS_UNAVAILABLE', `${who} failed with status ${status}.`, 'Try again later.');
  }
  if (status === 429) return rateLimited;
  if (!fromAtlas) return notFromAtlas(status);
  return isVersionRefusal(facts) ? versionUnknown : refused(facts, context);
}

function refused(facts: AtlasFacts, context: CallContext): Advice {
  switch (facts.status) {
    case 400:
      // RFC 6749, section 5.2, allows the token endpoint 400 as well as 401.
      return facts.errorCode === 'invalid_client' ? unauthorized(facts, context) : rejected(facts);
    case 401:
      return unauthorized(facts, context);
    case 402:
      return billing;
    case 403:
      return forbidden(facts, context);
    case 404:
      return NOT_FOUND.get(facts.errorCode ?? '') ?? unknownId;
    case 409:
      // Atlas documents no conflict; the likely reason is a name that is in use.
      return refusal(
        'ATLAS_REJECTED',
        `Atlas refused the request as a conflict with what is there, with the error code ${facts.errorCode}.`,
        'Most likely the name is in use in this project: list its keys, and choose another name. atlas.detail has what Atlas says.',
      );
    default:
      return rejected(facts);
  }
}

/** Atlas or a proxy failed, or gave up waiting: the same request may succeed later. */
function isPassing({ status }: AtlasFacts): boolean {
  return status >= 500 || GAVE_UP.includes(status);
}

function unauthorized({ errorCode }: AtlasFacts, { role, remedy }: CallContext): Advice {
  switch (errorCode) {
    // A role, although the status says otherwise.
    case 'USER_UNAUTHORIZED':
      return missingRole(role);
    case 'NOT_IN_GROUP':
    case 'USER_CANNOT_ACCESS_GROUP':
    case 'USER_CANNOT_ACCESS_ORG':
      return refusal(
        'ATLAS_FORBIDDEN',
        'The credential belongs to another organization or project.',
        'Use a groupId that the credential can see, or a person invites the service account or API key to that project.',
      );
    case undefined:
    case 'invalid_client':
    case 'invalid_token':
      return refusal(
        'ATLAS_UNAUTHENTICATED',
        'Atlas does not accept the credential.',
        `It is wrong or has expired: ${remedy}`,
      );
    default:
      return refusal(
        'ATLAS_UNAUTHENTICATED',
        `Atlas refuses the credential, with the error code ${errorCode}.`,
        `It may have ended or been changed (atlas.detail has what Atlas says): ${remedy}`,
      );
  }
}

function forbidden({ errorCode, parameters }: AtlasFacts, { role }: CallContext): Advice {
  const [address] = parameters ?? [];
  const known = typeof address === 'string' && ADDRESS.test(address);
  switch (errorCode) {
    case 'IP_ADDRESS_NOT_ON_ACCESS_LIST':
      return refusal(
        'ATLAS_IP_NOT_ALLOWED',
        `The IP address${known ? ` ${address}` : ''} of this machine is not on the credential's API access list.`,
        "A person adds it in Atlas to the API access list of the service account or API key itself (not to the project's network access list).",
      );
    case 'ORG_REQUIRES_ACCESS_LIST':
      return refusal(
        'ATLAS_IP_NOT_ALLOWED',
        'The organization wants an API access list, and the credential has none.',
        "A person makes one in Atlas on the service account or API key and adds this machine's IP address.",
      );
    case 'access_denied':
      return passing(
        'ATLAS_RATE_LIMITED',
        'The service account has too many live access tokens (Atlas allows 100).',
        'Wait until some expire (an hour at most), or a person revokes them.',
      );
    case 'USER_UNAUTHORIZED':
      return missingRole(role);
    default:
      return refusal(
        'ATLAS_FORBIDDEN',
        `Atlas refuses this call, with the error code ${errorCode}.`,
        'atlas.detail has what Atlas says. It may be a policy of the organization, something that the project does not have, or a role that the credential lacks.',
      );
  }
}

const unknownId = refusal(
  'ATLAS_NOT_FOUND',
  'Atlas does not know that id.',
  'Check the ids; the resource may have been deleted already.',
);
/** By error code, which may be any word: an object would answer `constructor` too. */
const NOT_FOUND: ReadonlyMap<string, Advice> = new Map(
  Object.entries({
    GROUP_NOT_FOUND: refusal(
      'ATLAS_NOT_FOUND',
      'Atlas knows no project with this groupId.',
      'Check groupId: the project id of 24 hexadecimal digits in Atlas under Project Settings.',
    ),
    ORG_NOT_FOUND: refusal(
      'ATLAS_NOT_FOUND',
      'Atlas knows no organization with this orgId.',
      'Check orgId: the organization id of 24 hexadecimal digits in Atlas under Organization Settings.',
    ),
  }),
);

function rejected({ status, fields }: AtlasFacts): Advice {
  const names = (fields ?? []).map(({ field }) => field).filter((field) => FIELD_NAME.test(field));
  return refusal(
    'ATLAS_REJECTED',
    `Atlas refused the request with status ${status}.`,
    names.length > 0
      ? `Correct ${names.join(', ')}; atlas.fields says what is wrong.`
      : 'Correct the request; atlas.detail and atlas.errorCode say what is wrong.',
  );
}

function missingRole(role: string): Advice {
  return refusal(
    'ATLAS_FORBIDDEN',
    'The credential lacks a role for this call.',
    `A person grants the service account or API key the role ${role} in Atlas (Project Owner includes the project roles).`,
  );
}

/** The same call may succeed later. */
function passing(code: ErrorCode, message: string, hint: string): Advice {
  return { code, message, hint, retryable: true };
}

/** Never a missing role, a wrong id or a wrong credential: who answered knows nothing of them. */
function notFromAtlas(status: number): Advice {
  return refusal(
    'ATLAS_PROTOCOL',
    `Something between this server and Atlas answered, with status ${status}: the page is not Atlas's.`,
    'Check HTTPS_PROXY, NO_PROXY and MONGODB_ATLAS_BASE_URL: a proxy or gateway may want a login, or not allow this.',
  );
}

const CHECK_BASE_URL = 'Check MONGODB_ATLAS_BASE_URL, and whether a proxy answers in place of Atlas.';
const billing = refusal(
  'ATLAS_REJECTED',
  'Atlas refused for billing reasons.',
  "A person must put the organization's payment method or suspended account in order, in Atlas under Billing.",
);
const versionUnknown = refusal(
  'ATLAS_REJECTED',
  'Atlas does not speak the API version that was asked for.',
  'Set ATLAS_MODEL_KEYS_API_VERSION to auto, or update this server.',
);
const rateLimited = passing(
  'ATLAS_RATE_LIMITED',
  'Atlas limits the rate of requests.',
  'Wait retryAfterSeconds (a minute if absent), then call again.',
);

/** Whether Atlas itself refused: a reply without its error code may be a page of a proxy over a success. */
function hasAtlasCode({ errorCode }: AtlasFacts): boolean {
  return errorCode !== undefined && ATLAS_CODE.test(errorCode);
}

function factsOf(reply: HttpReply): AtlasFacts {
  const body = parseObject(reply.body);
  if (!body) return { status: reply.status };
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

/** Only as it was sent: what cleaning turns into a code is not a code. */
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

/** The header Retry-After: seconds, or an HTTP date (RFC 9110, section 10.2.3). Undefined when absent or unreadable. */
export function retryAfterSeconds(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^[0-9]{1,6}$/.test(value)) return Number(value);
  const date = httpDate(value);
  return date === undefined ? undefined : Math.max(0, Math.ceil((date - now) / 1000));
}
