import type { Kysely } from 'kysely';
import type { Db } from '../database/index.ts';
import type { ModelCaches } from './caching.ts';
import { invalid } from './errors.ts';
import type { Tables } from './where.ts';

type Row = Record<string, unknown>;

/** What rows are inserted with. */
interface Target {
  readonly db: Db;
  /** Whether an insert gives the rows. */
  readonly returning: boolean;
  readonly builder: Kysely<Tables>;
  readonly caches: ModelCaches | undefined;
}

interface TableAndKey {
  readonly table: string;
  readonly key: string;
}

/** The most rows that one statement inserts. */
const rowsAtOnce = 500;

/** Inserts a row, of which the caches are told in the same transaction. Returns it as it is stored. */
export async function insertRow(target: Target, into: TableAndKey, values: Row): Promise<Row> {
  const { caches, db } = target;
  if (caches === undefined) return await insert(target, into, values);
  return await db.transaction.begin(async () => {
    const inserted = await insert(target, into, values);
    await caches.inserted(db, [inserted]);
    return inserted;
  });
}

/** Inserts rows, all or none. Returns them in their order. */
export async function insertRows(target: Target, into: TableAndKey, all: readonly Row[]): Promise<Row[]> {
  const { builder, returning, db, caches } = target;
  return await db.transaction.begin(async () => {
    const inserted: Row[] = [];
    if (!returning) {
      for (const row of all) inserted.push(await insertRow(target, into, row));
      return inserted;
    }
    // One statement has one list of columns.
    for (let at = 0; at < all.length;) {
      const names = Object.keys(all[at] ?? {}).join();
      let end = at;
      while (end < all.length && end - at < rowsAtOnce && Object.keys(all[end] ?? {}).join() === names) end += 1;
      if (names === '') {
        inserted.push(await insertRow(target, into, {}));
        at += 1;
        continue;
      }
      const together = builder.insertInto(into.table).values(all.slice(at, end)).returningAll();
      inserted.push(...(await together.execute()));
      at = end;
    }
    await caches?.inserted(db, inserted);
    return inserted;
  });
}

async function insert({ builder, returning, db }: Target, { table, key }: TableAndKey, values: Row): Promise<Row> {
  const begun = builder.insertInto(table);
  const filled = Object.keys(values).length === 0 ? begun.defaultValues() : begun.values(values);
  if (returning) return await filled.returningAll().executeTakeFirstOrThrow();
  return await db.transaction.begin(async () => {
    const { insertId } = await filled.executeTakeFirstOrThrow();
    const found = values[key] ?? (insertId === undefined ? undefined : Number(insertId));
    if (found === undefined)
      throw invalid('A row was inserted without its key, and the engine gave none', 'Give the key');
    return await builder.selectFrom(table).selectAll().where(key, '=', found).executeTakeFirstOrThrow();
  });
}
