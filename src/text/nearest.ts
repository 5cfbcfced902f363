// Finds what somebody probably meant among the words that there are.

/** The candidates whose text is nearest to the word, the nearest first, at most `most` of them. */
export function nearest<Candidate>(
  word: string,
  candidates: readonly Candidate[],
  textOf: (candidate: Candidate) => string,
  most: number,
): readonly Candidate[] {
  return candidates
    .map((candidate) => ({ candidate, slips: editDistance(word, textOf(candidate)) }))
    .sort((one, other) => one.slips - other.slips)
    .slice(0, most)
    .map(({ candidate }) => candidate);
}

/** How many letters to put in, take out or change (Levenshtein). */
export function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  Array.from(from).forEach((letter, index) => {
    const next = [index + 1];
    Array.from(to).forEach((other, column) => {
      const [left = 0, above = 0, diagonal = 0] = [next[column], row[column + 1], row[column]];
      next.push(Math.min(left + 1, above + 1, diagonal + (letter === other ? 0 : 1)));
    });
    row = next;
  });
  return row.at(-1) ?? 0;
}
