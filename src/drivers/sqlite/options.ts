import { type Check, readOptions, milliseconds } from '../../core/index.ts';
import { type PoolOptions, poolOptionChecks } from '../../driver/index.ts';

/** Options of `sqlite()`: the file, and the pool's limits. */
export interface SqliteOptions extends Omit<PoolOptions, 'max'> {
  /**
   * The path of the database, which is made where there is none, or `:memory:` for one in memory, which lives as long
   * as this definition. Default `:memory:`.
   */
  readonly file?: string | undefined;
  /** How long a write waits for the one writer that there can be, in milliseconds. Default 5,000. */
  readonly busyTimeout?: number | undefined;
  /** Only 1, which is the default: SQLite has one writer at a time. */
  readonly max?: 1 | undefined;
}

const checks: Record<keyof SqliteOptions, Check> = {
  file: (value) =>
    typeof value === 'string' && value.length > 0 && value.length <= 4_000 && !value.includes('\0')
      ? undefined
      : 'a path, or ":memory:"',
  busyTimeout: milliseconds(0),
  ...poolOptionChecks,
  max: (value) =>
    value === 1 ? undefined : '1 or nothing: SQLite has one writer at a time, and levels below it for what is nested',
};

/** @throws InvalidOptionError */
export function readSqliteOptions(options: SqliteOptions): SqliteOptions {
  return readOptions('sqlite', options, checks);
}
