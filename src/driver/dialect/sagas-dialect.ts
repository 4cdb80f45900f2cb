import type { TableDialect } from './table-dialect.ts';

/** What an engine brings for sagas: its tables, and where its SQL differs from that of others. Times are milliseconds since 1970. */
export interface SagasDialect extends TableDialect {
  /** The time of the server. */
  readonly now: string;
  /** Behind a select whose rows are locked, but for those that others have locked; empty where transactions take turns. */
  readonly lockFree: string;
  /** Behind a select whose row others may not change until the transaction has ended; empty where transactions take turns. */
  readonly lockShared: string;
  /** Begins an insert that leaves out a row which is there. */
  readonly insertNew: string;
  /** Ends such an insert. */
  readonly orNothing: string;
  /** Writes the fence `$3` of the saga `$1` with the id `$2`, unless it has a greater one. */
  readonly raiseFence: string;
  /** Whether an error says that a column has no value, as that of a step whose fence is not the current one. */
  isNull(error: unknown): boolean;
  /** Whether an error says that a row is there already. */
  isDuplicate(error: unknown): boolean;
}

/** How an engine writes the types of the tables. */
export interface SagaColumns {
  /** The number of a saga: a primary key that counts. */
  readonly number: string;
  /** Short text of at most so many characters. */
  readonly name: (longest: number) => string;
  /** JSON. */
  readonly json: string;
  /** A whole number of 64 bits. */
  readonly long: string;
  /** Behind a table. */
  readonly table: string;
  /** The indexes of those that are due, of those that have not ended and those that have, and of children: where a table has them inside. */
  readonly indexes: readonly string[];
  /** Where they are made after it. */
  readonly createIndexes: readonly string[];
}

/** The tables of sagas, which are the same on all own engines but for their types. */
export function sagaTables({
  number,
  name,
  json,
  long,
  table,
  indexes,
  createIndexes,
}: SagaColumns): readonly string[] {
  const key = `saga ${name(100)} not null,
  id ${name(200)} not null`;
  return [
    `create table if not exists sluice_saga (
  number ${number},
  ${key},
  definition ${name(120)} not null,
  status ${name(20)} not null,
  input ${json},
  context ${json} not null,
  seed ${name(40)} not null,
  result ${json},
  failure ${json},
  stuck ${json},
  waits_for ${json},
  wake_at ${long},
  lease_until ${long} not null default 0,
  fence ${long} not null default 1,
  attempts int not null default 0,
  signals int not null default 0,
  cancelled int not null default 0,
  parent_saga ${name(100)},
  parent_id ${name(200)},
  parent_step ${name(200)},
  created_at ${long} not null,
  ended_at ${long},
  ${['unique (saga, id)', ...indexes].join(',\n  ')}
)${table}`,
    ...createIndexes,
    ...recordTables({ name, json, long, table }),
  ];
}

/** The name of a step may have 200 characters; of one that is a child the signal of its end has `child:` before that. */
const longestSignal = 206;

/** What each client has on which sagas have steps; and the signals, on the one that they live on. */
function recordTables({
  name,
  json,
  long,
  table,
}: Pick<SagaColumns, 'name' | 'json' | 'long' | 'table'>): readonly string[] {
  const key = `saga ${name(100)} not null,
  id ${name(200)} not null`;
  return [
    `create table if not exists sluice_saga_fence (
  ${key},
  fence ${long} not null,
  primary key (saga, id)
)${table}`,
    `create table if not exists sluice_saga_step (
  ${key},
  step ${name(200)} not null,
  kind ${name(10)} not null,
  place int not null,
  result ${json},
  failure ${json},
  at ${long} not null,
  fence ${long} not null,
  primary key (saga, id, step, kind)
)${table}`,
    `create table if not exists sluice_saga_signal (
  ${key},
  name ${name(longestSignal)} not null,
  data ${json},
  failure ${json},
  at ${long} not null,
  primary key (saga, id, name)
)${table}`,
  ];
}
