// Reads a text from left to right.

export interface Cursor {
  readonly isInside: () => boolean;
  /** What the sticky expression finds where the cursor is, which then stands behind it; else it stays. */
  readonly take: (pattern: RegExp) => RegExpExecArray | undefined;
}

export function cursorOn(text: string): Cursor {
  let at = 0;
  return {
    isInside: () => at < text.length,
    take(pattern) {
      pattern.lastIndex = at;
      const match = pattern.exec(text) ?? undefined;
      at += match?.[0].length ?? 0;
      return match;
    },
  };
}
