import { type ResultTooLargeError, resultTooLarge } from '../../../driver/index.ts';
import { type Command, type CommandConnection, hasRows, type Packet } from './mysql2-types.ts';

/** Commands that are sent together, and whose answers come one after the other. */
export interface PipelinePart {
  readonly commands: readonly Command[];
  /** Is told the flags of an answer with rows, and to which of the commands it is. */
  readonly onStatus: (flags: number, at: number) => void;
  /**
   * The server has answered all of them, or the connection is lost.
   * @param lost why it is lost; a `ResultTooLargeError` for the part whose rows it was cut for
   * @param isSent whether any of it was written
   */
  readonly onEnd: (lost: Error | undefined, isSent: boolean) => void;
}

/** A command whose answer is to come. */
interface Awaited {
  readonly command: Command;
  readonly part: PipelinePart;
  readonly at: number;
  /** What the sequence of packets goes on with in the answer. */
  readonly answerBegins: number;
}

/**
 * Several commands of mysql2 as one of its commands: they are sent in one write, and the answers are read in
 * their order. The server answers each by itself, so a command is carried out also when one before it has failed. More may
 * be added until all were answered.
 */
export class Pipeline implements Command {
  /** mysql2 calls this when the connection is lost. */
  readonly onResult: (error: Error | null) => void;
  /** It is written when it is flushed, or begins after that. */
  #gathers: boolean;
  /** Those that have not ended, in their order. */
  readonly #parts: PipelinePart[];
  readonly #written = new Set<PipelinePart>();
  readonly #awaited: Awaited[] = [];
  #connection: CommandConnection | undefined;
  #unwritten: { readonly chunks: Buffer[]; readonly parts: PipelinePart[] } = { chunks: [], parts: [] };
  #isOver = false;
  readonly #maxResultBytes: number;
  /** Of the rows of the answer under way. */
  #resultBytes = 0;
  /** What comes is a row, behind the columns. */
  #isInRows = false;
  #tooLarge: { readonly part: PipelinePart; readonly error: ResultTooLargeError } | undefined;

  /**
   * @param gathers leaves it to the caller to `flush`
   * @param maxResultBytes how many bytes the rows of one answer may come to
   */
  constructor(first: PipelinePart, gathers: boolean, maxResultBytes: number) {
    this.#parts = [first];
    this.#gathers = gathers;
    this.#maxResultBytes = maxResultBytes;
    this.onResult = (error) => {
      if (error !== null) this.#lose(error);
    };
  }

  /** Whether more may be added. */
  get isUnderWay(): boolean {
    return this.#connection !== undefined && !this.#isOver;
  }

  /** Adds what is sent behind the rest, which is under way; `flush` writes it. */
  add(part: PipelinePart): void {
    if (this.#connection === undefined) throw new RangeError('what has not begun was to be followed');
    this.#parts.push(part);
    this.#encode(part, this.#connection);
  }

  /** Writes what was added and has not been written, as soon as it has begun. */
  flush(): void {
    const { chunks, parts } = this.#unwritten;
    const connection = this.#connection;
    // What another one is in front of is written when it begins.
    this.#gathers = false;
    if (this.#isOver || connection === undefined || connection.stream.destroyed || chunks.length === 0) return;
    this.#unwritten = { chunks: [], parts: [] };
    for (const part of parts) this.#written.add(part);
    connection.write(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
  }

  execute(packet: Packet | undefined, connection: CommandConnection): boolean {
    if (this.#connection === undefined) return this.#begin(connection);
    if (this.#tooLarge !== undefined) return false;
    const [current] = this.#awaited;
    // mysql2 warns of it and goes on; what else is answered would be taken for the answer to something else.
    if (
      packet === undefined ||
      current === undefined ||
      !this.#written.has(current.part) ||
      (packet.sequenceId + packet.numPackets) % 256 !== connection.sequenceId
    )
      throw new Error('packets out of order');
    if (this.#isInRows && !packet.isEOF()) this.#resultBytes += packet.length();
    this.noteUnread(0);
    if (this.isTooLarge) return false;
    if (packet.isEOF()) {
      current.part.onStatus(packet.eofStatusFlags(), current.at);
      this.#isInRows = !this.#isInRows && hasRows(current.command);
    }
    if (!current.command.execute(packet, connection)) return false;
    this.#awaited.shift();
    this.#resultBytes = 0;
    this.#isInRows = false;
    connection.sequenceId = this.#awaited[0]?.answerBegins ?? 0;
    this.#endParts();
    return this.#isOver;
  }

  /** Whether the connection is being cut for rows that are too large. */
  get isTooLarge(): boolean {
    return this.#tooLarge !== undefined;
  }

  /** Cuts the connection where rows are too large. @param bytes what there is of a row that is not all there */
  noteUnread(bytes: number): void {
    const part = this.#awaited[0]?.part;
    const { stream } = this.#connection ?? {};
    if (part === undefined || stream === undefined || !this.#isInRows || this.isTooLarge) return;
    if (this.#resultBytes + bytes <= this.#maxResultBytes) return;
    const error = resultTooLarge(this.#maxResultBytes);
    this.#tooLarge = { part, error };
    // What was answered before it is told first.
    stream.pause();
    setImmediate(() => stream.destroy(new Error('a result was too large', { cause: error })));
  }

  #begin(connection: CommandConnection): boolean {
    this.#connection = connection;
    for (const part of this.#parts) this.#encode(part, connection);
    connection.sequenceId = this.#awaited[0]?.answerBegins ?? 0;
    if (!this.#gathers) this.flush();
    if (this.#awaited.length === 0) this.#endParts();
    return this.#isOver;
  }

  /** Ends the parts whose last answer has come. */
  #endParts(): void {
    const [current] = this.#awaited;
    while (this.#parts.length > 0 && this.#parts[0] !== current?.part) {
      const ended = this.#parts.shift();
      if (this.#parts.length === 0) this.#isOver = true;
      ended?.onEnd(undefined, true);
    }
  }

  #lose(error: Error): void {
    this.#isOver = true;
    for (const part of this.#parts.splice(0))
      part.onEnd(part === this.#tooLarge?.part ? this.#tooLarge.error : error, this.#written.has(part));
  }

  /** A command that is over before it was sent has told that by itself, and gets no answer. */
  #encode(part: PipelinePart, connection: CommandConnection): void {
    const { sequenceId } = connection;
    const { chunks } = this.#unwritten;
    const own = Object.getOwnPropertyDescriptor(connection, 'write');
    connection.write = (chunk) => void chunks.push(chunk);
    try {
      for (const [at, command] of part.commands.entries()) {
        if (command.execute(undefined, connection)) continue;
        this.#awaited.push({ command, part, at, answerBegins: connection.sequenceId });
      }
    } finally {
      connection.sequenceId = sequenceId;
      if (own === undefined) Reflect.deleteProperty(connection, 'write');
      else Object.defineProperty(connection, 'write', own);
    }
    this.#unwritten.parts.push(part);
  }
}
