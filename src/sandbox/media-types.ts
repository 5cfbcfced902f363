// Which version of the API a request asks for, and whether it may have it.

import { refusal, type Refused, type Reply } from './replies.ts';
import type { Rules } from './world.ts';

/**
 * In which versions a path exists: all that are offered, the dated ones of them, the preview of them; or only the first
 * version there was, to which any later date resolves.
 */
export type Span = 'all' | 'dated' | 'preview' | 'first';

const FIRST_VERSION = '2023-01-01';

const DATE = /^\d{4}-\d{2}-\d{2}$/;

const VERSIONED = /^application\/vnd\.atlas\.([0-9a-z-]+)\+json$/;

const DEPRECATED_SINCE = 'Thu, 16 Jul 2026 00:00:00 GMT';
const SUNSET = 'Fri, 16 Jul 2027 00:00:00 GMT';

/** The version in which a request is answered. */
export function negotiate(
  accept: string | undefined,
  rules: Rules,
  span: Span,
): { readonly version: string } | Refused {
  const asked = versionsIn(accept);
  const [version] = asked.flatMap((each) => resolved(each, rules, span) ?? []);
  if (version !== undefined) return { version };
  const gone = asked.find((each) => rules.withdrawn.includes(each));
  if (gone !== undefined) {
    const detail = `Version ${gone} was withdrawn.`;
    return { refused: refusal(410, { errorCode: 'VERSION_GONE', detail, parameters: [gone] }) };
  }
  const detail = 'The Accept header names no version of this resource.';
  return { refused: refusal(406, { errorCode: 'INVALID_VERSION_DATE', detail, parameters: asked }) };
}

function resolved(asked: string, { versions }: Rules, span: Span): string | undefined {
  if (span === 'first') return DATE.test(asked) && asked >= FIRST_VERSION ? FIRST_VERSION : undefined;
  const within = span === 'all' || (span === 'preview') === (asked === 'preview');
  return within && versions.includes(asked) ? asked : undefined;
}

/** A body must be of the version that the reply will be of. */
export function refuseContentType(contentType: string | undefined, version: string): Reply | undefined {
  if (versionsIn(contentType)[0] === version) return undefined;
  return refusal(415, {
    errorCode: 'UNSUPPORTED_MEDIA_TYPE',
    detail: `The Content-Type of this body must be ${mediaType(version)}.`,
  });
}

/** The reply with the headers of its version; those that it has itself stay. */
export function inVersion(version: string, rules: Rules, reply: Reply): Reply {
  const type = reply.content === undefined ? {} : { 'content-type': `${mediaType(version)};charset=utf-8` };
  const end = rules.deprecated.includes(version) ? { deprecation: DEPRECATED_SINCE, sunset: SUNSET } : {};
  return { ...reply, headers: { ...type, ...end, ...reply.headers } };
}

function mediaType(version: string): string {
  return `application/vnd.atlas.${version}+json`;
}

function versionsIn(header: string | undefined): string[] {
  return (header ?? '').split(',').flatMap((item) => {
    const type = (item.split(';')[0] ?? '').trim().toLowerCase();
    return VERSIONED.exec(type)?.slice(1) ?? [];
  });
}
