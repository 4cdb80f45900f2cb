/** The rows of a table, each cell as text. */
export interface TableRows {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly (string | null)[])[];
}

/** A column of a table that is compared. */
export interface Column {
  readonly name: string;
  /** Whether its value names its row: it alone is a key. */
  readonly isKey: boolean;
  /** The column whose value it repeats, as `table.column`: that of a foreign key. */
  readonly references: string | undefined;
}

/** Whether its values lead to rows. */
export function isLink({ isKey, references }: Column): boolean {
  return isKey || references !== undefined;
}

/** Tables by their names. */
export type State = ReadonlyMap<string, TableRows>;

/** How an actor has ended. */
export type End =
  | { readonly type: 'returned'; readonly value: unknown }
  | { readonly type: 'threw'; readonly error: unknown };

/** What came of one order. */
export interface Outcome {
  readonly state: State;
  readonly ends: Readonly<Record<string, End>>;
}
