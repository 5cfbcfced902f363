// The JSON Schemas that hosts are shown: what a tool accepts, and what it answers, both whole.
//
// Hosts show the model the input schema in each conversation, so that one is kept short; the output schema they keep.

import * as z from 'zod/v4';
import type { ObjectSchema } from './tool-definition.ts';

export function inputSchemaOf(input: z.ZodObject): ObjectSchema {
  const json = z.toJSONSchema(input, {
    io: 'input',
    override({ jsonSchema }) {
      // What zod says of every whole number.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
  return withoutDialect(json);
}

export function outputSchemaOf(output: z.ZodObject): ObjectSchema {
  return withoutDialect(oneTypeEach(z.toJSONSchema(output, { io: 'output' })));
}

/** Some hosts know schemas of one type only. */
function oneTypeEach<Schema extends object>(schema: Schema): Schema {
  for (const part of Object.values(schema)) if (typeof part === 'object' && part !== null) oneTypeEach(part);
  const types: unknown = Reflect.get(schema, 'type');
  if (!Array.isArray(types)) return schema;
  Reflect.deleteProperty(schema, 'type');
  Reflect.set(
    schema,
    'anyOf',
    types.map((type: unknown) => ({ type })),
  );
  return schema;
}

/** 2020-12 is what the specification assumes. */
function withoutDialect(schema: z.core.JSONSchema.BaseSchema): ObjectSchema {
  delete schema.$schema;
  const { properties = {}, required, ...rest } = schema;
  return { ...rest, type: 'object', properties: objects(properties), ...(required && { required }) };
}

/** None of the schemas here is `true` or `false`. */
function objects(properties: Readonly<Record<string, unknown>>): Record<string, object> {
  return Object.fromEntries(
    Object.entries(properties).flatMap(([name, schema]) =>
      typeof schema === 'object' && schema ? [[name, schema]] : [],
    ),
  );
}
