// One server and one simulated Atlas for all tests of a suite, where a test leaves nothing behind that another would meet.

import { beforeAll, expect } from 'vitest';
import { startSimulator, type Simulator } from '../atlas-simulator/simulator.ts';
import { credentialsFor, startHost, temporaryHome, untilLastTest, type Host } from './host.ts';

export interface SharedHost {
  readonly sandbox: Simulator;
  readonly home: string;
  readonly host: Host;
}

export interface SharedSettings {
  readonly args?: readonly string[];
  /** Beside the credentials. */
  readonly env?: (sandbox: Simulator) => Readonly<Record<string, string>>;
}

/** To be called in a suite; what it gives back, in the tests. */
export function sharedHost({ args = [], env = () => ({}) }: SharedSettings = {}): () => SharedHost {
  const until = untilLastTest();
  let shared: SharedHost | undefined;
  beforeAll(async () => {
    const sandbox = await startSimulator();
    until(() => sandbox.close());
    const home = temporaryHome(until);
    const host = await startHost({ home, env: { ...credentialsFor(sandbox), ...env(sandbox) }, args, until });
    shared = { sandbox, home, host };
  });
  return () => shared ?? expect.fail('the server starts before the first test');
}
