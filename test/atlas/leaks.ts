// Looks for a secret in a text: whole or in part, plain or in the encodings in which values usually travel.

/** A part of this length is not an accident, and more than a mask shows. */
const WINDOW = 8;

/** Pieces of the secret that the text holds; empty where it holds none. */
export function leaksOf(text: string, secret: string): string[] {
  return encodingsOf(secret).flatMap((encoded) => {
    const pieces: string[] = [];
    for (let at = 0; at + WINDOW <= encoded.length; at += 1) pieces.push(encoded.slice(at, at + WINDOW));
    return pieces.filter((piece) => text.includes(piece));
  });
}

function encodingsOf(secret: string): string[] {
  const bytes = Buffer.from(secret, 'utf8');
  const hex = bytes.toString('hex');
  // Without the characters at the ends, which depend on what stands beside the secret.
  const base64 = [0, 1, 2].map((offset) =>
    Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .slice(offset + 1, -4),
  );
  const url = base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'));
  return [
    ...new Set([
      secret,
      encodeURIComponent(secret),
      JSON.stringify(secret).slice(1, -1),
      hex,
      hex.toUpperCase(),
      ...base64,
      ...url,
    ]),
  ];
}
