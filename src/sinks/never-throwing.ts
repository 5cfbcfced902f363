// Holds a sink to its contract where the program itself is wrong: what throws answers that nothing is known, so that a key that
// was made is named and one place does not end the work on the others. The error is not shown: it may quote anything.

import { failed } from '../failure.ts';
import { notReady, type PreparedWrite, type Sink } from './sink.ts';

export function neverThrowing(sink: Sink): Sink {
  const readSecret = sink.readSecret?.bind(sink);
  const withdraw = sink.withdraw?.bind(sink);
  const leftovers = sink.leftovers?.bind(sink);
  const removeLeftovers = sink.removeLeftovers?.bind(sink);
  return {
    ...sink,
    preflight: (...given) =>
      unlessThrown(async () => {
        const found = await sink.preflight(...given);
        return found.ok ? { ok: true, value: { ...found.value, write: guarded(found.value.write) } } : found;
      }, failed(UNFORESEEN)),
    lookUp: (...given) => unlessThrown(() => sink.lookUp(...given), { held: 'unknown' }),
    ...(readSecret && {
      readSecret: (...given) => unlessThrown(() => readSecret(...given), { held: 'unknown' }),
    }),
    ...(withdraw && { withdraw: (...given) => unlessThrown(() => withdraw(...given), undefined) }),
    ...(leftovers && { leftovers: (...given) => unlessThrown(() => leftovers(...given), undefined) }),
    ...(removeLeftovers && { removeLeftovers: (...given) => unlessThrown(() => removeLeftovers(...given), false) }),
  };
}

/** `deliver` and `verify` may throw: whoever calls them takes the secret back then. */
function guarded(write: PreparedWrite): PreparedWrite {
  let hasThrown = false;
  return {
    ...write,
    async deliver(...given) {
      try {
        return await write.deliver(...given);
      } catch (error) {
        hasThrown = true;
        throw error;
      }
    },
    async retract() {
      const left = await unlessThrown(() => write.retract(), 'unknown');
      // How far a delivery got that threw, the write may not know: then only a look tells.
      return hasThrown && left === 'out' ? 'unknown' : left;
    },
  };
}

async function unlessThrown<T>(action: () => Promise<T>, instead: NoInfer<T>): Promise<T> {
  try {
    return await action();
  } catch {
    return instead;
  }
}

const UNFORESEEN = notReady('The sink failed in an unforeseen way.', 'Report this as a defect of this server.');
