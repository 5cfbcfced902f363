// The types of limits.js, for its tests: of the results, as far as a limit is set for them.

import type { Summary } from './measure.js';

interface Ratio {
  readonly ratio: Summary;
}

interface Creates {
  readonly requests: readonly string[];
  readonly ownMs: Summary;
  readonly aboveLeastMs: Summary;
}

export interface Results {
  readonly startup?: {
    readonly server: { readonly toolsList: Ratio; readonly memory: Ratio; readonly memoryLater: Ratio };
  };
  readonly create?: {
    readonly latencies: readonly {
      readonly second: Creates;
      readonly further: Creates;
      readonly firstMoreStarts: Summary;
      readonly firstMoreLeasts: Summary;
    }[];
  };
  /** By the number of projects, the most last. The memory is the peak, in bytes. */
  readonly apply?: readonly { readonly memory: Summary; readonly eachToFirst: Summary }[];
  readonly size?: { readonly bundle: number; readonly toolList: { readonly shown: number } };
}

export function limitsTable(results: Results): string;
