import { type Attributes, type Context, context, type Link, type Span, SpanKind, trace } from '@opentelemetry/api';
import {
  channelNames,
  commitTrace,
  type LockProbeEvent,
  type RetryEvent,
  type StatementTrace,
  statementTrace,
  type TransactionTrace,
  transactionTrace,
} from '../channels/index.ts';
import { addressAttributes, failureAttributes, placeAttributes } from './attributes.ts';
import { suppress, transactionKey } from './contexts.ts';
import { type Ending, listen, listenTo } from './listen.ts';
import type { Entry, Spans } from './spans.ts';
import { shapeOf } from './statement-shape.ts';

/** How the text of statements is given. */
export type QueryText = 'none' | 'sanitized';

/** How many attempts are remembered for the next one, which may never come. */
const mostRemembered = 1_000;

/** What an attempt tells the next one. */
interface Failed {
  readonly link: Link;
  readonly attributes: Attributes;
}

/** Spans of transactions and statements. */
export class DatabaseSpans {
  readonly #spans: Spans;
  readonly #queryText: QueryText;
  /** Transactions that are open, and statements outside of them that have a connection, by the ids of events. */
  readonly #holders = new Map<string, Entry>();
  /** Statements that run, with the ids under which they hold a connection by themselves. */
  readonly #statements = new Map<Span, string | undefined>();
  /** Attempts that have failed, for the next one: the latest, and those before them, which go all at once. */
  #failed = new Map<string, Failed>();
  #failedBefore = new Map<string, Failed>();
  /** The statement that was sent last in a transaction. */
  readonly #running = new Map<string, Span>();

  constructor(spans: Spans, queryText: QueryText) {
    this.#spans = spans;
    this.#queryText = queryText;
  }

  subscribe(): readonly Ending[] {
    return [
      listen(transactionTrace.channels.start, (event) => this.#beginTransaction(event as TransactionTrace)),
      listen(transactionTrace.channels.asyncEnd, (event) => this.#endTransaction(event as TransactionTrace)),
      listen(statementTrace.channels.start, (event) => this.#beginStatement(event as StatementTrace)),
      listen(statementTrace.channels.asyncEnd, (event) => this.#endStatement(event as StatementTrace)),
      listen(commitTrace.channels.asyncEnd, (message) => {
        const { parentId, duration } = message as TransactionTrace;
        this.#holders.get(parentId ?? '')?.span?.addEvent('sluice.commit', { 'sluice.duration': duration });
      }),
      listenTo(channelNames.transactionRetry, (event: RetryEvent) => this.#noteRetry(event)),
      listenTo(channelNames.lockProbe, (event: LockProbeEvent) => this.#noteLock(event)),
    ];
  }

  /** Notes that what holds a connection under an id is a statement outside of a transaction, if it is. */
  noteHolder(id: string, span: Span): void {
    if (!this.#statements.has(span) || this.#holders.has(id)) return;
    this.#statements.set(span, id);
    this.#holders.set(id, { span, context: context.active() });
  }

  /** Whether a span is that of a statement that runs. */
  isStatement(span: Span): boolean {
    return this.#statements.has(span);
  }

  #beginTransaction(event: TransactionTrace): void {
    const before = this.#takeFailed(event);
    const entry = this.#spans.begin(event, {
      name: event.name === 'anonymous' ? 'transaction' : `transaction ${event.name}`,
      kind: SpanKind.INTERNAL,
      attributes: {
        ...addressAttributes(event.address),
        ...placeAttributes(event),
        'sluice.transaction.isolation': event.isolation,
        'sluice.transaction.read_only': event.readOnly,
        'sluice.transaction.attempt': event.attempt,
      },
      links: before === undefined ? [] : [before.link],
      mark: (inside) => inside.setValue(transactionKey, event.id),
    });
    if (entry === undefined) return;
    this.#holders.set(event.id, entry);
    if (before !== undefined) entry.span?.addEvent('sluice.retry', before.attributes);
  }

  #endTransaction(event: TransactionTrace): void {
    const span = this.#holders.get(event.id)?.span;
    this.#holders.delete(event.id);
    this.#running.delete(event.id);
    if (event.failed && span !== undefined) {
      const attributes = failureAttributes(event.error);
      this.#remember(event.id, { link: { context: span.spanContext() }, attributes });
    }
    this.#spans.end(event, (ended) => {
      if (event.outcome !== undefined) ended.setAttribute('sluice.transaction.outcome', event.outcome);
    });
  }

  /** What failed is told as an event of the attempt after it, and linked with that. */
  #noteRetry({ id, chainId, transaction, attempt, delay }: RetryEvent): void {
    const failed = this.#take(id);
    if (failed === undefined) return;
    const attributes = { ...failed.attributes, 'sluice.transaction.attempt': attempt, 'sluice.delay': delay };
    this.#remember(`${chainId} ${transaction} ${attempt + 1}`, { ...failed, attributes });
  }

  #takeFailed({ chainId, name, attempt }: TransactionTrace): Failed | undefined {
    return attempt === 1 ? undefined : this.#take(`${chainId} ${name} ${attempt}`);
  }

  #take(key: string): Failed | undefined {
    const failed = this.#failed.get(key) ?? this.#failedBefore.get(key);
    this.#failed.delete(key);
    this.#failedBefore.delete(key);
    return failed;
  }

  #remember(key: string, failed: Failed): void {
    if (this.#failed.size >= mostRemembered / 2) [this.#failed, this.#failedBefore] = [new Map(), this.#failed];
    this.#failed.set(key, failed);
  }

  #beginStatement(event: StatementTrace): void {
    const parent = this.#placeOf(event.parentId);
    if (this.#isLeftOut(parent)) return;
    const { name, attributes: shared } = shapeOf(event);
    const attributes: Attributes = { ...shared, ...placeAttributes(event) };
    if (this.#queryText === 'sanitized') attributes['db.query.text'] = event.text;
    // What the client package does for it is traced by none.
    const span = this.#spans.begin(event, { name, kind: SpanKind.CLIENT, attributes, parent, mark: suppress })?.span;
    if (span === undefined) return;
    this.#statements.set(span, undefined);
    if (event.parentId !== undefined) this.#running.set(event.parentId, span);
  }

  /** What a sampler has left a transaction out for, it leaves its statements out for, too: it is not asked for each. */
  #isLeftOut(parent: Context): boolean {
    const span = trace.getSpan(parent);
    const holder = this.#holders.get(String(parent.getValue(transactionKey)));
    return span !== undefined && span === holder?.span && !span.isRecording();
  }

  /**
   * What is active where it is sent, which is its transaction or a span inside of it. A library may send from elsewhere for a
   * transaction that was begun by hand: then its transaction.
   */
  #placeOf(parentId: string | undefined): Context {
    const active = context.active();
    const holder = parentId === undefined ? undefined : this.#holders.get(parentId);
    return holder === undefined || active.getValue(transactionKey) === parentId ? active : holder.context;
  }

  #endStatement(event: StatementTrace): void {
    const { parentId = '', kind, rowCount, queued, prepared } = event;
    const span = this.#spans.of(event)?.span;
    if (span !== undefined) this.#forget(span, parentId);
    this.#spans.end(event, (ended) => {
      if (rowCount !== undefined && kind === 'SELECT') ended.setAttribute('db.response.returned_rows', rowCount);
      if (queued !== undefined) ended.setAttribute('sluice.queued', queued);
      if (prepared !== undefined) ended.setAttribute('sluice.prepared', prepared);
    });
  }

  #forget(span: Span, parentId: string): void {
    if (this.#running.get(parentId) === span) this.#running.delete(parentId);
    const id = this.#statements.get(span);
    if (id !== undefined) this.#holders.delete(id);
    this.#statements.delete(span);
  }

  #noteLock({ holderId, blockers, blockedBy, relation }: LockProbeEvent): void {
    if (blockers === 0) return;
    const span = this.#running.get(holderId) ?? this.#holders.get(holderId)?.span;
    span?.addEvent('sluice.lock.wait', {
      'sluice.lock.blocked_by': [...blockedBy],
      ...(relation === undefined ? {} : { 'db.collection.name': relation }),
    });
  }
}
