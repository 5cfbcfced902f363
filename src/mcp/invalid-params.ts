// The error of a request whose parameters name something that is not there.

import { ErrorCode } from '@modelcontextprotocol/sdk/types.js';

/** Not the SDK's McpError, which begins its message with the code: the host's own does so again. */
export function invalidParams(message: string): Error {
  return Object.assign(new Error(message), { code: ErrorCode.InvalidParams });
}
