// Which version of the API a request asks for, and whether it may have it.

import { refusal } from './errors.ts';
import type { Reply } from './reply.ts';

export interface Versions {
  /** Those that are answered, such as `2025-03-12` or `preview`. */
  readonly offered: readonly string[];
  /** Those that once were: 410 instead of 406. */
  readonly withdrawn: readonly string[];
  /** Offered ones whose replies announce their end. */
  readonly deprecated: readonly string[];
}

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

/** The version in which a request is answered, or the refusal. */
export function negotiate(accept: string | undefined, versions: Versions, span: Span): string | Reply {
  const asked = versionsIn(accept);
  const [found] = asked.flatMap((each) => resolved(each, versions, span) ?? []);
  if (found !== undefined) return found;
  const gone = asked.find((each) => versions.withdrawn.includes(each));
  if (gone !== undefined) {
    return refusal(410, { errorCode: 'VERSION_GONE', detail: `Version ${gone} was withdrawn.`, parameters: [gone] });
  }
  return refusal(406, {
    errorCode: 'INVALID_VERSION_DATE',
    detail: 'The Accept header names no version of this resource.',
    parameters: asked,
  });
}

function resolved(asked: string, { offered }: Versions, span: Span): string | undefined {
  if (span === 'first') return DATE.test(asked) && asked >= FIRST_VERSION ? FIRST_VERSION : undefined;
  const within = span === 'all' || (span === 'preview') === (asked === 'preview');
  return within && offered.includes(asked) ? asked : undefined;
}

/** A body must be of the version that the reply will be of. */
export function refuseContentType(contentType: string | undefined, version: string): Reply | undefined {
  if (versionsIn(contentType)[0] === version) return undefined;
  return refusal(415, {
    errorCode: 'UNSUPPORTED_MEDIA_TYPE',
    detail: `The Content-Type of this body must be ${mediaType(version)}.`,
  });
}

export function versionHeaders(version: string, versions: Versions): Readonly<Record<string, string>> {
  return versions.deprecated.includes(version) ? { deprecation: DEPRECATED_SINCE, sunset: SUNSET } : {};
}

export function mediaType(version: string): string {
  return `application/vnd.atlas.${version}+json`;
}

function versionsIn(header: string | undefined): string[] {
  return (header ?? '').split(',').flatMap((item) => {
    const type = (item.split(';')[0] ?? '').trim().toLowerCase();
    return VERSIONED.exec(type)?.slice(1) ?? [];
  });
}
