import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as z from 'zod/v4';
import { catalogOf } from './offline-catalog.ts';

const validator = new AjvJsonSchemaValidator();

const ERROR = { code: 'INTERNAL', message: 'x', hint: 'x', retryable: false, keyState: 'not_applicable' };

describe.each(catalogOf({ allowInlineSecret: true }).offered)('$name', ({ outputSchema, ...tool }) => {
  const output = tool.output();
  const isAccepted = (value: unknown) =>
    validator.getValidator({ ...outputSchema, type: 'object', required: [...(outputSchema?.required ?? [])] })(value)
      .valid;

  test('the published output schema is the whole one, with one type in each part', () => {
    const published = JSON.stringify({ ...outputSchema });
    const whole: unknown = JSON.parse(published, (_name, part: unknown) => asUnion(part));
    expect({ $schema: 'https://json-schema.org/draft/2020-12/schema', ...Object(whole) }).toEqual(
      z.toJSONSchema(output),
    );
    expect(published).not.toMatch(/"type":\[/);
  });
  test('whatever fits it, a host accepts', () => {
    fc.assert(
      fc.property(valueOf(output), (value) => {
        expect(output.safeParse(value).success).toBe(true);
        expect(isAccepted(value)).toBe(true);
      }),
    );
  });
  test('a host accepts a whole error', () => {
    expect(isAccepted({ outcome: 'failed', error: ERROR })).toBe(true);
  });
  test.each<[string, unknown]>([
    ['no outcome', {}],
    ['an outcome that the tool does not have', { outcome: 'surprised' }],
    ['a failure with half an error', { outcome: 'failed', error: { code: 'INTERNAL', message: 'x' } }],
    ['a field that no result has', { outcome: 'failed', surprise: 'x' }],
    ['an error of a code that there is not', { outcome: 'failed', error: { ...ERROR, code: 'SURPRISE' } }],
    ['an error with a field too many', { outcome: 'failed', error: { ...ERROR, surprise: 'x' } }],
    ['an error that is text', { outcome: 'failed', error: 'x' }],
  ])('a host refuses %s', (_what, value) => {
    expect(isAccepted(value)).toBe(false);
  });
});

/** As zod writes it: a list of types where nothing but the type differs. */
function asUnion(part: unknown): unknown {
  if (typeof part !== 'object' || part === null || !('anyOf' in part) || !Array.isArray(part.anyOf)) return part;
  const { anyOf, ...rest } = part;
  const types = anyOf.map((each: unknown) => z.strictObject({ type: z.string() }).safeParse(each).data?.type);
  return types.every((type) => type !== undefined) ? { ...rest, type: types } : part;
}

/** Values of the few kinds of schema that results are made of. */
function valueOf(schema: z.core.$ZodType): fc.Arbitrary<unknown> {
  if (schema instanceof z.ZodObject) {
    const fields = Object.entries<z.core.$ZodType>(schema.shape);
    const required = fields.filter(([, field]) => !(field instanceof z.ZodOptional)).map(([name]) => name);
    return fc.record(Object.fromEntries(fields.map(([name, field]) => [name, valueOf(field)])), {
      requiredKeys: required,
      noNullPrototype: true,
    });
  }
  if (schema instanceof z.ZodOptional) return valueOf(schema.unwrap());
  if (schema instanceof z.ZodNullable) return fc.option(valueOf(schema.unwrap()));
  if (schema instanceof z.ZodArray) return fc.array(valueOf(schema.element), { maxLength: 3 });
  if (schema instanceof z.ZodUnion) return fc.oneof(...schema.options.map(valueOf));
  if (schema instanceof z.ZodEnum) return fc.constantFrom(...schema.options);
  if (schema instanceof z.ZodString) return fc.string();
  if (schema instanceof z.ZodNumber) return fc.double({ noNaN: true, noDefaultInfinity: true });
  if (schema instanceof z.ZodBoolean) return fc.boolean();
  throw new Error(`No values are known for ${schema._zod.def.type}.`);
}
