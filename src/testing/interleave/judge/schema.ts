import { textOfValue } from '../../text-of-value.ts';
import type { Ask } from '../ask.ts';
import type { Column, State, TableRows } from './state.ts';
import { type ComparedEngine, gap } from './engine.ts';

interface Name {
  readonly kind: 'table' | 'sequence' | 'other';
  readonly text: string;
}

interface TableColumn extends Column {
  readonly asText: string;
}

const words = /[\p{L}_$][\p{L}\p{N}_$]*/gu;
const quotedName = /"((?:[^"]|"")+)"|`((?:[^`]|``)+)`/g;

/** The tables of a database, and which of them statements can come to. */
export class Schema {
  readonly #ask: Ask;
  readonly #engine: ComparedEngine;
  readonly #names = new Map<string, Name[]>();
  readonly #columns = new Map<string, TableColumn[]>();

  private constructor(ask: Ask, engine: ComparedEngine) {
    this.#ask = ask;
    this.#engine = engine;
  }

  /** @param quote quotes a name for SQL */
  static async read(ask: Ask, engine: ComparedEngine, quote: (name: string) => string): Promise<Schema> {
    const schema = new Schema(ask, engine);
    for (const { kind, name, text } of await ask(engine.names)) {
      const key = String(name).toLowerCase();
      const known = schema.#names.get(key) ?? [];
      schema.#names.set(key, [...known, { kind: kind as Name['kind'], text: String(text) }]);
    }
    for (const row of await ask(engine.columns)) {
      const table = String(row['tableName']);
      const name = String(row['columnName']);
      const references =
        typeof row['refTable'] === 'string' ? `${row['refTable']}.${String(row['refColumn'])}` : undefined;
      const asText = engine.asText(quote(name), String(row['type']));
      const columns = schema.#columns.get(table) ?? [];
      schema.#columns.set(table, [...columns, { name, isKey: row['isKey'] === '1', references, asText }]);
    }
    return schema;
  }

  /** The tables, as SQL names them, that a name without its schema may mean. */
  tablesNamed(name: string): readonly string[] {
    const known = this.#names.get(unquotedName(name)) ?? [];
    return known.flatMap(({ kind, text }) => (kind === 'table' ? [text] : []));
  }

  /** The tables that statements can read or write: those that they name, also by views, routines, triggers and cascades. */
  tablesIn(texts: Iterable<string>): readonly string[] {
    return this.#reached(texts, 'table');
  }

  /** Lets what the engine generates for these statements be other numbers from now on. */
  async advance(texts: Iterable<string>): Promise<void> {
    for (const sequence of this.#reached(texts, 'sequence')) await this.#engine.advance(this.#ask, sequence);
    for (let left = gap; left > 0; left -= 1) await this.#engine.useTransaction?.(this.#ask);
  }

  /**
   * The rows of tables.
   * @param most how many of one table
   * @returns the name of a table that has more than that, where there is one
   */
  async rowsOf(tables: Iterable<string>, most: number): Promise<State | { readonly tooLarge: string }> {
    const state = new Map<string, TableRows>();
    for (const table of tables) {
      const columns = this.#columns.get(table) ?? [];
      const list = columns.map(({ asText }, at) => `${asText} as c${at}`).join(', ');
      const found = await this.#ask(`select ${list === '' ? '1' : list} from ${table} limit ${most + 1}`);
      if (found.length > most) return { tooLarge: table };
      const rows = found.map((row) => columns.map((_, at) => textOrNull(row[`c${at}`])));
      state.set(table, { columns, rows });
    }
    return state;
  }

  #reached(texts: Iterable<string>, kind: Name['kind']): readonly string[] {
    const seen = new Set<string>();
    const reached = new Set<string>();
    const toRead = [...texts];
    for (let text = toRead.pop(); text !== undefined; text = toRead.pop()) {
      for (const word of namesIn(text)) {
        if (seen.has(word)) continue;
        seen.add(word);
        for (const found of this.#names.get(word) ?? []) {
          if (found.kind === kind) reached.add(found.text);
          if (found.kind === 'other') toRead.push(found.text);
        }
      }
    }
    return [...reached].toSorted();
  }
}

function namesIn(text: string): Set<string> {
  const quoted = [...text.matchAll(quotedName)].map(([name]) => unquotedName(name));
  return new Set([...(text.toLowerCase().match(words) ?? []), ...quoted]);
}

/** Without its quotes, and without the schema before it. */
function unquotedName(name: string): string {
  const last = /(?:"(?:[^"]|"")+"|`(?:[^`]|``)+`|[^."`]+)$/.exec(name)?.[0] ?? name;
  return last
    .replaceAll(/^["`]|["`]$/g, '')
    .replaceAll('""', '"')
    .replaceAll('``', '`')
    .toLowerCase();
}

function textOrNull(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (Buffer.isBuffer(value)) return value.toString('hex');
  return textOfValue(value);
}
