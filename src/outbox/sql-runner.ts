import type { Db } from '../database/index.ts';
import { type Check, checked, InvalidOptionError, oneOf, readOptions, withMethods } from '../core/index.ts';

/** What runs SQL on a connection, as the query runners and clients of libraries do. */
export interface SqlRunner {
  /** Runs one statement and resolves when it is done. */
  query(text: string): Promise<unknown>;
}

/** Options of `createOutboxTables`. */
export interface SqlRunnerOptions {
  /** The engine. Default: that of a TypeORM query runner; required for others. */
  readonly dialect?: 'postgres' | 'mysql' | 'sqlite' | undefined;
}

const checks: Record<keyof SqlRunnerOptions, Check> = { dialect: oneOf(['postgres', 'mysql', 'sqlite']) };

/** TypeORM's names of engines that have an outbox. */
const typeormDialects: ReadonlyMap<unknown, string> = new Map([
  ['postgres', 'postgres'],
  ['mysql', 'mysql'],
  ['mariadb', 'mysql'],
  ['sqlite', 'sqlite'],
  ['better-sqlite3', 'sqlite'],
]);

/** Where a query runner of TypeORM has its data source, whose type is the engine. */
interface OfTypeOrm {
  readonly connection?: { readonly options?: { readonly type?: unknown } };
  readonly dataSource?: { readonly options?: { readonly type?: unknown } };
}

/** A handle says itself on which engine it is. @throws InvalidOptionError for options that are none, or say otherwise */
export function dialectOfDb({ dialect: own }: Db, options: SqlRunnerOptions): string {
  const { dialect = own } = readOptions('createOutboxTables', options, checks);
  if (dialect === own) return own;
  throw new InvalidOptionError({
    what: `createOutboxTables got { dialect: '${dialect}' } with a handle on ${own}`,
    remedy: 'Leave out the dialect: it is that of the handle',
  });
}

/** @throws InvalidOptionError */
export function dialectOf(runner: SqlRunner, options: SqlRunnerOptions): string {
  checked('createOutboxTables', 'on', runner ?? null, withMethods('query'));
  const { dialect } = readOptions('createOutboxTables', options, checks);
  const { connection, dataSource } = runner as OfTypeOrm;
  const found = dialect ?? typeormDialects.get((dataSource ?? connection)?.options?.type);
  if (found !== undefined) return found;
  throw new InvalidOptionError({
    what: 'createOutboxTables cannot tell the engine of what it got',
    remedy: 'Give { dialect } as one of: postgres, mysql, sqlite',
  });
}
