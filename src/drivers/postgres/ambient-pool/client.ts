import { EventEmitter } from 'node:events';
import pg from 'pg';
import { type LibrarySession, releasedSession, type Remains } from '../../../library/index.ts';
import { InvalidOptionError } from '../../../core/index.ts';
import { PostgresConnection } from '../exchange/connection.ts';
import type { TypeParsers } from '../wire/pg-types.ts';
import { executeOn } from './execute.ts';
import { Portal } from './portal.ts';
import { type QueryRequest, readRequest, submittableIn } from './request.ts';
import { noRows, rawRows } from './results.ts';

/** pg's own query object, as far as it is fed here. */
interface PgQuery {
  readonly text: string;
  readonly values?: readonly unknown[];
  handleRowDescription(message: object): void;
  handleDataRow(message: object): void;
  handleCommandComplete(message: object, connection: object): void;
  handleReadyForQuery(connection: object): void;
  handleError(error: unknown, connection: object): void;
}

const forwarded: ReadonlySet<string | symbol> = new Set(['notice', 'notification', 'error', 'end']);

/**
 * What a library takes for a `pg.PoolClient`: a connection of its own outside of a transaction, and a share
 * in that of the ambient one inside. It shows what libraries use of a client.
 */
export class AmbientClient extends EventEmitter {
  readonly escapeIdentifier: typeof pg.escapeIdentifier = pg.escapeIdentifier;
  readonly escapeLiteral: typeof pg.escapeLiteral = pg.escapeLiteral;
  #session: LibrarySession;
  #remains: Remains | undefined;
  readonly #types: TypeParsers | undefined;
  readonly #onRelease: (client: AmbientClient, error: Error | boolean | undefined) => void;
  #ownTypes: pg.TypeOverrides | undefined;
  /** What ends with its release. */
  readonly #stops: (() => void)[] = [];
  #released = false;
  #sendsAlone = false;

  constructor(
    session: LibrarySession,
    types: TypeParsers | undefined,
    onRelease: (client: AmbientClient, error: Error | boolean | undefined) => void,
  ) {
    super();
    this.#session = session;
    this.#types = types;
    this.#onRelease = onRelease;
    const connection = this.#connection;
    if (connection === undefined) return;
    connection.isLent = true;
    this.#stops.push(() => (connection.isLent = false));
  }

  /** Its own; none in a transaction. */
  get #connection(): PostgresConnection | undefined {
    const connection = this.#session.pinned?.connection;
    return connection instanceof PostgresConnection ? connection : undefined;
  }

  /** Notices, notifications and the death of the connection come from the client underneath, for those who listen. */
  override on(event: string | symbol, listener: (...args: never[]) => void): this {
    const connection = this.#connection;
    if (forwarded.has(event) && connection !== undefined && !this.#released) this.#forward(connection.client, event);
    return super.on(event, listener as (...args: unknown[]) => void);
  }

  override addListener(event: string | symbol, listener: (...args: never[]) => void): this {
    return this.on(event, listener);
  }

  /** The server's process id; none in a transaction that has sent nothing yet. */
  get processID(): number | null {
    return this.#session.backendId ?? null;
  }

  /** In all forms of pg: texts, configurations, query objects, with a callback or a promise. */
  query(...args: readonly unknown[]): unknown {
    const submittable = submittableIn(args);
    if (submittable !== undefined) {
      giveCallback(submittable, args);
      this.#submit(submittable);
      return submittable;
    }
    const request = readRequest(args, (this.#ownTypes as TypeParsers | undefined) ?? this.#types);
    const { callback } = request;
    const answer = this.execute(request);
    if (callback === undefined) return answer;
    answer.then(
      (result) => callback(null, result),
      (error: unknown) => callback(error as Error),
    );
    return undefined;
  }

  /** Where a query is sent that `cancelRunning` may take back. */
  get alone(): Pick<AmbientClient, 'query'> {
    const query = (...args: readonly unknown[]): unknown => {
      this.#sendsAlone = true;
      try {
        return this.query(...args);
      } finally {
        this.#sendsAlone = false;
      }
    };
    return { query };
  }

  /** Takes back the query that was sent last, if it has not ended: the server cancels it, or it is not sent. */
  cancelRunning(): Promise<void> {
    return this.#session.cancel();
  }

  /** It is connected; here for those who ask. */
  connect(callback?: (error: Error | null, client: this) => void): Promise<this> | undefined {
    if (callback === undefined) return Promise.resolve(this);
    callback(null, this);
    return undefined;
  }

  /** Gives it back; a second call does nothing. */
  release(error?: Error | boolean): void {
    if (this.#released) return;
    this.#released = true;
    for (const stop of this.#stops) stop();
    const destroy = error !== undefined && error !== false;
    const session = this.#session;
    this.#remains = session.remains;
    // Libraries remember the clients that they had.
    this.#session = releasedSession;
    void session.release(destroy);
    this.#onRelease(this, error);
  }

  setTypeParser(oid: number, format: unknown, parse?: unknown): void {
    this.#ownTypes ??= new pg.TypeOverrides(this.#types as pg.CustomTypesConfig | undefined);
    (this.#ownTypes.setTypeParser as (...args: unknown[]) => void)(oid, format, parse);
  }

  getTypeParser(oid: number, format?: unknown): unknown {
    const types = (this.#ownTypes ?? pg.types) as { getTypeParser(oid: number, format?: unknown): unknown };
    return types.getTypeParser(oid, format);
  }

  async execute(request: QueryRequest): Promise<unknown> {
    this.#assertHeld();
    return await executeOn(this.#session, request, this.#sendsAlone);
  }

  #submit(submittable: pg.Submittable): void {
    const { pinned } = this.#session;
    if (this.#released) {
      (submittable as unknown as PgQuery).handleError(released(), this);
    } else if (pinned !== undefined) {
      const submitted = pinned.stream((connection) => (connection as PostgresConnection).submit(submittable));
      submitted.catch((error: unknown) => (submittable as unknown as PgQuery).handleError(error, this));
    } else if (submittable instanceof pg.Query) {
      void this.#runQuery(submittable as unknown as PgQuery);
    } else if (isCursor(submittable)) {
      const portal = new Portal(submittable, (statements) => this.#session.run(statements));
      submittable.submit(portal as unknown as pg.Connection);
    } else {
      (submittable as unknown as PgQuery).handleError(unknownObject(), this);
    }
  }

  /** Runs one of pg's own query objects inside of a transaction, and tells it what it would hear. */
  async #runQuery(query: PgQuery): Promise<void> {
    const raw = noRows();
    try {
      await this.#session.run([{ text: query.text, values: query.values, native: rawRows(raw) }]);
      if (raw.fields.length > 0) query.handleRowDescription({ fields: raw.fields });
      for (const fields of raw.rows) query.handleDataRow({ fields });
      query.handleCommandComplete({ text: raw.tag }, this);
    } catch (error) {
      query.handleError(error, this);
      return;
    }
    query.handleReadyForQuery(this);
  }

  #forward(client: EventEmitter, event: string | symbol): void {
    if (this.listenerCount(event) > 0) return;
    const forward = (message: unknown): void => {
      // An `error` event without a listener would be thrown.
      if (this.listenerCount(event) > 0) this.emit(event, message);
    };
    client.on(event, forward);
    this.#stops.push(() => client.off(event, forward));
  }

  #assertHeld(): void {
    if (!this.#released) return;
    this.#remains?.assertNotOver();
    throw released();
  }
}

/** A query object without a callback takes the one from the arguments. */
export function giveCallback(submittable: pg.Submittable & { callback?: unknown }, args: readonly unknown[]): void {
  const callback = args.slice(1).find((each) => typeof each === 'function');
  if (callback !== undefined && !submittable.callback) submittable.callback = callback;
}

/** A cursor of pg-cursor, or a stream of pg-query-stream, which has one. */
function isCursor(submittable: pg.Submittable): boolean {
  return 'cursor' in submittable || ('read' in submittable && 'handlePortalSuspended' in submittable);
}

function released(): InvalidOptionError {
  return new InvalidOptionError({
    what: 'A query was sent on a client that was already released to its pool',
    remedy: 'Release it after its last query, or use the pool',
  });
}

function unknownObject(): InvalidOptionError {
  return new InvalidOptionError({
    what: 'A query object that is not of pg, pg-cursor or pg-query-stream, such as a COPY stream, was used inside a transaction; it was not sent',
    remedy: 'Run it outside of transactions, on a client from connect()',
  });
}
