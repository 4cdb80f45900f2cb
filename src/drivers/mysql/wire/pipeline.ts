import type { Command, CommandConnection, Packet } from './mysql2-types.ts';

/**
 * Several commands of mysql2 as one of its commands: they are sent in one write, and the answers are read in
 * their order. The server answers each by itself, so a command is carried out also when one before it has failed.
 */
export class Pipeline implements Command {
  /** mysql2 calls this when the connection is lost. */
  readonly onResult: (error: Error | null) => void;
  readonly #commands: readonly Command[];
  readonly #onStatus: (flags: number, at: number) => void;
  readonly #onEnd: () => void;
  /** What the sequence of packets goes on with in the answer to each command. */
  #answersBegin: readonly number[] | undefined;
  #at = 0;

  constructor(
    commands: readonly Command[],
    onStatus: (flags: number, at: number) => void,
    onEnd: (lost?: Error) => void,
  ) {
    this.#commands = commands;
    this.#onStatus = onStatus;
    this.#onEnd = onEnd;
    this.onResult = (error) => {
      if (error !== null) onEnd(error);
    };
  }

  /** Whether anything was written. */
  get isSent(): boolean {
    return this.#answersBegin !== undefined;
  }

  execute(packet: Packet | undefined, connection: CommandConnection): boolean {
    if (packet === undefined || this.#answersBegin === undefined) {
      this.#answersBegin = sendTogether(this.#commands, connection);
      connection.sequenceId = this.#answersBegin[0] ?? 0;
      return false;
    }
    // mysql2 warns of it and goes on; what else is answered would be taken for the answer to something else.
    if ((packet.sequenceId + packet.numPackets) % 256 !== connection.sequenceId)
      throw new Error('packets out of order');
    if (packet.isEOF()) this.#onStatus(packet.eofStatusFlags(), this.#at);
    if (this.#commands[this.#at]?.execute(packet, connection) === false) return false;
    this.#at += 1;
    connection.sequenceId = this.#answersBegin[this.#at] ?? 0;
    if (this.#at < this.#commands.length) return false;
    this.#onEnd();
    return true;
  }
}

function sendTogether(commands: readonly Command[], connection: CommandConnection): readonly number[] {
  const chunks: Buffer[] = [];
  const own = Object.getOwnPropertyDescriptor(connection, 'write');
  connection.write = (chunk) => void chunks.push(chunk);
  let begins: readonly number[];
  try {
    begins = commands.map((command) => {
      command.execute(undefined, connection);
      return connection.sequenceId;
    });
  } finally {
    if (own === undefined) Reflect.deleteProperty(connection, 'write');
    else Object.defineProperty(connection, 'write', own);
  }
  connection.write(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
  return begins;
}
