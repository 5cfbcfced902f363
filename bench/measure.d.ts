// The types of measure.js, for its tests.

export interface Summary {
  readonly median: number;
  readonly lower: number;
  readonly upper: number;
  readonly count: number;
}

export function summary(samples: readonly number[]): Summary;
export function quantile(samples: readonly number[], share: number): number;
export function pairwise<One, Value>(
  ones: readonly One[],
  others: readonly One[],
  combine: (one: One, other: One) => Value,
): Value[];
export function ratio(one: number, other: number): number;
export function difference(one: number, other: number): number;
export function rotated<Item>(items: readonly Item[], round: number): Item[];
export function growth(from: readonly [number, number], to: readonly [number, number]): number;
