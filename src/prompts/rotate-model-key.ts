// The prompt that exchanges a key for a new one, with its secret in the place of the old.

import { definePrompt } from './prompt.ts';
import { PROJECT, RESOLVE_PROJECT } from './resolve-project.ts';

export const rotateModelKey = definePrompt({
  name: 'rotate_model_key',
  title: 'Rotate a model key',
  description: 'Exchange an Atlas AI model API key for a new one, and its secret in the sink with it, step by step.',
  arguments: [
    { ...PROJECT, required: true },
    { name: 'key', description: 'Name of the key to rotate, or its apiKeyId', required: true },
  ],
  tools: ['list_projects', 'list_ai_model_api_keys', 'rotate_ai_model_api_key'],
  purpose: 'Rotate a MongoDB Atlas AI model API key.',
  steps: () => [
    RESOLVE_PROJECT,
    'Call list_ai_model_api_keys with that groupId and nameContains set to the key. The key is the one whose name is exactly this; ' +
      'if there is none, look for it as apiKeyId in the list without nameContains. Where several fit, or none does, show the user what there is and ask.',
    'Call rotate_ai_model_api_key with groupId, the apiKeyId, confirmName set to the present name of that key, and dryRun true. Nothing is changed yet. ' +
      'If the error says that the secret lies elsewhere, or that there are several sinks, ask the user which sink and entry hold it.',
    'Show the user the plan: which key, where the new secret will be, what becomes of the old key, every warning. Go on only if they agree.',
    'Call it again with the same values and without dryRun: once. The host may ask the user to type the name of the key; do not type it for them.',
    'Tell the user the name and mask of the new key, the location of the secret, its fingerprint, what became of the old key, and that programs which hold the old secret must read the new one. ' +
      'The secret itself is never shown to you: do not ask for it, and do not read it from its location.',
  ],
});
