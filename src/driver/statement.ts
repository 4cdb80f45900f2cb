/** SQL text with placeholders (`$1`, `$2` on every engine, `?` where the engine has it) and the values for them. */
export interface Statement {
  /** The SQL, or what the engine has in its place. */
  readonly text: string;
  /** One for each placeholder. */
  readonly values?: readonly unknown[] | undefined;
  /**
   * What the engine's own client would be told besides, by a library that speaks to it in its own way.
   * Only the driver looks into it; the result is then what that client would give.
   */
  readonly native?: object | undefined;
}

/** A column of a result. */
export interface Field {
  /** The column's name in the result. */
  readonly name: string;
  /** The engine's identifier of the column's type (an OID on PostgreSQL). */
  readonly dataTypeID: number;
}

/** The result of one statement. */
export interface QueryResult<Row = Record<string, unknown>> {
  /** The rows, as objects by column name; empty for a command that returns none. */
  readonly rows: Row[];
  /** Rows returned or changed; 0 for a command that has no such count. */
  readonly rowCount: number;
  /** The command that the server reports: `SELECT`, `INSERT`, `UPDATE`... */
  readonly command: string;
  /** The columns of the rows, in order. */
  readonly fields: readonly Field[];
  /** The key that the engine gave to the (first) inserted row, where it tells without being asked (not on PostgreSQL). */
  readonly insertId?: number | bigint | string | undefined;
}

/**
 * What a text does, as far as it can be told without running it.
 * `control`: it starts, ends or marks a transaction. `read`: it cannot write, unless through a
 * function that it calls. `implicitCommit`: the engine commits an open transaction first. `write`: everything else.
 */
export type StatementKind = 'read' | 'write' | 'control' | 'implicitCommit';
