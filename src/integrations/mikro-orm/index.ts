import type { MikroORM } from '@mikro-orm/core';
import { assertHandle, type BindEntry, bindOnce, clientOf, ownTransactions } from '../../library/index.ts';
import type { Database } from '../../index.ts';
import { unsupportedLibrary } from '../../core/index.ts';
import { bindConnection, type WithTransactional } from './connection.ts';
import { adopt } from './entity-manager.ts';
import { refuseConnectionOptions } from './options.ts';
import { bindQueries, type WithQueries } from './queries.ts';

/** How type parsers are looked up, as in `pg.types`. */
interface TypeParsers {
  getTypeParser(oid: number, format?: string): unknown;
}

const entry: BindEntry = {
  name: 'bindMikroOrm',
  takes: 'a MikroORM 7 on PostgreSQL: await MikroORM.init({ ...config, driverOptions })',
  methods: ['em.getConnection', 'em.getDriver', 'em.fork', 'config.get'],
};
/** An ORM that is on no SQL database has none of them. */
const ofConnection: BindEntry = { ...entry, methods: ['transactional', 'begin', 'getClient'] };
/** date, timestamp, timestamptz, interval: MikroORM reads them from their text. */
const asText = new Set([1082, 1114, 1184, 1186]);
/** Arrays of those. */
const asTexts = new Set([1182, 1115, 1185, 1187]);
const textArray = 1009;

/**
 * Lets the transactions of a MikroORM over an ambient pool be ambient ones: everything below them joins, and
 * inside of another they nest. What `flush` writes joins the ambient one. Changes the object, and returns it.
 *
 * ```ts
 * import { PostgresDialect } from 'kysely';
 * import { MikroORM } from '@mikro-orm/postgresql';
 * import pg from 'pg';
 * import Cursor from 'pg-cursor';
 * const pool = ambientPool(database, undefined, { types: mikroOrmTypes(pg.types) });
 * const driverOptions = new PostgresDialect({ pool, cursor: Cursor });
 * const config = { dbName: 'shop', ensureDatabase: false, entities: [OrderEntity] };
 * export const orm = bindMikroOrm(await MikroORM.init({ ...config, driverOptions }), database);
 * ```
 * Use an `em.fork()` for each unit of work: what it knows of entities is not rolled back with a transaction.
 * @param clientName that of the ambient pool; default: the default client
 * @throws UnsupportedLibraryError before MikroORM 7; InvalidOptionError for what is no MikroORM on a SQL database, and for
 * options without effect; UnknownClientError
 */
export function bindMikroOrm<Orm extends MikroORM, Name extends string>(
  orm: Orm,
  database: Database<Name>,
  clientName?: NoInfer<Name>,
): Orm {
  assertHandle(entry, orm);
  const client = clientOf(database, clientName, entry.name);
  const connection = orm.em.getConnection('write') as unknown as WithTransactional;
  assertKysely(connection);
  assertHandle(ofConnection, connection);
  refuseConnectionOptions(orm.config);
  if (!bindOnce(entry.name, connection, client)) return orm;
  const db = database.getDb({ clientName });
  bindConnection(connection, {
    client,
    nested: ownTransactions(database, clientName, 'MikroORM'),
    joined: ownTransactions(database, clientName, 'MikroORM', { propagation: 'REQUIRED' }),
  });
  bindQueries(orm.em.getDriver() as unknown as WithQueries, connection, db);
  adopt(orm.em, db);
  return orm;
}

/** Before 7 its connections are those of a Knex. @throws UnsupportedLibraryError */
function assertKysely(connection: Partial<WithTransactional> & { readonly getKnex?: unknown }): void {
  if (typeof connection.getClient === 'function' || typeof connection.getKnex !== 'function') return;
  throw unsupportedLibrary({ by: entry.name, library: '@mikro-orm/core', needs: '>=7', lacks: 'Kysely over its pool' });
}

/** The type parsers that MikroORM expects of its pool: dates and intervals stay text. @param types `pg.types` */
export function mikroOrmTypes<Types extends TypeParsers>(types: Types): Types {
  const getTypeParser = (oid: number, format?: string): unknown => {
    if (asText.has(oid)) return String;
    return types.getTypeParser(asTexts.has(oid) ? textArray : oid, format);
  };
  return { getTypeParser } as Types;
}
