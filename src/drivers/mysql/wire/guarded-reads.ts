import type { Connection as Mysql2Connection } from 'mysql2';
import { internalsOf, type PacketParser } from './mysql2-types.ts';
import { Pipeline } from './pipeline.ts';

/**
 * Cuts the connection where what the server sends begins no packet of the answer. Its length is anything then, and the
 * rest could be waited for for ever.
 */
export function guardReads(client: Mysql2Connection): void {
  const internals = internalsOf(client);
  const { stream, packetParser: parser } = internals;
  // Comes after the reading of mysql2 itself.
  stream.on('data', () => {
    const { _command: pipeline } = internals;
    const begun = sequenceOfBegun(parser);
    if (begun === undefined || !(pipeline instanceof Pipeline) || pipeline.isTooLarge) return;
    pipeline.noteUnread(parser.largePacketParts.reduce((sum, { length }) => sum + length, parser.bufferLength));
    if (begun !== (internals.sequenceId + parser.largePacketParts.length) % 256)
      stream.destroy(new Error('the server sent what is not of its protocol'));
  });
}

/** What the header of a packet says that is not all there. */
function sequenceOfBegun({ bufferLength, buffer }: PacketParser): number | undefined {
  return bufferLength === 0 ? undefined : buffer.find((part) => part.length > 0)?.[0];
}
