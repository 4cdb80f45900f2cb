import { plainEnd, plainValue } from './plain-value.ts';
import { isLink, type Column, type Outcome, type State, type TableRows } from './state.ts';
import { structureOf } from './structure.ts';

type Leaves = ReadonlyMap<string, readonly string[]>;

const nothing: ReadonlySet<string> = new Set();

/**
 * What changes from one run of a serial order to the next: generated keys, times, random values. It says nothing about the order,
 * so that it is not compared.
 */
export class Changing {
  readonly #columns = new Set<string>();
  readonly #tables = new Set<string>();
  readonly #places = new Map<string, Set<string>>();
  /** Of columns whose values change and have parts, the places of those that do. */
  readonly #parts = new Map<string, Set<string>>();
  /** Columns whose values have parts that are not compared. */
  readonly #whole = new Set<string>();
  /** The values that each setup so far has left, by column. */
  readonly #before = new Map<string, ReadonlySet<string | null>>();
  #setup: State | undefined;

  /** Whether the values of a column change; `kept` ones excepted. */
  hasColumn(table: string, column: string): boolean {
    return this.#columns.has(key(table, column));
  }

  /** Whether the rows of a table change in more than the values of single columns. */
  hasTable(table: string): boolean {
    return this.#tables.has(table);
  }

  /** What is compared of a value of a column that changes, as text; `*` where nothing is. */
  inside(table: string, column: Column, value: string | null): string {
    const name = key(table, column.name);
    if (value === null || isLink(column) || this.#whole.has(name)) return '*';
    return plainValue(structureOf(value), this.#parts.get(name) ?? nothing).text;
  }

  /** Tables, and columns of others, whose values change. */
  get names(): readonly string[] {
    const columns = [...this.#columns].filter(
      (name) => ![...this.#tables].some((table) => name.startsWith(`${table}.`)),
    );
    return [...this.#tables, ...columns.flatMap((name) => this.#namesIn(name))].toSorted();
  }

  /** Of a value of named parts, those that change. */
  #namesIn(column: string): readonly string[] {
    const parts = [...(this.#parts.get(column) ?? [])].filter((place) => !place.endsWith('{}.size'));
    if (parts.length === 0 || parts.includes('') || this.#whole.has(column)) return [column];
    return parts.map((place) => `${column}${place.replace(/\{\}$/, '')}`);
  }

  /** Where what an actor returns or throws changes. */
  placesOf(actor: string): ReadonlySet<string> {
    return this.#places.get(actor) ?? nothing;
  }

  /** Whether a value of a column was there before the actors, each time. */
  isKept(table: string, column: string, value: string | null): boolean {
    return value === null || this.#before.get(key(table, column))?.has(value) === true;
  }

  /** Learns from the rows that a setup has left: what it leaves each time is no value that changes. */
  learnSetup(state: State): void {
    const last = this.#setup;
    this.#setup = state;
    for (const [table, rows] of state) {
      const earlier = last?.get(table);
      if (earlier === undefined) continue;
      for (const [at, { name }] of rows.columns.entries()) {
        const values = new Set(valuesOf(earlier, at));
        const known = this.#before.get(key(table, name));
        const each = valuesOf(rows, at).filter((value) => values.has(value) && known?.has(value) !== false);
        this.#before.set(key(table, name), new Set(each));
      }
    }
  }

  /** Learns from two runs of one serial order. @param rowText the text of a row without what changes */
  learn(one: Outcome, other: Outcome, rowsText: (state: State, table: string) => string): void {
    for (const [table, { columns }] of one.state) {
      for (const [at, { name }] of columns.entries())
        if (!sameTexts(valuesOf(one.state.get(table), at), valuesOf(other.state.get(table), at)))
          this.#columns.add(key(table, name));
    }
    this.#spread(one.state);
    this.#learnParts(one.state, other.state);
    for (const [table, { columns }] of one.state) {
      if (rowsText(one.state, table) === rowsText(other.state, table)) continue;
      for (const { name } of columns) this.#whole.add(key(table, name));
      if (rowsText(one.state, table) !== rowsText(other.state, table)) this.#tables.add(table);
    }
    for (const [actor, end] of Object.entries(one.ends)) {
      const again = other.ends[actor];
      if (again === undefined || again.type !== end.type) continue;
      const [leaves, others] = [plainEnd(end, nothing).leaves, plainEnd(again, nothing).leaves];
      this.#places.set(actor, addChanging(this.#places.get(actor) ?? new Set(), leaves, others));
    }
  }

  #learnParts(one: State, other: State): void {
    for (const [table, rows] of one) {
      for (const [at, column] of rows.columns.entries()) {
        const name = key(table, column.name);
        if (!this.#columns.has(name) || isLink(column)) continue;
        const [leaves, others] = [rows, other.get(table)].map((each) => leavesIn(valuesOf(each, at)));
        if (leaves === undefined || others === undefined) continue;
        this.#parts.set(name, addChanging(this.#parts.get(name) ?? new Set(), leaves, others));
      }
    }
  }

  /** What repeats the values of a column that changes, changes with it. */
  #spread(state: State): void {
    const edges = [...state].flatMap(([table, { columns }]) => columns.flatMap((column) => edgeOf(table, column)));
    for (let size = -1; size !== this.#columns.size;) {
      size = this.#columns.size;
      for (const [from, to] of edges) if (this.#columns.has(to)) this.#columns.add(from);
    }
  }
}

function edgeOf(table: string, { name, references }: Column): (readonly [string, string])[] {
  return references === undefined ? [] : [[key(table, name), references]];
}

/** All leaves of the values of a column, by their places. */
function leavesIn(values: readonly (string | null)[]): Leaves {
  const all = new Map<string, string[]>();
  for (const value of values) {
    if (value === null) continue;
    for (const [place, texts] of plainValue(structureOf(value), nothing).leaves)
      all.set(place, [...(all.get(place) ?? []), ...texts]);
  }
  return all;
}

function addChanging(places: Set<string>, one: Leaves, other: Leaves): Set<string> {
  for (const place of new Set([...one.keys(), ...other.keys()]))
    if (!sameTexts(one.get(place) ?? [], other.get(place) ?? [])) places.add(place);
  return places;
}

function key(table: string, column: string): string {
  return `${table}.${column}`;
}

function valuesOf(rows: TableRows | undefined, at: number): readonly (string | null)[] {
  return rows?.rows.map((row) => row[at] ?? null) ?? [];
}

function sameTexts(one: readonly (string | null)[], other: readonly (string | null)[]): boolean {
  return JSON.stringify(one.map(String).toSorted()) === JSON.stringify(other.map(String).toSorted());
}
