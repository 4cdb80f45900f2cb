import type { TableDialect } from './table-dialect.ts';

/**
 * What an engine brings for transactions that are prepared first and ended later, perhaps on another connection. An id has
 * at most 64 lower-case letters, digits and underscores. Each text is sent in a trip of its own.
 */
export interface TwoPhaseDialect extends TableDialect {
  /** What begins such a transaction in place of BEGIN; none: it begins as any other. @param isolation as in a `BeginStep` */
  begin(id: string, isolation: string | undefined): readonly string[];
  /** What undoes it before it was prepared; none: ROLLBACK does. */
  abandon(id: string): readonly string[];
  /** What prepares it. */
  prepare(id: string): readonly string[];
  /** Commits one that is prepared, where it was prepared. */
  commit(id: string): string;
  /** Rolls one back that is prepared, where it was prepared. */
  rollback(id: string): string;
  /** The same on another connection, outside of a transaction: with what that needs before and behind it. */
  elsewhere(end: string): readonly string[];
  /** Lists those that are prepared and can be ended from here. */
  readonly list: string;
  /** The id in a row of the list; of others, whatever they have for one. */
  idIn(row: Readonly<Record<string, unknown>>): string;
  /** Whether an error says that none of this id is prepared, or that it still belongs to the connection which has prepared it. */
  isGone(error: unknown): boolean;
  /** Asks for what says whether the server can prepare transactions. */
  readonly ability: string;
  /** Why the server cannot, as a sentence without its full stop, and what to do about it; nothing where it can. */
  inability(row: Readonly<Record<string, unknown>>): { readonly what: string; readonly remedy: string } | undefined;
  /** Begins an insert that leaves out a row which is there. */
  readonly insertNew: string;
  /** Ends such an insert. */
  readonly orNothing: string;
  /** Whether an error says that a row is there already. */
  isDuplicate(error: unknown): boolean;
}

/** How an engine writes the types of the tables. */
export interface TwoPhaseColumns {
  /** Short text of at most so many characters. */
  readonly name: (longest: number) => string;
  /** A whole number of 64 bits. */
  readonly long: string;
  /** Long text. */
  readonly text: string;
  /** Behind a table. */
  readonly table: string;
  /** Writes the identity of the database, unless it has one. */
  readonly writeHome: string;
}

/** The tables of the client on which decisions are written. */
export function twoPhaseTables({ name, long, text, table, writeHome }: TwoPhaseColumns): readonly string[] {
  return [
    `create table if not exists sluice_two_phase_home (
  number int not null primary key,
  id ${name(16)} not null
)${table}`,
    writeHome,
    `create table if not exists sluice_two_phase (
  id ${name(64)} not null primary key,
  decision ${name(10)} not null,
  clients ${text} not null,
  decided_at ${long} not null
)${table}`,
  ];
}
