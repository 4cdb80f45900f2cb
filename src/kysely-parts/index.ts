import {
  type Dialect,
  type DialectAdapter,
  type Kysely,
  MysqlAdapter,
  MysqlIntrospector,
  MysqlQueryCompiler,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult as KyselyResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import type { Driver, KyselyParts, QueryResult } from '../driver/index.ts';

/** What Kysely writes SQL for an engine with: all of its `Dialect` but what runs it. */
export type DialectParts = Omit<Dialect, 'createDriver'>;

const ofKysely: Readonly<Record<string, DialectParts>> = {
  postgres: partsOf(PostgresAdapter, PostgresQueryCompiler, PostgresIntrospector),
  mysql: partsOf(MysqlAdapter, MysqlQueryCompiler, MysqlIntrospector),
  sqlite: partsOf(SqliteAdapter, SqliteQueryCompiler, SqliteIntrospector),
};

/** The engines that Kysely has parts for. */
export const enginesOfKysely: readonly string[] = Object.keys(ofKysely);

function partsOf(
  Adapter: new () => DialectAdapter,
  QueryCompiler: new () => ReturnType<Dialect['createQueryCompiler']>,
  Introspector: new (kysely: Kysely<unknown>) => ReturnType<Dialect['createIntrospector']>,
): DialectParts {
  return {
    createAdapter: () => new Adapter(),
    createQueryCompiler: () => new QueryCompiler(),
    createIntrospector: (kysely) => new Introspector(kysely as Kysely<unknown>),
  };
}

/** The parts for an engine: Kysely's, or the driver's own; none where its driver does not say which. */
export function dialectPartsOf({ models }: Driver): DialectParts | undefined {
  const parts = typeof models?.sql === 'string' ? partsNamed(models.sql) : models?.sql;
  return parts === undefined ? undefined : onManyConnections(parts as DialectParts & KyselyParts);
}

function partsNamed(engine: string): DialectParts | undefined {
  return Object.hasOwn(ofKysely, engine) ? ofKysely[engine] : undefined;
}

/**
 * Kysely lets the statements of an engine with one connection wait for each other. Here the pool says who waits: a statement
 * that waits for a transaction must not keep out those of the transaction.
 */
function onManyConnections(parts: DialectParts): DialectParts {
  return {
    createAdapter: () => Object.defineProperty(parts.createAdapter(), 'supportsMultipleConnections', { value: true }),
    createQueryCompiler: () => parts.createQueryCompiler(),
    createIntrospector: (kysely) => parts.createIntrospector(kysely),
  };
}

/** What Kysely takes for the result of a statement. */
export function kyselyResult<Row>({ rows, rowCount, insertId, fields }: QueryResult<Row>): KyselyResult<Row> {
  if (fields.length > 0) return { rows };
  return {
    rows,
    numAffectedRows: BigInt(rowCount),
    ...(insertId === undefined ? {} : { insertId: BigInt(insertId) }),
  };
}
