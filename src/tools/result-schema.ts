// The parts of tool results that several tools share, as schemas. They are public: a change is a breaking one.

import * as z from 'zod/v4';
import { sinkKinds } from '../config/sink-kinds.ts';
import { ERROR_CODES, KEY_STATES } from '../failure.ts';

const errorSchema = () =>
  z.strictObject({
    code: z.enum(ERROR_CODES),
    message: z.string(),
    hint: z.string(),
    retryable: z.boolean(),
    retryAfterSeconds: z.number().optional(),
    keyState: z.enum(KEY_STATES),
    apiKeyId: z.string().optional(),
    atlas: z
      .strictObject({
        status: z.number(),
        errorCode: z.string().optional(),
        reason: z.string().optional(),
        detail: z.string().optional(),
        parameters: z.array(z.union([z.string(), z.number()])).optional(),
        fields: z.array(z.strictObject({ field: z.string(), description: z.string() })).optional(),
      })
      .optional(),
  });

/** Of one tool's results. A failure has none of the fields, so that each may be absent. */
export function resultSchema(outcomes: readonly string[], fields: z.ZodRawShape): z.ZodObject {
  return z.strictObject({
    outcome: z.enum([...outcomes, 'failed']),
    ...z.strictObject(fields).partial().shape,
    error: errorSchema().optional(),
  });
}

export const keySchema = () =>
  z.strictObject({
    apiKeyId: z.string().optional(),
    name: z.string(),
    groupId: z.string(),
    maskedSecret: z.string().optional(),
    status: z.string().optional(),
    createdAt: z.string().optional(),
    createdBy: z.string().optional(),
    lastUsedAt: z.string().nullable().optional(),
    cloud: z.string().optional(),
    geography: z.string().optional(),
    endpoint: z.string().optional(),
  });

/** A key of a list. Atlas promises no field, not even the id. */
export const listedKeySchema = () =>
  keySchema().extend({
    groupId: z.string().optional(),
    lastUsedAt: z.string().nullable(),
    undelivered: z.strictObject({ ageSeconds: z.number().optional(), knownHere: z.boolean() }).optional(),
  });

/** A key that was found by its id. */
export const shownKeySchema = () => listedKeySchema().extend({ apiKeyId: z.string() });

export const limitsSchema = () =>
  z.strictObject({
    requestsPerMinuteLimit: z.number().optional(),
    tokensPerMinuteLimit: z.number().optional(),
  });

export const rateLimitSchema = () =>
  z.strictObject({
    modelGroupName: z.string().optional(),
    modelNames: z.array(z.string()),
    ...limitsSchema().shape,
    cloud: z.string().optional(),
    geography: z.string().optional(),
    endpoint: z.string().optional(),
  });

/** What is known of a sink before anything is delivered to it. */
export const sinkFields = () => ({
  kind: z.enum(Object.keys(sinkKinds)),
  location: z.string(),
  verification: z.enum(['read-back', 'metadata', 'person', 'none']),
});

/** A place that was looked at. */
export const seenPlace = () => ({
  sink: z.string(),
  kind: sinkFields().kind,
  location: sinkFields().location,
  entry: z.string().optional(),
  fingerprint: z.string().optional(),
});

const deliverySchema = () =>
  z.strictObject({
    sink: z.string(),
    kind: sinkFields().kind,
    location: sinkFields().location,
    entry: z.string().optional(),
    verification: sinkFields().verification,
    fingerprint: z.string().optional(),
  });

/** Only where the operator allowed the inline sink may a result hold a secret. */
export function delivery(allowInlineSecret: boolean) {
  return allowInlineSecret ? deliverySchema().extend({ secret: z.string().optional() }) : deliverySchema();
}

/** Of a dry run: what it looked at, and what only the act itself shows. */
export const planFields = () => ({ checked: z.array(z.string()), notChecked: z.array(z.string()) });

/** What follows the rows of one call's part of a list. */
export const rest = () => ({ remaining: z.number(), nextCursor: z.string() });
