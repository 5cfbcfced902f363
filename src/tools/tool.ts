// What a tool is: a value with schemas and a call that never throws for bad input. It does not use the SDK.

import * as z from 'zod/v4';
import { parseWith, type SchemaProblem } from '../config/schema-issue.ts';
import type { RequestContext, Unseen } from '../keys/request-context.ts';
import { refusal, type Failure, type KeyState, type Result } from '../failure.ts';
import type { ToolDefinition, ToolAnnotations, ObjectSchema } from './tool-definition.ts';

export type { RequestContext, Unseen };

/** What a call that succeeded answers. */
export interface Answer extends Pick<ToolResult, 'summary' | 'text' | 'each'> {
  /** Where all parts of the call failed, each with its own failure. */
  readonly isError?: boolean;
  readonly structured: { readonly outcome: string; readonly [field: string]: unknown };
  /** What the call was about, where that is more than its arguments say. */
  readonly subject?: Subject;
}

/** The result of a call, before it gets the protocol's form. */
export interface ToolResult {
  readonly isError: boolean;
  /** For the log: the outcome, or the code of the failure. */
  readonly outcome: string;
  /** Fits the tool's output schema, in success and in failure. */
  readonly structured: Readonly<Record<string, unknown>>;
  /** One or two sentences for people. */
  readonly summary: string;
  /** Says the same as `structured` in less room; absent where its JSON is short enough. */
  readonly text?: string | undefined;
  /** For the log, as an error: a key that may exist although nobody has its secret. */
  readonly alarm?: string;
  /** For the audit log: what the call was about, as far as it got. */
  readonly subject: Subject;
  /** Of a call about several keys: what became of each, for the logs. */
  readonly each?: readonly Pick<ToolResult, 'outcome' | 'alarm' | 'subject'>[];
}

interface Subject {
  readonly groupId?: string | undefined;
  readonly apiKeyId?: string | undefined;
  readonly sink?: string | undefined;
  /** As Atlas had it, of a key that got another name, or may have. */
  readonly previousName?: string | undefined;
}

export interface Tool {
  readonly name: string;
  readonly title: string;
  readonly annotations: ToolAnnotations;
  /** What hosts are shown. Computed on each call; the build runs it, and the server has the result. */
  readonly definition: () => ToolDefinition;
  /** Every result fits it exactly. Nothing needs it at run time: it is what hosts are shown, and what tests compare with. */
  readonly output: () => z.ZodObject;
  /** What a refusal before anything was done says of the key: `not_created` for the tools that create one. */
  readonly keyStateOfRefusal: KeyState;
  /**
   * The signal is aborted when the caller cancels or the server stops.
   *
   * @param advise says what the caller may have meant, for the hint of a refusal
   */
  call(input: unknown, control: RequestContext, advise?: Advise): Promise<ToolResult>;
}

/** What is said of the parameters that were refused; it may be nothing. */
export type Advise = (
  given: unknown,
  refused: readonly Pick<SchemaProblem, 'field'>[],
  signal: AbortSignal,
) => Promise<string>;

interface ToolParts<Input extends z.ZodObject> extends Pick<
  Tool,
  'name' | 'title' | 'annotations' | 'output' | 'keyStateOfRefusal'
> {
  readonly description: string;
  /** Made by the first call: zod takes long to make a schema, and most servers use few of their tools. */
  readonly input: () => Input;
  readonly subject?: (input: z.output<Input>) => Subject;
  readonly handle: (input: z.output<Input>, control: RequestContext) => Promise<Result<Answer>>;
}

export function defineTool<Input extends z.ZodObject>(parts: ToolParts<Input>): Tool {
  const { name, title, description, annotations, output, keyStateOfRefusal, handle } = parts;
  let made: Input | undefined;
  return {
    name,
    title,
    annotations,
    definition: () => ({
      name,
      title,
      description,
      annotations: { title, ...annotations },
      inputSchema: inputSchemaOf(parts.input()),
      outputSchema: outputSchemaOf(output()),
    }),
    output,
    keyStateOfRefusal,
    async call(given, control, advise) {
      const input = (made ??= parts.input());
      const { value, problems } = parseWith(input, asMeant(given, input));
      if (problems)
        return failedResult(parts, inputFailure(input, problems, await advise?.(given, problems, control.signal)));
      const about = parts.subject?.(value) ?? {};
      const answer = await handle(value, control);
      if (!answer.ok) return failedResult(parts, answer.failure, about);
      const { structured, summary, text, subject, isError = false, each } = answer.value;
      return {
        isError,
        outcome: structured.outcome,
        structured,
        summary,
        text,
        subject: { ...about, ...subject },
        ...(each && { each }),
      };
    },
  };
}

/** The tool, with what may have been meant in its refusals of input. */
export function advised(tool: Tool, advise: Advise): Tool {
  return { ...tool, call: (input, control) => tool.call(input, control, advise) };
}

/** What n8n adds to the arguments of every tool. */
const ADDED_BY_HOSTS = ['sessionId', 'toolCallId', 'chatInput', 'action'];

/**
 * The arguments without what hosts put there and no caller means: `null` and `""` where a parameter is optional (the
 * strict mode of some models fills in every parameter), and the members that a known host adds.
 */
function asMeant(given: unknown, input: z.ZodObject): unknown {
  const shape: Readonly<Record<string, z.core.$ZodType>> = input.shape;
  if (given === null) return {};
  if (typeof given !== 'object' || Array.isArray(given)) return given;
  const isMeant = ([name, value]: [string, unknown]) => {
    const parameter = Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (!parameter) return !ADDED_BY_HOSTS.includes(name);
    // Optional, or with a default.
    return parameter._zod.optin === undefined || (value !== null && value !== '');
  };
  const within = ([name, value]: [string, unknown]) => [name, partsAsMeant(value, shape[name])] as const;
  return Object.fromEntries(Object.entries(given).filter(isMeant).map(within));
}

/** {@link asMeant} for each object of an array. */
function partsAsMeant(given: unknown, parameter: z.core.$ZodType | undefined): unknown {
  const isOfObjects = parameter instanceof z.ZodArray && parameter.element instanceof z.ZodObject;
  if (!isOfObjects || !Array.isArray(given)) return given;
  const { element } = parameter;
  return element instanceof z.ZodObject ? given.map((each: unknown) => asMeant(each, element)) : given;
}

function inputFailure({ shape }: z.ZodObject, problems: readonly SchemaProblem[], advice = ''): Failure {
  const accepted = Object.keys(shape).join(', ');
  return refusal(
    'INVALID_INPUT',
    `${problems.map(({ field, message }) => `${field === '' ? 'arguments' : field}: ${message}`).join('; ')}.`,
    accepted === ''
      ? 'This tool takes no parameters.'
      : `${advice}${advice && ' '}Correct it and call again. The parameters are: ${accepted}.`,
  );
}

/**
 * Only the members of a failure that are named here reach the caller.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/tools (errors that a model can act on)
 */
export function failedResult(
  { keyStateOfRefusal }: Pick<Tool, 'keyStateOfRefusal'>,
  {
    code,
    message,
    hint,
    retryable,
    retryAfterSeconds,
    keyState = keyStateOfRefusal,
    apiKeyId,
    atlas,
    previousName,
  }: Failure,
  subject: Subject = {},
): ToolResult {
  const key = apiKeyId !== undefined && { apiKeyId };
  const rest = {
    retryable,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    keyState,
    ...key,
    ...(atlas && { atlas }),
  };
  const alarm = `the key ${apiKeyId ?? 'of this call'} is ${keyState}; reconcile_ai_model_api_keys tells more`;
  return {
    isError: true,
    outcome: code,
    structured: { outcome: 'failed', error: { code, message, hint, ...rest } },
    summary: `${code}: ${message}`,
    // What the sentences have said is not in the JSON again.
    text: `hint: ${hint}\n${JSON.stringify({ outcome: 'failed', error: rest })}`,
    ...((keyState === 'orphaned' || keyState === 'unknown') && { alarm }),
    subject: { ...subject, ...key, previousName },
  };
}

/** For an unforeseen error. Whether a tool that creates keys has created one is then unknown. */
export function internalFailure({ keyStateOfRefusal }: Tool): ToolResult {
  const failure = refusal(
    'INTERNAL',
    'This server failed in an unforeseen way.',
    'Report it as a defect, with what was called.',
  );
  return failedResult(
    { keyStateOfRefusal: keyStateOfRefusal === 'not_created' ? 'unknown' : keyStateOfRefusal },
    failure,
  );
}

/** What hosts are shown of the input. They give it to the model in each conversation, so it is kept short. */
function inputSchemaOf(input: z.ZodObject): ObjectSchema {
  const json = z.toJSONSchema(input, {
    io: 'input',
    override({ jsonSchema }) {
      // What zod says of every whole number.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      showOtherwise(jsonSchema);
    },
  });
  return withoutDialect(json);
}

/** In the description of a parameter: hosts are shown it as `required` or `absent`, whatever a call is accepted with. */
export const SHOWN_AS = 'x-shown-as';

function showOtherwise(schema: z.core.JSONSchema.BaseSchema): void {
  for (const [name, property] of Object.entries(objects(schema.properties ?? {}))) {
    const shown: unknown = Reflect.get(property, SHOWN_AS);
    Reflect.deleteProperty(property, SHOWN_AS);
    if (shown === 'absent') Reflect.deleteProperty(schema.properties ?? {}, name);
    if (shown === 'required') {
      const needed = [...(schema.required ?? []), name];
      schema.required = Object.keys(schema.properties ?? {}).filter((each) => needed.includes(each));
    }
  }
}

function outputSchemaOf(output: z.ZodObject): ObjectSchema {
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
