import type { Asker } from './asker.ts';
import type { Schema } from './schema.ts';
import type { State, TableRows } from './state.ts';

export interface TablesSettings {
  readonly named: readonly string[] | undefined;
  readonly maxRows: number;
  readonly asker: Asker;
}

/** The tables that are compared: those that statements have come to, or those that are named. */
export class Tables {
  readonly #schemas: ReadonlyMap<string, Schema>;
  readonly #maxRows: number;
  readonly #asker: Asker;
  readonly #isFixed: boolean;
  readonly #texts = new Map<string, Set<string>>();
  readonly #reached = new Map<string, Set<string>>();

  /**
   * @param schemas by client
   * @param how.named only these
   * @throws the error of the asker for a name that is none of a table
   */
  constructor(schemas: ReadonlyMap<string, Schema>, { named, maxRows, asker }: TablesSettings) {
    this.#schemas = schemas;
    this.#asker = asker;
    this.#maxRows = maxRows;
    this.#isFixed = named !== undefined;
    for (const client of schemas.keys()) {
      this.#texts.set(client, new Set());
      this.#reached.set(client, new Set());
    }
    for (const name of named ?? []) this.#addNamed(name);
  }

  get size(): number {
    return [...this.#reached.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Adds those that statements come to. @param texts by client */
  add(texts: ReadonlyMap<string, readonly string[]>): void {
    for (const [client, given] of texts) {
      const known = this.#texts.get(client);
      const fresh = given.filter((text) => known?.has(text) === false);
      if (fresh.length === 0) continue;
      for (const text of fresh) known?.add(text);
      if (this.#isFixed) continue;
      for (const table of this.#schemas.get(client)?.tablesIn(fresh) ?? []) this.#reached.get(client)?.add(table);
    }
  }

  /** @throws the error of the asker where a table is too large to compare */
  async rows(): Promise<State> {
    const all = new Map<string, TableRows>();
    for (const [client, tables] of this.#reached) {
      const state = await this.#schemas.get(client)?.rowsOf(tables, this.#maxRows);
      if (state === undefined) continue;
      if ('tooLarge' in state) throw tooLarge(this.#asker, state.tooLarge, this.#maxRows);
      for (const [table, rows] of state) all.set(this.#schemas.size === 1 ? table : `${client}:${table}`, rows);
    }
    return all;
  }

  /** Lets what is generated in them be other numbers from now on. */
  async advance(): Promise<void> {
    for (const [client, texts] of this.#texts) await this.#schemas.get(client)?.advance(texts);
  }

  #addNamed(name: string): void {
    let isKnown = false;
    for (const [client, schema] of this.#schemas) {
      for (const table of schema.tablesNamed(name)) {
        isKnown = true;
        this.#reached.get(client)?.add(table);
      }
    }
    if (isKnown) return;
    throw this.#asker.error({
      what: `There is no table "${name}", which "tables" of ${this.#asker.name} names`,
      remedy: 'Name tables as the database does, or leave "tables" out',
    });
  }
}

function tooLarge({ error, each, otherwise }: Asker, table: string, maxRows: number): Error {
  return error({
    what: `The table ${table} has more than ${maxRows} rows, too many to compare after each ${each}`,
    remedy: `Let setup leave fewer rows, name the tables to compare in "tables", raise "maxRows"${otherwise}`,
  });
}
