// Parameters that several tools share: what is accepted, and how it is explained to an agent.

import * as z from 'zod/v4';
import { looksLikeModelKey } from '../atlas/api/untrusted-text.ts';
import type { Scope } from '../atlas/api/admin-api.ts';
import type { ConfiguredSinks } from '../keys/sink-choice.ts';
import { failed, ok, refusal, type Result } from '../failure.ts';
import { firstInvisible } from '../text/text.ts';
import { isEntryShown, mustNameSink, sinkWords } from './tool-definition.ts';
import { SHOWN_AS } from './tool.ts';

/** What the operator set for calls that name no project or organization. */
export interface Defaults {
  /** For `groupId`. */
  readonly projectId?: string | undefined;
  /** For `orgId`. */
  readonly orgId?: string | undefined;
}

const DEFAULT_LIMIT = 50;
const LARGEST_LIMIT = 500;
const LONGEST_NAME = 250;

const atlasId = () =>
  z.string().regex(/^([a-f0-9]{24})$/, { error: 'must be 24 lower-case hexadecimal digits: the id, not a name' });

/** Optional where the operator set a default. */
export function groupId({ projectId }: Defaults) {
  const schema = atlasId().describe('Project id');
  return projectId === undefined ? schema : schema.default(projectId);
}

/** Of tools that look at all projects where none is named. */
export function optionalGroupId({ projectId }: Defaults) {
  return atlasId()
    .optional()
    .describe(`Project id${orDefault(projectId)}`);
}

export function orgId(defaults: Defaults) {
  return atlasId()
    .optional()
    .describe(`Organization id${orDefault(defaults.orgId)}`);
}

/** The parameters of tools that look at one project or at one organization; {@link chooseScope} reads them. */
export function scopeOf({ projectId, orgId }: Defaults) {
  return {
    groupId: optionalGroupId({ projectId }),
    orgId: atlasId()
      .optional()
      .describe(`Organization id, instead of groupId${projectId === undefined ? orDefault(orgId) : ''}`),
  };
}

/** What the caller named, else the operator's project, else the operator's organization. */
export function chooseScope(
  given: { readonly groupId?: string | undefined; readonly orgId?: string | undefined },
  { projectId, orgId }: Defaults,
): Result<Scope> {
  if (given.groupId !== undefined && given.orgId !== undefined) {
    return scopeRefusal('groupId, orgId: only one of them can be given.', 'Leave one of them out and call again.');
  }
  if (given.orgId !== undefined) return ok({ orgId: given.orgId });
  const project = given.groupId ?? projectId;
  if (project !== undefined) return ok({ groupId: project });
  if (orgId !== undefined) return ok({ orgId });
  return scopeRefusal(
    'groupId, orgId: one of them is required, since the operator set no default.',
    'Pass groupId (list_projects finds it by name) or orgId.',
  );
}

/** For the audit log, which has only projects. */
export function subjectOf(...asked: Parameters<typeof chooseScope>): { readonly groupId?: string } {
  const scope = chooseScope(...asked);
  return scope.ok && 'groupId' in scope.value ? { groupId: scope.value.groupId } : {};
}

function scopeRefusal(message: string, hint: string): Result<never> {
  return failed(refusal('INVALID_INPUT', message, hint));
}

function orDefault(id: string | undefined): string {
  return id === undefined ? '' : `; default ${id}`;
}

/** A name is compared with this form and not with a secret, so that no answer reveals one. */
const SECRET_SHAPE = /(?<![A-Za-z0-9])(?:al-(?:[a-z]{2,}-)?[A-Za-z0-9_-]{20,}|mdb_sa_sk_[A-Za-z0-9_-]{16,})/;

export const keyName = () =>
  z
    .string()
    .min(1)
    // Atlas counts code points, as JSON Schema does.
    .refine((name) => Array.from(name).length <= LONGEST_NAME, `must be at most ${LONGEST_NAME} characters long`)
    .meta({ maxLength: LONGEST_NAME })
    .refine((name) => firstInvisible(name) === undefined, {
      error: ({ input }) =>
        `must not hold control, invisible or unassigned characters; it has ${firstInvisible(String(input)) ?? 'one'}`,
    })
    .refine((name) => !SECRET_SHAPE.test(name) && !looksLikeModelKey(name), 'must not look like a secret')
    .refine((name) => name.trim() === name, 'must not begin or end with a space')
    .describe('Name of the key, unique in the project');

/** Hosts are not shown the form, so that a name in its place comes here, and is answered with the id. */
export const apiKeyId = () =>
  z
    .string()
    .refine((id) => /^[A-Za-z0-9_-]{1,128}$/.test(id), {
      error: 'must be the id of a key, not its name; list_ai_model_api_keys with nameContains finds the id',
    })
    .describe('Id of the key');

/** Where a name may stand in its place. */
export function optionalKeyId(parameter: string) {
  return apiKeyId().optional().describe(`Id of the key; not needed if ${parameter} is unique`);
}

/** Compared with the name that the key has at that moment. */
export const confirmName = () => z.string().min(1).max(LONGEST_NAME).describe("The key's present name, exactly");

/** In place of an id. */
export const exactName = () => confirmName().optional().describe('Its exact name, in place of apiKeyId');

export const nameContains = () =>
  z.string().min(1).max(LONGEST_NAME).optional().describe('Only names with this text in them');

/** A word that Atlas defines: of any form without a slash. Hosts are not shown the form, since they pay for each byte. */
const limitWord = (what: string) =>
  z.string().refine((word) => /^[^/\\]{1,100}$/.test(word), { error: `must be ${what}` });

export const modelGroupName = () =>
  limitWord('the name of a group of models, such as embed_large').describe('Group of models, such as embed_large');

/** They choose among several limits of one group. */
export const limitScope = () => ({
  cloud: limitWord('a cloud').optional().describe('If the group has several limits'),
  geography: limitWord('a geography').optional(),
});

const TELLER = 'create_ai_model_api_key';

/**
 * @param what begins as NEW_SECRET_SINK does where the secret is a new one
 * @param isTeller of the tool that says of each sink what it is
 */
export function sinkParameter({ sinks, defaultSink }: ConfiguredSinks, what: string, isTeller = false) {
  const shown = { sinks: [...sinks.values()], defaultSink, isTeller, teller: TELLER };
  // Not checked here, so that a wrong name is answered with SINK_UNKNOWN and the names of the sinks.
  return z
    .string()
    .optional()
    .meta({ ...sinkWords(what, shown), ...(mustNameSink(what, shown) && { [SHOWN_AS]: 'required' }) });
}

/** Accepted everywhere, so that a sink with a fixed place is answered as such; shown only where a sink takes one. */
export function entryName({ sinks }: ConfiguredSinks, what: string) {
  return z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, {
      error: 'must be 1-128 letters, digits, dots, dashes or underscores, beginning with a letter or digit',
    })
    .optional()
    .meta({ description: what, ...(!isEntryShown([...sinks.values()]) && { [SHOWN_AS]: 'absent' }) });
}

export const dryRun = () => z.boolean().default(false).describe('Check only; change nothing');

/** What the rows of one call may take of a model's context: 20,000 with all else that the answer has. */
export const MOST_TOKENS = 19_000;

/** The part of a list that a call asks for. */
export const page = () => ({
  limit: z.int().min(1).max(LARGEST_LIMIT).default(DEFAULT_LIMIT).describe('A page ends at 20,000 tokens'),
  cursor: z.string().optional().describe('nextCursor of the result before'),
});
