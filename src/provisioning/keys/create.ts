// Creates a key and delivers its secret. Nothing is sent to create before the name is free and the sink has proved
// ready; afterwards the delivery protocol runs to a true end, whoever asks it to stop.

import { hasId, isNamed } from '../../atlas/model-keys.ts';
import type { Target } from '../../sinks/sink.ts';
import type { CallControl } from '../call-control.ts';
import { chooseDestination, type Destination, type SinkChoice } from '../delivery/destination.ts';
import { explained } from '../explain.ts';
import { cancelled, fromSink, nameInUse, type Failure } from '../failure.ts';
import { concluded, issueKey, type IssueContext } from '../delivery/issue.ts';
import { refuseProject, type ProjectPolicy } from '../policy.ts';
import { failed, receipt, type CreateOutcome } from '../delivery/receipt.ts';

export interface CreateRequest {
  readonly groupId: string;
  readonly name: string;
  readonly cloud: string;
  readonly geography: string;
  readonly sink?: string | undefined;
  readonly entry?: string | undefined;
  /** Check everything, change nothing. */
  readonly dryRun: boolean;
}

export interface CreateContext extends SinkChoice, IssueContext, ProjectPolicy {}

export async function createKey(
  context: CreateContext,
  request: CreateRequest,
  call: CallControl,
): Promise<CreateOutcome> {
  const refused = refuseProject(context, request.groupId, 'not_created');
  if (refused) return failed(refused);
  const destination = await chooseDestination(context, request, call.ask);
  if ('code' in destination) return failed(destination);
  const looked = Date.now();
  call.progress('Looking at the project and the sink');
  const free = await findFreePlace(context, destination, request, call.signal);
  if ('code' in free) return failed(free);
  if (request.dryRun) {
    const { location } = free.target;
    const { verification } = destination.sink;
    return { outcome: 'planned', delivery: receipt(destination, { location, verification }) };
  }
  if (call.signal.aborted) return failed(cancelled('not_created'));
  const { groupId, name, cloud, geography } = request;
  const key = { groupId, name, cloud, geography };
  const prepared = { key, destination, target: free.target, looked, seen: free.seen };
  const issued = await issueKey(context, prepared, call);
  return issued.outcome === 'failed' ? issued : concluded(issued);
}

/** Atlas is asked for the name and the sink for the place, side by side. A dry run changes nothing. */
async function findFreePlace(
  context: CreateContext,
  { sink, address }: Destination,
  { groupId, name, dryRun }: CreateRequest,
  signal: AbortSignal,
): Promise<{ readonly target: Target; readonly seen: ReadonlySet<string> } | Failure> {
  const [keys, preflight] = await Promise.all([
    context.atlas.listKeys(groupId, signal),
    sink.preflight(address, dryRun ? 'inspect' : 'prove'),
  ]);
  if (!keys.ok) return explained(context, keys.failure, { groupId, keyState: 'not_created' }, signal);
  const namesake = keys.value.find((key) => isNamed(key, name));
  if (namesake) return { ...nameInUse('not_created'), ...(hasId(namesake) && { apiKeyId: namesake.apiKeyId }) };
  if (!preflight.ready) return fromSink(preflight.problem);
  return { target: preflight.target, seen: new Set(keys.value.filter(hasId).map(({ apiKeyId }) => apiKeyId)) };
}
