import type { Fingerprint } from './fingerprint.ts';

/** In what an outcome differs from another one. */
export interface Difference {
  /** Columns as `table.column`, or tables where no single column differs. */
  readonly contents: readonly string[];
  /** Actors that have ended otherwise. */
  readonly actors: readonly string[];
}

/** In what two outcomes differ; nothing where they are alike. @param without actors that do not count */
export function differenceOf(
  one: Fingerprint,
  other: Fingerprint,
  without: ReadonlySet<string>,
): Difference | undefined {
  const contents = [...one.tables].flatMap(([table, text]) =>
    other.tables.get(table) === text ? [] : columnsIn(table, one, other),
  );
  const actors = Object.keys(one.ends).filter((actor) => !without.has(actor) && one.ends[actor] !== other.ends[actor]);
  return contents.length + actors.length === 0 ? undefined : { contents, actors };
}

function columnsIn(table: string, one: Fingerprint, other: Fingerprint): readonly string[] {
  const columns = [...one.columns].flatMap(([name, text]) =>
    name.startsWith(`${table}.`) && other.columns.get(name) !== text ? [name] : [],
  );
  return columns.length === 0 ? [table] : columns;
}

/** The smaller of two differences: the fewer it names. */
export function smaller(one: Difference | undefined, other: Difference): Difference {
  return one === undefined || sizeOf(other) < sizeOf(one) ? other : one;
}

function sizeOf({ contents, actors }: Difference): number {
  return contents.length + actors.length;
}
