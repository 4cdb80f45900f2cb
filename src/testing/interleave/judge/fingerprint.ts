import { createHash } from 'node:crypto';
import type { Changing } from './changing.ts';
import { plainEnd } from './plain-value.ts';
import { type Column, isLink, type Outcome, type State } from './state.ts';

/** How often what is known of a row is told to the rows that refer to it: as far as references are followed. */
const rounds = 4;

/** An outcome without what changes from run to run. */
export interface Fingerprint {
  /** All rows of each table, as one text. */
  readonly tables: ReadonlyMap<string, string>;
  /** The values of each column by themselves, by `table.column`. */
  readonly columns: ReadonlyMap<string, string>;
  /** What each actor has returned or thrown. */
  readonly ends: Readonly<Record<string, string>>;
}

export function fingerprintOf({ state, ends }: Outcome, changing: Changing): Fingerprint {
  const rows = rowTexts(state, changing);
  const tables = [...rows].flatMap(([table, texts]) =>
    changing.hasTable(table) ? [] : [[table, texts.toSorted().join('\n')] as const],
  );
  const columns = [...state].flatMap(([table, { columns: all, rows: cells }]) =>
    all.flatMap((column, at) => {
      if (changing.hasTable(table)) return [];
      const values = cells.map((row) => cellText(changing, table, column, row[at] ?? null));
      return [[`${table}.${column.name}`, values.toSorted().join('\n')] as const];
    }),
  );
  return {
    tables: new Map(tables),
    columns: new Map(columns),
    ends: Object.fromEntries(
      Object.entries(ends).map(([actor, end]) => [actor, plainEnd(end, changing.placesOf(actor)).text]),
    ),
  };
}

/** The rows of a table as one text, without what changes. */
export function tableText(state: State, table: string, changing: Changing): string {
  return rowTexts(state, changing).get(table)?.toSorted().join('\n') ?? '';
}

function cellText(changing: Changing, table: string, column: Column, value: string | null): string {
  const isOpen = changing.hasColumn(table, column.name) && !changing.isKept(table, column.name, value);
  return isOpen ? changing.inside(table, column, value) : JSON.stringify(value);
}

/** The rows of each table. A key that changes is told by its row and what refers to it, and a reference by the row it leads to. */
function rowTexts(state: State, changing: Changing): Map<string, string[]> {
  let known = new Map<string, string>();
  for (let round = 0; ; round += 1) {
    const texts = new Map<string, string[]>();
    const uses = new Map<string, string[]>();
    for (const [table, { columns, rows }] of state) {
      const ofTable = rows.map((row) => {
        const cells = columns.map((column, at) => {
          const value = row[at] ?? null;
          const text = cellText(changing, table, column, value);
          return text === '*' ? (known.get(`${domainOf(table, column)} ${value}`) ?? '*') : text;
        });
        const text = hash(cells.join());
        for (const [at, column] of columns.entries()) {
          const of = `${domainOf(table, column)} ${row[at]}`;
          if (cellText(changing, table, column, row[at] ?? null) !== '*' || !isLink(column)) continue;
          const known = uses.get(of) ?? [];
          known.push(`${table}.${column.name} ${text}`);
          uses.set(of, known);
        }
        return text;
      });
      texts.set(table, ofTable);
    }
    if (round === rounds || uses.size === 0) return texts;
    known = new Map([...uses].map(([of, each]) => [of, hash(each.toSorted().join())]));
  }
}

/** The column that a value comes from. */
function domainOf(table: string, { name, references }: Column): string {
  return references ?? `${table}.${name}`;
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}
