// The numbers that the project sets itself, next to what was measured. Of what has a spread, the median is judged.

import { megabytes, milliseconds, spread, table, times, whole } from './table.js';

/** Each with its limit, and how to read it from the results; the part is absent where it was not measured. */
const LIMITS = [
  ['tools/list, times a bare responder', 1.5, times, ({ startup }) => startup?.server.toolsList.ratio],
  ['memory at tools/list, times a bare responder', 1.3, times, ({ startup }) => startup?.server.memory.ratio],
  ['memory 2 s later, times a bare responder', 1.1, times, ({ startup }) => startup?.server.memoryLater.ratio],
  ['requests of a create, after authentication', 3, whole, ({ create }) => mostRequests(create)],
  ['ms of a create above the least server', 3, milliseconds, ({ create }) => create?.latencies[0].further.aboveLeastMs],
  // 60 ms on a machine where a bare responder starts in 28.
  [
    'first create above the second, times a bare start',
    2.14,
    times,
    ({ create }) => create?.latencies[0].firstMoreStarts,
  ],
  [
    'first create above the second, times what the least server loads and takes',
    1,
    times,
    ({ create }) => create?.latencies[0].firstMoreLeasts,
  ],
  ['MB of memory of apply over 500 projects, at its peak', 150e6, megabytes, ({ apply }) => apply?.at(-1).memory],
  ['ms of apply a key, 500 projects to 100', 2.5, times, ({ apply }) => apply?.at(-1).eachToFirst],
  ['bytes of the two files of the bundle', 1e6, whole, ({ size }) => size?.bundle],
  ['bytes that a model sees of a tool, on average', 900, whole, ({ size }) => size?.toolList.shown],
];

function mostRequests(create) {
  if (!create) return undefined;
  const sequences = create.latencies.flatMap(({ second, further }) => [...second.requests, ...further.requests]);
  return Math.max(...sequences.map((sequence) => sequence.split(', ').length));
}

export function limitsTable(results) {
  const rows = LIMITS.flatMap(([name, limit, format, read]) => {
    const measured = read(results);
    if (measured === undefined) return [];
    const [judged, text] =
      typeof measured === 'number' ? [measured, format(measured)] : [measured.median, spread(measured, format)];
    return [[name, text, format(limit), judged <= limit ? 'yes' : 'NO']];
  });
  return `### Limits\n\n${table([['', 'measured', 'at most', 'kept'], ...rows])}`;
}
