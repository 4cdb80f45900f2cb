import { type ConnectionStatus, rememberTexts, type Step } from '../../../driver/index.ts';
import { withoutLeading } from '../sql/inspect.ts';
import type { WireConnection, WireField, WireQuery } from '../wire/pg-types.ts';

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

const followable: ReadonlySet<Step['type']> = new Set(['begin', 'savepoint', 'release', 'statement']);

/** The server reads what comes behind it as what is to be copied. */
export const isCopy: (text: string) => boolean = rememberTexts((text) => /^copy\b/i.test(withoutLeading(text)));

/** Whether statements may be sent behind these steps before they were answered. */
export function mayBeFollowed(steps: readonly Step[]): boolean {
  return steps.every(
    (step) => followable.has(step.type) && !(step.type === 'statement' && isCopy(step.statement.text)),
  );
}

/** Whether what follows an exchange may be gathered with it. @param isFirst no transaction is open before it */
export function mayGather(steps: readonly Step[], isFirst: boolean): boolean {
  return (!isFirst || steps[0]?.type === 'begin') && mayBeFollowed(steps);
}

/** An exchange, as what is sent together takes it. */
interface FlightPart extends Omit<WireQuery, 'submit' | 'handlePortalSuspended' | 'handleReadyForQuery'> {
  readonly steps: readonly Step[];
  /** The server has carried all of it out. */
  readonly isComplete: boolean;
  answeredAs: ConnectionStatus | undefined;
  /** The server did not look at it, since something before it had failed. */
  skip(): void;
  parses(text: string): boolean;
  handleBindComplete(): void;
  write(): void;
  noteSent(isSent: boolean): void;
}

/**
 * Exchanges that travel as one write, with a single Sync at its end, so that the server skips all that stands behind one
 * that fails. A Flush after each of them has the server tell at once what it came to.
 */
export class Flight<Part extends FlightPart> implements WireQuery {
  readonly #write: WriteBuffer;
  readonly #parts: Part[];
  readonly #onAnswer: (part: Part) => void;
  #current = 0;
  #isWritten = false;
  /** What goes in the same write, in front of it. */
  #before: Flight<Part> | undefined;
  /** Where `pg` gets it later: in what was ambient when it was sent. */
  inContext: (call: () => unknown) => unknown = (call) => call();

  /**
   * @param onAnswer is called for each part but the last one when the server has carried it out; that one has ended when the
   *   server is ready
   */
  constructor(write: WriteBuffer, first: Part, onAnswer: (part: Part) => void) {
    this.#write = write;
    this.#parts = [first];
    this.#onAnswer = onAnswer;
  }

  /** Whether it can still take what comes. */
  get isOpen(): boolean {
    return !this.#isWritten;
  }

  /** The one that the server carries out, or has failed at. */
  get current(): Part | undefined {
    return this.#parts[this.#current];
  }

  /** What was sent last in it. */
  get lastSteps(): readonly Step[] {
    return this.#parts.at(-1)?.steps ?? [];
  }

  /** The server has ended with it, with this status. */
  land(status: ConnectionStatus): void {
    for (const part of this.#parts.slice(this.#current)) part.answeredAs = status;
  }

  add(part: Part): void {
    this.#parts.push(part);
  }

  /** Whether it has the server parse the text of a statement under a name. */
  parses(text: string): boolean {
    return this.#parts.some((part) => part.parses(text));
  }

  /** Has one that was not sent wait for this one. */
  goWith(before: Flight<Part>): void {
    if (!before.isOpen) return;
    before.stage();
    this.#before = before;
  }

  /** Writes it; does nothing the second time. */
  send(): void {
    if (this.#isWritten) return;
    this.stage();
    const isSent = this.#write.send();
    this.#before?.noteSent(isSent);
    this.noteSent(isSent);
  }

  /** Adds it to what is written next. */
  stage(): void {
    this.#isWritten = true;
    const write = this.#write;
    for (const [index, part] of this.#parts.entries()) {
      if (index > 0) write.to.flush();
      part.write();
    }
    write.to.sync();
  }

  noteSent(isSent: boolean): void {
    for (const part of this.#parts) part.noteSent(isSent);
  }

  /** `pg` may get it later than the server. */
  submit(): null {
    return null;
  }

  handleBindComplete(): void {
    this.current?.handleBindComplete();
  }

  handleRowDescription(message: { readonly fields: readonly WireField[] }): void {
    this.current?.handleRowDescription(message);
  }

  handleDataRow(message: { readonly fields: readonly (string | null)[] }): void {
    this.current?.handleDataRow(message);
  }

  handleCommandComplete(message: { readonly text: string }): void {
    this.current?.handleCommandComplete(message);
    this.#advance();
  }

  handleEmptyQuery(): void {
    this.current?.handleEmptyQuery();
    this.#advance();
  }

  handlePortalSuspended(): void {
    // Execute asks for all rows, so no portal is ever suspended.
  }

  handleCopyInResponse(connection: WireConnection): void {
    this.current?.handleCopyInResponse(connection);
  }

  handleCopyData(): void {
    this.current?.handleCopyData();
  }

  handleError(error: unknown): void {
    this.current?.handleError(error);
    for (const part of this.#parts.slice(this.#current + 1)) part.skip();
  }

  handleReadyForQuery(): void {
    // The connection listens for it itself, since pg does not pass it on after an error.
  }

  #advance(): void {
    const { current } = this;
    if (current?.isComplete !== true || this.#current === this.#parts.length - 1) return;
    this.#current += 1;
    current.answeredAs = 'active';
    this.#onAnswer(current);
  }
}
