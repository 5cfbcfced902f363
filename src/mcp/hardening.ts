// Closes the ways by which a secret could leave the memory of a Node process: the inspector, reports, error messages.

import { type Log, classOf } from '../secret/redaction.ts';

/**
 * SIGUSR1 opens no inspector, Node writes no diagnostic reports, only this user can read files that the programs of sinks
 * make, and of an uncaught error only the class is logged.
 *
 * @returns a promise that resolves at the first uncaught error
 */
export function closeSideDoors(log: Log): Promise<void> {
  // first-statements.ts has already replaced Node's own listener.
  process.on('SIGUSR1', () => {
    log('warning', 'SIGUSR1 ignored: this process has no inspector');
  });
  process.umask(0o077);
  writeNoReports(process.report);
  return new Promise((resolve) => {
    const onUncaught = (error: unknown) => {
      log('error', `INTERNAL (uncaught ${classOf(error)})`);
      resolve();
    };
    process.on('uncaughtException', onUncaught);
    process.on('unhandledRejection', onUncaught);
  });
}

/** @param report absent where Node is part of another program, as in a desktop host, and was built without */
function writeNoReports(report: NodeJS.Process['report'] | undefined): void {
  if (report)
    Object.assign(report, { reportOnFatalError: false, reportOnSignal: false, reportOnUncaughtException: false });
}

/**
 * The reason to end, where somebody opened Node's inspector before this program could prevent it. Called before the secret of
 * a key can be in the process: whoever is connected to the inspector reads all of its memory.
 *
 * @param nodeOptions the operator's NODE_OPTIONS, which may ask for an inspector as the flags of Node may
 */
export function inspectorProblem(nodeOptions: string | undefined): string | undefined {
  // Loading the module fails in a Node that was built without an inspector.
  if (!process.features.inspector) return undefined;
  const { url } = process.getBuiltinModule('node:inspector');
  const isWanted = [...process.execArgv, nodeOptions ?? ''].join(' ').includes('--inspect');
  return url() === undefined || isWanted
    ? undefined
    : "Node's inspector was opened on this process by SIGUSR1 while it started, so that it ends before it has a secret; start it again (NODE_OPTIONS=--disable-sigusr1 prevents it, from Node 22.14 on)";
}
