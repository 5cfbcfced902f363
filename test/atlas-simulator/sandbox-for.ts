// The simulated Atlas of one test.

import { onTestFinished } from 'vitest';
import { startSimulator, type Simulator, type SimulatorOptions } from './simulator.ts';

/** Closes when the test ends that calls this, or for which a `beforeEach` does. */
export async function sandboxFor(options?: SimulatorOptions): Promise<Simulator> {
  const sandbox = await startSimulator(options);
  onTestFinished(() => sandbox.close());
  return sandbox;
}
