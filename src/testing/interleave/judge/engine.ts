import type { Ask } from '../ask.ts';

/** By how many numbers a sequence is advanced. */
export const gap = 7;

/** What the judge asks an engine. */
export interface ComparedEngine {
  /**
   * What a name in a statement leads to, as rows of `kind`, `name`, and `text`: tables and sequences have the names that SQL takes as
   * `text`, all else (views, routines, triggers, cascades) what its name leads to.
   */
  readonly names: string;
  /** The columns of all tables: `tableName` and `columnName`, `isKey` ('1' or '0'), `refTable` and `refColumn`, and `type`. */
  readonly columns: string;
  /** The expression for the value of a column as text. */
  readonly asText: (quoted: string, type: string) => string;
  /** Lets a sequence go on with other numbers. */
  readonly advance: (ask: Ask, sequence: string) => Promise<unknown>;
  /** Uses up a number of a transaction, where programs may read them. */
  readonly useTransaction?: (ask: Ask) => Promise<unknown>;
}
