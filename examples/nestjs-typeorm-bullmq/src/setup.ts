// Makes the tables, once: in a program of yours that is the work of migrations.
import { createDatabase } from 'sluice';
import { createOutboxTables } from 'sluice/outbox';
import { postgres } from 'sluice/postgres';
import { createDataSource } from 'sluice/typeorm';
import { Order, Payment, Product } from './orders/entities';

export async function setUp(connectionString: string | undefined): Promise<void> {
  const database = createDatabase({ clients: { default: postgres({ connectionString }) } });
  const dataSource = createDataSource(database, { entities: [Order, Payment, Product], synchronize: true });
  await dataSource.initialize();
  await createOutboxTables(database.current);
  await dataSource.destroy();
  await database.close();
}

if (require.main === module) void setUp(process.env.DATABASE_URL);
