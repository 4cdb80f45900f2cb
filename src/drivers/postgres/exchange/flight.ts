import type { ConnectionStatus, Step } from '../../../driver/index.ts';
import type { WireConnection, WireField, WireQuery } from '../wire/pg-types.ts';
import type { ExchangeQuery, Session } from './exchange.ts';

/**
 * Exchanges that travel as one write, with a single Sync at its end, so that the server skips all that stands behind one
 * that fails. A Flush after each of them has the server tell at once what it came to.
 */
export class Flight implements WireQuery {
  readonly #session: Session;
  readonly #parts: ExchangeQuery[];
  readonly #onAnswer: (part: ExchangeQuery) => void;
  #current = 0;
  #isWritten = false;
  /** Where `pg` gets it later: in what was ambient when it was sent. */
  inContext: (call: () => unknown) => unknown = (call) => call();

  /**
   * @param onAnswer is called for each part but the last one when the server has carried it out; that one has ended when the
   *   server is ready
   */
  constructor(session: Session, first: ExchangeQuery, onAnswer: (part: ExchangeQuery) => void) {
    this.#session = session;
    this.#parts = [first];
    this.#onAnswer = onAnswer;
  }

  /** Whether it can still take what comes. */
  get isOpen(): boolean {
    return !this.#isWritten;
  }

  /** The one that the server carries out, or has failed at. */
  get current(): ExchangeQuery | undefined {
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

  add(part: ExchangeQuery): void {
    this.#parts.push(part);
  }

  /** Whether it has the server parse the text of a statement under a name. */
  parses(text: string): boolean {
    return this.#parts.some((part) => part.parses(text));
  }

  /** Writes it; does nothing the second time. */
  send(): void {
    if (this.#isWritten) return;
    this.#isWritten = true;
    const { write } = this.#session;
    for (const [index, part] of this.#parts.entries()) {
      if (index > 0) write.to.flush();
      part.write();
    }
    write.to.sync();
    const isSent = write.send();
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
