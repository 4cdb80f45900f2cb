import type pg from 'pg';
import { internalsOf } from './pg-types.ts';

type Read = (chunk: Buffer) => void;

/**
 * Cuts the connection where what the server sends cannot be read. The parser of pg throws then, out of an event of the
 * socket, which would end the process.
 */
export function guardReads(client: pg.Client): void {
  const { connection } = internalsOf(client);
  const attach = connection.attachListeners.bind(connection);
  connection.attachListeners = (stream) => {
    const before = new Set(stream.listeners('data'));
    attach(stream);
    for (const read of stream.listeners('data') as Read[]) {
      if (before.has(read)) continue;
      stream.on('data', (chunk) => {
        try {
          read(chunk);
        } catch (error) {
          // What else is thrown comes from the program, whose functions are called on the way.
          if (!isBeyondMessage(error)) throw error;
          stream.destroy(new Error('the server sent what is not of its protocol', { cause: error }));
        }
      });
      stream.off('data', read);
    }
  };
}

/** The parser has read beyond the end of what it was given. */
function isBeyondMessage(error: unknown): boolean {
  const code = error instanceof RangeError && 'code' in error ? error.code : undefined;
  return code === 'ERR_OUT_OF_RANGE' || code === 'ERR_BUFFER_OUT_OF_BOUNDS';
}
