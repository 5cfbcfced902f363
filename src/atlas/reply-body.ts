// Gathers the body of a reply up to a limit. Pieces are copied into one buffer: a body that comes byte by byte must not
// cost an object, and a whole piece of the network's memory, for each.

export interface ReplyBody {
  /** Answers false, and keeps nothing more, where the body is larger than the limit. */
  add(piece: Uint8Array): boolean;
  isTooLarge(): boolean;
  /** To be asked once, at the end: what was gathered is let go. */
  text(): string;
}

/** Enough for one key, an error or a token. */
const FIRST_SIZE = 4096;

/** @param largest in bytes */
export function createReplyBody(largest: number): ReplyBody {
  let bytes = Buffer.alloc(0);
  let size = 0;
  let tooLarge = false;
  return {
    add(piece) {
      const needed = size + piece.length;
      tooLarge ||= needed > largest;
      if (tooLarge) {
        bytes = Buffer.alloc(0);
        return false;
      }
      if (needed > bytes.length) {
        const grown = Buffer.alloc(Math.min(largest, Math.max(needed, 2 * bytes.length, FIRST_SIZE)));
        bytes.copy(grown, 0, 0, size);
        bytes = grown;
      }
      bytes.set(piece, size);
      size = needed;
      return true;
    },
    isTooLarge: () => tooLarge,
    text() {
      const text = bytes.toString('utf8', 0, size);
      bytes = Buffer.alloc(0);
      return text;
    },
  };
}
