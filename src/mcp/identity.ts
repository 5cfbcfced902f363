// What this server says of itself in the answer to `initialize`.

export const CAPABILITIES = { tools: {}, prompts: {}, completions: {} } as const;

export function serverInfo(version: string) {
  return { name: 'atlas-model-keys-mcp', title: 'Atlas model keys', version };
}

/** The versions that the SDK speaks, the latest first; a test compares. */
export const PROTOCOL_VERSIONS: readonly string[] = [
  '2025-11-25',
  '2025-06-18',
  '2025-03-26',
  '2024-11-05',
  '2024-10-07',
];
