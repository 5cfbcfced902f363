// One server and one simulated Atlas for all tests of a suite, where a test leaves nothing behind that another would meet.

import { beforeAll, expect } from 'vitest';
import { startSandbox, type Sandbox } from '../../src/sandbox/sandbox.ts';
import { credentialsFor, startHost, temporaryHome, untilLastTest, type Host } from './host.ts';

export interface SharedHost {
  readonly sandbox: Sandbox;
  readonly home: string;
  readonly host: Host;
}

export interface SharedSettings {
  readonly args?: readonly string[];
  /** Beside the credentials. */
  readonly env?: (sandbox: Sandbox) => Readonly<Record<string, string>>;
}

/** To be called in a suite; what it gives back, in the tests. */
export function sharedHost({ args = [], env = () => ({}) }: SharedSettings = {}): () => SharedHost {
  const until = untilLastTest();
  let shared: SharedHost | undefined;
  beforeAll(async () => {
    const sandbox = await startSandbox();
    until(() => sandbox.close());
    const home = temporaryHome(until);
    const host = await startHost({ home, env: { ...credentialsFor(sandbox), ...env(sandbox) }, args, until });
    shared = { sandbox, home, host };
  });
  return () => shared ?? expect.fail('the server starts before the first test');
}
