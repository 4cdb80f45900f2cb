import type { TransactionalClient } from '../../../connection/index.ts';
import { openConnection } from '../../../pool/index.ts';
import type { Asker } from './asker.ts';
import type { ComparedEngine } from './engine.ts';
import { mysqlEngine } from './mysql.ts';
import { postgresEngine } from './postgres.ts';
import { sqliteEngine } from './sqlite.ts';
import { Schema } from './schema.ts';
import type { Ask } from '../ask.ts';
import { Tables } from './tables.ts';

const engines: ReadonlyMap<string, ComparedEngine> = new Map([
  ['postgres', postgresEngine],
  ['mysql', mysqlEngine],
  ['sqlite', sqliteEngine],
]);
/** How long a server may take to open a connection, in milliseconds. */
const patience = 30_000;

/**
 * The tables of clients, read on a connection of their own for each.
 * @throws the error of the asker for an engine whose rows it cannot compare, and for an unknown name
 */
export async function openTables(
  clients: readonly TransactionalClient[],
  { tables: named, maxRows }: { readonly tables: readonly string[] | undefined; readonly maxRows: number },
  asker: Asker,
): Promise<{ readonly tables: Tables; readonly close: () => Promise<void> }> {
  const schemas = new Map<string, Schema>();
  const ends: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const end of ends) await end();
  };
  try {
    for (const { name: clientName, driver, clock } of clients) {
      const engine = engines.get(driver.dialect);
      if (engine === undefined) throw unknownEngine(asker, clientName, driver.dialect);
      const { signal } = new AbortController();
      const connection = await openConnection({ driver, clientName, clock, acquireTimeout: patience, signal });
      ends.push(() => connection.close());
      const ask: Ask = async (text) => {
        const { results, failure } = await connection.run([{ type: 'statement', statement: { text, values: [] } }]);
        if (failure === undefined) return results[0]?.rows ?? [];
        throw asker.error({
          what: `${asker.name} cannot read what it compares on the client "${clientName}"`,
          remedy: `Let its user read the tables and the catalog${asker.otherwise}`,
          cause: failure.error,
        });
      };
      schemas.set(clientName, await Schema.read(ask, engine, (name) => driver.quoteName(name)));
    }
    return { tables: new Tables(schemas, { named, maxRows, asker }), close };
  } catch (error) {
    await close();
    throw error;
  }
}

function unknownEngine({ name, error, otherwise }: Asker, client: string, dialect: string): Error {
  return error({
    what: `${name} cannot compare the rows of the client "${client}", whose engine is "${dialect}"`,
    remedy: `Use PostgreSQL, MariaDB, MySQL or SQLite${otherwise}`,
  });
}
