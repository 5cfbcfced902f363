/** What may be told of an error that nobody foresaw: its class. Its message may quote anything. */
export function classOf(error: unknown): string {
  return error instanceof Error ? error.constructor.name : typeof error;
}
