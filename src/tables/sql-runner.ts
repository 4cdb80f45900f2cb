import { type Check, InvalidOptionError, oneOf, readOptions, typeName, withMethods } from '../core/index.ts';
import { type Db, isDb } from '../database/index.ts';
import { ownDialects } from './own-dialects.ts';

/** What runs SQL on a connection, as the query runners and clients of libraries do. */
export interface SqlRunner {
  /** Runs one statement and resolves when it is done. */
  query(text: string): Promise<unknown>;
}

/** Options of what creates tables, such as `createOutboxTables`. */
export interface SqlRunnerOptions {
  /** The engine. Default: that of a TypeORM query runner; required for others. */
  readonly dialect?: 'postgres' | 'mysql' | 'sqlite' | undefined;
}

const names = ownDialects.map(({ dialect }) => dialect);
const checks: Record<keyof SqlRunnerOptions, Check> = { dialect: oneOf(names) };

/** Where a query runner of TypeORM has its data source, whose type is the engine. */
interface OfTypeOrm {
  readonly connection?: { readonly options?: { readonly type?: unknown } };
  readonly dataSource?: { readonly options?: { readonly type?: unknown } };
}

/** A handle says itself on which engine it is. @throws InvalidOptionError for options that are none, or say otherwise */
export function checkDialect(owner: string, { dialect: own }: Db, options: SqlRunnerOptions): void {
  const { dialect = own } = readOptions(owner, options, checks);
  if (dialect === own) return;
  throw new InvalidOptionError({
    what: `${owner} got { dialect: '${dialect}' } with a handle on ${own}`,
    remedy: 'Leave out the dialect: it is that of the handle',
  });
}

/** @throws InvalidOptionError */
export function dialectOf(owner: string, runner: SqlRunner, options: SqlRunnerOptions): string {
  const expected = withMethods('query')(runner);
  if (expected !== undefined) {
    throw new InvalidOptionError({
      what: `${owner} got ${typeName(runner)} in place of a handle`,
      remedy: `Write ${owner}(database.current), or give what runs SQL: ${expected}`,
    });
  }
  const { dialect } = readOptions(owner, options, checks);
  const { connection, dataSource } = runner as OfTypeOrm;
  const found = dialect ?? engineOfTypeOrm((dataSource ?? connection)?.options?.type);
  if (found !== undefined) return found;
  throw new InvalidOptionError({
    what: `${owner} cannot tell the engine of what it got`,
    remedy: isDb((runner as { readonly current?: unknown }).current)
      ? `It is a database: write ${owner}(database.current)`
      : `Give { dialect } as one of: ${names.join(', ')}`,
  });
}

function engineOfTypeOrm(type: unknown): string | undefined {
  return ownDialects.find(({ libraryNames }) => libraryNames?.typeorm?.some((name) => name === type))?.dialect;
}
