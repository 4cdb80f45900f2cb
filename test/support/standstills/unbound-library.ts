import pg from 'pg';
import { lock, staging, type Stage } from './staging.ts';

/** A library with connections of its own wants a row that the transaction around it has locked. */
export const unboundLibrary: Stage = staging(async ({ server, open, run, atEnd }) => {
  const own = new pg.Pool({ connectionString: server.url, max: 1 });
  own.on('error', () => {});
  const client = await own.connect();
  client.on('error', () => {});
  const database = open();
  const body = async (): Promise<void> => {
    await lock(database, 1);
    await client.query('update product set stock = 0 where id = 1');
  };
  run(database.transaction(body, { name: 'order' }));
  atEnd(async () => {
    await database.close({ timeout: 100 });
    client.release(true);
    await own.end();
  });
  return {
    kind: 'held',
    members: [/^\d+$/, 'order'],
    text: [
      'transaction "order" holds up others',
      /backend \d+, which is no holder's/,
      'of a library that is not bound',
    ],
  };
});
