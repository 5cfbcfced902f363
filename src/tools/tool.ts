// What a tool is: a value with schemas and a call that never throws for bad input. It knows nothing of the SDK.

import type * as z from 'zod/v4';
import { parseWith, type SchemaProblem } from '../config/schema-issue.ts';
import type { RequestContext, Unseen } from '../provisioning/request-context.ts';
import { refusal, type Failure, type KeyState, type Result } from '../failure.ts';
import type { ToolDefinition, ToolAnnotations } from './tool-definition.ts';
import { inputSchemaOf, outputSchemaOf } from './published-schema.ts';

export type { RequestContext, Unseen };

/** What a call that succeeded answers. */
export interface Answer extends Pick<ToolResult, 'summary' | 'text'> {
  readonly structured: { readonly outcome: string; readonly [field: string]: unknown };
  /** What the call was about, where that is more than its arguments say. */
  readonly subject?: Subject;
}

/** What a call comes to, before a host's form is given to it. */
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
  /** For the log of errors: a key that may be alive without anybody having its secret. */
  readonly alarm?: string;
  /** For the audit log: what the call was about, as far as it got. */
  readonly subject: Subject;
}

interface Subject {
  readonly groupId?: string;
  readonly apiKeyId?: string;
  readonly sink?: string;
  /** Of a key that got another name, or may have. */
  readonly previousName?: string;
}

export interface Tool {
  readonly name: string;
  readonly title: string;
  readonly annotations: ToolAnnotations;
  /** What hosts are shown. Made anew each time: the server answers from what the build has made of it. */
  readonly definition: () => ToolDefinition;
  /** What every result fits, to the letter. */
  readonly output: z.ZodObject;
  /** What a refusal before anything was done says of the key: `not_created` for the tools that create one. */
  readonly keyStateOfRefusal: KeyState;
  /** The signal is aborted when the caller cancels or the server stops. */
  call(input: unknown, control: RequestContext): Promise<ToolResult>;
}

interface ToolParts<Input extends z.ZodObject> extends Pick<
  Tool,
  'name' | 'title' | 'annotations' | 'output' | 'keyStateOfRefusal'
> {
  readonly description: string;
  readonly input: Input;
  readonly subject?: (input: z.output<Input>) => Subject;
  readonly handle: (input: z.output<Input>, control: RequestContext) => Promise<Result<Answer>>;
}

export function defineTool<Input extends z.ZodObject>(parts: ToolParts<Input>): Tool {
  const { name, title, description, annotations, input, output, keyStateOfRefusal, handle } = parts;
  return {
    name,
    title,
    annotations,
    definition: () => ({
      name,
      title,
      description,
      annotations: { title, ...annotations },
      inputSchema: inputSchemaOf(input),
      outputSchema: outputSchemaOf(output),
    }),
    output,
    keyStateOfRefusal,
    async call(given, control) {
      const { value, problems } = parseWith(input, asMeant(given, input));
      if (problems) return failedResult(parts, inputFailure(parts, problems));
      const about = parts.subject?.(value) ?? {};
      const answer = await handle(value, control);
      if (!answer.ok) return failedResult(parts, answer.failure, about);
      const { structured, summary, text, subject } = answer.value;
      return {
        isError: false,
        outcome: structured.outcome,
        structured,
        summary,
        text,
        subject: { ...about, ...subject },
      };
    },
  };
}

/** What n8n adds to the arguments of every tool of its own accord. */
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
  return Object.fromEntries(Object.entries(given).filter(isMeant));
}

function inputFailure<Input extends z.ZodObject>(
  { input }: ToolParts<Input>,
  problems: readonly SchemaProblem[],
): Failure {
  const accepted = Object.keys(input.shape).join(', ');
  return refusal(
    'INVALID_INPUT',
    `${problems.map(({ field, message }) => `${field === '' ? 'arguments' : field}: ${message}`).join('; ')}.`,
    accepted === '' ? 'This tool takes no parameters.' : `Correct it and call again. The parameters are: ${accepted}.`,
  );
}

/**
 * Only what is named here of a failure gets out.
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
  const error = {
    ...{ code, message, hint, retryable },
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    keyState,
    ...key,
    ...(atlas && { atlas }),
  };
  const alarm = `the key ${apiKeyId ?? 'of this call'} is ${keyState}; reconcile_ai_model_api_keys tells more`;
  return {
    isError: true,
    outcome: code,
    structured: { outcome: 'failed', error },
    summary: `${code}: ${message} ${hint}`,
    ...((keyState === 'orphaned' || keyState === 'unknown') && { alarm }),
    subject: { ...subject, ...key, ...(previousName !== undefined && { previousName }) },
  };
}

/** For an error that no tool foresaw. Whether a tool that creates keys has made one cannot be said. */
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
