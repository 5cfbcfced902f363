// The prompt that makes a new key and puts its secret where the operator wants secrets.

import { definePrompt } from './prompt.ts';
import { PROJECT, RESOLVE_PROJECT } from './resolve-project.ts';

export const provisionModelKey = definePrompt({
  name: 'provision_model_key',
  title: 'Provision a model key',
  description: 'Create an Atlas AI model API key in a project and put its secret into a sink, step by step.',
  arguments: [
    { ...PROJECT, required: true },
    { name: 'name', description: 'Name of the new key, unique in the project', required: true },
    { name: 'sink', description: 'Where the secret goes, by the name that the operator gave it', required: false },
  ],
  tools: ['list_projects', 'list_secret_sinks', 'create_ai_model_api_key'],
  purpose: 'Provision a MongoDB Atlas AI model API key.',
  steps: (isGiven) => [
    RESOLVE_PROJECT,
    isGiven('sink')
      ? 'Call list_secret_sinks. If the sink is not among them, show the user those that are, and ask.'
      : 'Call list_secret_sinks. Use the one with isDefault; if none has it, show them to the user and ask.',
    'Call create_ai_model_api_key with that groupId, the name, the sink and dryRun true. Nothing is created yet.',
    'If the outcome is planned, call it again with the same values and without dryRun: once.',
    'Tell the user the name of the key, its mask, the location of the secret, its fingerprint, how the delivery was verified, and the endpoint if there is one. ' +
      'The secret itself is never shown to you: do not ask for it, and do not read it from its location.',
  ],
});
