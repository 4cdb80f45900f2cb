import type { ConnectionStatus, Exchange, Failure, QueryResult, Reach, Step } from '../../../driver/index.ts';
import { controlText, isOneOff } from '../sql/control.ts';
import { type Staleness, stalenessOf } from '../prepared/staleness.ts';
import { isFromServer, isRefusal } from '../wire/server-error.ts';
import type { WriteBuffer } from './flight.ts';
import type { TypeParsers, WireConnection, WireField } from '../wire/pg-types.ts';
import type { PoolerTimeout } from './pooler-timeout.ts';
import { type PlannedText, type PreparedStatements, sentOnce } from '../prepared/prepared-statements.ts';
import { buildRow, type NativeRows, nativeRows, noColumns, readTag, type RowShape, shapeOf } from '../wire/rows.ts';

/** A value as it goes on the wire. */
export type WireValue = string | Buffer | null;

/** What the exchanges of a connection share. */
export interface Session {
  readonly prepared: PreparedStatements;
  readonly types: TypeParsers;
  readonly write: WriteBuffer;
  /** Destroys the connection; later messages from it are ignored. */
  readonly cut: (error: Error) => void;
  /**
   * What waits for a pooler, if one may stand in between. Then another client may have parsed a text anew under its name,
   * so that its columns are asked for each time, and the name may be missing, which must not meet a COMMIT.
   */
  readonly pooler: PoolerTimeout | undefined;
  /** @throws for a value that cannot be sent */
  readonly toWire: (value: unknown) => WireValue;
}

const noValues: readonly WireValue[] = [];
const none: readonly never[] = [];

/** How an exchange is put together. */
export interface ExchangeOptions {
  /** No transaction is open, so that a pooler has to lend a connection of the server. */
  readonly isFirst: boolean;
  /** Parses all of it for this time only. */
  readonly unprepared: boolean;
  /** It stands behind another one in the same write. */
  readonly follows: boolean;
}

/**
 * The steps of an exchange: Parse, Bind and Execute of each. After an error the server skips what is left of the
 * write that they are in. Parse is left out for a statement that is prepared, and Describe where the shape of the rows
 * is known.
 */
export class ExchangeQuery {
  readonly #session: Session;
  readonly #steps: readonly Step[];
  readonly #namesToClose: readonly string[];
  /** How each step is sent, and with what: lists, since an object for each step is dear. */
  readonly #planned: readonly PlannedText[];
  readonly #values: readonly (readonly WireValue[])[];
  #native: NativeRows | undefined;
  #results: readonly QueryResult[] = none;
  #completed = 0;
  /** How many steps the server has begun to carry out, or is about to: their values fit. */
  #bound = 0;
  #isSent = false;
  #shape: RowShape = noColumns;
  #rows: Record<string, unknown>[] | undefined;
  #ended: Exchange['ended'];
  /** What the server, or the building of a row, reported first. */
  #error: { readonly error: unknown } | undefined;
  #staleness: Staleness | undefined;
  readonly #isFirst: boolean;
  /** The shapes that were known when it was written: what is sent later may make the server parse a text anew. */
  #shapes: readonly (RowShape | undefined)[] = none;
  #wasSkipped = false;
  /** What the server said of the transaction behind it; nothing as long as it has not answered, or skipped, it. */
  answeredAs: ConnectionStatus | undefined;

  /** @throws what `toWire` throws for a value that cannot be sent */
  constructor(steps: readonly Step[], session: Session, { isFirst, unprepared, follows }: ExchangeOptions) {
    this.#session = session;
    this.#steps = steps;
    this.#isFirst = isFirst;
    // All values first: if one cannot be sent, no text has been planned as if it were.
    this.#values = steps.map((step) => valuesOf(step, session));
    // Before anything is planned, which may give a name up that it has just planned to use. At the front of a write, where
    // the server never skips it.
    this.#namesToClose = follows ? none : session.prepared.takeNamesToClose();
    this.#planned = steps.map((step) => (unprepared ? sentOnce(textOf(step)) : planStep(step, session)));
  }

  get error(): { readonly error: unknown } | undefined {
    return this.#error;
  }

  /** What the failure says of the prepared statement that it came from, if it did. */
  get staleness(): Staleness | undefined {
    return this.#staleness;
  }

  /** Whether nothing of a failed exchange, that began outside of a transaction, stays. */
  get tookNoEffect(): boolean {
    if (this.#ended !== undefined) return false;
    // A procedure may have committed, but not in a transaction.
    return this.#steps[0]?.type === 'begin' || (this.#results.length === 0 && !this.#hasBegun);
  }

  /** Whether the server has rolled the transaction back, as it was told or instead of a COMMIT. */
  get isRolledBack(): boolean {
    return this.#ended === 'rolledBack';
  }

  get steps(): readonly Step[] {
    return this.#steps;
  }

  /** Whether the server has answered all of it. */
  get isComplete(): boolean {
    return this.#completed === this.#steps.length;
  }

  /** Whether the server has skipped it, for a failure in front of it in the same write. */
  get wasSkipped(): boolean {
    return this.#wasSkipped;
  }

  /** How much is sent, in characters and bytes. */
  get size(): number {
    let size = 0;
    for (const [index, { text }] of this.#planned.entries()) {
      size += text.length;
      for (const value of this.#values[index] ?? noValues) size += value?.length ?? 0;
    }
    return size;
  }

  /** Whether it has the server parse the text of a statement under a name. */
  parses(text: string): boolean {
    return this.#planned.some(({ parse, name }, index) => parse && name !== '' && textIn(this.#steps[index]) === text);
  }

  /** Whether the server had the text prepared when it was sent. */
  hadPrepared(text: string): boolean {
    return this.#planned.some(({ parse }, index) => !parse && textIn(this.#steps[index]) === text);
  }

  /** How the step was sent that failed. */
  get failedPlan(): PlannedText | undefined {
    return this.#planned[this.#completed];
  }

  /** Adds its messages to those that are to be sent. */
  write(): void {
    const { write, pooler } = this.#session;
    const { to } = write;
    if (this.#isFirst) pooler?.askForSign(to);
    for (const name of this.#namesToClose) to.close({ type: 'S', name });
    this.#shapes = this.#planned.map(({ seen }) => seen?.shape);
    for (const [index, planned] of this.#planned.entries()) {
      const isStatement = this.#steps[index]?.type === 'statement';
      const { name, text, parse } = planned;
      if (!isStatement && !parse) {
        write.add((planned.message ??= controlMessage(write, name)));
        continue;
      }
      // Another client of a pooler may have given the name, and then it would be refused.
      if (parse && name !== '') to.close({ type: 'S', name });
      if (parse) to.parse({ name, text });
      to.bind({ statement: name, values: this.#values[index] ?? noValues });
      if (isStatement && this.#shapes[index] === undefined) to.describe({ type: 'P', name: '' });
      to.execute();
    }
    this.#expectRows();
  }

  /** The write that it is in was made. */
  noteSent(isSent: boolean): void {
    this.#isSent = isSent;
  }

  /** The server skips it, so that nothing of it was parsed. */
  skip(): void {
    this.#wasSkipped = true;
    this.#forgetParsed();
  }

  handleBindComplete(): void {
    this.#bound += 1;
  }

  handleRowDescription({ fields }: { readonly fields: readonly WireField[] }): void {
    this.#shape = shapeOf(fields, this.#session.types);
    this.#native?.describe(fields, this.#session.types);
  }

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    try {
      if (this.#native === undefined) (this.#rows ??= []).push(buildRow(this.#shape, fields));
      else this.#native.row(fields);
    } catch (error) {
      // A type parser of the user threw. The statement itself succeeds, its caller gets the error.
      this.#error ??= { error };
    }
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.#complete(text);
  }

  handleEmptyQuery(): void {
    this.#complete('');
  }

  handleCopyInResponse(connection: WireConnection): void {
    connection.sendCopyFail('COPY FROM STDIN is not supported by query()');
    // The server ignores a Sync that it gets while it expects rows to copy.
    connection.sync();
  }

  handleCopyData(): void {
    this.#error ??= { error: new Error('COPY TO STDOUT is not supported by query()') };
  }

  handleError(error: unknown): void {
    const { prepared } = this.#session;
    this.#forgetParsed();
    this.#staleness ??= stalenessOf(error, this.failedPlan, this.#hasBegun);
    if (this.#staleness === 'missing') prepared.clear();
    else if (this.#staleness === 'changed') prepared.schemaChanged();
    this.#error ??= { error };
  }

  /** How far it has come, if the connection is lost now. */
  get reached(): Reach {
    if (!this.#isSent) return 'unsent';
    const error = this.#error?.error;
    // After an error the server skips what is left, the COMMIT too.
    if (isRefusal(error)) return 'uncommitted';
    return this.#completed === 0 && !isFromServer(error) ? 'unanswered' : 'open';
  }

  outcome(failure: Failure | undefined): Exchange {
    return { completed: this.#completed, results: this.#results, failure, ended: this.#ended };
  }

  /** What was to be parsed with the failed step, or after it, may or may not be on the server. */
  #forgetParsed(): void {
    for (const planned of this.#planned.slice(this.#completed)) {
      if (planned.parse) this.#session.prepared.forget(planned);
    }
  }

  /** Whether the step that failed had begun to run. */
  get #hasBegun(): boolean {
    return this.#bound > this.#completed;
  }

  #complete(tag: string): void {
    const step = this.#steps[this.#completed];
    if (step === undefined) return;
    if (step.type === 'statement') {
      const seen = this.#planned[this.#completed]?.seen;
      if (seen !== undefined && this.#session.pooler === undefined) seen.shape = this.#shape;
      const result = this.#native?.complete(tag) ?? this.#result(tag);
      // `[].push` preallocates 17 slots in V8; most exchanges have one result.
      if (this.#results === none) this.#results = [result];
      else (this.#results as QueryResult[]).push(result);
    } else if (step.type === 'commit' || step.type === 'rollback') {
      if (tag !== 'COMMIT' && tag !== 'ROLLBACK') {
        // The outcome cannot be known from this, and neither can the messages behind it be trusted.
        this.#session.cut(new Error('the server answered the end of a transaction with neither COMMIT nor ROLLBACK'));
        return;
      }
      this.#ended = tag === 'COMMIT' ? 'committed' : 'rolledBack';
    }
    this.#completed += 1;
    this.#expectRows();
  }

  #result(tag: string): QueryResult {
    const { command, rowCount } = readTag(tag);
    return { rows: this.#rows ?? [], rowCount, command, fields: this.#shape.fields };
  }

  /** Rows that come next belong to the next step, in the shape known from its last run. */
  #expectRows(): void {
    this.#rows = undefined;
    const step = this.#steps[this.#completed];
    const seen = this.#shapes[this.#completed];
    this.#shape = seen ?? noColumns;
    this.#native = step?.type === 'statement' ? nativeRows(step.statement.native) : undefined;
    if (seen !== undefined) this.#native?.describe(seen.described, this.#session.types);
  }
}

/** An exchange that the server has not answered. */
export interface Running {
  readonly query: ExchangeQuery;
  readonly steps: readonly Step[];
  /** The steps may be sent once more if they fail before any statement has taken effect. */
  readonly mayRepeat: boolean;
  readonly resolve: (exchange: Exchange) => void;
  /** Ends it when it has taken too long, where there is a limit. */
  readonly limit: NodeJS.Timeout | undefined;
  /** One request is enough, however many ask for it. */
  cancelling: Promise<void> | undefined;
}

/** The exchange whose turn it is, and behind a COMMIT the first one of the transaction that has the connection next. */
export class RunningLine {
  current: Running | undefined;
  next: Running | undefined;
  #isHandedOver = false;
  #onTurn: (() => void) | undefined;

  /** A COMMIT is under way; what comes next does not wait for it. */
  handOver(commit: Running): void {
    this.current = commit;
    this.#isHandedOver = true;
  }

  /** Whether what comes now goes behind a COMMIT. */
  get followsCommit(): boolean {
    return this.#isHandedOver && this.current !== undefined && this.next === undefined;
  }

  begin(running: Running): void {
    if (this.followsCommit) this.next = running;
    else this.current = running;
    this.#isHandedOver = false;
  }

  /** Ends the one whose turn it is; the next one has its turn then. */
  take(): Running | undefined {
    const { current, next } = this;
    this.current = next;
    this.next = undefined;
    if (current?.limit !== undefined) clearTimeout(current.limit);
    if (next !== undefined) this.#onTurn?.();
    return current;
  }

  /** Asks for the cancelling of the one that was sent last, once that cannot hit the COMMIT in front of it. */
  async cancel(request: () => Promise<void>): Promise<void> {
    const { current, next } = this;
    const running = next ?? current;
    if (running === undefined) await request();
    else await (running.cancelling ??= next === undefined ? request() : this.#cancelNext(next, request));
  }

  async #cancelNext(next: Running, request: () => Promise<void>): Promise<void> {
    await new Promise<void>((resolve) => (this.#onTurn = resolve));
    if (this.current === next) await request();
  }
}

/** Of a prepared text that has neither values nor rows. */
function controlMessage(write: WriteBuffer, statement: string): Buffer {
  return write.record(() => {
    write.to.bind({ statement, values: noValues });
    write.to.execute();
  });
}

function valuesOf(step: Step, { toWire }: Session): readonly WireValue[] {
  const values = step.type === 'statement' ? step.statement.values : undefined;
  // Called with the value alone: pg's conversion has a second parameter of its own.
  return values === undefined ? noValues : values.map((value) => toWire(value));
}

function planStep(step: Step, { prepared, pooler }: Session): PlannedText {
  if (step.type === 'statement') return prepared.plan(step.statement.text);
  if (step.type === 'rollbackTo') prepared.undone();
  const text = controlText(step);
  return pooler !== undefined || isOneOff(step) ? sentOnce(text) : prepared.planControl(text);
}

function textIn(step: Step | undefined): string | undefined {
  return step?.type === 'statement' ? step.statement.text : undefined;
}

function textOf(step: Step): string {
  return step.type === 'statement' ? step.statement.text : controlText(step);
}
