// One lint configuration: typed strictness, and the direction of imports
// (tools -> keys -> atlas, sinks -> files) with its five exclusive rights.

import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const folders = [
  'text',
  'config',
  'secret',
  'files',
  'http',
  'atlas',
  'programs',
  'page',
  'sinks',
  'keys',
  'tools',
  'prompts',
  'mcp',
  'sandbox',
  'doctor',
  'apply',
  'setup',
];

/** What each folder may import beside itself. `main.ts` composes them all. */
const mayImport = {
  text: [],
  config: ['text', 'secret', 'files'],
  secret: [],
  files: [],
  programs: ['files'],
  http: ['secret', 'config', 'files'],
  atlas: ['text', 'secret', 'config', 'files', 'programs', 'http'],
  page: ['text', 'files', 'programs'],
  sinks: ['text', 'secret', 'config', 'files', 'programs', 'http', 'page'],
  keys: ['text', 'secret', 'files', 'atlas', 'sinks', 'page'],
  tools: ['text', 'keys', 'atlas', 'sinks', 'config'],
  prompts: ['text', 'keys', 'atlas'],
  mcp: ['text', 'tools', 'prompts', 'secret'],
  sandbox: [],
  doctor: ['text', 'config', 'secret', 'files', 'atlas', 'sinks', 'keys', 'page'],
  apply: ['text', 'config', 'secret', 'atlas', 'sinks', 'keys', 'tools', 'doctor'],
  setup: ['text', 'config', 'secret', 'files', 'programs', 'atlas', 'sinks', 'doctor'],
};

/** Packages and functions that one folder has for itself. */
const reserved = [
  { group: ['@modelcontextprotocol/*'], owners: ['mcp'], message: 'Only src/mcp knows the SDK.' },
  { group: ['undici', 'undici/*'], owners: ['http'], message: 'Only src/http speaks HTTP.' },
  { group: ['zod', 'zod/*'], owners: ['config', 'tools'], message: 'Schemas belong to src/config and src/tools.' },
  { group: ['@clack/*'], owners: ['setup'], message: 'Only src/setup asks in a terminal.' },
  {
    group: ['**/secret/secret.ts'],
    importNames: ['openSecret'],
    owners: ['sinks', 'secret'],
    message: 'Only src/sinks and src/secret may open a Secret.',
  },
];

function importRules(folder) {
  const foreign = folders.filter((other) => other !== folder && !mayImport[folder].includes(other));
  const patterns = reserved
    .filter(({ owners }) => !owners.includes(folder))
    .map(({ group, importNames, message }) => ({ group, message, ...(importNames && { importNames }) }));
  if (foreign.length > 0) {
    patterns.push({
      group: foreign.map((other) => `**/${other}/**`),
      message: `src/${folder} may not import from there (see CONTRIBUTING.md).`,
    });
  }
  return {
    files: [`src/${folder}/**/*.ts`],
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns }] },
  };
}

export default defineConfig(
  { ignores: ['dist/', 'node_modules/', '.test-results/'] },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: { allowDefaultProject: ['*.js'] }, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unsafe-type-assertion': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      'max-lines': ['error', { max: 350 }],
      'no-console': 'error',
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      // Otherwise the import stays when its types are gone, and loads at the start what is to be loaded later.
      '@typescript-eslint/no-import-type-side-effects': 'error',
      'max-lines-per-function': ['error', { max: 40, skipBlankLines: true, skipComments: true }],
      'no-restricted-globals': [
        'error',
        {
          name: 'performance',
          message: 'It loads eight modules of Node when it is first read; process.uptime() none.',
        },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: "MemberExpression[object.name='process'][property.name='env']",
          message: 'Only src/config reads the environment.',
        },
      ],
    },
  },
  { files: ['test/**/*.ts'], rules: { 'max-lines': ['error', { max: 500 }] } },
  { files: ['src/config/**/*.ts'], rules: { 'no-restricted-syntax': 'off' } },
  ...folders.map(importRules),
  {
    files: ['src/failure.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        { patterns: [{ group: ['*'], message: 'Every folder imports src/failure.ts; it imports nothing.' }] },
      ],
    },
  },
  {
    files: ['**/*.js'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { globals: { process: 'readonly', TextEncoder: 'readonly', URL: 'readonly', fetch: 'readonly' } },
  },
);
