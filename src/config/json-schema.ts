// The JSON Schema of the configuration file, for editors. The build writes it to a file; the server does not contain it.

import * as z from 'zod/v4-mini';
import { fileSchema } from './settings-schema.ts';
import { settingNames, settings } from './settings.ts';
import { presets, presetUris } from './presets.ts';
import { sinkKinds, type SinkKind } from './sink-kinds.ts';
import { pathPatterns, sinkSchema, templatePatterns, variablePattern } from './sink-spec.ts';
import { storePatterns } from './store-spec.ts';

type Schema = z.core.JSONSchema.BaseSchema;

/** Draft 2020-12, of what may be written (before defaults and replacements). */
export function configurationSchema(): Schema {
  const schema = z.toJSONSchema(fileSchema, {
    io: 'input',
    override({ zodSchema, jsonSchema }) {
      if (zodSchema === sinkSchema) asUriOrObject(jsonSchema);
    },
  });
  const described = settingNames.map(
    (name) => [name, { description: settings[name].help, ...property(schema, name) }] as const,
  );
  return {
    ...schema,
    title: 'Configuration of atlas-model-keys-mcp',
    properties: {
      $schema: { description: 'Where this schema is, for editors', ...property(schema, '$schema') },
      ...Object.fromEntries(described),
      atlas: {
        description:
          'Where Atlas is and with which credentials it is called, where the environment does not say it; never a secret itself',
        ...property(schema, 'atlas'),
      },
    },
  };
}

function property({ properties }: Schema, name: string): object {
  const found = properties?.[name];
  return typeof found === 'object' ? found : {};
}

/** What zod cannot know of a preprocessed value: that a text may stand for the object. */
function asUriOrObject(schema: Schema): void {
  const object = { ...schema };
  for (const key of Object.keys(schema)) Reflect.deleteProperty(schema, key);
  schema.anyOf = [...uris(), { description: 'A sink as an object', ...object }];
}

const storeKinds = ['vault', 'k8s', 'aws-sm', 'aws-ssm', 'github'] as const;

function uris(): Schema[] {
  const described = (kind: SinkKind) => ({
    description: `${sinkKinds[kind].uri}, ${sinkKinds[kind].brief}`,
    type: 'string' as const,
  });
  return [
    { ...described('file'), pattern: String.raw`^file:[\s\S]*[^\\/]$`, allOf: behind('file:', pathPatterns) },
    {
      ...described('dotenv'),
      // The variable follows the last `#`; of its pattern without the anchors `^` and `$`.
      pattern: String.raw`^dotenv:(?:[^#]*[^\\/#]|[\s\S]*[^\\/]#${variablePattern.source.slice(1, -1)})$`,
      allOf: behind('dotenv:', pathPatterns),
    },
    { ...described('command'), pattern: String.raw`^command:\s*\[\s*${STRING}(?:\s*,\s*${STRING})*\s*\]\s*$` },
    {
      description: `A preset: ${presetUris}`,
      type: 'string',
      pattern: `^(?:${Object.keys(presets).join('|')}):`,
      allOf: templatePatterns.map(({ source }) => ({ pattern: source })),
    },
    ...storeKinds.map((kind) => ({ ...described(kind), pattern: storePatterns[kind] })),
    { ...described('inline'), const: 'inline' },
    { ...described('reveal'), const: 'reveal' },
  ];
}

/** A string of JSON (RFC 8259, section 7). */
const STRING = String.raw`"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"`;

function behind(prefix: string, patterns: readonly RegExp[]): Schema[] {
  return patterns.map(({ source }) => ({ pattern: source.replace('^', `^${prefix}`) }));
}
