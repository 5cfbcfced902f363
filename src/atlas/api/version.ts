// Which version of the Atlas Admin API is spoken, for each kind of call.
// Source: https://www.mongodb.com/docs/atlas/api/versioned-api-overview/

import type { HttpReply, HttpRequest } from '../http/transport.ts';
import { refusesVersion } from './errors.ts';

/** `2025-03-12` has cloud, geography and endpoint; `preview` (January 2026) has only the name. */
export type ApiVersion = '2025-03-12' | 'preview';

const DATED: ApiVersion = '2025-03-12';

export interface VersionChoice {
  for(call: VersionedCall): CallVersion;
}

interface VersionedCall extends Pick<HttpRequest, 'method' | 'path'> {
  /** Why the call cannot be made in a version. */
  readonly refusal?: (version: ApiVersion) => unknown;
}

/** The version in which one call is sent. */
interface CallVersion {
  current(): ApiVersion;
  /** Learns from a reply, for the calls of this kind, and says whether to send the request again, in another version. */
  refused(reply: HttpReply, sent: ApiVersion): boolean;
  /** What a person should know of the version that was sent. */
  warnings(reply: HttpReply, sent: ApiVersion): readonly string[];
}

/**
 * The preview is spoken only where Atlas refuses the dated version, by its own error code, and only for that kind of call,
 * until Atlas refuses the preview.
 */
export function chooseVersion(setting: 'auto' | ApiVersion): VersionChoice {
  const inPreview = new Set<string>();
  return {
    for(call) {
      const kind = kindOf(call);
      const tried = new Set<ApiVersion>();
      const current = (): ApiVersion => {
        if (kind === undefined) return DATED;
        if (setting === 'preview') return 'preview';
        // What the preview cannot do is asked of the dated version each time, which may be there again.
        const needsDated = call.refusal?.('preview') !== undefined && !tried.has(DATED);
        return inPreview.has(kind) && !needsDated ? 'preview' : DATED;
      };
      return {
        current,
        refused(reply, sent) {
          if (setting !== 'auto' || kind === undefined || !refusesVersion(reply)) return false;
          tried.add(sent);
          if (sent === 'preview') inPreview.delete(kind);
          else inPreview.add(kind);
          return !tried.has(current());
        },
        warnings: (reply, sent) => [
          ...(setting === 'auto' && sent === 'preview' ? [FELL_BACK] : []),
          ...deprecationWarnings(reply, sent),
        ],
      };
    },
  };
}

const FELL_BACK =
  'Atlas does not speak API version 2025-03-12; the preview was used, which knows no cloud or geography.';

/**
 * The method, and the path without its ids: such as `GET groups aiModelApiKeys`. Undefined for what the preview does not have,
 * which is everything except the calls of AI models: those exist in version 2023-01-01, to which a later date resolves.
 */
function kindOf({ method, path }: VersionedCall): string | undefined {
  const [, , , , ...segments] = (path.split('?')[0] ?? '').split('/');
  // What is not at an even place is an id.
  const names = segments.filter((_segment, index) => index % 2 === 0);
  const depth = segments.length;
  return names.some((name) => name.startsWith('aiModel')) ? [method, depth, ...names].join(' ') : undefined;
}

/** The Deprecation header (RFC 9745) and the Sunset header (RFC 8594). */
function deprecationWarnings({ headers }: HttpReply, version: ApiVersion): string[] {
  const { deprecation, sunset } = headers;
  if (deprecation === undefined && sunset === undefined) return [];
  const date = Date.parse(sunset ?? '');
  const until = Number.isNaN(date) ? '' : ` and will end on ${new Date(date).toISOString().slice(0, 10)}`;
  return [`Atlas marks API version ${version} as deprecated${until}; update this server.`];
}
