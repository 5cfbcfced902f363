// Holds the looks of a sink to its contract where the program itself is wrong: what throws answers that nothing is known, so that one
// place does not end the work on the others. The error is not shown: it may quote anything.

import type { Sink } from './sink.ts';

export function neverThrowing(sink: Sink): Sink {
  const placeOf = sink.placeOf?.bind(sink);
  const readSecret = sink.readSecret?.bind(sink);
  const withdraw = sink.withdraw?.bind(sink);
  const leftovers = sink.leftovers?.bind(sink);
  const removeLeftovers = sink.removeLeftovers?.bind(sink);
  return {
    ...sink,
    lookUp: (...given) => unlessThrown(() => sink.lookUp(...given), { held: 'unknown' }),
    ...(placeOf && { placeOf: (...given) => unlessThrown(() => placeOf(...given), undefined) }),
    ...(readSecret && { readSecret: (...given) => unlessThrown(() => readSecret(...given), { held: 'unknown' }) }),
    ...(withdraw && { withdraw: (...given) => unlessThrown(() => withdraw(...given), undefined) }),
    ...(leftovers && { leftovers: (...given) => unlessThrown(() => leftovers(...given), undefined) }),
    ...(removeLeftovers && { removeLeftovers: (...given) => unlessThrown(() => removeLeftovers(...given), false) }),
  };
}

async function unlessThrown<T>(action: () => Promise<T>, instead: NoInfer<T>): Promise<T> {
  try {
    return await action();
  } catch {
    return instead;
  }
}
