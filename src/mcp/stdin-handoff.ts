// Reads stdin line by line for the handshake until the whole server is needed; from then on the server reads for itself.

import { PassThrough, type Readable, type Writable } from 'node:stream';
import type { Handshake } from './handshake.ts';

/** As much as the SDK's transport takes of one message. In bytes. */
const LONGEST_LINE = 10 * 1024 * 1024;
const LINE_END = 0x0a;

/** Resolves, once or never, with the stream that the server is to read, beginning with what it missed. */
export function receive(input: Readable, output: Writable, handshake: Handshake): Promise<Readable> {
  const forServer = new PassThrough();
  let kept = Buffer.alloc(0);
  let isHandedOver = false;
  return new Promise<Readable>((resolve) => {
    const handOver = () => {
      if (isHandedOver) return;
      isHandedOver = true;
      for (const line of handshake.heard()) forServer.write(line);
      forServer.write(kept);
      kept = Buffer.alloc(0);
      resolve(forServer);
    };
    const attend = () => {
      for (let end = kept.indexOf(LINE_END); end !== -1; end = kept.indexOf(LINE_END)) {
        const answer = handshake.answer(kept.toString('utf8', 0, end));
        if (answer === undefined) {
          handOver();
          return;
        }
        kept = kept.subarray(end + 1);
        if (answer !== null) output.write(answer);
      }
      if (kept.length > LONGEST_LINE) handOver();
    };
    input.on('data', (chunk: Buffer) => {
      if (isHandedOver) forServer.write(chunk);
      else {
        kept = Buffer.concat([kept, chunk]);
        attend();
      }
    });
  });
}
