// Finds rows of a list by a part of their name.

/** Without regard to case, or to how Unicode spells a letter. */
export function contains(part: string): (row: { readonly name: string }) => boolean {
  const folded = fold(part);
  return ({ name }) => fold(name).includes(folded);
}

function fold(text: string): string {
  return text.normalize('NFC').toLowerCase();
}
