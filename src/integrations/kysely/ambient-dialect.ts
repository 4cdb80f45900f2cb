import { AsyncLocalStorage } from 'node:async_hooks';
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult as KyselyResult,
  type TransactionSettings,
} from 'kysely';
import { InvalidOptionError } from '../../core/index.ts';
import { firstWord, type QueryResult, type Statement, TransactionControlError } from '../../driver/index.ts';
import { type Database, UnexpectedRollbackError } from '../../index.ts';
import { dialectPartsOf, enginesOfKysely, kyselyResult } from '../../kysely-parts/index.ts';
import {
  belongingTo,
  type Characteristics,
  clientOf,
  type ControlCommand,
  type LibrarySession,
  openSession,
  releasedSession,
  type Remains,
} from '../../library/index.ts';
import { readControlText } from './control-text.ts';

type Client = ReturnType<typeof clientOf>;

/**
 * A dialect of Kysely for SQLite, and for drivers of your own: inside a transaction of the database its queries join that
 * transaction, and outside they run by themselves. Give the Kysely to `bindKysely`, so that its own transactions are ambient
 * ones too. On PostgreSQL, MySQL and MariaDB use Kysely's own dialects over `ambientPool(database)`.
 *
 * ```ts
 * import { Kysely } from 'kysely';
 * const database = createDatabase({ clients: { default: sqlite({ file: 'shop.db' }) } });
 * export const kysely = bindKysely(new Kysely<Tables>({ dialect: ambientDialect(database) }), database);
 * ```
 * @param clientName default: the default client
 * @throws UnknownClientError; InvalidOptionError for an engine with an `ambientPool`, or one that Kysely has no SQL for
 */
export function ambientDialect<Name extends string>(database: Database<Name>, clientName?: NoInfer<Name>): Dialect {
  const client = clientOf(database, clientName, 'ambientDialect');
  const { driver } = client;
  if (driver.libraryPool !== undefined) {
    throw new InvalidOptionError({
      what: `ambientDialect got the client "${client.name}", whose engine (${driver.dialect}) has a pool for libraries`,
      remedy: `Give that pool to Kysely's own dialect for the engine, such as new PostgresDialect({ pool: ambientPool(database) })`,
    });
  }
  const parts = dialectPartsOf(driver);
  if (parts === undefined) {
    throw new InvalidOptionError({
      what: `Kysely has no SQL for the engine of client "${client.name}" (${driver.dialect})`,
      remedy: `Use a driver with "models", whose "sql" is one of ${enginesOfKysely.join(', ')}, or has parts for Kysely`,
    });
  }
  return {
    ...parts,
    createAdapter: () => belongingTo(client, parts.createAdapter()),
    createDriver: () => new AmbientDriver(database, client),
  };
}

class AmbientDriver implements Driver {
  readonly #database: Database;
  readonly #client: Client;

  constructor(database: Database, client: Client) {
    this.#database = database;
    this.#client = client;
  }

  init(): Promise<void> {
    return Promise.resolve();
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    // It may be taken again from deeper inside.
    const open = AsyncLocalStorage.bind(() =>
      openSession(this.#database, this.#client.name, 'a connection of an ambient dialect'),
    );
    return new AmbientConnection(this.#client, await open(), open);
  }

  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    await connection.executeQuery(commanding('begin', { type: 'begin', characteristics: characteristicsOf(settings) }));
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(commanding('commit', { type: 'commit' }));
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(commanding('rollback', { type: 'rollback' }));
  }

  savepoint(connection: DatabaseConnection, name: string): Promise<void> {
    return this.#mark(connection, 'savepoint', name);
  }

  rollbackToSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    return this.#mark(connection, 'rollback to', name);
  }

  releaseSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    return this.#mark(connection, 'release', name);
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    await (connection as AmbientConnection).release();
  }

  /** Ends this handle alone: connections are the database's. */
  destroy(): Promise<void> {
    return Promise.resolve();
  }

  async #mark(connection: DatabaseConnection, verb: string, name: string): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(`${verb} ${this.#client.driver.quoteName(name)}`));
  }
}

const command = Symbol('command');

/** What Kysely's log shows as a query. */
interface Commanding extends CompiledQuery {
  readonly [command]: ControlCommand;
}

function commanding(text: string, asked: ControlCommand): Commanding {
  return { ...CompiledQuery.raw(text), [command]: asked };
}

function characteristicsOf({ isolationLevel, accessMode }: TransactionSettings): Characteristics {
  return {
    ...(isolationLevel === undefined ? {} : { isolationLevel }),
    ...(accessMode === undefined ? {} : { readOnly: accessMode === 'read only' }),
  };
}

/** A share in the connection of the ambient transaction, or a connection of its own. */
class AmbientConnection implements DatabaseConnection {
  readonly #client: Client;
  readonly #open: () => Promise<LibrarySession>;
  /** None while it was given back for a stream; then it is taken again. */
  #session: LibrarySession | Promise<LibrarySession> | undefined;
  #remains: Remains | undefined;
  /** Nothing was sent on it yet. */
  #isFresh = true;

  constructor(client: Client, session: LibrarySession, open: () => Promise<LibrarySession>) {
    this.#client = client;
    this.#session = session;
    this.#open = open;
  }

  executeQuery<Row>(compiledQuery: CompiledQuery): Promise<KyselyResult<Row>> {
    return this.#execute(compiledQuery);
  }

  /**
   * All rows at once: a statement runs as a whole before the next one has its turn. A connection that was taken for them is free
   * for who reads them.
   */
  async *streamQuery<Row>(compiledQuery: CompiledQuery): AsyncIterableIterator<KyselyResult<Row>> {
    const isOnly = this.#isFresh;
    // Kysely logs what goes through executeQuery(), and the stream by itself.
    const result = await this.#execute<Row>(compiledQuery);
    if (isOnly) await this.#giveBackEarly();
    yield result;
  }

  async #execute<Row>(compiledQuery: CompiledQuery): Promise<KyselyResult<Row>> {
    const { sql: text, parameters } = compiledQuery;
    if (this.#session === releasedSession) this.#refuse();
    this.#isFresh = false;
    const session = await (this.#session ??= this.#open());
    const asked = (compiledQuery as Partial<Commanding>)[command];
    if (asked !== undefined) return await control(session, asked);
    const statement = { text, values: parameters };
    if (this.#client.driver.inspect(text) === 'control')
      return await control(session, readControlText(text), statement);
    const [result] = await session.run([statement]);
    return kyselyResult(result as QueryResult<Row>);
  }

  /** A statement that runs cannot be cut short; one that waits for the writer is. */
  async cancelQuery(): Promise<void> {
    await (await this.#session)?.cancel();
  }

  async release(): Promise<void> {
    const session = await this.#session;
    this.#remains = session?.remains;
    // Kysely remembers the connections that it had.
    this.#session = releasedSession;
    await session?.release(false);
  }

  /** Nothing but the stream has used it, so another one is as good. */
  async #giveBackEarly(): Promise<void> {
    const session = await this.#session;
    if (session?.pinned === undefined) return;
    this.#isFresh = true;
    this.#session = undefined;
    await session.release(false);
  }

  /** @throws TransactionEndedError, InvalidOptionError */
  #refuse(): never {
    this.#remains?.assertNotOver();
    throw new InvalidOptionError({
      what: 'A query was sent on a connection of Kysely that was already given back',
      remedy: 'Use the handle of connection().execute(fn) inside of fn alone',
    });
  }
}

async function control<Row>(
  session: LibrarySession,
  asked: ControlCommand,
  statement?: Statement,
): Promise<KyselyResult<Row>> {
  if (asked.type === 'untranslatable') throw changesConnection(statement?.text ?? '');
  const answer = await session.control(asked, statement);
  if (asked.type === 'commit' && answer?.command === 'ROLLBACK') throw rolledBack();
  return { rows: [] };
}

function rolledBack(): UnexpectedRollbackError {
  return new UnexpectedRollbackError({
    what: 'A transaction of Kysely was rolled back instead of committed: a statement in it had ended it',
    remedy: 'Look for the statement that failed, let its error pass, and repeat the whole transaction',
  });
}

function changesConnection(text: string): TransactionControlError {
  return new TransactionControlError({
    what: `A query of Kysely (${firstWord(text)}) would change how transactions work for the next holder of the connection; it was not sent`,
    remedy: 'Use transaction() and its options',
  });
}
