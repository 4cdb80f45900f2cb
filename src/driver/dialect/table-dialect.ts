/** Tables of Sluice's own on one engine. */
export interface TableDialect {
  /** Creates the tables and indexes where they are missing. */
  readonly create: readonly string[];
  /** Whether an error says that a table is missing, or a column that this version has. */
  isMissingTable(error: unknown): boolean;
}
