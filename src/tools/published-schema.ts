// The JSON Schemas that hosts are shown: what a tool accepts, to the letter, and what it answers, in a light form.
//
// Every byte here is paid for in each conversation. The light form accepts whatever the full one accepts.

import * as z from 'zod/v4';
import type { ObjectSchema } from './offer.ts';

/** The field of an error that says what to do. The others are always there too, which the list of tools need not say. */
const ERROR_ALWAYS = ['hint'];

export function inputSchemaOf(input: z.ZodObject): ObjectSchema {
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
export function outputSchemaOf(output: z.ZodObject): ObjectSchema {
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
