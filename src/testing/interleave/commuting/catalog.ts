import type { Ask } from '../ask.ts';

/** What the names of a database stand for, as far as statements can be told to have nothing to do with each other. */
export interface Catalog {
  /** A table leads to the name that represents it and for all that foreign keys tie it to. */
  readonly tables: ReadonlyMap<string, string>;
  /** What may reach anything: views, routines, sequences, and tables with triggers, rules and the like. */
  readonly unclear: ReadonlySet<string>;
  /** Whether something in the database may let any statement reach anything. */
  readonly isUnclear: boolean;
  /** The level of transactions that name none, as `READ_COMMITTED`. */
  readonly usualLevel: string;
}

/** How an engine is asked for it. */
export interface CatalogQuestions {
  /** Answered by rows of `kind` (`table`, `link`, `unclear` or `all`), `name` and `other`. */
  readonly names: string;
  /** Answered by one row, whose last column is the level. */
  readonly level: string;
}

/** Reads it. Names are those without their schemas, in lower case: two tables of one name count as one. */
export async function readCatalog(ask: Ask, questions: CatalogQuestions): Promise<Catalog> {
  const rows = (await ask(questions.names)).map(({ kind, name, other }) => ({
    kind: String(kind),
    name: String(name).toLowerCase(),
    other: String(other).toLowerCase(),
  }));
  const of = (wanted: string): typeof rows => rows.filter(({ kind }) => kind === wanted);
  const tables = new Map(of('table').map(({ name }) => [name, name]));
  for (const { name, other } of of('link')) {
    const [one, two] = [tables.get(name) ?? name, tables.get(other) ?? other];
    for (const [table, stand] of tables) if (stand === two) tables.set(table, one);
  }
  const [level = {}] = await ask(questions.level);
  return {
    tables,
    unclear: new Set(of('unclear').map(({ name }) => name)),
    isUnclear: of('all').length > 0,
    usualLevel: String(Object.values(level).at(-1)).toUpperCase().replaceAll(/[ -]/g, '_'),
  };
}
