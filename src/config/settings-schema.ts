// The schemas of the settings and of the configuration file. They are loaded only when there is a setting to check: a start without
// any does not need them.

import * as z from 'zod/v4-mini';
import { directory, pickedFile, pickedFolder, program, sinkName, sinkSchema } from './sink-spec.ts';

const groupId = z
  .string()
  .check(z.regex(/^[a-f0-9]{24}$/, { error: 'must be project ids: 24 lower-case hexadecimal digits' }));

/** Which tools there are is not known here: `tools/tool-definition.ts` refuses others. */
const toolNames = z.array(
  z
    .string()
    .check(z.regex(/^[a-z][a-z0-9_]{0,63}$/, { error: 'must be names of tools, such as delete_ai_model_api_key' })),
);

const endpointHost = z.string().check(
  z.regex(/^(?:\*\.)?(?:[a-z0-9-]+\.)+[a-z][a-z0-9-]*$|^127\.0\.0\.1$/, {
    error: 'must be host names in lower case, such as ai.mongodb.com or *.mongodb.com',
  }),
);
const SINKS =
  'must be one NAME=URI, or for several a JSON object of name to URI or object, such as {"app":"dotenv:/srv/app/.env","team":"file:/srv/keys/{entry}"}';

/** The settings as the configuration file spells them. Each is optional in each source. */
export const settingsSchema = z.partial(
  z.strictObject({
    sinks: z.record(sinkName, sinkSchema, SINKS),
    defaultSink: sinkName,
    folder: pickedFolder,
    dotenv: pickedFile,
    allowInlineSecret: z.boolean(),
    readOnly: z.boolean(),
    allowedProjects: z.array(groupId).check(z.minLength(1)),
    stateDir: directory,
    trustPaths: z.array(directory).check(z.minLength(1)),
    apiVersion: z.enum(['auto', '2025-03-12', 'preview']),
    timeoutMs: z.int().check(z.minimum(1_000), z.maximum(120_000)),
    confirm: z.enum(['never', 'if-supported', 'required']),
    confirmWith: z.enum(['form', 'page', 'either']),
    confirmTools: z.array(z.enum(['create_ai_model_api_key', 'create_ai_model_api_keys'])),
    browserCommand: z.tuple([program], z.string().check(z.regex(/^[^\0]*$/, { error: 'must be text' }))),
    maxCreatesPerHour: z.int().check(z.minimum(0), z.maximum(10_000)),
    tools: z.partial(z.strictObject({ allow: toolNames, deny: toolNames })),
    liveCheck: z.boolean(),
    testModel: z
      .string()
      .check(z.regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, { error: 'must be the name of a model, such as voyage-3.5-lite' })),
    endpointHosts: z.array(endpointHost).check(z.minLength(1)),
    outputSchemas: z.boolean(),
    credentialTimeoutMs: z.int().check(z.minimum(1_000), z.maximum(50_000)),
    atlasCliProfile: z
      .string()
      .check(z.regex(/^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$/, { error: 'must be the name of a profile of the Atlas CLI' })),
    atlasCli: program,
    logLevel: z.enum(['debug', 'info', 'warning', 'error', 'silent']),
  }),
);

const NO_SECRET =
  'must not stand in this file; use clientSecretFile (a path) or clientSecretCommand (a program that prints it)';

/** Each may also come from the environment, which goes before it. credentials.ts and atlas-connection.ts check the values. */
const atlas = z.partial(
  z.strictObject({
    clientId: z.string(),
    clientSecret: z.never({ error: NO_SECRET }),
    clientSecretFile: z.string(),
    clientSecretCommand: z.union([z.string(), z.array(z.string()).check(z.minLength(1))], {
      error: 'must be a program and its arguments: words, or an array of strings',
    }),
    baseUrl: z.string(),
    projectId: z.string(),
    orgId: z.string(),
  }),
);

/** The whole configuration file. `$schema` is for editors, which complete by it; the server ignores it. */
export const fileSchema = z.extend(settingsSchema, { $schema: z.optional(z.string()), atlas: z.optional(atlas) });

export type FileSettings = ReturnType<typeof fileSchema.parse>;
