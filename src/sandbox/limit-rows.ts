// The rows of rate limits that an organization has: one for each group of models, cloud and geography.

import type { Limits } from './world.ts';

export interface LimitRow {
  readonly modelGroupName: string;
  readonly modelNames: readonly string[];
  readonly cloud: string;
  readonly geography: string;
  /** What the organization has: a project's default, and the most that it can set. */
  readonly maximum: Limits;
}

/** A row that a test puts in place. */
export interface LimitSeed extends Partial<Limits> {
  readonly modelGroupName: string;
  readonly modelNames?: readonly string[];
  readonly cloud?: string;
  readonly geography?: string;
}

/** Those that are there from the start, of the only published scope. */
export function firstLimitRows(): LimitRow[] {
  return [
    first('embed_large', ['voyage-3-large'], 2000, 3_000_000),
    first('embed_small', ['voyage-3.5-lite'], 4000, 16_000_000),
    first('embed_context', ['voyage-context-3'], 2000, 3_000_000),
    first('embed_multimodal', ['voyage-multimodal-3'], 2000, 2_000_000),
    first('rerank', ['rerank-2.5', 'rerank-2.5-lite'], 2000, 4_000_000),
  ];
}

export function limitRow(seed: LimitSeed): LimitRow {
  const { modelGroupName, modelNames = ['voyage-4'], cloud = 'ANY', geography = 'ANY' } = seed;
  const { requestsPerMinuteLimit = 2000, tokensPerMinuteLimit = 3_000_000 } = seed;
  const maximum = { requestsPerMinuteLimit, tokensPerMinuteLimit };
  return { modelGroupName, modelNames, cloud, geography, maximum };
}

/** The scope that everything has which has none; the preview knows no other. */
export function isUnscoped({ cloud, geography }: LimitRow): boolean {
  return cloud === 'ANY' && geography === 'ANY';
}

function first(modelGroupName: string, modelNames: readonly string[], requests: number, tokens: number): LimitRow {
  return limitRow({
    modelGroupName,
    modelNames,
    requestsPerMinuteLimit: requests,
    tokensPerMinuteLimit: tokens,
  });
}
