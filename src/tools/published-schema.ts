// The JSON Schemas that hosts are shown: what a tool accepts, to the letter, and what it answers, in a light form.
//
// Every byte here is paid for in each conversation. The light form accepts whatever the full one accepts.

import * as z from 'zod/v4';

export type JsonSchema = Readonly<Record<string, unknown>>;

/** The fields of an error by which a caller decides what to do. */
const ERROR_ALWAYS = ['code', 'message', 'hint'];

export function inputSchemaOf(input: z.ZodObject): JsonSchema {
  const json = z.toJSONSchema(input, {
    io: 'input',
    override({ jsonSchema }) {
      if (jsonSchema.enum) delete jsonSchema.type;
      // What zod says of every whole number.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
  return withoutDialect(json);
}

/** The fields of a result and their kinds; what is within an object the README tells, and tests hold to the letter. */
export function outputSchemaOf(output: z.ZodObject): JsonSchema {
  const json = z.toJSONSchema(output, {
    io: 'output',
    override({ jsonSchema, path }) {
      delete jsonSchema.additionalProperties;
      if (jsonSchema.enum) delete jsonSchema.type;
      if (path.length === 0) return;
      delete jsonSchema.properties;
      delete jsonSchema.required;
      if (path.at(-1) === 'error') jsonSchema.required = ERROR_ALWAYS;
    },
  });
  return withoutDialect(json);
}

/** 2020-12 is what the specification assumes. */
function withoutDialect(schema: z.core.JSONSchema.BaseSchema): JsonSchema {
  delete schema.$schema;
  return schema;
}
