// Writes the endpoint of a key beside its secret, as one more variable of the .env file. It is written before the secret, so that
// a secret never stands there without it; a value that is there already stays, and what could not be written is a warning.

import { ok } from '../../failure.ts';
import { serializedAt } from '../file-path.ts';
import { attempt, ifInReach, inDirectory, type Delivery, type PreparedWrite } from '../sink.ts';
import { assign, readDotenv, unassign, type Assigned, type Assignment } from './dotenv-file.ts';
import { valueOf } from './node-reader.ts';

interface EndpointLine {
  readonly warnings: readonly string[];
  /** Takes away the line that was added, if one was. */
  readonly remove: () => Promise<void>;
}

/** Nothing that a reader of such files would take for more than text. */
const URL_FORM = /^https?:\/\/[a-z0-9.-]+(?::[0-9]+)?(?:\/[a-z0-9]+)*$/;

/** The same write, with the endpoint in the variable of `line`. */
export function withEndpoint(write: PreparedWrite, line: Assignment): PreparedWrite {
  const { place, overwrites, canRetract } = write;
  let beside: EndpointLine | undefined;
  return {
    get location() {
      return write.location;
    },
    ...(place !== undefined && { place }),
    overwrites,
    canRetract,
    async deliver(secret, call = {}): Promise<Delivery> {
      const { nonce, endpoint } = call;
      beside = await serializedAt(line.place, () => writeEndpoint({ ...line, nonce }, endpoint));
      const delivery = await write.deliver(secret, call);
      if (delivery.outcome === 'failed') await beside.remove();
      if (delivery.outcome !== 'written') return delivery;
      return { ...delivery, warnings: [...new Set([...delivery.warnings, ...beside.warnings])] };
    },
    verify: (secret) => write.verify(secret),
    async retract() {
      const left = await write.retract();
      await beside?.remove();
      return left;
    },
  };
}

/** @param url absent where Atlas names no endpoint to which secrets may be sent */
async function writeEndpoint(assignment: Assignment, url: string | undefined): Promise<EndpointLine> {
  const { place, variable } = assignment;
  const told = (why: string): EndpointLine => ({
    warnings: [`${variable} in ${place.path} did not get the endpoint of the key: ${why}`],
    remove: () => Promise.resolve(),
  });
  if (url === undefined || !URL_FORM.test(url)) return told('Atlas names none to which secrets may be sent.');
  const held = await attempt(`${place.path} cannot be read`, () =>
    inDirectory(place.directory, async (directory) => {
      const current = await readDotenv(directory, place);
      return current.ok ? ok(current.value && valueOf(current.value.text, variable)) : current;
    }),
  );
  if (held.ok && held.value === url) return { warnings: [], remove: () => Promise.resolve() };
  if (held.ok && held.value !== undefined && held.value !== '') return told('it has another value, which stays.');
  let noted: Assigned | undefined;
  const note = (assigned: Assigned) => {
    noted = assigned;
  };
  const remove = () => ifInReach(async () => noted && unassign(assignment, url, noted));
  const given = await attempt(`${place.path} could not be written`, () => assign(assignment, url, undefined, note));
  if (given.ok) return { warnings: given.value.access, remove };
  await remove();
  return told(given.failure.message);
}
