import type pg from 'pg';
import { MessageFrames } from './message-frames.ts';
import { internalsOf } from './pg-types.ts';

type Read = (chunk: Buffer) => void;

/**
 * Cuts the connection where what the server sends is no message, which the parser of pg would wait for, or cannot be
 * read: the parser throws then, out of an event of the socket, which would end the process.
 */
export function guardReads(client: pg.Client): void {
  const { connection } = internalsOf(client);
  const attach = connection.attachListeners.bind(connection);
  connection.attachListeners = (stream) => {
    const before = new Set(stream.listeners('data'));
    attach(stream);
    for (const read of stream.listeners('data') as Read[]) {
      if (before.has(read)) continue;
      const frames = new MessageFrames();
      stream.on('data', (chunk: Buffer) => {
        const sound = frames.follow(chunk);
        try {
          read(sound === chunk.length ? chunk : chunk.subarray(0, sound));
        } catch (error) {
          // What else is thrown comes from the program, whose functions are called on the way.
          if (!isBeyondMessage(error)) throw error;
          stream.destroy(notOfProtocol(error));
          return;
        }
        if (sound < chunk.length) stream.destroy(notOfProtocol());
      });
      stream.off('data', read);
    }
  };
}

function notOfProtocol(cause?: unknown): Error {
  return new Error('the server sent what is not of its protocol', cause === undefined ? undefined : { cause });
}

/** The parser has read beyond the end of what it was given. */
function isBeyondMessage(error: unknown): boolean {
  const code = error instanceof RangeError && 'code' in error ? error.code : undefined;
  return code === 'ERR_OUT_OF_RANGE' || code === 'ERR_BUFFER_OUT_OF_BOUNDS';
}
