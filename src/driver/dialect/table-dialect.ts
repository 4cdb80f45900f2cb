/** Tables of Sluice's own on one engine. */
export interface TableDialect {
  /** Creates the tables and indexes where they are missing. */
  readonly create: readonly string[];
  /**
   * What is run in place of a statement of `create`, which several connections may run at the same time. Default: the statement
   * itself.
   */
  readonly atOnce?: ((statement: string) => string) | undefined;
  /** Whether an error says that a table is missing, or a column that this version has. */
  isMissingTable(error: unknown): boolean;
}
