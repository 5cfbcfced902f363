// The prompt that looks through keys and reports which are idle. It changes nothing.

import { definePrompt } from './prompt.ts';
import { PROJECT, RESOLVE_PROJECT } from './resolve-project.ts';

export const auditModelKeys = definePrompt({
  name: 'audit_model_keys',
  title: 'Audit model keys',
  description: 'Report the Atlas AI model API keys of one or all projects, and which were not used for some time.',
  arguments: [
    { ...PROJECT, description: `${PROJECT.description}; all projects where absent`, required: false },
    {
      name: 'unusedForDays',
      description: 'Only keys that were not used for so many days; all keys where absent',
      required: false,
      accepts: { pattern: /^(?:0|[1-9]\d{0,3})$/, rule: 'must be a whole number of days, such as 90' },
    },
  ],
  tools: ['list_projects', 'list_ai_model_api_keys'],
  purpose: 'Audit MongoDB Atlas AI model API keys.',
  steps: (isGiven) => [
    isGiven('project')
      ? RESOLVE_PROJECT
      : 'Call list_projects, and again with cursor set to nextCursor as long as there is one.',
    `Call list_ai_model_api_keys with ${isGiven('project') ? 'that groupId' : 'the groupId of each of them in turn'}` +
      `${isGiven('unusedForDays') ? ', and unusedForDays as a number' : ''}; follow nextCursor likewise.`,
    'Report a table: project, name, apiKeyId, mask, createdAt, lastUsedAt; the longest unused first. A key without lastUsedAt was never used, and counts from createdAt. ' +
      'Name the projects that could not be read.',
    'Change nothing. What should become of a key is for the user to decide.',
  ],
});
