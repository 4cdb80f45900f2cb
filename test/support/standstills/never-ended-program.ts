// Holds a row in a transaction that it never ends, and tells its parent of it.
import { postgres } from '../../../src/drivers/postgres/index.ts';
import { createDatabase } from '../../../src/index.ts';
import { beWatched } from './be-watched.ts';

const [, , url = ''] = process.argv;
const database = createDatabase({ clients: { default: postgres({ connectionString: url }) } });
beWatched(database, 'importer', url);
await database.transaction(
  async () => {
    await database.query('update product set stock = 1 where id = 1');
    process.send?.('locked');
    await new Promise(() => {});
  },
  { name: 'import' },
);
