// What a setting may be. Loaded only where there is a setting to judge: a start without any does not pay for it.

import * as z from 'zod/v4-mini';
import { directory, sinkName, sinkSchema } from './sink-spec.ts';

const groupId = z
  .string()
  .check(z.regex(/^[a-f0-9]{24}$/, { error: 'must be project ids: 24 lower-case hexadecimal digits' }));

/** Which tools there are is not known here: the catalog refuses others. */
const toolNames = z.array(
  z
    .string()
    .check(z.regex(/^[a-z][a-z0-9_]{0,63}$/, { error: 'must be names of tools, such as delete_ai_model_api_key' })),
);

const SINKS =
  'must be one NAME=URI, or for several a JSON object of name to URI or object, such as {"app":"dotenv:/srv/app/.env","team":"file:/srv/keys/{entry}"}';

/** The settings as the configuration file spells them. Each is optional in each source. */
export const settingsSchema = z.partial(
  z.strictObject({
    sinks: z.record(sinkName, sinkSchema, SINKS),
    defaultSink: sinkName,
    allowInlineSecret: z.boolean(),
    readOnly: z.boolean(),
    allowedProjects: z.array(groupId).check(z.minLength(1)),
    stateDir: directory,
    trustPaths: z.array(directory).check(z.minLength(1)),
    apiVersion: z.enum(['auto', '2025-03-12', 'preview']),
    timeoutMs: z.int().check(z.minimum(1_000), z.maximum(120_000)),
    confirm: z.enum(['never', 'if-supported', 'required']),
    maxCreatesPerHour: z.int().check(z.minimum(0), z.maximum(10_000)),
    tools: z.partial(z.strictObject({ allow: toolNames, deny: toolNames })),
    outputSchemas: z.boolean(),
    logLevel: z.enum(['debug', 'info', 'warning', 'error', 'silent']),
  }),
);

/** The configuration file as a whole: editors read from `$schema` how to complete it; here it means nothing. */
export const fileSchema = z.extend(settingsSchema, { $schema: z.optional(z.string()) });
