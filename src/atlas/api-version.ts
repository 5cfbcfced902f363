// Which version of the Atlas Admin API is spoken, and the media type that names it.
// Source: https://www.mongodb.com/docs/atlas/api/versioned-api-overview/

import { parseJson } from '../text/json.ts';
import { isObject } from './json.ts';
import type { HttpReply } from './transport.ts';

/** `2025-03-12` has cloud, geography and endpoint; `preview` (January 2026) has the name alone. */
export type ApiVersion = '2025-03-12' | 'preview';

export interface VersionChoice {
  current(): ApiVersion;
  /** Learns from a reply, and says whether the request should be sent again in another version. */
  refused(reply: HttpReply, sent: ApiVersion): boolean;
  /** What a person should know of the version in use. */
  warnings(reply: HttpReply): readonly string[];
}

export function chooseVersion(setting: 'auto' | ApiVersion): VersionChoice {
  let version: ApiVersion = setting === 'auto' ? '2025-03-12' : setting;
  let fellBack = false;
  return {
    current: () => version,
    refused(reply, sent) {
      if (setting !== 'auto' || sent === 'preview' || !refusesVersion(reply)) return false;
      version = 'preview';
      fellBack = true;
      return true;
    },
    warnings: (reply) => [
      ...(fellBack
        ? ['Atlas does not speak API version 2025-03-12; the preview was used, which knows no cloud or geography.']
        : []),
      ...deprecationWarnings(reply, version),
    ],
  };
}

/** A definite refusal, whatever the request was: 406 INVALID_VERSION_DATE (by one page 400) and 410 VERSION_GONE. */
function refusesVersion({ status, body }: HttpReply): boolean {
  if (status !== 400) return status === 406 || status === 410;
  const error = parseJson(body ?? '');
  return isObject(error) && error.errorCode === 'INVALID_VERSION_DATE';
}

export function mediaType(version: ApiVersion): string {
  return `application/vnd.atlas.${version}+json`;
}

/** The Deprecation header (RFC 9745) and the Sunset header (RFC 8594). */
function deprecationWarnings({ headers }: HttpReply, version: ApiVersion): string[] {
  const { deprecation, sunset } = headers;
  if (deprecation === undefined && sunset === undefined) return [];
  const date = Date.parse(sunset ?? '');
  const until = Number.isNaN(date) ? '' : ` and will end on ${new Date(date).toISOString().slice(0, 10)}`;
  return [`Atlas marks API version ${version} as deprecated${until}; update this server.`];
}
