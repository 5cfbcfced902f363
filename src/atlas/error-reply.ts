// Turns an error reply of Atlas into a failure with advice. Pure; it decides by status and error code, never by
// matching messages. Source: the error table of the Atlas Administration API.

import { VERSION_REFUSALS } from './api-version.ts';
import type { AtlasErrorCode, AtlasFacts, AtlasFailure } from './failure.ts';
import { ADDRESS } from './field.ts';
import { factsOf, hasAtlasCode } from './reply-facts.ts';
import { retryAfterSeconds } from './retry-timing.ts';
import type { HttpReply } from './transport.ts';

/** What the call needed, for the advice. */
export interface CallContext {
  /** The role that allows it, such as `Project Model Owner`. */
  readonly role: string;
  /** For the token endpoint, which has OAuth's error codes (RFC 6749, section 5.2). */
  readonly oauth?: true;
  /** What a person does about a credential that is not accepted. */
  readonly remedy: string;
}

interface Advice {
  readonly code: AtlasErrorCode;
  readonly message: string;
  readonly hint: string;
  readonly retryable?: true;
}

/** Request Timeout, and what proxies say when the client has gone: Atlas may have carried it out all the same. */
const GAVE_UP: readonly number[] = [408, 499];
/** Of a 401: the credential is known, and may not do this. Another token would not change it. */
const ROLE_CODES: readonly unknown[] = [
  'USER_UNAUTHORIZED',
  'NOT_IN_GROUP',
  'USER_CANNOT_ACCESS_GROUP',
  'USER_CANNOT_ACCESS_ORG',
];
/** What a hint may name. Message and hint are this server's own words: other text of Atlas stays in `atlas`. */
const FIELD_NAME = /^[A-Za-z0-9_.[\]]{1,60}$/;

/** @param reply a reply with a status of 300 or more */
export function errorReplyFailure(reply: HttpReply, context: CallContext): AtlasFailure {
  const facts = factsOf(reply);
  const seconds = retryAfterSeconds(reply.headers['retry-after'], Date.now());
  const { code, message, hint, retryable } = adviceFor(facts, isFromAtlas(reply, facts, context), context);
  return {
    code,
    message,
    hint,
    retryable: retryable ?? false,
    ...(seconds !== undefined && { retryAfterSeconds: seconds }),
    // Without an error code of Atlas, something in between may have put its page over a success.
    maybeCarriedOut: facts.status < 400 || isPassing(facts) || !hasAtlasCode(facts),
    atlas: facts,
  };
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
  if (status < 400)
    return { ...redirected, message: `Atlas answered ${status}, a redirect; redirects are not followed.` };
  if (isPassing(facts)) {
    return {
      ...advice(
        'ATLAS_UNAVAILABLE',
        `${fromAtlas ? 'Atlas' : 'Atlas, or something before it,'} failed with status ${status}.`,
        'Try again later.',
      ),
      retryable: true,
    };
  }
  if (status === 429) return rateLimited;
  if (!fromAtlas) return notFromAtlas(status);
  return VERSION_REFUSALS.includes(facts.errorCode ?? '') ? versionUnknown : refusal(facts, context);
}

function refusal(facts: AtlasFacts, context: CallContext): Advice {
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
      return notFound(facts);
    case 409:
      return conflict(facts);
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
      return advice(
        'ATLAS_FORBIDDEN',
        'The credential belongs to another organization or project.',
        'Use a groupId that the credential can see, or a person invites the service account or API key to that project.',
      );
    case undefined:
    case 'invalid_client':
    case 'invalid_token':
      return advice(
        'ATLAS_UNAUTHENTICATED',
        'Atlas does not accept the credential.',
        `It is wrong or has expired: ${remedy}`,
      );
    default:
      return advice(
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
    case 'USER_UNAUTHORIZED':
      return missingRole(role);
    default:
      return advice(
        'ATLAS_FORBIDDEN',
        `Atlas refuses this call, with the error code ${errorCode}.`,
        'atlas.detail has what Atlas says. It may be a policy of the organization, something that the project does not have, or a role that the credential lacks.',
      );
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

/** None is documented: names are the likely reason. */
function conflict({ errorCode }: AtlasFacts): Advice {
  return advice(
    'ATLAS_REJECTED',
    `Atlas refused the request as a conflict with what is there, with the error code ${errorCode}.`,
    'Most likely the name is in use in this project: list its keys, and choose another name. atlas.detail has what Atlas says.',
  );
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

/** Never a missing role, a wrong id or a wrong credential: who answered knows nothing of them. */
function notFromAtlas(status: number): Advice {
  return advice(
    'ATLAS_PROTOCOL',
    `Something between this server and Atlas answered, with status ${status}: the page is not Atlas's.`,
    'Check HTTPS_PROXY, NO_PROXY and MONGODB_ATLAS_BASE_URL: a proxy or gateway may want a login, or not allow this.',
  );
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
