// The statistics of the benchmark: medians and quartiles, and pairs that were measured next to each other. Pure; it measures
// nothing itself.

/**
 * What a series of samples comes to. The quartiles are the spread: half of the samples lie between them, and one run that a
 * busy machine held up moves neither them nor the median.
 */
export function summary(samples) {
  return {
    median: quantile(samples, 0.5),
    lower: quantile(samples, 0.25),
    upper: quantile(samples, 0.75),
    count: samples.length,
  };
}

/** Between two samples it interpolates. */
export function quantile(samples, share) {
  if (samples.length === 0) throw new RangeError('no samples');
  const sorted = samples.toSorted((one, other) => one - other);
  const position = (sorted.length - 1) * share;
  const below = Math.floor(position);
  return sorted[below] + (sorted[Math.ceil(position)] - sorted[below]) * (position - below);
}

/** One value of each pair. Samples of the same round belong together: a slow moment of the machine hits both. */
export function pairwise(ones, others, combine) {
  if (ones.length !== others.length) throw new RangeError('samples without a partner');
  return ones.map((one, index) => combine(one, others[index]));
}

export const ratio = (one, other) => one / other;
export const difference = (one, other) => one - other;

/** The same items, each round beginning with another one, so that none always follows the same. */
export function rotated(items, round) {
  const first = round % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
}

/** How much is added for each further unit, from the first of two points to the second. */
export function growth([fromSize, from], [toSize, to]) {
  return (to - from) / (toSize - fromSize);
}
