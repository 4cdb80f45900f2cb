import type { TransactionalClient } from '../../../connection/index.ts';
import { openAsk } from '../ask.ts';
import type { OrderRun } from '../orders/index.ts';

/** A table: its schema is unknown where the text has none, and it cannot be told which one is current. */
export interface Table {
  readonly schema: string | undefined;
  readonly name: string;
  /** Whether another schema is current for it than for sessions that change nothing. */
  readonly isMoved: boolean;
}

/** What the names of a client lead to; all in lower case. */
interface Names {
  /** The schema that a name without one leads to, if nothing has changed what is current. */
  readonly current: (name: string) => string | undefined;
  /** The schemas that have a table of a name. */
  readonly having: ReadonlyMap<string, ReadonlySet<string>>;
}

const postgresNames = `
  select lower(n.nspname) as "schema", lower(c.relname) as name, case when pg_table_is_visible(c.oid) then '1' else '0' end as current
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'`;

/** Which tables the names in statements mean. */
export class Schemas {
  readonly #names: ReadonlyMap<TransactionalClient, Names>;

  private constructor(names: ReadonlyMap<TransactionalClient, Names>) {
    this.#names = names;
  }

  /** @throws InterleaveSetupError where the catalog cannot be read */
  static async open(clients: readonly TransactionalClient[]): Promise<Schemas> {
    const names = new Map<TransactionalClient, Names>();
    for (const client of clients) {
      const { ask, close } = await openAsk(client, 'Let its user read the catalog');
      try {
        if (client.driver.dialect === 'postgres') names.set(client, namesIn(await ask(postgresNames)));
        else {
          const [row] = await ask('select lower(database()) as name');
          const name = textOf(row?.['name']);
          names.set(client, { current: () => name, having: new Map() });
        }
      } finally {
        await close();
      }
    }
    return new Schemas(names);
  }

  /** @param at the place of what names it @param table as a text names it, in lower case */
  tableAt(run: OrderRun, at: number, table: string): Table {
    const [name = '', schema] = table.split('.').toReversed();
    if (schema !== undefined) return { schema, name, isMoved: false };
    const client = run.passages[at]?.client;
    const names = client && this.#names.get(client);
    const path = pathAt(run, at);
    if (path === undefined) return { schema: names?.current(name), name, isMoved: false };
    if (client?.driver.dialect !== 'postgres') return { schema: path[0], name, isMoved: true };
    return { schema: path.find((each) => names?.having.get(name)?.has(each) === true), name, isMoved: true };
  }
}

/** Whether both may be one table: where a schema is unknown, the name decides. */
export function isSameTable(one: Table, other: Table): boolean {
  if (one.name !== other.name) return false;
  return one.schema === undefined || other.schema === undefined || one.schema === other.schema;
}

function namesIn(rows: readonly Readonly<Record<string, unknown>>[]): Names {
  const having = new Map<string, Set<string>>();
  const current = new Map<string, string>();
  for (const row of rows) {
    const [schema, name] = [String(row['schema']), String(row['name'])];
    having.set(name, (having.get(name) ?? new Set()).add(schema));
    if (row['current'] === '1') current.set(name, schema);
  }
  return { current: (name) => current.get(name), having };
}

/** What an actor has made current before, on the same connection: nothing where it has not. None are known where its words do not tell. */
function pathAt(run: OrderRun, at: number): readonly string[] | undefined {
  const { actor, connection } = run.passages[at] ?? {};
  let hasEnded = false;
  for (const [index, passage] of [...run.passages.slice(0, at + 1).entries()].toReversed()) {
    if (passage.actor !== actor || passage.connection !== connection) continue;
    if (index < at && passage.exchange?.ended !== undefined) hasEnded = true;
    for (const { text, values = [] } of passage.statements.toReversed()) {
      const path = pathIn(text, values);
      if (path !== undefined && !(path.isLocal && hasEnded)) return path.schemas;
    }
  }
  return undefined;
}

const used = /^\s*use\s+([\w$]+|`[^`]+`)/i;
const set = /^\s*set\s+(local\s+|session\s+)?"?search_path"?\s*(?:to|=)\s*(.*?)[\s;]*$/is;
const configured = /\bset_config\s*\(\s*'search_path'\s*,\s*(?:\$(\d+)|'([^']*)')[^,)]*,\s*(\w+)/i;

/** What a statement makes current. */
function pathIn(
  text: string,
  values: readonly unknown[],
): { readonly schemas: readonly string[]; readonly isLocal: boolean } | undefined {
  const database = used.exec(text)?.[1];
  if (database !== undefined) return { schemas: schemasIn(database), isLocal: false };
  if (!/\bsearch_path\b/i.test(text)) return undefined;
  const [, level = '', list] = set.exec(text) ?? [];
  if (list !== undefined) return { schemas: schemasIn(list), isLocal: /local/i.test(level) };
  const [, number, literal, isLocal] = configured.exec(text) ?? [];
  const value = number === undefined ? literal : values[Number(number) - 1];
  return { schemas: schemasIn(textOf(value) ?? ''), isLocal: isLocal !== 'false' };
}

function schemasIn(list: string): readonly string[] {
  return list.split(',').map((each) => each.trim().replaceAll(/["'`]/g, '').toLowerCase());
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
