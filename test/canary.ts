// Searches for a secret in whatever a process gave out, in the encodings in which values travel.

/** Long enough that none occurs by chance, short enough that a secret cut in two is found. */
const WINDOW = 12;

/** The encoded pieces of the secrets that occur in the text; empty when nothing leaked. */
export function leaksIn(text: string, secrets: readonly string[]): string[] {
  return secrets.flatMap((secret) => piecesOf(secret).filter((piece) => text.includes(piece)));
}

/** Of the secrets that were searched for: each is searched for in many texts. */
const pieces = new Map<string, readonly string[]>();

function piecesOf(secret: string): readonly string[] {
  const known = pieces.get(secret) ?? [...new Set(encoded(secret))];
  pieces.set(secret, known);
  return known;
}

/** Every stretch of the secret, in every encoding and at every alignment of base64. */
function encoded(secret: string): string[] {
  const windows = Array.from({ length: Math.max(1, secret.length - WINDOW + 1) }, (_unused, start) =>
    secret.slice(start, start + WINDOW),
  );
  return windows.flatMap((piece) => {
    const hex = Buffer.from(piece).toString('hex');
    const base64 = [0, 1, 2].map((offset) =>
      Buffer.from(' '.repeat(offset) + piece)
        .toString('base64')
        .slice(offset + 1, WINDOW),
    );
    return [
      piece,
      encodeURIComponent(piece),
      hex,
      hex.toUpperCase(),
      ...base64,
      ...base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
    ];
  });
}
