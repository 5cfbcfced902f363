// The tool that says what the places for secrets hold now, without a word of what is in them.

import * as z from 'zod/v4';
import { checkSinks, type PlaceSeen, type SinkCheckContext } from '../keys/check-sinks.ts';
import { entryName, optionalGroupId, sinkParameter, type Defaults } from './parameter.ts';
import { resultSchema, seenPlace, shownKeySchema } from './result-schema.ts';
import { lastUse, parts, quoted } from './result-text.ts';
import { defineTool, type Tool } from './tool.ts';
import { counted } from '../text/text.ts';
import { ok } from '../failure.ts';

const output = () =>
  resultSchema(['checked'], {
    places: z.array(
      z.strictObject({
        ...seenPlace(),
        groupId: z.string().optional(),
        holds: z.enum(['key', 'deleted key', 'another value', 'nothing', 'unreadable']),
        key: shownKeySchema()
          .pick({ apiKeyId: true, name: true, maskedSecret: true, status: true, lastUsedAt: true })
          .partial({ apiKeyId: true, lastUsedAt: true })
          .optional(),
      }),
    ),
    leftOut: z.number(),
  });

export function checkSecretSinks(context: SinkCheckContext & Defaults): Tool {
  return defineTool({
    name: 'check_secret_sinks',
    title: 'Check secret sinks',
    description:
      "Say what each place for secrets holds now: whose key's secret (id, name, status, last use), that of a deleted key, another value, or nothing. " +
      'Use it to answer where a secret is, or whether the one in a place still belongs to a key. Secrets are never shown.',
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true },
    input: () =>
      z.strictObject({
        groupId: optionalGroupId(context),
        sink: sinkParameter({ sinks: context.sinks }, 'Only this sink'),
        entry: entryName(context, 'Also its place of this name'),
      }),
    output,
    keyStateOfRefusal: 'not_applicable',
    subject: ({ groupId = context.projectId, sink }) => ({ groupId, sink }),
    async handle({ groupId = context.projectId, ...rest }, call) {
      const checked = await checkSinks(context, { ...rest, groupId }, call);
      if (!checked.ok) return checked;
      const { places, leftOut } = checked.value;
      const more =
        leftOut === 0
          ? ''
          : ` ${counted(leftOut, 'more place or project')} not looked at: pass groupId, sink or entry.`;
      const summary = `Looked at ${counted(places.length, 'place')}.${more}`;
      return ok({
        structured: { outcome: 'checked', places, ...(leftOut > 0 && { leftOut }) },
        summary,
        text: [`outcome checked${leftOut === 0 ? '' : ` | leftOut ${leftOut}`}`, ...places.map(placeLine)].join('\n'),
      });
    },
  });
}

function placeLine({ sink, kind, location, entry, groupId, holds, key, fingerprint }: PlaceSeen): string {
  return parts([
    `${sink} (${kind})`,
    quoted(location),
    entry !== undefined && `entry ${entry}`,
    groupId !== undefined && `project ${groupId}`,
    `holds ${holds}`,
    key?.apiKeyId,
    key && quoted(key.name),
    key?.maskedSecret,
    key?.status ?? (holds === 'key' && 'status not known'),
    key?.lastUsedAt !== undefined && lastUse({ lastUsedAt: key.lastUsedAt }),
    fingerprint,
  ]);
}
