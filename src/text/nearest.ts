// Finds what somebody probably meant among the words that there are.

import { distance } from 'fastest-levenshtein';

/** Names of projects and keys differ near their beginning. In UTF-16 units. */
const LONGEST_COMPARED = 64;
/** Comparing them takes about 20 ms, during which nothing else happens. Further ones are not compared. */
const MOST_COMPARED = 10_000;

/**
 * The candidates whose text is nearest to the word by Levenshtein's distance, the nearest first, at most `most` of them.
 * Its work is bounded, however many and long the texts are.
 */
export function nearest<Candidate>(
  word: string,
  candidates: readonly Candidate[],
  textOf: (candidate: Candidate) => string,
  most: number,
): readonly Candidate[] {
  const start = word.slice(0, LONGEST_COMPARED);
  return candidates
    .slice(0, MOST_COMPARED)
    .map((candidate) => ({ candidate, slips: distance(start, textOf(candidate).slice(0, LONGEST_COMPARED)) }))
    .sort((one, other) => one.slips - other.slips)
    .slice(0, most)
    .map(({ candidate }) => candidate);
}
