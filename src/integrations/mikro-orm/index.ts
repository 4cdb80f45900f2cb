import type { MikroORM } from '@mikro-orm/core';
import { type OutsideOfOwn, ownTransactions } from '../../ambient/index.ts';
import { type Database, InvalidOptionError } from '../../index.ts';

/** Every entry of MikroORM that opens a transaction comes through this one: `transactional` and `flush`. */
interface WithTransactional {
  transactional(body: unknown, options?: TransactionalOptions): Promise<unknown>;
}

interface TransactionalOptions {
  readonly eventBroadcaster?: Broadcaster | undefined;
}

/** Tells MikroORM's subscribers of a transaction. */
interface Broadcaster {
  dispatchEvent(event: string, transaction?: unknown): Promise<void>;
}

/** How type parsers are looked up, as in `pg.types`. */
interface TypeParsers {
  getTypeParser(oid: number, format?: string): unknown;
}

const bound = new WeakSet<object>();
/** date, timestamp, timestamptz, interval: MikroORM reads them from their text. */
const asText = new Set([1082, 1114, 1184, 1186]);
/** Arrays of those. */
const asTexts = new Set([1182, 1115, 1185, 1187]);
const textArray = 1009;

/**
 * Lets the transactions of a MikroORM over an ambient pool be ambient ones, those of `flush` too: everything
 * below them joins, and inside of another they nest. Changes the object, and returns it.
 *
 * ```
 * const pool = ambientPool(database, undefined, { types: mikroOrmTypes(pg.types) });
 * const driverOptions = new PostgresDialect({ pool });
 * export const orm = bindMikroOrm(await MikroORM.init({ ...config, driverOptions }), database);
 * ```
 * Use an `em.fork()` for each unit of work: what it knows of entities is not rolled back with a transaction.
 * @param clientName that of the ambient pool; default: the default client
 * @throws InvalidOptionError for what is no MikroORM on a SQL database
 */
export function bindMikroOrm<Orm extends MikroORM, Name extends string>(
  orm: Orm,
  database: Database<Name>,
  clientName?: NoInfer<Name>,
): Orm {
  const connection = orm.em.getConnection('write') as unknown as Partial<WithTransactional>;
  const { transactional } = connection;
  if (typeof transactional !== 'function') {
    throw new InvalidOptionError({
      what: 'bindMikroOrm was given an ORM whose connection has no transactions',
      remedy: 'Give one of a SQL driver',
    });
  }
  if (bound.has(connection)) return orm;
  bound.add(connection);
  const own = ownTransactions(database, clientName, 'MikroORM');
  Object.assign(connection, {
    transactional: (body: unknown, options: TransactionalOptions = {}) =>
      own((outside) =>
        transactional.call(connection, body, {
          ...options,
          eventBroadcaster: toldOutside(options.eventBroadcaster, outside),
        }),
      ),
  });
  return orm;
}

/** Whoever hears of a commit is outside of the transaction, which is over. */
function toldOutside(broadcaster: Broadcaster | undefined, outside: OutsideOfOwn): Broadcaster | undefined {
  return (
    broadcaster && {
      dispatchEvent: (event, transaction) => {
        const dispatch = (): Promise<void> => broadcaster.dispatchEvent(event, transaction);
        return event === 'afterTransactionCommit' ? outside(dispatch) : dispatch();
      },
    }
  );
}

/** The type parsers that MikroORM expects of its pool: dates and intervals stay text. @param types `pg.types` */
export function mikroOrmTypes<Types extends TypeParsers>(types: Types): Types {
  const getTypeParser = (oid: number, format?: string): unknown => {
    if (asText.has(oid)) return String;
    return types.getTypeParser(asTexts.has(oid) ? textArray : oid, format);
  };
  return { getTypeParser } as Types;
}
