// The record of one tool call for the audit log: who asked for what, and how it ended. Never an argument as it was given.

import type { Tool, ToolResult } from '../tools/tool.ts';

export interface CallRecord {
  /** ISO 8601. */
  readonly time: string;
  readonly host: { readonly name: string; readonly version: string };
  readonly tool: string;
  readonly groupId?: string;
  readonly apiKeyId?: string;
  readonly sink?: string;
  /** As Atlas had it, where the call has, or may have, renamed the key. */
  readonly previousName?: string;
  /** The result's outcome, or the code of its error. */
  readonly outcome: string;
  readonly durationMs: number;
}

const LONGEST = 100;

export function callRecord(
  host: { readonly name: string; readonly version: string } | undefined,
  { name }: Tool,
  { outcome, subject }: ToolResult,
  durationMs: number,
): CallRecord {
  return {
    time: new Date().toISOString(),
    host: { name: (host?.name ?? '').slice(0, LONGEST), version: (host?.version ?? '').slice(0, LONGEST) },
    tool: name,
    ...subject,
    outcome,
    durationMs: Math.round(durationMs),
  };
}
