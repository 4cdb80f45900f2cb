import type { WireConnection } from './pg-types.ts';

/**
 * Collects the messages of an exchange and sends them as one write. pg writes each message by
 * itself; corking its stream joins them in one packet too, but handing the kernel many small
 * buffers costs more than copying them together here.
 */
export class WriteBuffer {
  /** The connection, with a stream that keeps what is written to it. */
  readonly to: WireConnection;
  readonly #connection: WireConnection;
  #chunks: Buffer[] = [];

  constructor(connection: WireConnection) {
    const stream = { writable: true, write: (chunk: Buffer): boolean => this.#chunks.push(chunk) > 0 };
    this.#connection = connection;
    this.to = Object.create(connection, { stream: { value: stream } }) as WireConnection;
  }

  /** The messages that `write` makes, as one that can be added again. */
  record(write: () => void): Buffer {
    const before = this.#chunks;
    this.#chunks = [];
    write();
    const message = Buffer.concat(this.#chunks);
    this.#chunks = before;
    return message;
  }

  add(message: Buffer): void {
    this.#chunks.push(message);
  }

  /** Says whether anything was written: a stream that is closed takes no more. */
  send(): boolean {
    const [only] = this.#chunks;
    const message = only !== undefined && this.#chunks.length === 1 ? only : Buffer.concat(this.#chunks);
    this.#chunks = [];
    const { stream } = this.#connection;
    const { writable } = stream;
    if (writable) stream.write(message);
    return writable;
  }
}
