import type { Ask } from '../ask.ts';

/** What the names of a database stand for, as far as statements can be told to have nothing to do with each other. */
export interface Catalog {
  /**
   * A table, as `schema.name`, leads to the name that represents it and all that foreign keys tie it to; a name without a schema to
   * those of all tables that have it: which one is current, a session says.
   */
  readonly tables: ReadonlyMap<string, ReadonlySet<string>>;
  /** What may reach anything: views, routines, sequences, and tables with triggers, rules and the like. */
  readonly unclear: ReadonlySet<string>;
  /** Whether something in the database may let any statement reach anything. */
  readonly isUnclear: boolean;
  /** The level of transactions that name none, as `READ_COMMITTED`. */
  readonly usualLevel: string;
}

/** How an engine is asked for it. */
export interface CatalogQuestions {
  /**
   * Answered by rows of `kind`, `name` and `other`: `table` with its schema as `other` (empty where others are unclear), `link` with
   * the two tables with their schemas, `unclear` with a name without one, `all`.
   */
  readonly names: string;
  /** Answered by one row, whose last column is the level. */
  readonly level: string;
}

/** Reads it. Names are in lower case: tables that differ in nothing else count as one. */
export async function readCatalog(ask: Ask, questions: CatalogQuestions): Promise<Catalog> {
  const rows = (await ask(questions.names)).map(({ kind, name, other }) => ({
    kind: String(kind),
    name: String(name).toLowerCase(),
    other: String(other).toLowerCase(),
  }));
  const of = (wanted: string): typeof rows => rows.filter(({ kind }) => kind === wanted);
  const stands = new Map(of('table').map(({ name, other }) => [full(other, name), full(other, name)]));
  for (const { name, other } of of('link')) {
    const [one, two] = [stands.get(name) ?? name, stands.get(other) ?? other];
    for (const [table, stand] of stands) if (stand === two) stands.set(table, one);
  }
  const tables = new Map<string, Set<string>>();
  for (const { name, other } of of('table')) {
    const table = full(other, name);
    for (const each of new Set([name, table]))
      tables.set(each, (tables.get(each) ?? new Set()).add(stands.get(table) ?? table));
  }
  const [level = {}] = await ask(questions.level);
  return {
    tables,
    unclear: new Set(of('unclear').map(({ name }) => name)),
    isUnclear: of('all').length > 0,
    usualLevel: String(Object.values(level).at(-1)).toUpperCase().replaceAll(/[ -]/g, '_'),
  };
}

function full(schema: string, name: string): string {
  return schema === '' ? name : `${schema}.${name}`;
}
