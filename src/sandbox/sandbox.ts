// Starts a simulated Atlas Admin API on the loopback interface. It never reads the environment and never writes to disk or to
// an output. What tests do to it (faults, delays, lagging lists) goes through `intercept`: test/atlas-simulator/.

import type { ServerResponse } from 'node:http';
import { understand, type AtlasRequest } from './routes.ts';
import { listen, sendReply } from './server.ts';
import { createWorld, type Rules, type World } from './world.ts';

interface SandboxOptions {
  readonly rules?: Partial<Rules>;
  /** Takes the place of the sandbox's own answer, which is to carry the request out and to send the reply. */
  readonly intercept?: (request: AtlasRequest, response: ServerResponse) => void | Promise<void>;
}

export interface Sandbox {
  /** All that it knows, its address and credentials among it; whoever has it can change it behind the API's back. */
  readonly world: World;
  /** Ends every connection at once. */
  readonly close: () => Promise<void>;
}

export async function startSandbox({ rules = {}, intercept = answer }: SandboxOptions = {}): Promise<Sandbox> {
  const listener = await listen();
  const world = createWorld(listener.baseUrl, rules);
  listener.serve((request, response) => intercept(understand(world, request), response));
  return { world, close: listener.close };
}

function answer(request: AtlasRequest, response: ServerResponse): void {
  sendReply(response, request.carryOut());
}
