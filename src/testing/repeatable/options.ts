import { aBoolean, aFunction, type Check, integer, listOf, milliseconds, readOptions } from '../../core/index.ts';

/** What `proveRepeatable` runs, and within which bounds. */
export interface ProveRepeatableOptions<Given = unknown> {
  /**
   * Brings the rows into the state from which the body begins: it runs before each run, also after runs that have committed. What it
   * returns is given to the body, and compared after it: make what the body may change anew in it.
   */
  readonly setup: () => Given | PromiseLike<Given>;
  /** What is run, with one transaction or more that have `retry`. */
  readonly body: (given: Given) => unknown;
  /**
   * What else the body may change, as a value: counters, files, what was sent to a stub. It is asked after each run. What a run
   * changes must be the same with a second attempt as without one.
   */
  readonly watch?: (() => unknown) | undefined;
  /** The tables that are compared, by name. Default: those that the statements of the body come to. */
  readonly tables?: readonly string[] | undefined;
  /** How many rows a table may have to be compared. Default 1,000. */
  readonly maxRows?: number | undefined;
  /** How long one run of the body may take, and each call of `setup` and `watch`, in milliseconds. Default 10,000. */
  readonly timeout?: number | undefined;
  /** Runs also where the database or `NODE_ENV` is named as one of production. Default false. */
  readonly allowProduction?: boolean | undefined;
}

const checks: Record<keyof ProveRepeatableOptions, Check> = {
  setup: aFunction,
  body: aFunction,
  watch: aFunction,
  tables: listOf((value) => (typeof value === 'string' ? undefined : 'text'), 1_000, 'a list of names', 1),
  maxRows: integer(1, 1_000_000),
  timeout: milliseconds(1),
  allowProduction: aBoolean,
};

/** @throws InvalidOptionError */
export function readProveRepeatable<Given>(options: ProveRepeatableOptions<Given>): ProveRepeatableOptions<Given> {
  return readOptions('proveRepeatable', options, checks, ['setup', 'body']);
}
