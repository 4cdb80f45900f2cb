// Holds a row in a transaction that it never ends, and tells its parent of it.
import { postgres } from '../../../src/drivers/postgres/index.ts';
import { createDatabase } from '../../../src/index.ts';

const database = createDatabase({ clients: { default: postgres({ connectionString: process.argv[2] }) } });
process.on('message', () => void database.holders().then((holders) => process.send?.(holders)));
process.on('disconnect', () => process.exit());
await database.transaction(
  async () => {
    await database.query('update product set stock = 1 where id = 1');
    process.send?.('locked');
    await new Promise(() => {});
  },
  { name: 'import' },
);
