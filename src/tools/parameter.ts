// Parameters that several tools share: what is accepted, and how it is explained to an agent.

import * as z from 'zod/v4';
import { cleanText, isShowable } from '../atlas/outside-text.ts';

/** @param projectId the operator's default, which makes the parameter optional */
export function groupId(projectId: string | undefined) {
  const schema = z
    .string()
    .regex(/^([a-f0-9]{24})$/, { error: 'must be 24 lower-case hexadecimal digits, such as 69681d39c9e8cfd375386316' })
    .describe(`Atlas project id${projectId === undefined ? '' : `; default ${projectId}`}`);
  return projectId === undefined ? schema : schema.default(projectId);
}

export const keyName = z
  .string()
  .min(1)
  .max(250)
  .refine(isShowable, 'must not hold control, invisible or unassigned characters')
  .refine((name) => cleanText(name, name.length) === name || !isShowable(name), 'must not look like a secret')
  .refine((name) => name.trim() === name, 'must not begin or end with a space')
  .describe('Name of the key, unique in the project');

/** Open words: Atlas decides which there are. */
export const scope = (what: string) =>
  z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,40}$/, { error: 'must be one word of letters, digits, dashes or underscores' })
    .default('ANY')
    .describe(what);
