import { sql } from 'kysely';
import { createOutboxTables } from 'sluice/outbox';
import type { Shop } from './shop.ts';

/** Makes the tables that are missing: all of them, or none. */
export async function setUp({ database, kysely }: Shop): Promise<void> {
  await database.transaction(async () => {
    await kysely.schema
      .createTable('product')
      .ifNotExists()
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('price', 'integer', (column) => column.notNull())
      .addColumn('stock', 'integer', (column) => column.notNull().check(sql`stock >= 0`))
      .execute();
    await kysely.schema
      .createTable('order')
      .ifNotExists()
      .addColumn('id', 'integer', (column) => column.primaryKey())
      .addColumn('product_id', 'text', (column) => column.notNull().references('product.id'))
      .addColumn('quantity', 'integer', (column) => column.notNull())
      .addColumn('amount', 'integer', (column) => column.notNull())
      .addColumn('email', 'text', (column) => column.notNull())
      .execute();
    await createOutboxTables(database.current);
  });
}
