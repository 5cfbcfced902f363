// Closes the side doors of a Node process through which a secret in memory could get out.

import type { Log } from '../secret/redacted-output.ts';
import { classOf } from '../text/error-class.ts';

/**
 * No inspector by SIGUSR1, no diagnostic reports, files of the programs that sinks start for this user alone, and of
 * an error that nothing caught its class alone.
 *
 * @returns resolves at the first uncaught error
 */
export function closeSideDoors(log: Log): Promise<void> {
  // That it is no longer Node's own listener is the work of first-statements.ts.
  process.on('SIGUSR1', () => {
    log('warning', 'SIGUSR1 ignored: this process has no inspector');
  });
  process.umask(0o077);
  process.report.reportOnFatalError = false;
  process.report.reportOnSignal = false;
  process.report.reportOnUncaughtException = false;
  // A host that closes stderr must not turn each line of the log into an uncaught error.
  process.stderr.on('error', () => undefined);
  return new Promise((resolve) => {
    const onUncaught = (error: unknown) => {
      log('error', `INTERNAL (uncaught ${classOf(error)})`);
      resolve();
    };
    process.on('uncaughtException', onUncaught);
    process.on('unhandledRejection', onUncaught);
  });
}
