import type pg from 'pg';
import { resultTooLarge } from '../../../driver/index.ts';
import { internalsOf } from './pg-types.ts';

type Read = (chunk: Buffer) => void;

/**
 * Cuts the connection where what the server sends is no message, which the parser of pg would wait for, or cannot be
 * read: the parser throws then, out of an event of the socket, which would end the process. So does a result that is too
 * large, before more of it is kept.
 * @param maxResultBytes how many bytes the rows of one answer may come to
 */
export function guardReads(client: pg.Client, maxResultBytes: number = Infinity): void {
  const { connection } = internalsOf(client);
  const attach = connection.attachListeners.bind(connection);
  connection.attachListeners = (stream) => {
    const before = new Set(stream.listeners('data'));
    attach(stream);
    for (const read of stream.listeners('data') as Read[]) {
      if (before.has(read)) continue;
      const frames = new MessageFrames(maxResultBytes);
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
        if (frames.isTooLarge) {
          // What was answered before it is told first.
          stream.pause();
          setImmediate(() => stream.destroy(resultTooLarge(maxResultBytes)));
        } else if (sound < chunk.length) stream.destroy(notOfProtocol());
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

/** What messages of a server begin with. */
const known = codesOf('123ACDEGHIKNRSTVWZcdnstv');
/** Those which can be long. */
const long = codesOf('ADENTVd');
/** A row. */
const dataRow = 'D'.charCodeAt(0);
/** What ends the rows of an answer: it is complete, empty or suspended, has failed, or the server is ready for the next. */
const ends = codesOf('CIsEZ');
/** What others are shorter than, in bytes: what is longer is a sign of a lost place, for libpq too. */
const shortLength = 2 ** 20;
/** A server makes no value of more than 1 GiB, so that no message is longer, in bytes. */
const longestLength = 2 ** 30;
const headerLength = 5;

/** Follows where the messages of a server begin: what is none has any length, and could be waited for for ever. */
class MessageFrames {
  /** How many bytes of the message under way are still to come. */
  #left = 0;
  /** The beginning of a header that is not all there. */
  #begun: Buffer | undefined;
  readonly #maxResultBytes: number;
  /** Of the rows of the answer under way. */
  #resultBytes = 0;

  constructor(maxResultBytes: number) {
    this.#maxResultBytes = maxResultBytes;
  }

  /** Whether the rows of an answer came to more than they may, with the message that begins where `follow` has stopped. */
  get isTooLarge(): boolean {
    return this.#resultBytes > this.#maxResultBytes;
  }

  /** Takes what comes next. @returns how many bytes of it belong to messages; fewer than there are where one is none, or too much */
  follow(chunk: Buffer): number {
    const before = this.#begun?.length ?? 0;
    const bytes = this.#begun === undefined ? chunk : Buffer.concat([this.#begun, chunk]);
    this.#begun = undefined;
    let at = this.#left;
    while (at < bytes.length) {
      const code = bytes[at] ?? 0;
      if (known[code] !== 1) return Math.max(0, at - before);
      if (at + headerLength > bytes.length) {
        this.#begun = bytes.subarray(at);
        this.#left = 0;
        return chunk.length;
      }
      const length = bytes.readUInt32BE(at + 1);
      if (length < 4 || length > (long[code] === 1 ? longestLength : shortLength)) return Math.max(0, at - before);
      if (code === dataRow) this.#resultBytes += length + 1;
      else if (ends[code] === 1) this.#resultBytes = 0;
      if (this.isTooLarge) return Math.max(0, at - before);
      at += length + 1;
    }
    this.#left = at - bytes.length;
    return chunk.length;
  }
}

function codesOf(text: string): Uint8Array {
  const codes = new Uint8Array(256);
  for (const code of Buffer.from(text)) codes[code] = 1;
  return codes;
}
